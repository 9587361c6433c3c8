// RUN: ivit-opt %s --verify-diagnostics --split-input-file | filecheck %s

// ivit.shiftexp (C1)
// CHECK: Expected attribute i32 but got i8
%x = "test.op"() : () -> (tensor<?x4xi8>)
%y = ivit.shiftexp %x x0 4 n 15 : tensor<?x4xi8> -> tensor<?x4xi32>

// -----

// ivit.shiftexp (C2)
// CHECK: ivit.shiftexp: input and output must have the same shape, got [?, 4] and [?, 1]
%x = "test.op"() : () -> (tensor<?x4xi32>)
%y = ivit.shiftexp %x x0 4 n 15 : tensor<?x4xi32> -> tensor<?x1xi32>

// -----

// ivit.shiftexp (C3)
// CHECK: ivit.shiftexp: x0 must lie in [1, 2^24), got 0
%x = "test.op"() : () -> (tensor<?x4xi32>)
%y = ivit.shiftexp %x x0 0 n 15 : tensor<?x4xi32> -> tensor<?x4xi32>

// -----

// ivit.shiftexp (C4)
// CHECK: ivit.shiftexp: n must lie in [0, 30], got 31
%x = "test.op"() : () -> (tensor<?x4xi32>)
%y = ivit.shiftexp %x x0 1 n 31 : tensor<?x4xi32> -> tensor<?x4xi32>

// -----

// ivit.shiftexp (C5)
// CHECK: ivit.shiftexp: int32 sum may wrap: 1 terms of up to 65536 * 2^15; lower n
%x = "test.op"() : () -> (tensor<?x4xi32>)
%y = ivit.shiftexp %x x0 65536 n 15 : tensor<?x4xi32> -> tensor<?x4xi32>

// -----

// ivit.intdiv (C1)
// CHECK: Expected attribute i32 but got i64
%x, %d = "test.op"() : () -> (tensor<?x4xi32>, tensor<?x1xi64>)
%y = ivit.intdiv %x, %d bits 8 : (tensor<?x4xi32>, tensor<?x1xi64>) -> tensor<?x4xi32>

// -----

// ivit.intdiv (C2)
// CHECK: ivit.intdiv: dividend and output must have the same shape, got [?, 4] and [?, 1]
%x, %d = "test.op"() : () -> (tensor<?x4xi32>, tensor<?x1xi32>)
%y = ivit.intdiv %x, %d bits 8 : (tensor<?x4xi32>, tensor<?x1xi32>) -> tensor<?x1xi32>

// -----

// ivit.intdiv (C3)
// CHECK: ivit.intdiv: divisor must have shape [?, 4] or one value a row, got [?, 2]
%x, %d = "test.op"() : () -> (tensor<?x4xi32>, tensor<?x2xi32>)
%y = ivit.intdiv %x, %d bits 8 : (tensor<?x4xi32>, tensor<?x2xi32>) -> tensor<?x4xi32>

// -----

// ivit.intdiv (C4)
// CHECK: ivit.intdiv: bits must lie in [2, 31], got 32
%x, %d = "test.op"() : () -> (tensor<?x4xi32>, tensor<?x1xi32>)
%y = ivit.intdiv %x, %d bits 32 : (tensor<?x4xi32>, tensor<?x1xi32>) -> tensor<?x4xi32>

// -----

// ivit.isqrt (C1)
// CHECK: Expected attribute i64 but got i32
%x = "test.op"() : () -> (tensor<?x4xi32>)
%y = ivit.isqrt %x : tensor<?x4xi32> -> tensor<?x4xi64>

// -----

// ivit.isqrt (C2)
// CHECK: ivit.isqrt: input and output must have the same shape, got [?, 4] and [?, 2]
%x = "test.op"() : () -> (tensor<?x4xi64>)
%y = ivit.isqrt %x : tensor<?x4xi64> -> tensor<?x2xi64>

// -----

// ivit.newton_sqrt (C1)
// CHECK: Expected attribute i64 but got i32
%x = "test.op"() : () -> (tensor<?x4xi32>)
%y = ivit.newton_sqrt %x : tensor<?x4xi32> -> tensor<?x4xi64>

// -----

