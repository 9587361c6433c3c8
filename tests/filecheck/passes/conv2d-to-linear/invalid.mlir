// RUN: ivit-opt %s --conv2d-to-linear --verify-diagnostics --split-input-file | filecheck %s

// CHECK: {{.*}}:7: ivit.conv2d %c: its only user must be a tensor.collapse_shape to [N, tokens, channels]
func.func @main(%x: tensor<?x4x4x1xi8>) -> tensor<?x2x2x2xi32> {
  %w = ivit.constant "w" : tensor<2x2x2x1xi8>
  %b = ivit.constant "b" : tensor<2xi32>
  %c = ivit.conv2d %x, %w, %b : (tensor<?x4x4x1xi8>, tensor<2x2x2x1xi8>, tensor<2xi32>) -> tensor<?x2x2x2xi32>
  func.return %c : tensor<?x2x2x2xi32>
}

// -----

// CHECK: {{.*}}: ivit.conv2d %c: its weight must come from an ivit.constant
func.func @main(%x: tensor<?x4x4x1xi8>, %w: tensor<2x2x2x1xi8>, %b: tensor<2xi32>) -> tensor<?x4x2xi32> {
  %c = ivit.conv2d %x, %w, %b : (tensor<?x4x4x1xi8>, tensor<2x2x2x1xi8>, tensor<2xi32>) -> tensor<?x2x2x2xi32>
  %t = tensor.collapse_shape %c [[0], [1, 2], [3]] : tensor<?x2x2x2xi32> into tensor<?x4x2xi32>
  func.return %t : tensor<?x4x2xi32>
}
