// RUN: ivit-opt %s | ivit-opt | filecheck %s
// RUN: ivit-opt %s --print-op-generic | filecheck %s --check-prefix=GENERIC

%x, %s = "test.op"() : () -> (tensor<?x4xi16>, tensor<?x4xi32>)

// CHECK: %w = ivit_float.constant "w" : tensor<4xf64>
// GENERIC: %w = "ivit_float.constant"() <{key = "w"}> : () -> tensor<4xf64>
%w = ivit_float.constant "w" : tensor<4xf64>

// CHECK: ivit_float.softmax %s scale 1.250000e-01 to 5.000000e-01 : tensor<?x4xi32> -> tensor<?x4xui8>
// GENERIC: "ivit_float.softmax"(%s) <{input_scale = 1.250000e-01 : f64, output_scale = 5.000000e-01 : f64}> : (tensor<?x4xi32>) -> tensor<?x4xui8>
%0 = ivit_float.softmax %s scale 1.250000e-01 to 5.000000e-01 : tensor<?x4xi32> -> tensor<?x4xui8>

// CHECK: ivit_float.gelu %x scale 1.250000e-01 zero_point 3 to 5.000000e-01 zero_point -9 approximate "none" : tensor<?x4xi16> -> tensor<?x4xi8>
%1 = ivit_float.gelu %x scale 1.250000e-01 zero_point 3 to 5.000000e-01 zero_point -9 approximate "none" : tensor<?x4xi16> -> tensor<?x4xi8>

// CHECK: ivit_float.layernorm %x * %w + %w epsilon 1.000000e-06 scale 1.250000e-01 to 5.000000e-01 zero_point -9 : (tensor<?x4xi16>, tensor<4xf64>, tensor<4xf64>) -> tensor<?x4xi8>
%2 = ivit_float.layernorm %x * %w + %w epsilon 1.000000e-06 scale 1.250000e-01 to 5.000000e-01 zero_point -9 : (tensor<?x4xi16>, tensor<4xf64>, tensor<4xf64>) -> tensor<?x4xi8>
