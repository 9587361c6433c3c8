// RUN: ivit-opt %s -p verify-integer-only --split-input-file --verify-diagnostics | filecheck %s

// CHECK: simulation.mlir:{{[0-9]+}}: ivit_float.softmax computes in floating point: choose another family than float for it, as softmax=exact; or, to simulate, say softmax=float, gelu=float or layernorm=float to --lower-to-int
func.func @main(%x: tensor<?x4xi32>) -> tensor<?x4xui8> {
  %y = ivit_float.softmax %x scale 0.125 to 0.5 : tensor<?x4xi32> -> tensor<?x4xui8>
  func.return %y : tensor<?x4xui8>
}

// -----

// A module that says of itself that it simulates.
// CHECK: ivit.simulation = ["layernorm"]
// CHECK: ivit_float.layernorm
builtin.module attributes {ivit.simulation = ["layernorm"]} {
  func.func @main(%x: tensor<?x4xi16>) -> tensor<?x4xi8> {
    %w = ivit_float.constant "w" : tensor<4xf64>
    %y = ivit_float.layernorm %x * %w + %w epsilon 0.0 scale 0.125 to 0.5
      : (tensor<?x4xi16>, tensor<4xf64>, tensor<4xf64>) -> tensor<?x4xi8>
    func.return %y : tensor<?x4xi8>
  }
}

// -----

// Other floats it may not have.
// CHECK: ivit.add has a float: attribute hint
builtin.module attributes {ivit.simulation = ["softmax"]} {
  func.func @main(%x: tensor<?x4xi8>) -> tensor<?x4xi8> {
    %y = ivit.add %x, %x {hint = 1.0 : f32} : (tensor<?x4xi8>, tensor<?x4xi8>) -> tensor<?x4xi8>
    func.return %y : tensor<?x4xi8>
  }
}
