// RUN: ivit-opt %s --verify-diagnostics --split-input-file | filecheck %s

// ivit.ibert_softmax (C1)
// CHECK: Expected one of i2..i8 but got i16
%x = "test.op"() : () -> (tensor<?x4xi16>)
%y = ivit.ibert_softmax %x x0 4 b 16 c 93 n 8 bits 8 : tensor<?x4xi16> -> tensor<?x4xui8>

// -----

// ivit.ibert_softmax (C2)
// CHECK: ivit.ibert_softmax: input and output must have the same shape, got [?, 4] and [?, 1]
%x = "test.op"() : () -> (tensor<?x4xi8>)
%y = ivit.ibert_softmax %x x0 4 b 16 c 93 n 8 bits 8 : tensor<?x4xi8> -> tensor<?x1xui8>

// -----

// ivit.ibert_softmax (C3)
// CHECK: ivit.ibert_softmax: x0 must lie in [1, 2^24), got 0
%x = "test.op"() : () -> (tensor<?x4xi8>)
%y = ivit.ibert_softmax %x x0 0 b 16 c 93 n 8 bits 8 : tensor<?x4xi8> -> tensor<?x4xui8>

// -----

// ivit.ibert_softmax (C4)
// CHECK: ivit.ibert_softmax: b must lie in [x0 - 1, 2^31), got 2
%x = "test.op"() : () -> (tensor<?x4xi8>)
%y = ivit.ibert_softmax %x x0 4 b 2 c 93 n 8 bits 8 : tensor<?x4xi8> -> tensor<?x4xui8>

// -----

// ivit.ibert_softmax (C5)
// CHECK: ivit.ibert_softmax: c must lie in [1, 2^31), got 0
%x = "test.op"() : () -> (tensor<?x4xi8>)
%y = ivit.ibert_softmax %x x0 4 b 16 c 0 n 8 bits 8 : tensor<?x4xi8> -> tensor<?x4xui8>

// -----

// ivit.ibert_softmax (C6)
// CHECK: ivit.ibert_softmax: r*(r + b) + c must not be negative for r in (-x0, 0], got -1 for -3
%x = "test.op"() : () -> (tensor<?x4xi8>)
%y = ivit.ibert_softmax %x x0 4 b 16 c 38 n 8 bits 8 : tensor<?x4xi8> -> tensor<?x4xui8>

// -----

// ivit.ibert_softmax (C6)
// CHECK: ivit.ibert_softmax: r*(r + b) + c must not be negative for r in (-x0, 0], got -1 for -8
%x = "test.op"() : () -> (tensor<?x4xi8>)
%y = ivit.ibert_softmax %x x0 17 b 16 c 63 n 8 bits 8 : tensor<?x4xi8> -> tensor<?x4xui8>

// -----

// ivit.ibert_softmax (C7)
// CHECK: ivit.ibert_softmax: n must lie in [0, 30], got 31
%x = "test.op"() : () -> (tensor<?x4xi8>)
%y = ivit.ibert_softmax %x x0 4 b 16 c 93 n 31 bits 8 : tensor<?x4xi8> -> tensor<?x4xui8>

// -----

// ivit.ibert_softmax (C8)
// CHECK: ivit.ibert_softmax: int32 sum may wrap: 4 terms of up to 8192 * 2^16; lower n
%x = "test.op"() : () -> (tensor<?x4xi8>)
%y = ivit.ibert_softmax %x x0 4 b 16 c 8192 n 16 bits 8 : tensor<?x4xi8> -> tensor<?x4xui8>

// -----

// ivit.ibert_softmax (C9)
// CHECK: ivit.ibert_softmax: output must have at most 16 bits, got i32
%x = "test.op"() : () -> (tensor<?x4xi8>)
%y = ivit.ibert_softmax %x x0 4 b 16 c 93 n 8 bits 8 : tensor<?x4xi8> -> tensor<?x4xi32>

// -----

// ivit.ibert_softmax (C10)
// CHECK: ivit.ibert_softmax: bits must lie in [1, 7], got 8
%x = "test.op"() : () -> (tensor<?x4xi8>)
%y = ivit.ibert_softmax %x x0 4 b 16 c 93 n 8 bits 8 : tensor<?x4xi8> -> tensor<?x4xi8>

// -----

// ivit.ibert_softmax (C10)
// CHECK: ivit.ibert_softmax: bits must lie in [1, 8], got 0
%x = "test.op"() : () -> (tensor<?x4xi8>)
%y = ivit.ibert_softmax %x x0 4 b 16 c 93 n 8 bits 0 : tensor<?x4xi8> -> tensor<?x4xui8>

// -----

// ivit.ibert_gelu (C1)
// CHECK: Expected attribute i32 but got i16
%x = "test.op"() : () -> (tensor<?x4xi8>)
%y = ivit.ibert_gelu %x b -11 c -111 one -111 shift 0 : tensor<?x4xi8> -> tensor<?x4xi16>

// -----

// ivit.ibert_gelu (C2)
// CHECK: ivit.ibert_gelu: input and output must have the same shape, got [?, 4] and [?, 2]
%x = "test.op"() : () -> (tensor<?x4xi8>)
%y = ivit.ibert_gelu %x b -11 c -111 one -111 shift 0 : tensor<?x4xi8> -> tensor<?x2xi32>

