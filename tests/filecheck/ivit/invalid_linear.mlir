// RUN: ivit-opt %s --verify-diagnostics --split-input-file | filecheck %s

// ivit.linear (C1)
// CHECK: Expected one of i2..i8 but got i16
%x, %w, %b = "test.op"() : () -> (tensor<?x4xi8>, tensor<3x4xi16>, tensor<3xi32>)
%y = ivit.linear %x, %w, %b : (tensor<?x4xi8>, tensor<3x4xi16>, tensor<3xi32>) -> tensor<?x3xi32>

// -----

// ivit.linear (C1)
// CHECK: Expected one of i2..i16 but got i17
%x, %w, %b = "test.op"() : () -> (tensor<?x4xi17>, tensor<3x4xi8>, tensor<3xi32>)
%y = ivit.linear %x, %w, %b : (tensor<?x4xi17>, tensor<3x4xi8>, tensor<3xi32>) -> tensor<?x3xi32>

// -----

// ivit.linear (C6)
// CHECK: ivit.linear: int32 accumulator may wrap: 8192 products of up to 2048 x 128
%x, %w, %b = "test.op"() : () -> (tensor<?x8192xi12>, tensor<3x8192xi8>, tensor<3xi32>)
%y = ivit.linear %x, %w, %b : (tensor<?x8192xi12>, tensor<3x8192xi8>, tensor<3xi32>) -> tensor<?x3xi32>

// -----

// ivit.linear (C10)
// CHECK: ivit.linear: zero_point must lie in [-8, 7], got 8
%x, %w, %b, %m = "test.op"() : () -> (tensor<?x4xi8>, tensor<3x4xi8>, tensor<3xi32>, tensor<3xi32>)
%y = ivit.linear %x, %w, %b requant(%m shift 33 : tensor<3xi32>) zero_point 8 : (tensor<?x4xi8>, tensor<3x4xi8>, tensor<3xi32>) -> tensor<?x3xi4>

// -----

// ivit.linear (C10)
// CHECK: ivit.linear: zero_point must lie in [-512, 511], got 512
%x, %w, %b, %m, %t = "test.op"() : () -> (tensor<?x4xi8>, tensor<3x4xi8>, tensor<3xi32>, tensor<3xi32>, tensor<1024xi16>)
%y = ivit.linear %x, %w, %b requant(%m shift 33 : tensor<3xi32>) lookup(%t : tensor<1024xi16>) zero_point 512 : (tensor<?x4xi8>, tensor<3x4xi8>, tensor<3xi32>) -> tensor<?x3xi16>

// -----

// ivit.linear (C2)
// CHECK: ivit.linear: weight must be [out, in]
%x, %w, %b = "test.op"() : () -> (tensor<?x4xi8>, tensor<3x4x1xi8>, tensor<3xi32>)
%y = ivit.linear %x, %w, %b : (tensor<?x4xi8>, tensor<3x4x1xi8>, tensor<3xi32>) -> tensor<?x3xi32>

// -----

// ivit.linear (C3)
// CHECK: ivit.linear: input has 5 channels, weight takes 4
%x, %w, %b = "test.op"() : () -> (tensor<?x5xi8>, tensor<3x4xi8>, tensor<3xi32>)
%y = ivit.linear %x, %w, %b : (tensor<?x5xi8>, tensor<3x4xi8>, tensor<3xi32>) -> tensor<?x3xi32>

// -----

// ivit.linear (C4)
// CHECK: ivit.linear: bias must have shape [3], got [4]
%x, %w, %b = "test.op"() : () -> (tensor<?x4xi8>, tensor<3x4xi8>, tensor<4xi32>)
%y = ivit.linear %x, %w, %b : (tensor<?x4xi8>, tensor<3x4xi8>, tensor<4xi32>) -> tensor<?x3xi32>

// -----

// ivit.linear (C5)
// CHECK: ivit.linear: output must have shape [?, 3], got [?, 4]
%x, %w, %b = "test.op"() : () -> (tensor<?x4xi8>, tensor<3x4xi8>, tensor<3xi32>)
%y = ivit.linear %x, %w, %b : (tensor<?x4xi8>, tensor<3x4xi8>, tensor<3xi32>) -> tensor<?x4xi32>

// -----

