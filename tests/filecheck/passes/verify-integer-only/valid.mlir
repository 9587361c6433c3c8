// RUN: ivit-opt %s -p verify-integer-only | filecheck %s

// Floats on the boundary are the host's; indices are the extents of reshapes.
// CHECK-LABEL: func.func @allowed
func.func @allowed(%x: tensor<?x2x8xi8>) -> tensor<?x16xi8> attributes {
    ivit.input = {kind = "quantized", scale = 1.0 : f64}, ivit.output = {scale = [0.5, 1.0]}} {
  %zero = arith.constant 0 : index
  %batch = tensor.dim %x, %zero : tensor<?x2x8xi8>
  %y = tensor.collapse_shape %x [[0], [1, 2]] : tensor<?x2x8xi8> into tensor<?x16xi8>
  func.return %y : tensor<?x16xi8>
}
