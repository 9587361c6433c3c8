// RUN: ivit-opt %s --plan-memory='target="generic"' --verify-diagnostics --split-input-file | filecheck %s

// CHECK: plan-memory: {{.*}}:7: ivit.conv2d %c: no kernel computes ivit.conv2d; run --conv2d-to-linear (or --fuse) first
func.func @main(%x: tensor<?x4x4x1xi8>) -> tensor<?x2x2x2xi32> {
  %w = ivit.constant "w" : tensor<2x2x2x1xi8>
  %b = ivit.constant "b" : tensor<2xi32>
  %c = ivit.conv2d %x, %w, %b : (tensor<?x4x4x1xi8>, tensor<2x2x2x1xi8>, tensor<2xi32>) -> tensor<?x2x2x2xi32>
  func.return %c : tensor<?x2x2x2xi32>
}

// -----

// CHECK: plan-memory: {{.*}}:{{[0-9]+}}: %c : tensor<1x2x4xi8> is a constant where an activation is needed
func.func @main(%x: tensor<1x2x4xi8>) -> tensor<1x2x4xi8> {
  %c = ivit.constant "c" : tensor<1x2x4xi8>
  func.return %c : tensor<1x2x4xi8>
}

// -----

// CHECK: plan-memory: {{.*}}:{{[0-9]+}}: %x : tensor<1x2x4xi8> must be a constant, as the prefix of ivit.prepend_tokens at {{.*}}:{{[0-9]+}}
func.func @main(%x: tensor<1x2x4xi8>) -> tensor<1x4x4xi8> {
  %y = ivit.prepend_tokens %x, %x : (tensor<1x2x4xi8>, tensor<1x2x4xi8>) -> tensor<1x4x4xi8>
  func.return %y : tensor<1x4x4xi8>
}

// -----

// CHECK: plan-memory: {{.*}}:{{[0-9]+}}: @main must take one image in one block
func.func @main(%x: tensor<?x2xi8>, %y: tensor<?x2xi8>) -> tensor<?x2xi8> {
  func.return %x : tensor<?x2xi8>
}

// -----

// CHECK: plan-memory: {{.*}}:{{[0-9]+}}: @main must return one tensor
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

// -----

// CHECK: plan-memory: {{.*}}:{{[0-9]+}}: @main must take a tensor of integers, got tensor<?x2xf32>: lower it first
func.func @main(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  func.return %x : tensor<?x2xf32>
}

// -----

// CHECK: plan-memory: {{.*}}:{{[0-9]+}}: %x : tensor<?x?x2xi8> cannot be planned: extents must be positive, and only the first may be dynamic
func.func @main(%x: tensor<?x?x2xi8>) -> tensor<?x?x2xi8> {
  func.return %x : tensor<?x?x2xi8>
}

// -----

// CHECK: plan-memory: {{.*}}:{{[0-9]+}}: %x : tensor<4x4xi8> must be a constant: a kernel packs it
func.func @main(%x: tensor<4x4xi8>) -> tensor<4x4xi32> {
  %b = ivit.constant "b" : tensor<4xi32>
  %y = ivit.linear %x, %x, %b : (tensor<4x4xi8>, tensor<4x4xi8>, tensor<4xi32>) -> tensor<4x4xi32>
  func.return %y : tensor<4x4xi32>
}

// -----

// CHECK: plan-memory: {{.*}}:{{[0-9]+}}: ivit.attention %y: a head of 32769 channels is too wide, at most 32768
func.func @main(%x: tensor<?x1x32769xi8>) -> tensor<?x1x32769xi8> {
  %exp = ivit.constant "exp" : tensor<256xui8>
  %y = ivit.attention %x, %x, %x heads 1 softmax #ivit.delta_softmax<
      multiplier = 1717986918, shift = 38, dividend = 274877906944, context_shift = 30>
    table(%exp : tensor<256xui8>)
    : (tensor<?x1x32769xi8>, tensor<?x1x32769xi8>, tensor<?x1x32769xi8>) -> tensor<?x1x32769xi8>
  func.return %y : tensor<?x1x32769xi8>
}

// -----

// CHECK: plan-memory: {{.*}}:{{[0-9]+}}: ivit_float.softmax simulates floating point, which only the interpreter runs: choose another family than float for softmax, gelu and layernorm
func.func @main(%x: tensor<?x4xi32>) -> tensor<?x4xui8> {
  %y = ivit_float.softmax %x scale 0.125 to 0.5 : tensor<?x4xi32> -> tensor<?x4xui8>
  func.return %y : tensor<?x4xui8>
}
