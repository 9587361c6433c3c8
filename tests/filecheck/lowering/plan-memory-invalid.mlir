// RUN: ivit-opt %s --plan-memory='target="generic"' --verify-diagnostics --split-input-file | filecheck %s

// CHECK: plan-memory: no kernel computes ivit.conv2d; it has to be fused or decomposed first
func.func @main(%x: tensor<?x4x4x1xi8>) -> tensor<?x2x2x2xi32> {
  %w = ivit.constant "w" : tensor<2x2x2x1xi8>
  %b = ivit.constant "b" : tensor<2xi32>
  %c = ivit.conv2d %x, %w, %b : (tensor<?x4x4x1xi8>, tensor<2x2x2x1xi8>, tensor<2xi32>) -> tensor<?x2x2x2xi32>
  func.return %c : tensor<?x2x2x2xi32>
}

// -----

// CHECK: plan-memory: a constant stands where an activation is needed: tensor<1x2x4xi8>
func.func @main(%x: tensor<1x2x4xi8>) -> tensor<1x2x4xi8> {
  %c = ivit.constant "c" : tensor<1x2x4xi8>
  func.return %c : tensor<1x2x4xi8>
}

// -----

// CHECK: plan-memory: the prefix of ivit.prepend_tokens must be a constant
func.func @main(%x: tensor<1x2x4xi8>) -> tensor<1x4x4xi8> {
  %y = ivit.prepend_tokens %x, %x : (tensor<1x2x4xi8>, tensor<1x2x4xi8>) -> tensor<1x4x4xi8>
  func.return %y : tensor<1x4x4xi8>
}

// -----

// CHECK: plan-memory: @main must take one image in one block
func.func @main(%x: tensor<?x2xi8>, %y: tensor<?x2xi8>) -> tensor<?x2xi8> {
  func.return %x : tensor<?x2xi8>
}

// -----

// CHECK: plan-memory: @main must return one tensor
func.func @main(%x: tensor<?x2xi8>) {
  func.return
}

// -----

// CHECK: plan-memory: a module needs one function, got 2
func.func @main(%x: tensor<?x2xi8>) -> tensor<?x2xi8> {
  func.return %x : tensor<?x2xi8>
}
func.func @other(%x: tensor<?x2xi8>) -> tensor<?x2xi8> {
  func.return %x : tensor<?x2xi8>
}
