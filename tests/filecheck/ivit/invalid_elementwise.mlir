// RUN: ivit-opt %s --verify-diagnostics --split-input-file | filecheck %s

// tensors (T1)
// CHECK: ivit.lookup: extents must be positive, and only the first may be dynamic, got tensor<?x?xi8>
%x, %t = "test.op"() : () -> (tensor<?x?xi8>, tensor<256xi8>)
%y = ivit.lookup %x, %t : (tensor<?x?xi8>, tensor<256xi8>) -> tensor<?x?xi8>

// -----

// tensors (T1)
// CHECK: ivit.requant: extents must be positive, and only the first may be dynamic, got tensor<i32>
%x = "test.op"() : () -> (tensor<i32>)
%y = ivit.requant %x * 3 shift 1 : tensor<i32> -> tensor<i32>

// -----

// tensors (T1)
// CHECK: ivit.isqrt: extents must be positive, and only the first may be dynamic, got tensor<2x0xi64>
%x = "test.op"() : () -> (tensor<2x0xi64>)
%y = ivit.isqrt %x : tensor<2x0xi64> -> tensor<2x0xi64>

// -----

// ivit.constant (C1)
// CHECK: Expected one of {{.*}} but got f32
%y = ivit.constant "w" : tensor<4xf32>

// -----

// ivit.constant (C2)
// CHECK: ivit.constant: key must not be empty
%y = ivit.constant "" : tensor<4xi8>

// -----

// ivit.constant (C3)
// CHECK: ivit.constant: a constant has a static shape
%y = ivit.constant "w" : tensor<?x4xi8>

// -----

// ivit.splat (C1)
// CHECK: Expected one of {{.*}} but got i1
%y = ivit.splat 1 : tensor<1xi1>

// -----

// ivit.splat (C2)
// CHECK: ivit.splat: a splat has extents of 1 only
%y = ivit.splat 1 : tensor<1x2xi8>

// -----

// ivit.splat (C3)
// CHECK: ivit.splat: value does not fit i8
%y = ivit.splat 128 : tensor<1xi8>

// -----

// ivit.requant (C1)
// CHECK: Expected one of {{.*}} but got f32
%x = "test.op"() : () -> (tensor<?x4xf32>)
%y = ivit.requant %x * 3 shift 1 : tensor<?x4xf32> -> tensor<?x4xi8>

// -----

// ivit.requant (C2)
// CHECK: ivit.requant: input and output must have the same shape, got [?, 4] and [?, 5]
%x = "test.op"() : () -> (tensor<?x4xi32>)
%y = ivit.requant %x * 3 shift 1 : tensor<?x4xi32> -> tensor<?x5xi8>

// -----

// ivit.requant (C3)
// CHECK: ivit.requant: input must have at most 32 bits
%x = "test.op"() : () -> (tensor<?x4xi64>)
%y = ivit.requant %x * 3 shift 1 : tensor<?x4xi64> -> tensor<?x4xi8>

// -----

// ivit.requant (C4)
// CHECK: ivit.requant: requant takes either one multiplier or one per channel
%x, %m = "test.op"() : () -> (tensor<?x4xi32>, tensor<4xi32>)
%y = ivit.requant %x * 3 channels(%m : tensor<4xi32>) shift 1 : tensor<?x4xi32> -> tensor<?x4xi8>

// -----

// ivit.requant (C4)
// CHECK: ivit.requant: requant takes either one multiplier or one per channel
%x = "test.op"() : () -> (tensor<?x4xi32>)
%y = ivit.requant %x shift 1 : tensor<?x4xi32> -> tensor<?x4xi8>

// -----

// ivit.requant (C5)
// CHECK: ivit.requant: shift must lie in [1, 62], got 0
%x = "test.op"() : () -> (tensor<?x4xi32>)
%y = ivit.requant %x * 3 shift 0 : tensor<?x4xi32> -> tensor<?x4xi8>

// -----

// ivit.requant (C6)
// CHECK: ivit.requant: multiplier must lie in (-2^31, 2^31), got 2147483648
%x = "test.op"() : () -> (tensor<?x4xi32>)
%y = ivit.requant %x * 2147483648 shift 1 : tensor<?x4xi32> -> tensor<?x4xi8>

// -----

// ivit.requant (C7)
// CHECK: ivit.requant: multipliers must have shape [4], got [1]
%x, %m = "test.op"() : () -> (tensor<?x4xi32>, tensor<1xi32>)
%y = ivit.requant %x channels(%m : tensor<1xi32>) shift 1 : tensor<?x4xi32> -> tensor<?x4xi8>

