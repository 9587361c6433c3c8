// RUN: ivit-opt %s -p verify-integer-only --split-input-file --verify-diagnostics | filecheck %s

// CHECK: invalid.mlir:{{[0-9]+}}: arith.addi is not an integer op: only ivit, func, tensor, builtin ops may take part
func.func @foreign_op(%x: i32) -> i32 {
  %y = arith.addi %x, %x : i32
  func.return %y : i32
}

// -----

// CHECK: invalid.mlir:{{[0-9]+}}: arith.constant is not an integer op
func.func @value_constant() {
  %y = arith.constant 3 : i32
  func.return
}

// -----

// CHECK: func.func has a float: argument of type tensor<4xf32>
func.func @argument(%x: tensor<4xf32>) {
  func.return
}

// -----

// CHECK: func.func has a float: attribute function_type = () -> f64
func.func private @declaration() -> f64

// -----

// CHECK: tensor.empty has a float: result of type tensor<4xbf16>
func.func @result() {
  %x = tensor.empty() : tensor<4xbf16>
  func.return
}

// -----

// CHECK: ivit.isqrt has a float: attribute note = {list = [1.000000e+00 : f32]}
func.func @nested_attribute(%x: tensor<4xi64>) {
  %y = ivit.isqrt %x {note = {list = [1.0 : f32]}} : tensor<4xi64> -> tensor<4xi64>
  func.return
}

// -----

// The boundary's attributes mean nothing elsewhere.
// CHECK: ivit.isqrt has a float: attribute ivit.input = 1.000000e+00 : f64
func.func @boundary_on_op(%x: tensor<4xi64>) {
  %y = ivit.isqrt %x {ivit.input = 1.0} : tensor<4xi64> -> tensor<4xi64>
  func.return
}

// -----

// CHECK: builtin.module has a float: attribute tolerance = 1.000000e-05 : f64
builtin.module attributes {tolerance = 1.0e-05} {
}
