// RUN: ivit-opt %s | ivit-opt | filecheck %s
// RUN: ivit-opt %s --print-op-generic | filecheck %s --check-prefix=GENERIC

%x8, %x16, %scale, %offset = "test.op"() : () -> (tensor<?x4xi8>, tensor<?x4xi16>, tensor<4xi32>, tensor<4xi64>)

// CHECK: ivit.ibert_softmax %x8 x0 4 b 16 c 93 n 8 bits 15 : tensor<?x4xi8> -> tensor<?x4xi16>
// GENERIC: "ivit.ibert_softmax"(%x8) <{x0 = 4 : i64, b = 16 : i64, c = 93 : i64, n = 8 : i64, bits = 15 : i64}> : (tensor<?x4xi8>) -> tensor<?x4xi16>
%0 = ivit.ibert_softmax %x8 x0 4 b 16 c 93 n 8 bits 15 : tensor<?x4xi8> -> tensor<?x4xi16>

// CHECK: ivit.ibert_gelu %x8 b -11 c -111 one -7 shift 4 : tensor<?x4xi8> -> tensor<?x4xi32>
// GENERIC: "ivit.ibert_gelu"(%x8) <{b = -11 : i64, c = -111 : i64, one = -7 : i64, shift = 4 : i64}> : (tensor<?x4xi8>) -> tensor<?x4xi32>
%1 = ivit.ibert_gelu %x8 b -11 c -111 one -7 shift 4 : tensor<?x4xi8> -> tensor<?x4xi32>

// CHECK: ivit.ibert_layernorm %x16 * %scale + %offset shift 40 variance_shift 3 : (tensor<?x4xi16>, tensor<4xi32>, tensor<4xi64>) -> tensor<?x4xi8>
// GENERIC: "ivit.ibert_layernorm"(%x16, %scale, %offset) <{shift = 40 : i64, variance_shift = 3 : i64}> : (tensor<?x4xi16>, tensor<4xi32>, tensor<4xi64>) -> tensor<?x4xi8>
%2 = ivit.ibert_layernorm %x16 * %scale + %offset shift 40 variance_shift 3 : (tensor<?x4xi16>, tensor<4xi32>, tensor<4xi64>) -> tensor<?x4xi8>
