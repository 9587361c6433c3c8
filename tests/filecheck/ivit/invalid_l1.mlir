// RUN: ivit-opt %s --verify-diagnostics --split-input-file | filecheck %s

// ivit.l1_layernorm (C1)
// CHECK: Expected one of i2..i16 but got i32
%x, %m, %b = "test.op"() : () -> (tensor<?x4xi32>, tensor<4xi32>, tensor<4xi64>)
%y = ivit.l1_layernorm %x * %m + %b shift 40 : (tensor<?x4xi32>, tensor<4xi32>, tensor<4xi64>) -> tensor<?x4xi8>

// -----

// ivit.l1_layernorm (C2)
// CHECK: ivit.l1_layernorm: input and output must have the same shape, got [?, 4] and [?, 1]
%x, %m, %b = "test.op"() : () -> (tensor<?x4xi16>, tensor<4xi32>, tensor<4xi64>)
%y = ivit.l1_layernorm %x * %m + %b shift 40 : (tensor<?x4xi16>, tensor<4xi32>, tensor<4xi64>) -> tensor<?x1xi8>

// -----

// ivit.l1_layernorm (C3)
// CHECK: ivit.l1_layernorm: scale and offset must have shape [4], got [4] and [3]
%x, %m, %b = "test.op"() : () -> (tensor<?x4xi16>, tensor<4xi32>, tensor<3xi64>)
%y = ivit.l1_layernorm %x * %m + %b shift 40 : (tensor<?x4xi16>, tensor<4xi32>, tensor<3xi64>) -> tensor<?x4xi8>

// -----

// ivit.l1_layernorm (C4)
// CHECK: ivit.l1_layernorm: int32 sums may wrap: at most 16384 channels, got 16385
%x, %m, %b = "test.op"() : () -> (tensor<?x16385xi16>, tensor<16385xi32>, tensor<16385xi64>)
%y = ivit.l1_layernorm %x * %m + %b shift 40 : (tensor<?x16385xi16>, tensor<16385xi32>, tensor<16385xi64>) -> tensor<?x16385xi8>

// -----

// ivit.l1_layernorm (C5)
// CHECK: ivit.l1_layernorm: shift must lie in [1, 62], got 0
%x, %m, %b = "test.op"() : () -> (tensor<?x4xi16>, tensor<4xi32>, tensor<4xi64>)
%y = ivit.l1_layernorm %x * %m + %b shift 0 : (tensor<?x4xi16>, tensor<4xi32>, tensor<4xi64>) -> tensor<?x4xi8>
