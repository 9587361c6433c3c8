// RUN: ivit-opt %s --verify-diagnostics --split-input-file | filecheck %s

// CHECK: Expected one of i2..i16, ui2..ui16, i32, i64 but got f32
%x = "test.op"() : () -> tensor<?x4xf32>
%y = ivit_float.softmax %x scale 1.0 to 1.0 : tensor<?x4xf32> -> tensor<?x4xi8>

// -----

// CHECK: ivit_float.softmax: input and output must have the same shape, got [?, 4] and [?, 1]
%x = "test.op"() : () -> tensor<?x4xi8>
%y = ivit_float.softmax %x scale 1.0 to 1.0 : tensor<?x4xi8> -> tensor<?x1xi8>

// -----

// CHECK: ivit_float.softmax: input_scale must be positive and finite, got 0.0
%x = "test.op"() : () -> tensor<?x4xi8>
%y = ivit_float.softmax %x scale 0.0 to 1.0 : tensor<?x4xi8> -> tensor<?x4xi8>

// -----

// CHECK: ivit_float.softmax: output_scale must be positive and finite, got -1.0
%x = "test.op"() : () -> tensor<?x4xi8>
%y = ivit_float.softmax %x scale 1.0 to -1.0 : tensor<?x4xi8> -> tensor<?x4xi8>

// -----

// CHECK: ivit_float.softmax: zero_point must lie in [0, 255], got -1
%x = "test.op"() : () -> tensor<?x4xi8>
%y = ivit_float.softmax %x scale 1.0 to 1.0 zero_point -1 : tensor<?x4xi8> -> tensor<?x4xui8>

// -----

// CHECK: ivit_float.gelu: approximate must be none or tanh, got erf
%x = "test.op"() : () -> tensor<?x4xi8>
%y = ivit_float.gelu %x scale 1.0 to 1.0 approximate "erf" : tensor<?x4xi8> -> tensor<?x4xi8>

// -----

// CHECK: ivit_float.layernorm: weight and bias must have shape [4], got [4] and [3]
%x, %w, %b = "test.op"() : () -> (tensor<?x4xi8>, tensor<4xf64>, tensor<3xf64>)
%y = ivit_float.layernorm %x * %w + %b epsilon 0.0 scale 1.0 to 1.0 : (tensor<?x4xi8>, tensor<4xf64>, tensor<3xf64>) -> tensor<?x4xi8>

// -----

// CHECK: ivit_float.layernorm: epsilon must not be negative, got -1.0
%x, %w = "test.op"() : () -> (tensor<?x4xi8>, tensor<4xf64>)
%y = ivit_float.layernorm %x * %w + %w epsilon -1.0 scale 1.0 to 1.0 : (tensor<?x4xi8>, tensor<4xf64>, tensor<4xf64>) -> tensor<?x4xi8>
