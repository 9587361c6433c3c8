// RUN: ivit-opt %s --verify-diagnostics --split-input-file | filecheck %s

// ivit.log_int_softmax (C1)
// CHECK: Expected one of i2..i8 but got i16
%x = "test.op"() : () -> (tensor<?x4xi16>)
%y = ivit.log_int_softmax %x x0 4 b 16 c 93 n 8 bits 4 : tensor<?x4xi16> -> tensor<?x4xui8>

// -----

// ivit.log_int_softmax (C2)
// CHECK: ivit.log_int_softmax: input and output must have the same shape, got [?, 4] and [?, 1]
%x = "test.op"() : () -> (tensor<?x4xi8>)
%y = ivit.log_int_softmax %x x0 4 b 16 c 93 n 8 bits 4 : tensor<?x4xi8> -> tensor<?x1xui8>

// -----

// ivit.log_int_softmax (C3)
// CHECK: ivit.log_int_softmax: x0 must lie in [1, 2^24), got 0
%x = "test.op"() : () -> (tensor<?x4xi8>)
%y = ivit.log_int_softmax %x x0 0 b 16 c 93 n 8 bits 4 : tensor<?x4xi8> -> tensor<?x4xui8>

// -----

// ivit.log_int_softmax (C4)
// CHECK: ivit.log_int_softmax: b must lie in [x0 - 1, 2^31), got 2
%x = "test.op"() : () -> (tensor<?x4xi8>)
%y = ivit.log_int_softmax %x x0 4 b 2 c 93 n 8 bits 4 : tensor<?x4xi8> -> tensor<?x4xui8>

// -----

// ivit.log_int_softmax (C5)
// CHECK: ivit.log_int_softmax: c must lie in [1, 2^31), got 0
%x = "test.op"() : () -> (tensor<?x4xi8>)
%y = ivit.log_int_softmax %x x0 4 b 16 c 0 n 8 bits 4 : tensor<?x4xi8> -> tensor<?x4xui8>

// -----

// ivit.log_int_softmax (C6)
// CHECK: ivit.log_int_softmax: r*(r + b) + c must not be negative for r in (-x0, 0], got -1 for -3
%x = "test.op"() : () -> (tensor<?x4xi8>)
%y = ivit.log_int_softmax %x x0 4 b 16 c 38 n 8 bits 4 : tensor<?x4xi8> -> tensor<?x4xui8>

// -----

// ivit.log_int_softmax (C7)
// CHECK: ivit.log_int_softmax: n must lie in [0, 30], got 31
%x = "test.op"() : () -> (tensor<?x4xi8>)
%y = ivit.log_int_softmax %x x0 4 b 16 c 93 n 31 bits 4 : tensor<?x4xi8> -> tensor<?x4xui8>

// -----

// ivit.log_int_softmax (C8)
// CHECK: ivit.log_int_softmax: int32 sum may wrap: 4 terms of up to 8192 * 2^16; lower n
%x = "test.op"() : () -> (tensor<?x4xi8>)
%y = ivit.log_int_softmax %x x0 4 b 16 c 8192 n 16 bits 4 : tensor<?x4xi8> -> tensor<?x4xui8>

// -----

// ivit.log_int_softmax (C9)
// CHECK: ivit.log_int_softmax: bits must lie in [1, 4], got 5
%x = "test.op"() : () -> (tensor<?x4xi8>)
%y = ivit.log_int_softmax %x x0 4 b 16 c 93 n 8 bits 5 : tensor<?x4xi8> -> tensor<?x4xui8>

// -----

// ivit.ptf_layernorm (C1)
// CHECK: Expected one of i2..i8 but got i16
%x, %f, %m, %b = "test.op"() : () -> (tensor<?x4xi16>, tensor<4xi8>, tensor<4xi32>, tensor<4xi64>)
%y = ivit.ptf_layernorm %x factors %f * %m + %b shift 4 zero_point 0 epsilon 1 : (tensor<?x4xi16>, tensor<4xi8>, tensor<4xi32>, tensor<4xi64>) -> tensor<?x4xi8>