// ivit.linear (C6)
// CHECK: ivit.linear: int32 accumulator may wrap: 131072 products of up to 128 x 128
%x, %w, %b = "test.op"() : () -> (tensor<?x131072xi8>, tensor<1x131072xi8>, tensor<1xi32>)
%y = ivit.linear %x, %w, %b : (tensor<?x131072xi8>, tensor<1x131072xi8>, tensor<1xi32>) -> tensor<?x1xi32>

// -----

// ivit.linear (C7)
// CHECK: ivit.linear: an epilogue needs a requant
%x, %w, %b, %t = "test.op"() : () -> (tensor<?x4xi8>, tensor<3x4xi8>, tensor<3xi32>, tensor<256xi8>)
%y = ivit.linear %x, %w, %b lookup(%t : tensor<256xi8>) : (tensor<?x4xi8>, tensor<3x4xi8>, tensor<3xi32>) -> tensor<?x3xi8>

// -----

// ivit.linear (C7)
// CHECK: ivit.linear: an epilogue needs a requant
%x, %w, %b = "test.op"() : () -> (tensor<?x4xi8>, tensor<3x4xi8>, tensor<3xi32>)
%y = "ivit.linear"(%x, %w, %b) <{shift = 5 : i64, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0>}> : (tensor<?x4xi8>, tensor<3x4xi8>, tensor<3xi32>) -> tensor<?x3xi32>

// -----

// ivit.linear (C7)
// CHECK: ivit.linear: without a requant the output is the int32 accumulator
%x, %w, %b = "test.op"() : () -> (tensor<?x4xi8>, tensor<3x4xi8>, tensor<3xi32>)
%y = ivit.linear %x, %w, %b : (tensor<?x4xi8>, tensor<3x4xi8>, tensor<3xi32>) -> tensor<?x3xi8>

// -----

// ivit.linear (C8)
// CHECK: ivit.linear: multipliers must have shape [3] or [1], got [4]
%x, %w, %b, %m = "test.op"() : () -> (tensor<?x4xi8>, tensor<3x4xi8>, tensor<3xi32>, tensor<4xi32>)
%y = ivit.linear %x, %w, %b requant(%m shift 33 : tensor<4xi32>) : (tensor<?x4xi8>, tensor<3x4xi8>, tensor<3xi32>) -> tensor<?x3xi8>

// -----

// ivit.linear (C9)
// CHECK: ivit.linear: shift must lie in [1, 62], got 63
%x, %w, %b, %m = "test.op"() : () -> (tensor<?x4xi8>, tensor<3x4xi8>, tensor<3xi32>, tensor<3xi32>)
%y = ivit.linear %x, %w, %b requant(%m shift 63 : tensor<3xi32>) : (tensor<?x4xi8>, tensor<3x4xi8>, tensor<3xi32>) -> tensor<?x3xi8>

// -----

// ivit.linear (C9)
// CHECK: ivit.linear: requant needs a shift
%x, %w, %b, %m = "test.op"() : () -> (tensor<?x4xi8>, tensor<3x4xi8>, tensor<3xi32>, tensor<3xi32>)
%y = "ivit.linear"(%x, %w, %b, %m) <{operandSegmentSizes = array<i32: 1, 1, 1, 1, 0, 0>}> : (tensor<?x4xi8>, tensor<3x4xi8>, tensor<3xi32>, tensor<3xi32>) -> tensor<?x3xi8>

// -----

// ivit.linear (C10)
// CHECK: ivit.linear: zero_point must lie in [-128, 127], got 128
%x, %w, %b, %m = "test.op"() : () -> (tensor<?x4xi8>, tensor<3x4xi8>, tensor<3xi32>, tensor<3xi32>)
%y = ivit.linear %x, %w, %b requant(%m shift 33 : tensor<3xi32>) zero_point 128 : (tensor<?x4xi8>, tensor<3x4xi8>, tensor<3xi32>) -> tensor<?x3xi8>

// -----

// With a lookup the zero point is that of the table's index.
// ivit.linear (C10)
// CHECK: ivit.linear: zero_point must lie in [-128, 127], got 300
%x, %w, %b, %m, %t = "test.op"() : () -> (tensor<?x4xi8>, tensor<3x4xi8>, tensor<3xi32>, tensor<3xi32>, tensor<256xi16>)
%y = ivit.linear %x, %w, %b requant(%m shift 33 : tensor<3xi32>) lookup(%t : tensor<256xi16>) zero_point 300 : (tensor<?x4xi8>, tensor<3x4xi8>, tensor<3xi32>) -> tensor<?x3xi16>

