// RUN: not ivit-opt %s --lower-to-int=width=8 2>&1 | filecheck %s --check-prefix OPTION
// RUN: not ivit-opt missing.mlir 2>&1 | filecheck %s --check-prefix MISSING
// RUN: not ivit-opt %s --conv2d-to-linear 2>&1 | filecheck %s --check-prefix WEIGHT
// RUN: not ivit-opt %s --conv2d-to-linear -o %t.mlir 2>&1 && not ls %t.mlir

// OPTION: ivit-opt: error: --lower-to-int has no option 'width' (options: calibration, mean, std, recipe, softmax, gelu,
// MISSING: ivit-opt: error: missing.mlir: no such file
// WEIGHT: ivit-opt: error: weight 'w' is not at hand: give the safetensors file that belongs to the module

func.func @main(%x: tensor<?x4x4x1xi8>) -> tensor<?x4x2xi32> {
  %w = ivit.constant "w" : tensor<2x2x2x1xi8>
  %b = ivit.constant "b" : tensor<2xi32>
  %c = ivit.conv2d %x, %w, %b : (tensor<?x4x4x1xi8>, tensor<2x2x2x1xi8>, tensor<2xi32>) -> tensor<?x2x2x2xi32>
  %t = tensor.collapse_shape %c [[0], [1, 2], [3]] : tensor<?x2x2x2xi32> into tensor<?x4x2xi32>
  func.return %t : tensor<?x4x2xi32>
}