// -----

// ivit.requant (C8)
// CHECK: ivit.requant: zero_point must lie in [0, 255], got -1
%x = "test.op"() : () -> (tensor<?x4xi32>)
%y = ivit.requant %x * 3 shift 1 zero_point -1 : tensor<?x4xi32> -> tensor<?x4xui8>

// -----

// ivit.row_requant (C1)
// CHECK: Expected attribute i32 but got i8
%x, %d = "test.op"() : () -> (tensor<?x4xi8>, tensor<?x1xi32>)
%y = ivit.row_requant %x * 1024 / %d min 255 shift 8 : (tensor<?x4xi8>, tensor<?x1xi32>) -> tensor<?x4xi8>

// -----

// ivit.row_requant (C2)
// CHECK: ivit.row_requant: input and output must have the same shape, got [?, 4] and [?, 1]
%x, %d = "test.op"() : () -> (tensor<?x4xi32>, tensor<?x1xi32>)
%y = ivit.row_requant %x * 1024 / %d min 255 shift 8 : (tensor<?x4xi32>, tensor<?x1xi32>) -> tensor<?x1xi8>

// -----

// ivit.row_requant (C3)
// CHECK: ivit.row_requant: divisor must have shape [?, 1], got [?, 4]
%x, %d = "test.op"() : () -> (tensor<?x4xi32>, tensor<?x4xi32>)
%y = ivit.row_requant %x * 1024 / %d min 255 shift 8 : (tensor<?x4xi32>, tensor<?x4xi32>) -> tensor<?x4xi8>

// -----

// ivit.row_requant (C4)
// CHECK: ivit.row_requant: min_divisor must be positive, got 0
%x, %d = "test.op"() : () -> (tensor<?x4xi32>, tensor<?x1xi32>)
%y = ivit.row_requant %x * 1024 / %d min 0 shift 8 : (tensor<?x4xi32>, tensor<?x1xi32>) -> tensor<?x4xi8>

// -----

// ivit.row_requant (C5)
// CHECK: ivit.row_requant: dividend / min_divisor must lie in [1, 2^31), got 254 / 255
%x, %d = "test.op"() : () -> (tensor<?x4xi32>, tensor<?x1xi32>)
%y = ivit.row_requant %x * 254 / %d min 255 shift 8 : (tensor<?x4xi32>, tensor<?x1xi32>) -> tensor<?x4xi8>

// -----

// ivit.row_requant (C6)
// CHECK: ivit.row_requant: shift must lie in [1, 62], got 63
%x, %d = "test.op"() : () -> (tensor<?x4xi32>, tensor<?x1xi32>)
%y = ivit.row_requant %x * 1024 / %d min 255 shift 63 : (tensor<?x4xi32>, tensor<?x1xi32>) -> tensor<?x4xi8>

// -----

// ivit.add (C1)
// CHECK: Expected one of {{.*}} but got f32
%a, %b = "test.op"() : () -> (tensor<?x4xi16>, tensor<?x4xf32>)
%y = ivit.add %a, %b : (tensor<?x4xi16>, tensor<?x4xf32>) -> tensor<?x4xi16>

// -----

// ivit.add (C2)
// CHECK: ivit.add: lhs and output must have the same shape, got [1, 4] and [?, 4]
%a, %b = "test.op"() : () -> (tensor<1x4xi16>, tensor<?x4xi16>)
%y = ivit.add %a, %b : (tensor<1x4xi16>, tensor<?x4xi16>) -> tensor<?x4xi16>

// -----

// ivit.add (C3)
// CHECK: ivit.add: rhs must have shape [?, 4] or batch 1, got [?, 1]
%a, %b = "test.op"() : () -> (tensor<?x4xi16>, tensor<?x1xi16>)
%y = ivit.add %a, %b : (tensor<?x4xi16>, tensor<?x1xi16>) -> tensor<?x4xi16>

// -----

// ivit.add (C4)
// CHECK: ivit.add: operands must have at most 32 bits
%a, %b = "test.op"() : () -> (tensor<?x4xi16>, tensor<?x4xi64>)
%y = ivit.add %a, %b : (tensor<?x4xi16>, tensor<?x4xi64>) -> tensor<?x4xi16>

// -----