// -----

// ivit.linear (C11)
// CHECK: ivit.linear: residual comes with its multiplier and shift
%x, %w, %b, %m = "test.op"() : () -> (tensor<?x4xi8>, tensor<3x4xi8>, tensor<3xi32>, tensor<3xi32>)
%y = "ivit.linear"(%x, %w, %b, %m) <{shift = 5 : i64, residual_shift = 5 : i64, operandSegmentSizes = array<i32: 1, 1, 1, 1, 0, 0>}> : (tensor<?x4xi8>, tensor<3x4xi8>, tensor<3xi32>, tensor<3xi32>) -> tensor<?x3xi8>

// -----

// ivit.linear (C12)
// CHECK: ivit.linear: lookup and residual do not combine
%x, %w, %b, %m, %t, %r = "test.op"() : () -> (tensor<?x4xi8>, tensor<3x4xi8>, tensor<3xi32>, tensor<3xi32>, tensor<256xi8>, tensor<?x3xi8>)
%y = ivit.linear %x, %w, %b requant(%m shift 33 : tensor<3xi32>) lookup(%t : tensor<256xi8>) residual(%r * 3 shift 2 : tensor<?x3xi8>) : (tensor<?x4xi8>, tensor<3x4xi8>, tensor<3xi32>) -> tensor<?x3xi8>

// -----

// ivit.linear (C13)
// CHECK: ivit.linear: table must have 2^b entries, b in [2, 12], got [255]
%x, %w, %b, %m, %t = "test.op"() : () -> (tensor<?x4xi8>, tensor<3x4xi8>, tensor<3xi32>, tensor<3xi32>, tensor<255xi8>)
%y = ivit.linear %x, %w, %b requant(%m shift 33 : tensor<3xi32>) lookup(%t : tensor<255xi8>) : (tensor<?x4xi8>, tensor<3x4xi8>, tensor<3xi32>) -> tensor<?x3xi8>

// -----

// ivit.linear (C13)
// CHECK: ivit.linear: table and output must share an element type
%x, %w, %b, %m, %t = "test.op"() : () -> (tensor<?x4xi8>, tensor<3x4xi8>, tensor<3xi32>, tensor<3xi32>, tensor<256xi16>)
%y = ivit.linear %x, %w, %b requant(%m shift 33 : tensor<3xi32>) lookup(%t : tensor<256xi16>) : (tensor<?x4xi8>, tensor<3x4xi8>, tensor<3xi32>) -> tensor<?x3xi8>

// -----

// ivit.linear (C14)
// CHECK: ivit.linear: residual must have shape [?, 3] or batch 1, got [?, 2]
%x, %w, %b, %m, %r = "test.op"() : () -> (tensor<?x4xi8>, tensor<3x4xi8>, tensor<3xi32>, tensor<3xi32>, tensor<?x2xi8>)
%y = ivit.linear %x, %w, %b requant(%m shift 33 : tensor<3xi32>) residual(%r * 3 shift 2 : tensor<?x2xi8>) : (tensor<?x4xi8>, tensor<3x4xi8>, tensor<3xi32>) -> tensor<?x3xi8>

// -----

// ivit.linear (C15)
// CHECK: ivit.linear: residual must have at most 32 bits
%x, %w, %b, %m, %r = "test.op"() : () -> (tensor<?x4xi8>, tensor<3x4xi8>, tensor<3xi32>, tensor<3xi32>, tensor<?x3xi64>)
%y = ivit.linear %x, %w, %b requant(%m shift 33 : tensor<3xi32>) residual(%r * 3 shift 2 : tensor<?x3xi64>) : (tensor<?x4xi8>, tensor<3x4xi8>, tensor<3xi32>) -> tensor<?x3xi8>

// -----

// ivit.linear (C16)
// CHECK: ivit.linear: multiplier must lie in (-2^31, 2^31), got 2147483648
%x, %w, %b, %m, %r = "test.op"() : () -> (tensor<?x4xi8>, tensor<3x4xi8>, tensor<3xi32>, tensor<3xi32>, tensor<?x3xi8>)
%y = ivit.linear %x, %w, %b requant(%m shift 33 : tensor<3xi32>) residual(%r * 2147483648 shift 2 : tensor<?x3xi8>) : (tensor<?x4xi8>, tensor<3x4xi8>, tensor<3xi32>) -> tensor<?x3xi8>

