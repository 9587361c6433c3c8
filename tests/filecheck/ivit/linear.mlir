// RUN: ivit-opt %s | ivit-opt | filecheck %s
// RUN: ivit-opt %s --print-op-generic | ivit-opt | filecheck %s
// RUN: ivit-opt %s --print-op-generic | filecheck %s --check-prefix=GENERIC

%x, %w, %b, %m, %t, %r = "test.op"() : () -> (tensor<?x5x4xi8>, tensor<3x4xi8>, tensor<3xi32>, tensor<3xi32>, tensor<256xi8>, tensor<?x5x3xi16>)

// CHECK: ivit.linear %x, %w, %b : (tensor<?x5x4xi8>, tensor<3x4xi8>, tensor<3xi32>) -> tensor<?x5x3xi32>
// GENERIC: "ivit.linear"(%x, %w, %b) <{operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0>}> : (tensor<?x5x4xi8>, tensor<3x4xi8>, tensor<3xi32>) -> tensor<?x5x3xi32>
%0 = ivit.linear %x, %w, %b : (tensor<?x5x4xi8>, tensor<3x4xi8>, tensor<3xi32>) -> tensor<?x5x3xi32>

// CHECK: ivit.linear %x, %w, %b requant(%m shift 38 : tensor<3xi32>) zero_point -3 :
// GENERIC: "ivit.linear"(%x, %w, %b, %m) <{shift = 38 : i64, zero_point = -3 : i64, operandSegmentSizes = array<i32: 1, 1, 1, 1, 0, 0>}>
%1 = ivit.linear %x, %w, %b requant(%m shift 38 : tensor<3xi32>) zero_point -3 : (tensor<?x5x4xi8>, tensor<3x4xi8>, tensor<3xi32>) -> tensor<?x5x3xi8>

// CHECK: ivit.linear %x, %w, %b requant(%m shift 38 : tensor<3xi32>) lookup(%t : tensor<256xi8>) :
// GENERIC: "ivit.linear"(%x, %w, %b, %m, %t) <{shift = 38 : i64, operandSegmentSizes = array<i32: 1, 1, 1, 1, 1, 0>}>
%2 = ivit.linear %x, %w, %b requant(%m shift 38 : tensor<3xi32>) lookup(%t : tensor<256xi8>) : (tensor<?x5x4xi8>, tensor<3x4xi8>, tensor<3xi32>) -> tensor<?x5x3xi8>

// CHECK: ivit.linear %x, %w, %b requant(%m shift 38 : tensor<3xi32>) residual(%r * -7 shift 3 : tensor<?x5x3xi16>) :
// GENERIC: "ivit.linear"(%x, %w, %b, %m, %r) <{shift = 38 : i64, residual_multiplier = -7 : i64, residual_shift = 3 : i64, operandSegmentSizes = array<i32: 1, 1, 1, 1, 0, 1>}>
%3 = ivit.linear %x, %w, %b requant(%m shift 38 : tensor<3xi32>) residual(%r * -7 shift 3 : tensor<?x5x3xi16>) : (tensor<?x5x4xi8>, tensor<3x4xi8>, tensor<3xi32>) -> tensor<?x5x3xi16>

%image, %kernel, %kb, %km = "test.op"() : () -> (tensor<?x4x4x3xui8>, tensor<5x2x2x3xi8>, tensor<5xi32>, tensor<1xi32>)

// CHECK: ivit.conv2d %image, %kernel, %kb : (tensor<?x4x4x3xui8>, tensor<5x2x2x3xi8>, tensor<5xi32>) -> tensor<?x2x2x5xi32>
// GENERIC: "ivit.conv2d"(%image, %kernel, %kb) : (tensor<?x4x4x3xui8>, tensor<5x2x2x3xi8>, tensor<5xi32>) -> tensor<?x2x2x5xi32>
%4 = ivit.conv2d %image, %kernel, %kb : (tensor<?x4x4x3xui8>, tensor<5x2x2x3xi8>, tensor<5xi32>) -> tensor<?x2x2x5xi32>

// CHECK: ivit.conv2d %image, %kernel, %kb requant(%km shift 40 : tensor<1xi32>) :
// GENERIC: "ivit.conv2d"(%image, %kernel, %kb, %km) <{shift = 40 : i64}>
%5 = ivit.conv2d %image, %kernel, %kb requant(%km shift 40 : tensor<1xi32>) : (tensor<?x4x4x3xui8>, tensor<5x2x2x3xi8>, tensor<5xi32>) -> tensor<?x2x2x5xi16>

// CHECK: ivit.patchify %image kernel 2 x 2 : tensor<?x4x4x3xui8> -> tensor<?x4x12xi8>
// GENERIC: "ivit.patchify"(%image) <{kernel_height = 2 : i64, kernel_width = 2 : i64}> : (tensor<?x4x4x3xui8>) -> tensor<?x4x12xi8>
%6 = ivit.patchify %image kernel 2 x 2 : tensor<?x4x4x3xui8> -> tensor<?x4x12xi8>

%q, %p, %v = "test.op"() : () -> (tensor<?x2x5x8xi8>, tensor<?x2x5x5xi16>, tensor<?x2x5x8xi8>)

// CHECK: ivit.matmul %q, %v transpose_b : (tensor<?x2x5x8xi8>, tensor<?x2x5x8xi8>) -> tensor<?x2x5x5xi32>
// GENERIC: "ivit.matmul"(%q, %v) <{transpose_b}> : (tensor<?x2x5x8xi8>, tensor<?x2x5x8xi8>) -> tensor<?x2x5x5xi32>
%7 = ivit.matmul %q, %v transpose_b : (tensor<?x2x5x8xi8>, tensor<?x2x5x8xi8>) -> tensor<?x2x5x5xi32>

// CHECK: ivit.matmul %p, %v * 3 shift 33 zero_point 1 : (tensor<?x2x5x5xi16>, tensor<?x2x5x8xi8>) -> tensor<?x2x5x8xi8>
// GENERIC: "ivit.matmul"(%p, %v) <{multiplier = 3 : i64, shift = 33 : i64, zero_point = 1 : i64}>
%8 = ivit.matmul %p, %v * 3 shift 33 zero_point 1 : (tensor<?x2x5x5xi16>, tensor<?x2x5x8xi8>) -> tensor<?x2x5x8xi8>