// ivit.newton_sqrt (C2)
// CHECK: ivit.newton_sqrt: input and output must have the same shape, got [?, 4] and [?, 2]
%x = "test.op"() : () -> (tensor<?x4xi64>)
%y = ivit.newton_sqrt %x : tensor<?x4xi64> -> tensor<?x2xi64>

// -----

// ivit.rsqrt (C1)
// CHECK: Expected attribute i64 but got i32
%x = "test.op"() : () -> (tensor<?x4xi32>)
%m, %e = ivit.rsqrt %x : tensor<?x4xi32> -> tensor<?x4xi64>, tensor<?x4xi64>

// -----

// ivit.rsqrt (C2)
// CHECK: ivit.rsqrt: input and mantissa must have the same shape, got [?, 4] and [?, 2]
%x = "test.op"() : () -> (tensor<?x4xi64>)
%m, %e = ivit.rsqrt %x : tensor<?x4xi64> -> tensor<?x2xi64>, tensor<?x4xi64>

// -----

// ivit.rsqrt (C2)
// CHECK: ivit.rsqrt: input and exponent must have the same shape, got [?, 4] and [?, 2]
%x = "test.op"() : () -> (tensor<?x4xi64>)
%m, %e = ivit.rsqrt %x : tensor<?x4xi64> -> tensor<?x4xi64>, tensor<?x2xi64>

// -----

// ivit.softmax (C1)
// CHECK: Expected attribute ui8 but got i8
%x, %t = "test.op"() : () -> (tensor<?x4xi32>, tensor<256xi8>)
%e, %s = ivit.softmax %x * 5 shift 9 table %t : (tensor<?x4xi32>, tensor<256xi8>) -> tensor<?x4xui8>, tensor<?x1xi32>

// -----

// ivit.softmax (C2)
// CHECK: ivit.softmax: input and codes must have the same shape, got [?, 4] and [?, 2]
%x, %t = "test.op"() : () -> (tensor<?x4xi32>, tensor<256xui8>)
%e, %s = ivit.softmax %x * 5 shift 9 table %t : (tensor<?x4xi32>, tensor<256xui8>) -> tensor<?x2xui8>, tensor<?x1xi32>

// -----

// ivit.softmax (C3)
// CHECK: ivit.softmax: table must have shape [256], got [64]
%x, %t = "test.op"() : () -> (tensor<?x4xi32>, tensor<64xui8>)
%e, %s = ivit.softmax %x * 5 shift 9 table %t : (tensor<?x4xi32>, tensor<64xui8>) -> tensor<?x4xui8>, tensor<?x1xi32>

// -----

// ivit.softmax (C4)
// CHECK: ivit.softmax: sum must have shape [?, 1], got [?, 4]
%x, %t = "test.op"() : () -> (tensor<?x4xi32>, tensor<256xui8>)
%e, %s = ivit.softmax %x * 5 shift 9 table %t : (tensor<?x4xi32>, tensor<256xui8>) -> tensor<?x4xui8>, tensor<?x4xi32>

// -----

// ivit.softmax (C6)
// CHECK: ivit.softmax: multiplier must be positive
%x, %t = "test.op"() : () -> (tensor<?x4xi32>, tensor<256xui8>)
%e, %s = ivit.softmax %x * 0 shift 9 table %t : (tensor<?x4xi32>, tensor<256xui8>) -> tensor<?x4xui8>, tensor<?x1xi32>

// -----

// ivit.softmax (C6)
// CHECK: ivit.softmax: multiplier must lie in (-2^31, 2^31), got 2147483648
%x, %t = "test.op"() : () -> (tensor<?x4xi32>, tensor<256xui8>)
%e, %s = ivit.softmax %x * 2147483648 shift 9 table %t : (tensor<?x4xi32>, tensor<256xui8>) -> tensor<?x4xui8>, tensor<?x1xi32>

// -----

// ivit.softmax (C7)
// CHECK: ivit.softmax: shift must lie in [1, 62], got 0
%x, %t = "test.op"() : () -> (tensor<?x4xi32>, tensor<256xui8>)
%e, %s = ivit.softmax %x * 5 shift 0 table %t : (tensor<?x4xi32>, tensor<256xui8>) -> tensor<?x4xui8>, tensor<?x1xi32>

// -----

// ivit.shiftmax (C1)
// CHECK: Expected one of i2..i8 but got i32
%x = "test.op"() : () -> (tensor<?x4xi32>)
%y = ivit.shiftmax %x x0 20 n 15 bits 16 : tensor<?x4xi32> -> tensor<?x4xi16>