// -----

// ivit.linear (C16)
// CHECK: ivit.linear: shift must lie in [1, 62], got 0
%x, %w, %b, %m, %r = "test.op"() : () -> (tensor<?x4xi8>, tensor<3x4xi8>, tensor<3xi32>, tensor<3xi32>, tensor<?x3xi8>)
%y = ivit.linear %x, %w, %b requant(%m shift 33 : tensor<3xi32>) residual(%r * 3 shift 0 : tensor<?x3xi8>) : (tensor<?x4xi8>, tensor<3x4xi8>, tensor<3xi32>) -> tensor<?x3xi8>

// -----

// ivit.conv2d (C1)
// CHECK: Expected one of {{.*}} but got i16
%x, %w, %b = "test.op"() : () -> (tensor<?x4x4x3xi16>, tensor<5x2x2x3xi8>, tensor<5xi32>)
%y = ivit.conv2d %x, %w, %b : (tensor<?x4x4x3xi16>, tensor<5x2x2x3xi8>, tensor<5xi32>) -> tensor<?x2x2x5xi32>

// -----

// ivit.conv2d (C2)
// CHECK: ivit.conv2d: input must be [N, H, W, C]
%x, %w, %b = "test.op"() : () -> (tensor<?x4x12xi8>, tensor<5x2x2x3xi8>, tensor<5xi32>)
%y = ivit.conv2d %x, %w, %b : (tensor<?x4x12xi8>, tensor<5x2x2x3xi8>, tensor<5xi32>) -> tensor<?x2x2x5xi32>

// -----

// ivit.conv2d (C3)
// CHECK: ivit.conv2d: weight must be [out, KH, KW, C]
%x, %w, %b = "test.op"() : () -> (tensor<?x4x4x3xi8>, tensor<5x12xi8>, tensor<5xi32>)
%y = ivit.conv2d %x, %w, %b : (tensor<?x4x4x3xi8>, tensor<5x12xi8>, tensor<5xi32>) -> tensor<?x2x2x5xi32>

// -----

// ivit.conv2d (C4)
// CHECK: ivit.conv2d: input has 1 channels, weight takes 3
%x, %w, %b = "test.op"() : () -> (tensor<?x4x4x1xi8>, tensor<5x2x2x3xi8>, tensor<5xi32>)
%y = ivit.conv2d %x, %w, %b : (tensor<?x4x4x1xi8>, tensor<5x2x2x3xi8>, tensor<5xi32>) -> tensor<?x2x2x5xi32>

// -----

// ivit.conv2d (C5)
// CHECK: ivit.conv2d: image 4x5 is not a whole number of 2x2 patches
%x, %w, %b = "test.op"() : () -> (tensor<?x4x5x3xi8>, tensor<5x2x2x3xi8>, tensor<5xi32>)
%y = ivit.conv2d %x, %w, %b : (tensor<?x4x5x3xi8>, tensor<5x2x2x3xi8>, tensor<5xi32>) -> tensor<?x2x2x5xi32>

// -----

// ivit.conv2d (C6)
// CHECK: ivit.conv2d: bias must have shape [5], got [2]
%x, %w, %b = "test.op"() : () -> (tensor<?x4x4x3xi8>, tensor<5x2x2x3xi8>, tensor<2xi32>)
%y = ivit.conv2d %x, %w, %b : (tensor<?x4x4x3xi8>, tensor<5x2x2x3xi8>, tensor<2xi32>) -> tensor<?x2x2x5xi32>

// -----

// ivit.conv2d (C7)
// CHECK: ivit.conv2d: output must have shape [?, 2, 2, 5], got [?, 4, 5]
%x, %w, %b = "test.op"() : () -> (tensor<?x4x4x3xi8>, tensor<5x2x2x3xi8>, tensor<5xi32>)
%y = ivit.conv2d %x, %w, %b : (tensor<?x4x4x3xi8>, tensor<5x2x2x3xi8>, tensor<5xi32>) -> tensor<?x4x5xi32>

// -----

// ivit.conv2d (C8)
// CHECK: ivit.conv2d: without a requant the output is the int32 accumulator
%x, %w, %b = "test.op"() : () -> (tensor<?x4x4x3xi8>, tensor<5x2x2x3xi8>, tensor<5xi32>)
%y = ivit.conv2d %x, %w, %b : (tensor<?x4x4x3xi8>, tensor<5x2x2x3xi8>, tensor<5xi32>) -> tensor<?x2x2x5xi16>

