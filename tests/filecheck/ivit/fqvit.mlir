// RUN: ivit-opt %s | ivit-opt | filecheck %s
// RUN: ivit-opt %s --print-op-generic | filecheck %s --check-prefix=GENERIC

%x8, %f, %m, %b = "test.op"() : () -> (tensor<?x4xi8>, tensor<4xi8>, tensor<4xi32>, tensor<4xi64>)

// CHECK: ivit.log_int_softmax %x8 x0 4 b 16 c 93 n 8 bits 4 : tensor<?x4xi8> -> tensor<?x4xui8>
// GENERIC: "ivit.log_int_softmax"(%x8) <{x0 = 4 : i64, b = 16 : i64, c = 93 : i64, n = 8 : i64, bits = 4 : i64}> : (tensor<?x4xi8>) -> tensor<?x4xui8>
%0 = ivit.log_int_softmax %x8 x0 4 b 16 c 93 n 8 bits 4 : tensor<?x4xi8> -> tensor<?x4xui8>

// CHECK: ivit.ptf_layernorm %x8 factors %f * %m + %b shift 4 zero_point -3 epsilon 1 : (tensor<?x4xi8>, tensor<4xi8>, tensor<4xi32>, tensor<4xi64>) -> tensor<?x4xi8>
// GENERIC: "ivit.ptf_layernorm"(%x8, %f, %m, %b) <{shift = 4 : i64, zero_point = -3 : i64, epsilon = 1 : i64}> : (tensor<?x4xi8>, tensor<4xi8>, tensor<4xi32>, tensor<4xi64>) -> tensor<?x4xi8>
%1 = ivit.ptf_layernorm %x8 factors %f * %m + %b shift 4 zero_point -3 epsilon 1 : (tensor<?x4xi8>, tensor<4xi8>, tensor<4xi32>, tensor<4xi64>) -> tensor<?x4xi8>