// -----

// ivit.shiftmax (C2)
// CHECK: ivit.shiftmax: input and output must have the same shape, got [?, 4] and [?, 1]
%x = "test.op"() : () -> (tensor<?x4xi8>)
%y = ivit.shiftmax %x x0 20 n 15 bits 16 : tensor<?x4xi8> -> tensor<?x1xi16>

// -----

// ivit.shiftmax (C3)
// CHECK: ivit.shiftmax: x0 must lie in [1, 2^24), got 16777216
%x = "test.op"() : () -> (tensor<?x4xi8>)
%y = ivit.shiftmax %x x0 16777216 n 0 bits 16 : tensor<?x4xi8> -> tensor<?x4xi16>

// -----

// ivit.shiftmax (C3)
// CHECK: ivit.shiftmax: n must lie in [0, 30], got -1
%x = "test.op"() : () -> (tensor<?x4xi8>)
%y = ivit.shiftmax %x x0 20 n -1 bits 16 : tensor<?x4xi8> -> tensor<?x4xi16>

// -----

// ivit.shiftmax (C4)
// CHECK: ivit.shiftmax: int32 sum may wrap: 197 terms of up to 333 * 2^15; lower n
%x = "test.op"() : () -> (tensor<?x197xi8>)
%y = ivit.shiftmax %x x0 333 n 15 bits 16 : tensor<?x197xi8> -> tensor<?x197xi16>

// -----

// ivit.shiftmax (C1)
// CHECK: Expected one of i2..i16 but got i32
%x = "test.op"() : () -> (tensor<?x4xi8>)
%y = ivit.shiftmax %x x0 20 n 15 bits 16 : tensor<?x4xi8> -> tensor<?x4xi32>

// -----

// ivit.shiftmax (C5)
// CHECK: ivit.shiftmax: bits must lie in [2, 8], got 9
%x = "test.op"() : () -> (tensor<?x4xi8>)
%y = ivit.shiftmax %x x0 20 n 15 bits 9 : tensor<?x4xi8> -> tensor<?x4xi8>

// -----

// ivit.shiftgelu (C1)
// CHECK: Expected attribute i16 but got i8
%x = "test.op"() : () -> (tensor<?x4xi8>)
%y = ivit.shiftgelu %x x0 20 n 23 : tensor<?x4xi8> -> tensor<?x4xi8>

// -----

// ivit.shiftgelu (C2)
// CHECK: ivit.shiftgelu: input and output must have the same shape, got [?, 4] and [?, 2]
%x = "test.op"() : () -> (tensor<?x4xi8>)
%y = ivit.shiftgelu %x x0 20 n 23 : tensor<?x4xi8> -> tensor<?x2xi16>

// -----

// ivit.shiftgelu (C3)
// CHECK: ivit.shiftgelu: x0 must lie in [1, 2^24), got -4
%x = "test.op"() : () -> (tensor<?x4xi8>)
%y = ivit.shiftgelu %x x0 -4 n 23 : tensor<?x4xi8> -> tensor<?x4xi16>

// -----

// ivit.shiftgelu (C4)
// CHECK: ivit.shiftgelu: int32 sum may wrap: 2 terms of up to 128 * 2^23; lower n
%x = "test.op"() : () -> (tensor<?x4xi8>)
%y = ivit.shiftgelu %x x0 128 n 23 : tensor<?x4xi8> -> tensor<?x4xi16>

// -----

// ivit.layernorm (C1)
// CHECK: Expected one of i2..i16 but got i32
%x, %m, %b = "test.op"() : () -> (tensor<?x4xi32>, tensor<4xi32>, tensor<4xi64>)
%y = ivit.layernorm %x * %m + %b shift 40 epsilon 1 : (tensor<?x4xi32>, tensor<4xi32>, tensor<4xi64>) -> tensor<?x4xi8>

// -----

// ivit.layernorm (C2)
// CHECK: ivit.layernorm: input and output must have the same shape, got [?, 4] and [?, 1]
%x, %m, %b = "test.op"() : () -> (tensor<?x4xi16>, tensor<4xi32>, tensor<4xi64>)
%y = ivit.layernorm %x * %m + %b shift 40 epsilon 1 : (tensor<?x4xi16>, tensor<4xi32>, tensor<4xi64>) -> tensor<?x1xi8>