// -----

// ivit.conv2d (C8)
// CHECK: ivit.conv2d: a shift needs multipliers
%x, %w, %b = "test.op"() : () -> (tensor<?x4x4x3xi8>, tensor<5x2x2x3xi8>, tensor<5xi32>)
%y = "ivit.conv2d"(%x, %w, %b) <{shift = 3 : i64}> : (tensor<?x4x4x3xi8>, tensor<5x2x2x3xi8>, tensor<5xi32>) -> tensor<?x2x2x5xi32>

// -----

// ivit.conv2d (C9)
// CHECK: ivit.conv2d: multipliers must have shape [5] or [1], got [4]
%x, %w, %b, %m = "test.op"() : () -> (tensor<?x4x4x3xi8>, tensor<5x2x2x3xi8>, tensor<5xi32>, tensor<4xi32>)
%y = ivit.conv2d %x, %w, %b requant(%m shift 33 : tensor<4xi32>) : (tensor<?x4x4x3xi8>, tensor<5x2x2x3xi8>, tensor<5xi32>) -> tensor<?x2x2x5xi16>

// -----

// ivit.conv2d (C9)
// CHECK: ivit.conv2d: shift must lie in [1, 62], got -1
%x, %w, %b, %m = "test.op"() : () -> (tensor<?x4x4x3xi8>, tensor<5x2x2x3xi8>, tensor<5xi32>, tensor<5xi32>)
%y = ivit.conv2d %x, %w, %b requant(%m shift -1 : tensor<5xi32>) : (tensor<?x4x4x3xi8>, tensor<5x2x2x3xi8>, tensor<5xi32>) -> tensor<?x2x2x5xi16>

// -----

// 256 * 256 * 1 pixels of up to 255
// ivit.conv2d (C10)
// CHECK: ivit.conv2d: int32 accumulator may wrap: 66048 products of up to 255 x 128
%x, %w, %b = "test.op"() : () -> (tensor<?x256x258x1xui8>, tensor<5x256x258x1xi8>, tensor<5xi32>)
%y = ivit.conv2d %x, %w, %b : (tensor<?x256x258x1xui8>, tensor<5x256x258x1xi8>, tensor<5xi32>) -> tensor<?x1x1x5xi32>

// -----

// ivit.patchify (C1)
// CHECK: Expected one of {{.*}} but got i32
%x = "test.op"() : () -> (tensor<?x4x4x3xi32>)
%y = ivit.patchify %x kernel 2 x 2 : tensor<?x4x4x3xi32> -> tensor<?x4x12xi8>

// -----

// ivit.patchify (C2)
// CHECK: ivit.patchify: input must be [N, H, W, C]
%x = "test.op"() : () -> (tensor<?x4x12xi8>)
%y = ivit.patchify %x kernel 2 x 2 : tensor<?x4x12xi8> -> tensor<?x4x12xi8>

// -----

// ivit.patchify (C3)
// CHECK: ivit.patchify: kernel must be positive
%x = "test.op"() : () -> (tensor<?x4x4x3xi8>)
%y = ivit.patchify %x kernel 0 x 2 : tensor<?x4x4x3xi8> -> tensor<?x4x12xi8>

// -----

// ivit.patchify (C4)
// CHECK: ivit.patchify: image 4x4 is not a whole number of 2x3 patches
%x = "test.op"() : () -> (tensor<?x4x4x3xi8>)
%y = ivit.patchify %x kernel 2 x 3 : tensor<?x4x4x3xi8> -> tensor<?x4x12xi8>

// -----

// ivit.patchify (C5)
// CHECK: ivit.patchify: output must have shape [?, 4, 12], got [?, 12, 4]
%x = "test.op"() : () -> (tensor<?x4x4x3xi8>)
%y = ivit.patchify %x kernel 2 x 2 : tensor<?x4x4x3xi8> -> tensor<?x12x4xi8>

// -----

// ivit.matmul (C1)
// CHECK: Expected one of i2..i8 but got ui8
%a, %b = "test.op"() : () -> (tensor<?x2x3x4xi8>, tensor<?x2x4x5xui8>)
%y = ivit.matmul %a, %b : (tensor<?x2x3x4xi8>, tensor<?x2x4x5xui8>) -> tensor<?x2x3x5xi32>