// -----

// ivit.ibert_gelu (C3)
// CHECK: ivit.ibert_gelu: b must lie in [-2^15, -1], got 0
%x = "test.op"() : () -> (tensor<?x4xi8>)
%y = ivit.ibert_gelu %x b 0 c -111 one -111 shift 0 : tensor<?x4xi8> -> tensor<?x4xi32>

// -----

// ivit.ibert_gelu (C3)
// CHECK: ivit.ibert_gelu: b must lie in [-2^15, -1], got -32769
%x = "test.op"() : () -> (tensor<?x4xi8>)
%y = ivit.ibert_gelu %x b -32769 c -111 one -111 shift 0 : tensor<?x4xi8> -> tensor<?x4xi32>

// -----

// ivit.ibert_gelu (C4)
// CHECK: ivit.ibert_gelu: c must lie in [-2^30, -1], got 0
%x = "test.op"() : () -> (tensor<?x4xi8>)
%y = ivit.ibert_gelu %x b -11 c 0 one -111 shift 0 : tensor<?x4xi8> -> tensor<?x4xi32>

// -----

// ivit.ibert_gelu (C5)
// CHECK: ivit.ibert_gelu: shift must lie in [0, 30], got -1
%x = "test.op"() : () -> (tensor<?x4xi8>)
%y = ivit.ibert_gelu %x b -11 c -111 one -111 shift -1 : tensor<?x4xi8> -> tensor<?x4xi32>

// -----

// ivit.ibert_gelu (C6)
// CHECK: ivit.ibert_gelu: int32 may wrap: an input of up to 128 times up to 16777216; use a larger shift or scale
%x = "test.op"() : () -> (tensor<?x4xi8>)
%y = ivit.ibert_gelu %x b -11 c -8388608 one -8388608 shift 0 : tensor<?x4xi8> -> tensor<?x4xi32>

// -----

// ivit.ibert_gelu (C6)
// CHECK: ivit.ibert_gelu: int32 may wrap: an input of up to 32768 times up to 65536; use a larger shift or scale
%x = "test.op"() : () -> (tensor<?x4xi16>)
%y = ivit.ibert_gelu %x b -11 c -1048575 one -65520 shift 16 : tensor<?x4xi16> -> tensor<?x4xi32>

// -----

// ivit.ibert_layernorm (C1)
// CHECK: Expected attribute i32 but got i16
%x, %m, %b = "test.op"() : () -> (tensor<?x4xi16>, tensor<4xi16>, tensor<4xi64>)
%y = ivit.ibert_layernorm %x * %m + %b shift 40 variance_shift 3 : (tensor<?x4xi16>, tensor<4xi16>, tensor<4xi64>) -> tensor<?x4xi8>

// -----

// ivit.ibert_layernorm (C2)
// CHECK: ivit.ibert_layernorm: input and output must have the same shape, got [?, 4] and [?, 1]
%x, %m, %b = "test.op"() : () -> (tensor<?x4xi16>, tensor<4xi32>, tensor<4xi64>)
%y = ivit.ibert_layernorm %x * %m + %b shift 40 variance_shift 3 : (tensor<?x4xi16>, tensor<4xi32>, tensor<4xi64>) -> tensor<?x1xi8>

// -----

// ivit.ibert_layernorm (C3)
// CHECK: ivit.ibert_layernorm: scale and offset must have shape [4], got [1] and [4]
%x, %m, %b = "test.op"() : () -> (tensor<?x4xi16>, tensor<1xi32>, tensor<4xi64>)
%y = ivit.ibert_layernorm %x * %m + %b shift 40 variance_shift 3 : (tensor<?x4xi16>, tensor<1xi32>, tensor<4xi64>) -> tensor<?x4xi8>

// -----

// ivit.ibert_layernorm (C4)
// CHECK: ivit.ibert_layernorm: int64 may wrap: at most 4096 channels, got 4097
%x, %m, %b = "test.op"() : () -> (tensor<?x4097xi16>, tensor<4097xi32>, tensor<4097xi64>)
%y = ivit.ibert_layernorm %x * %m + %b shift 40 variance_shift 3 : (tensor<?x4097xi16>, tensor<4097xi32>, tensor<4097xi64>) -> tensor<?x4097xi8>

// -----

// ivit.ibert_layernorm (C5)
// CHECK: ivit.ibert_layernorm: shift must lie in [1, 62], got 63
%x, %m, %b = "test.op"() : () -> (tensor<?x4xi16>, tensor<4xi32>, tensor<4xi64>)
%y = ivit.ibert_layernorm %x * %m + %b shift 63 variance_shift 3 : (tensor<?x4xi16>, tensor<4xi32>, tensor<4xi64>) -> tensor<?x4xi8>

// -----

// ivit.ibert_layernorm (C6)
// CHECK: ivit.ibert_layernorm: variance_shift must lie in [0, 15], got 16
%x, %m, %b = "test.op"() : () -> (tensor<?x4xi16>, tensor<4xi32>, tensor<4xi64>)
%y = ivit.ibert_layernorm %x * %m + %b shift 40 variance_shift 16 : (tensor<?x4xi16>, tensor<4xi32>, tensor<4xi64>) -> tensor<?x4xi8>