// -----

// ivit.ptf_layernorm (C2)
// CHECK: ivit.ptf_layernorm: input and output must have the same shape, got [?, 4] and [?, 1]
%x, %f, %m, %b = "test.op"() : () -> (tensor<?x4xi8>, tensor<4xi8>, tensor<4xi32>, tensor<4xi64>)
%y = ivit.ptf_layernorm %x factors %f * %m + %b shift 4 zero_point 0 epsilon 1 : (tensor<?x4xi8>, tensor<4xi8>, tensor<4xi32>, tensor<4xi64>) -> tensor<?x1xi8>

// -----

// ivit.ptf_layernorm (C3)
// CHECK: ivit.ptf_layernorm: factors must have shape [4], got [3]
%x, %f, %m, %b = "test.op"() : () -> (tensor<?x4xi8>, tensor<3xi8>, tensor<4xi32>, tensor<4xi64>)
%y = ivit.ptf_layernorm %x factors %f * %m + %b shift 4 zero_point 0 epsilon 1 : (tensor<?x4xi8>, tensor<3xi8>, tensor<4xi32>, tensor<4xi64>) -> tensor<?x4xi8>

// -----

// ivit.ptf_layernorm (C3)
// CHECK: ivit.ptf_layernorm: offset must have shape [4], got [1]
%x, %f, %m, %b = "test.op"() : () -> (tensor<?x4xi8>, tensor<4xi8>, tensor<4xi32>, tensor<1xi64>)
%y = ivit.ptf_layernorm %x factors %f * %m + %b shift 4 zero_point 0 epsilon 1 : (tensor<?x4xi8>, tensor<4xi8>, tensor<4xi32>, tensor<1xi64>) -> tensor<?x4xi8>

// -----

// ivit.ptf_layernorm (C4)
// CHECK: ivit.ptf_layernorm: at most 4096 channels can be normalised, got 4097
%x, %f, %m, %b = "test.op"() : () -> (tensor<?x4097xi8>, tensor<4097xi8>, tensor<4097xi32>, tensor<4097xi64>)
%y = ivit.ptf_layernorm %x factors %f * %m + %b shift 4 zero_point 0 epsilon 1 : (tensor<?x4097xi8>, tensor<4097xi8>, tensor<4097xi32>, tensor<4097xi64>) -> tensor<?x4097xi8>

// -----

// ivit.ptf_layernorm (C5)
// CHECK: ivit.ptf_layernorm: shift must lie in [1, 62], got 63
%x, %f, %m, %b = "test.op"() : () -> (tensor<?x4xi8>, tensor<4xi8>, tensor<4xi32>, tensor<4xi64>)
%y = ivit.ptf_layernorm %x factors %f * %m + %b shift 63 zero_point 0 epsilon 1 : (tensor<?x4xi8>, tensor<4xi8>, tensor<4xi32>, tensor<4xi64>) -> tensor<?x4xi8>

// -----

// ivit.ptf_layernorm (C6)
// CHECK: ivit.ptf_layernorm: zero_point must lie in [-128, 127], got 128
%x, %f, %m, %b = "test.op"() : () -> (tensor<?x4xi8>, tensor<4xi8>, tensor<4xi32>, tensor<4xi64>)
%y = ivit.ptf_layernorm %x factors %f * %m + %b shift 4 zero_point 128 epsilon 1 : (tensor<?x4xi8>, tensor<4xi8>, tensor<4xi32>, tensor<4xi64>) -> tensor<?x4xi8>

// -----

// ivit.ptf_layernorm (C7)
// CHECK: ivit.ptf_layernorm: epsilon must lie in [1, 2^56), got 0
%x, %f, %m, %b = "test.op"() : () -> (tensor<?x4xi8>, tensor<4xi8>, tensor<4xi32>, tensor<4xi64>)
%y = ivit.ptf_layernorm %x factors %f * %m + %b shift 4 zero_point 0 epsilon 0 : (tensor<?x4xi8>, tensor<4xi8>, tensor<4xi32>, tensor<4xi64>) -> tensor<?x4xi8>