// -----

// ivit.matmul (C2)
// CHECK: ivit.matmul: operands must be [N, H, rows, columns]
%a, %b = "test.op"() : () -> (tensor<?x3x4xi8>, tensor<?x4x5xi8>)
%y = ivit.matmul %a, %b : (tensor<?x3x4xi8>, tensor<?x4x5xi8>) -> tensor<?x3x5xi32>

// -----

// ivit.matmul (C3)
// CHECK: ivit.matmul: operands must share batch and heads
%a, %b = "test.op"() : () -> (tensor<?x2x3x4xi8>, tensor<?x1x4x5xi8>)
%y = ivit.matmul %a, %b : (tensor<?x2x3x4xi8>, tensor<?x1x4x5xi8>) -> tensor<?x2x3x5xi32>

// -----

// ivit.matmul (C4)
// CHECK: ivit.matmul: inner dimensions differ: 4 and 5
%a, %b = "test.op"() : () -> (tensor<?x2x3x4xi8>, tensor<?x2x4x5xi8>)
%y = ivit.matmul %a, %b transpose_b : (tensor<?x2x3x4xi8>, tensor<?x2x4x5xi8>) -> tensor<?x2x3x4xi32>

// -----

// ivit.matmul (C5)
// CHECK: ivit.matmul: output must have shape [?, 2, 3, 5], got [?, 2, 5, 3]
%a, %b = "test.op"() : () -> (tensor<?x2x3x4xi8>, tensor<?x2x4x5xi8>)
%y = ivit.matmul %a, %b : (tensor<?x2x3x4xi8>, tensor<?x2x4x5xi8>) -> tensor<?x2x5x3xi32>

// -----

// ivit.matmul (C6)
// CHECK: ivit.matmul: without a requant the output is the int32 accumulator
%a, %b = "test.op"() : () -> (tensor<?x2x3x4xi8>, tensor<?x2x4x5xi8>)
%y = ivit.matmul %a, %b : (tensor<?x2x3x4xi8>, tensor<?x2x4x5xi8>) -> tensor<?x2x3x5xi8>

// -----

// ivit.matmul (C7)
// CHECK: ivit.matmul: multiplier must lie in (-2^31, 2^31), got -2147483648
%a, %b = "test.op"() : () -> (tensor<?x2x3x4xi8>, tensor<?x2x4x5xi8>)
%y = ivit.matmul %a, %b * -2147483648 shift 33 : (tensor<?x2x3x4xi8>, tensor<?x2x4x5xi8>) -> tensor<?x2x3x5xi8>

// -----

// ivit.matmul (C7)
// CHECK: ivit.matmul: requant needs a shift
%a, %b = "test.op"() : () -> (tensor<?x2x3x4xi8>, tensor<?x2x4x5xi8>)
%y = "ivit.matmul"(%a, %b) <{multiplier = 3 : i64}> : (tensor<?x2x3x4xi8>, tensor<?x2x4x5xi8>) -> tensor<?x2x3x5xi8>

// -----

// ivit.matmul (C7)
// CHECK: ivit.matmul: shift must lie in [1, 62], got 63
%a, %b = "test.op"() : () -> (tensor<?x2x3x4xi8>, tensor<?x2x4x5xi8>)
%y = ivit.matmul %a, %b * 3 shift 63 : (tensor<?x2x3x4xi8>, tensor<?x2x4x5xi8>) -> tensor<?x2x3x5xi8>

// -----

// ivit.matmul (C8)
// CHECK: ivit.matmul: zero_point must lie in [-128, 127], got -129
%a, %b = "test.op"() : () -> (tensor<?x2x3x4xi8>, tensor<?x2x4x5xi8>)
%y = ivit.matmul %a, %b * 3 shift 33 zero_point -129 : (tensor<?x2x3x4xi8>, tensor<?x2x4x5xi8>) -> tensor<?x2x3x5xi8>

// -----

// ivit.matmul (C9)
// CHECK: ivit.matmul: int32 accumulator may wrap: 65794 products of up to 255 x 128
%a, %b = "test.op"() : () -> (tensor<?x1x1x65794xui8>, tensor<?x1x65794x1xi8>)
%y = ivit.matmul %a, %b : (tensor<?x1x1x65794xui8>, tensor<?x1x65794x1xi8>) -> tensor<?x1x1x1xi32>