// -----

// ivit.layernorm (C3)
// CHECK: ivit.layernorm: scale and offset must have shape [4], got [1] and [4]
%x, %m, %b = "test.op"() : () -> (tensor<?x4xi16>, tensor<1xi32>, tensor<4xi64>)
%y = ivit.layernorm %x * %m + %b shift 40 epsilon 1 : (tensor<?x4xi16>, tensor<1xi32>, tensor<4xi64>) -> tensor<?x4xi8>

// -----

// ivit.layernorm (C4)
// CHECK: ivit.layernorm: int64 may wrap: at most 4096 channels, got 4097
%x, %m, %b = "test.op"() : () -> (tensor<?x4097xi16>, tensor<4097xi32>, tensor<4097xi64>)
%y = ivit.layernorm %x * %m + %b shift 40 epsilon 1 : (tensor<?x4097xi16>, tensor<4097xi32>, tensor<4097xi64>) -> tensor<?x4097xi8>

// -----

// ivit.layernorm (C5)
// CHECK: ivit.layernorm: shift must lie in [1, 62], got 63
%x, %m, %b = "test.op"() : () -> (tensor<?x4xi16>, tensor<4xi32>, tensor<4xi64>)
%y = ivit.layernorm %x * %m + %b shift 63 epsilon 1 : (tensor<?x4xi16>, tensor<4xi32>, tensor<4xi64>) -> tensor<?x4xi8>

// -----

// ivit.layernorm (C6)
// CHECK: ivit.layernorm: epsilon must lie in [1, 2^56), got 0
%x, %m, %b = "test.op"() : () -> (tensor<?x4xi16>, tensor<4xi32>, tensor<4xi64>)
%y = ivit.layernorm %x * %m + %b shift 40 epsilon 0 : (tensor<?x4xi16>, tensor<4xi32>, tensor<4xi64>) -> tensor<?x4xi8>

// -----

// ivit.i_layernorm (C1)
// CHECK: Expected one of i2..i16 but got i32
%x, %m, %b = "test.op"() : () -> (tensor<?x4xi32>, tensor<4xi32>, tensor<4xi64>)
%y = ivit.i_layernorm %x * %m + %b shift 40 : (tensor<?x4xi32>, tensor<4xi32>, tensor<4xi64>) -> tensor<?x4xi8>

// -----

// ivit.i_layernorm (C2)
// CHECK: ivit.i_layernorm: input and output must have the same shape, got [?, 4] and [?, 1]
%x, %m, %b = "test.op"() : () -> (tensor<?x4xi16>, tensor<4xi32>, tensor<4xi64>)
%y = ivit.i_layernorm %x * %m + %b shift 40 : (tensor<?x4xi16>, tensor<4xi32>, tensor<4xi64>) -> tensor<?x1xi8>

// -----

// ivit.i_layernorm (C3)
// CHECK: ivit.i_layernorm: scale and offset must have shape [4], got [4] and [3]
%x, %m, %b = "test.op"() : () -> (tensor<?x4xi16>, tensor<4xi32>, tensor<3xi64>)
%y = ivit.i_layernorm %x * %m + %b shift 40 : (tensor<?x4xi16>, tensor<4xi32>, tensor<3xi64>) -> tensor<?x4xi8>

// -----

// ivit.i_layernorm (C4)
// CHECK: ivit.i_layernorm: int64 may wrap: at most 2048 channels, got 2049
%x, %m, %b = "test.op"() : () -> (tensor<?x2049xi16>, tensor<2049xi32>, tensor<2049xi64>)
%y = ivit.i_layernorm %x * %m + %b shift 40 : (tensor<?x2049xi16>, tensor<2049xi32>, tensor<2049xi64>) -> tensor<?x2049xi8>

// -----

// ivit.i_layernorm (C5)
// CHECK: ivit.i_layernorm: shift must lie in [1, 62], got 0
%x, %m, %b = "test.op"() : () -> (tensor<?x4xi16>, tensor<4xi32>, tensor<4xi64>)
%y = ivit.i_layernorm %x * %m + %b shift 0 : (tensor<?x4xi16>, tensor<4xi32>, tensor<4xi64>) -> tensor<?x4xi8>
