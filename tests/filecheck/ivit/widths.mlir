// RUN: ivit-opt %s | ivit-opt | filecheck %s
// RUN: ivit-opt %s --print-op-generic | ivit-opt | filecheck %s

%x, %w, %b, %m, %t = "test.op"() : () -> (tensor<?x5x4xi12>, tensor<3x4xi4>, tensor<3xi32>, tensor<3xi32>, tensor<1024xi6>)

// CHECK: ivit.linear %x, %w, %b : (tensor<?x5x4xi12>, tensor<3x4xi4>, tensor<3xi32>) -> tensor<?x5x3xi32>
%0 = ivit.linear %x, %w, %b : (tensor<?x5x4xi12>, tensor<3x4xi4>, tensor<3xi32>) -> tensor<?x5x3xi32>

// CHECK: ivit.linear %x, %w, %b requant(%m shift 38 : tensor<3xi32>) lookup(%t : tensor<1024xi6>) zero_point -512 : {{.*}} -> tensor<?x5x3xi6>
%1 = ivit.linear %x, %w, %b requant(%m shift 38 : tensor<3xi32>) lookup(%t : tensor<1024xi6>) zero_point -512 : (tensor<?x5x4xi12>, tensor<3x4xi4>, tensor<3xi32>) -> tensor<?x5x3xi6>

// int12 by int8 over 3072 channels: 2^18 * 3072 fits int32.
// CHECK: ivit.linear {{.*}} -> tensor<?x3xi32>
%wide, %w8 = "test.op"() : () -> (tensor<?x3072xi12>, tensor<3x3072xi8>)
%2 = ivit.linear %wide, %w8, %b : (tensor<?x3072xi12>, tensor<3x3072xi8>, tensor<3xi32>) -> tensor<?x3xi32>

// CHECK: ivit.requant {{.*}} zero_point -8 : tensor<?x5x3xi32> -> tensor<?x5x3xi4>
%3 = ivit.requant %0 * 3 shift 5 zero_point -8 : tensor<?x5x3xi32> -> tensor<?x5x3xi4>

// CHECK: ivit.add {{.*}} : (tensor<?x5x3xi4>, tensor<?x5x3xi6>) -> tensor<?x5x3xi12>
%4 = ivit.add %3 * 3 shift 1, %1 : (tensor<?x5x3xi4>, tensor<?x5x3xi6>) -> tensor<?x5x3xi12>

// CHECK: ivit.lookup {{.*}} : (tensor<?x5x3xi12>, tensor<4096xui4>) -> tensor<?x5x3xui4>
%wide_table = ivit.constant "t12" : tensor<4096xui4>
%5 = ivit.lookup %4, %wide_table : (tensor<?x5x3xi12>, tensor<4096xui4>) -> tensor<?x5x3xui4>

// CHECK: ivit.lookup {{.*}} : (tensor<?x5x3xui4>, tensor<16xi16>) -> tensor<?x5x3xi16>
%small_table = ivit.constant "t4" : tensor<16xi16>
%6 = ivit.lookup %5, %small_table : (tensor<?x5x3xui4>, tensor<16xi16>) -> tensor<?x5x3xi16>

// CHECK: ivit.layernorm {{.*}} -> tensor<?x5x3xi7>
%offset = ivit.constant "offset" : tensor<3xi64>
%7 = ivit.layernorm %4 * %m + %offset shift 40 epsilon 1 : (tensor<?x5x3xi12>, tensor<3xi32>, tensor<3xi64>) -> tensor<?x5x3xi7>

%q, %k, %v, %e = "test.op"() : () -> (tensor<?x5x16xi4>, tensor<?x5x16xi6>, tensor<?x5x16xi8>, tensor<256xui8>)

// CHECK: ivit.attention {{.*}} : (tensor<?x5x16xi4>, tensor<?x5x16xi6>, tensor<?x5x16xi8>) -> tensor<?x5x16xi10>
%8 = ivit.attention %q, %k, %v heads 2 softmax #ivit.delta_softmax<multiplier = 7, shift = 9, dividend = 4096, context_shift = 8> table(%e : tensor<256xui8>) : (tensor<?x5x16xi4>, tensor<?x5x16xi6>, tensor<?x5x16xi8>) -> tensor<?x5x16xi10>

// CHECK: ivit.reduce sum {{.*}} : tensor<?x5x3xi7> -> tensor<?x5x1xi9>
%9 = ivit.reduce sum %7 dim 2 : tensor<?x5x3xi7> -> tensor<?x5x1xi9>
