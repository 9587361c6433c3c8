// RUN: ivit-opt %s --prove-no-overflow --verify-diagnostics --split-input-file | filecheck %s

// A bias that is an argument may be any int32, as may one whose weights are not at hand.

// CHECK: unknown.mlir:{{[0-9]+}}: ivit.linear %a: the int32 accumulator of output channel 0 can reach [-2147516160, 2147516415]; the values of its weight and bias are not known here and count as any of their type: make them constants and give the weights
func.func @bias(%x: tensor<?x5x2xi8>, %w: tensor<2x2xi8>, %b: tensor<2xi32>) -> tensor<?x5x2xi32> {
  %a = ivit.linear %x, %w, %b : (tensor<?x5x2xi8>, tensor<2x2xi8>, tensor<2xi32>) -> tensor<?x5x2xi32>
  func.return %a : tensor<?x5x2xi32>
}

// -----

// CHECK: ivit.conv2d %a: the int32 accumulator of output channel 0 can reach [-2147548928, 2147548417]; the values of its weight and bias
func.func @convolution(%x: tensor<?x1x2x1xui8>) -> tensor<?x1x1x1xi32> {
  %w = ivit.constant "w" : tensor<1x1x2x1xi8>
  %b = ivit.constant "b" : tensor<1xi32>
  %a = ivit.conv2d %x, %w, %b : (tensor<?x1x2x1xui8>, tensor<1x1x2x1xi8>, tensor<1xi32>) -> tensor<?x1x1x1xi32>
  func.return %a : tensor<?x1x1x1xi32>
}

// -----

// CHECK: ivit.layernorm %y: scale 2147483648 and offset 9223372036854775808 can wrap 64 bits; the values of its scale and offset
func.func @layernorm(%x: tensor<?x2xi16>, %m: tensor<2xi32>, %b: tensor<2xi64>) -> tensor<?x2xi8> {
  %y = ivit.layernorm %x * %m + %b shift 20 epsilon 1 : (tensor<?x2xi16>, tensor<2xi32>, tensor<2xi64>) -> tensor<?x2xi8>
  func.return %y : tensor<?x2xi8>
}

// -----

// CHECK: ivit.ibert_layernorm %y: scale 2147483648 and offset 9223372036854775808 can wrap 64 bits; the values of its scale and offset
func.func @ibert_layernorm(%x: tensor<?x2xi16>, %m: tensor<2xi32>, %b: tensor<2xi64>) -> tensor<?x2xi8> {
  %y = ivit.ibert_layernorm %x * %m + %b shift 20 variance_shift 3 : (tensor<?x2xi16>, tensor<2xi32>, tensor<2xi64>) -> tensor<?x2xi8>
  func.return %y : tensor<?x2xi8>
}

// -----

// CHECK: ivit.i_layernorm %y: scale 2147483648 and offset 9223372036854775808 can wrap 64 bits; the values of its scale and offset
func.func @i_layernorm(%x: tensor<?x2xi16>, %m: tensor<2xi32>, %b: tensor<2xi64>) -> tensor<?x2xi8> {
  %y = ivit.i_layernorm %x * %m + %b shift 20 : (tensor<?x2xi16>, tensor<2xi32>, tensor<2xi64>) -> tensor<?x2xi8>
  func.return %y : tensor<?x2xi8>
}

// -----

// CHECK: ivit.affine %y: scale 2147483648 and offset 9223372036854775808 can wrap 64 bits; the values of its scale and offset
func.func @affine(%x: tensor<?x2xi32>, %m: tensor<2xi32>, %b: tensor<2xi64>) -> tensor<?x2xi8> {
  %y = ivit.affine %x * %m + %b shift 20 : (tensor<?x2xi32>, tensor<2xi32>, tensor<2xi64>) -> tensor<?x2xi8>
  func.return %y : tensor<?x2xi8>
}

// -----

// CHECK: ivit.matmul %c: its int32 accumulators can reach [-2147418112, 2147483648]; take the i16 side from ivit.shiftmax
func.func @probabilities(%p: tensor<?x1x4x512xi16>, %v: tensor<?x1x512x8xi8>) -> tensor<?x1x4x8xi32> {
  %c = ivit.matmul %p, %v : (tensor<?x1x4x512xi16>, tensor<?x1x512x8xi8>) -> tensor<?x1x4x8xi32>
  func.return %c : tensor<?x1x4x8xi32>
}

// -----

// CHECK: ivit.softmax %e: a score can lie 4294967295 below its row's maximum, which times 2147483647 plus 2^34 can wrap 64 bits; halve the multiplier and lower the shift by 1
func.func @softmax(%s: tensor<?x4xi32>, %t: tensor<256xui8>) -> tensor<?x4xui8> {
  %e, %sum = ivit.softmax %s * 2147483647 shift 35 table %t : (tensor<?x4xi32>, tensor<256xui8>) -> tensor<?x4xui8>, tensor<?x1xi32>
  func.return %e : tensor<?x4xui8>
}

// -----

// CHECK: ivit.softmax %e: the int32 sum of 8421505 codes can reach 2147483775; take shorter rows
func.func @codes(%s: tensor<?x8421505xi32>, %t: tensor<256xui8>) -> tensor<?x1xi32> {
  %e, %sum = ivit.softmax %s * 1 shift 1 table %t : (tensor<?x8421505xi32>, tensor<256xui8>) -> tensor<?x8421505xui8>, tensor<?x1xi32>
  func.return %sum : tensor<?x1xi32>
}

// -----

// CHECK: ivit.attention %y: a score can lie 4278124800 below its row's maximum, which times 2147483647 plus 2^61 can wrap 64 bits
func.func @attention(%q: tensor<?x4x131070xi8>, %t: tensor<256xui8>) -> tensor<?x4x131070xi8> {
  %y = ivit.attention %q, %q, %q heads 1 softmax #ivit.delta_softmax<multiplier = 2147483647, shift = 62, dividend = 1048576, context_shift = 20> table(%t : tensor<256xui8>) : (tensor<?x4x131070xi8>, tensor<?x4x131070xi8>, tensor<?x4x131070xi8>) -> tensor<?x4x131070xi8>
  func.return %y : tensor<?x4x131070xi8>
}
