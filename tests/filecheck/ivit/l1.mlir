// RUN: ivit-opt %s | ivit-opt | filecheck %s
// RUN: ivit-opt %s --print-op-generic | filecheck %s --check-prefix=GENERIC

%x16, %scale, %offset = "test.op"() : () -> (tensor<?x4xi16>, tensor<4xi32>, tensor<4xi64>)

// CHECK: ivit.l1_layernorm %x16 * %scale + %offset shift 40 : (tensor<?x4xi16>, tensor<4xi32>, tensor<4xi64>) -> tensor<?x4xi8>
// GENERIC: "ivit.l1_layernorm"(%x16, %scale, %offset) <{shift = 40 : i64}> : (tensor<?x4xi16>, tensor<4xi32>, tensor<4xi64>) -> tensor<?x4xi8>
%0 = ivit.l1_layernorm %x16 * %scale + %offset shift 40 : (tensor<?x4xi16>, tensor<4xi32>, tensor<4xi64>) -> tensor<?x4xi8>
