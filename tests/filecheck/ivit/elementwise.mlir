// RUN: ivit-opt %s | ivit-opt | filecheck %s
// RUN: ivit-opt %s --print-op-generic | ivit-opt | filecheck %s
// RUN: ivit-opt %s --print-op-generic | filecheck %s --check-prefix=GENERIC

%x, %m, %d = "test.op"() : () -> (tensor<?x4xi32>, tensor<4xi32>, tensor<?x1xi32>)

// CHECK: ivit.constant "blocks.0.weight" : tensor<4xi64>
// GENERIC: "ivit.constant"() <{key = "blocks.0.weight"}> : () -> tensor<4xi64>
%offset = ivit.constant "blocks.0.weight" : tensor<4xi64>

// CHECK: ivit.splat -128 : tensor<1x1xi8>
// GENERIC: "ivit.splat"() <{value = -128 : i64}> : () -> tensor<1x1xi8>
%splat = ivit.splat -128 : tensor<1x1xi8>

// CHECK: ivit.requant %x * -3 shift 31 : tensor<?x4xi32> -> tensor<?x4xi8>
// GENERIC: "ivit.requant"(%x) <{multiplier = -3 : i64, shift = 31 : i64}> : (tensor<?x4xi32>) -> tensor<?x4xi8>
%0 = ivit.requant %x * -3 shift 31 : tensor<?x4xi32> -> tensor<?x4xi8>

// CHECK: ivit.requant %x channels(%m : tensor<4xi32>) shift 31 zero_point 255 : tensor<?x4xi32> -> tensor<?x4xui8>
// GENERIC: "ivit.requant"(%x, %m) <{shift = 31 : i64, zero_point = 255 : i64}> : (tensor<?x4xi32>, tensor<4xi32>) -> tensor<?x4xui8>
%1 = ivit.requant %x channels(%m : tensor<4xi32>) shift 31 zero_point 255 : tensor<?x4xi32> -> tensor<?x4xui8>

// CHECK: ivit.row_requant %x * 274877906944 / %d min 255 shift 38 : (tensor<?x4xi32>, tensor<?x1xi32>) -> tensor<?x4xi8>
// GENERIC: "ivit.row_requant"(%x, %d) <{dividend = 274877906944 : i64, min_divisor = 255 : i64, shift = 38 : i64}>
%2 = ivit.row_requant %x * 274877906944 / %d min 255 shift 38 : (tensor<?x4xi32>, tensor<?x1xi32>) -> tensor<?x4xi8>

// CHECK: ivit.add %x, %x : (tensor<?x4xi32>, tensor<?x4xi32>) -> tensor<?x4xi16>
// GENERIC: "ivit.add"(%x, %x) : (tensor<?x4xi32>, tensor<?x4xi32>) -> tensor<?x4xi16>
%3 = ivit.add %x, %x : (tensor<?x4xi32>, tensor<?x4xi32>) -> tensor<?x4xi16>

// CHECK: ivit.add %x * 3 shift 1, %x * 5 shift 2 : (tensor<?x4xi32>, tensor<?x4xi32>) -> tensor<?x4xi16>
// GENERIC: "ivit.add"(%x, %x) <{lhs_multiplier = 3 : i64, lhs_shift = 1 : i64, rhs_multiplier = 5 : i64, rhs_shift = 2 : i64}>
%4 = ivit.add %x * 3 shift 1, %x * 5 shift 2 : (tensor<?x4xi32>, tensor<?x4xi32>) -> tensor<?x4xi16>

%table = "test.op"() : () -> (tensor<256xui8>)

// CHECK: ivit.lookup %{{.*}}, %table : (tensor<?x4xi8>, tensor<256xui8>) -> tensor<?x4xui8>
// GENERIC: "ivit.lookup"(%{{.*}}, %table) : (tensor<?x4xi8>, tensor<256xui8>) -> tensor<?x4xui8>
%5 = ivit.lookup %0, %table : (tensor<?x4xi8>, tensor<256xui8>) -> tensor<?x4xui8>

// CHECK: ivit.affine %x * %m + %offset shift 40 : (tensor<?x4xi32>, tensor<4xi32>, tensor<4xi64>) -> tensor<?x4xi8>
// GENERIC: "ivit.affine"(%x, %m, %offset) <{shift = 40 : i64}> : (tensor<?x4xi32>, tensor<4xi32>, tensor<4xi64>) -> tensor<?x4xi8>
%6 = ivit.affine %x * %m + %offset shift 40 : (tensor<?x4xi32>, tensor<4xi32>, tensor<4xi64>) -> tensor<?x4xi8>