// ivit.add (C5)
// CHECK: ivit.add: a multiplier comes with a shift
%a, %b = "test.op"() : () -> (tensor<?x4xi16>, tensor<?x4xi16>)
%y = "ivit.add"(%a, %b) <{lhs_multiplier = 3 : i64}> : (tensor<?x4xi16>, tensor<?x4xi16>) -> tensor<?x4xi16>

// -----

// ivit.add (C6)
// CHECK: ivit.add: multiplier must lie in (-2^31, 2^31), got 2147483648
%a, %b = "test.op"() : () -> (tensor<?x4xi16>, tensor<?x4xi16>)
%y = ivit.add %a, %b * 2147483648 shift 3 : (tensor<?x4xi16>, tensor<?x4xi16>) -> tensor<?x4xi16>

// -----

// ivit.add (C6)
// CHECK: ivit.add: shift must lie in [1, 62], got 0
%a, %b = "test.op"() : () -> (tensor<?x4xi16>, tensor<?x4xi16>)
%y = ivit.add %a * 3 shift 0, %b : (tensor<?x4xi16>, tensor<?x4xi16>) -> tensor<?x4xi16>

// -----

// ivit.lookup (C1)
// CHECK: Expected one of {{.*}} but got i16
%x, %t = "test.op"() : () -> (tensor<?x4xi16>, tensor<256xi8>)
%y = ivit.lookup %x, %t : (tensor<?x4xi16>, tensor<256xi8>) -> tensor<?x4xi8>

// -----

// ivit.lookup (C2)
// CHECK: ivit.lookup: input and output must have the same shape, got [?, 4] and [?, 2]
%x, %t = "test.op"() : () -> (tensor<?x4xi8>, tensor<256xi8>)
%y = ivit.lookup %x, %t : (tensor<?x4xi8>, tensor<256xi8>) -> tensor<?x2xi8>

// -----

// ivit.lookup (C3)
// CHECK: ivit.lookup: table must have shape [1024], got [256]
%x, %t = "test.op"() : () -> (tensor<?x4xi10>, tensor<256xi8>)
%y = ivit.lookup %x, %t : (tensor<?x4xi10>, tensor<256xi8>) -> tensor<?x4xi8>

// -----

// ivit.lookup (C3)
// CHECK: ivit.lookup: table must have shape [256], got [128]
%x, %t = "test.op"() : () -> (tensor<?x4xi8>, tensor<128xi8>)
%y = ivit.lookup %x, %t : (tensor<?x4xi8>, tensor<128xi8>) -> tensor<?x4xi8>

// -----

// ivit.lookup (C4)
// CHECK: ivit.lookup: table and output must share an element type
%x, %t = "test.op"() : () -> (tensor<?x4xi8>, tensor<256xi8>)
%y = ivit.lookup %x, %t : (tensor<?x4xi8>, tensor<256xi8>) -> tensor<?x4xui8>

// -----

// ivit.affine (C1)
// CHECK: Expected attribute i64 but got i32
%x, %m, %b = "test.op"() : () -> (tensor<?x4xi32>, tensor<4xi32>, tensor<4xi32>)
%y = ivit.affine %x * %m + %b shift 3 : (tensor<?x4xi32>, tensor<4xi32>, tensor<4xi32>) -> tensor<?x4xi8>

// -----

// ivit.affine (C2)
// CHECK: ivit.affine: input and output must have the same shape, got [?, 4] and [?, 3]
%x, %m, %b = "test.op"() : () -> (tensor<?x4xi32>, tensor<4xi32>, tensor<4xi64>)
%y = ivit.affine %x * %m + %b shift 3 : (tensor<?x4xi32>, tensor<4xi32>, tensor<4xi64>) -> tensor<?x3xi8>

// -----

// ivit.affine (C3)
// CHECK: ivit.affine: scale and offset must have shape [4], got [4] and [1]
%x, %m, %b = "test.op"() : () -> (tensor<?x4xi32>, tensor<4xi32>, tensor<1xi64>)
%y = ivit.affine %x * %m + %b shift 3 : (tensor<?x4xi32>, tensor<4xi32>, tensor<1xi64>) -> tensor<?x4xi8>

// -----

// ivit.affine (C4)
// CHECK: ivit.affine: shift must lie in [1, 62], got 0
%x, %m, %b = "test.op"() : () -> (tensor<?x4xi32>, tensor<4xi32>, tensor<4xi64>)
%y = ivit.affine %x * %m + %b shift 0 : (tensor<?x4xi32>, tensor<4xi32>, tensor<4xi64>) -> tensor<?x4xi8>
