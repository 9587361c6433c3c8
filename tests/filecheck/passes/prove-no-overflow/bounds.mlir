// RUN: ivit-opt %s --prove-no-overflow | filecheck %s

// Weights and bias are bounded apart. Unknown weights count as [-128, 127], so that each product lies in
// [-16256, 16384]; known ones as sums of positive and negative weights: channel 0 has weights 1, -2 and
// bias 5: [5 - 128 - 254, 5 + 127 + 256] = [-377, 388].

// CHECK-LABEL: func.func @types
func.func @types(%x: tensor<?x5x2xi8>, %w: tensor<1x2xi8>) -> tensor<?x5x1xi32> {
  // CHECK: ivit.accumulator = array<i64: -32507, 32773>
  %b = ivit.constant "b" : tensor<1xi32>
  %a = ivit.linear %x, %w, %b : (tensor<?x5x2xi8>, tensor<1x2xi8>, tensor<1xi32>) -> tensor<?x5x1xi32>
  func.return %a : tensor<?x5x1xi32>
}

// Of 12 by 4 bits each product lies in [-16376, 16384].
// CHECK-LABEL: func.func @widths
func.func @widths(%x: tensor<?x5x2xi12>, %w: tensor<1x2xi4>) -> tensor<?x5x1xi32> {
  // CHECK: ivit.accumulator = array<i64: -32747, 32773>
  %b = ivit.constant "b" : tensor<1xi32>
  %a = ivit.linear %x, %w, %b : (tensor<?x5x2xi12>, tensor<1x2xi4>, tensor<1xi32>) -> tensor<?x5x1xi32>
  func.return %a : tensor<?x5x1xi32>
}

// CHECK-LABEL: func.func @pixels
func.func @pixels(%x: tensor<?x1x2x1xui8>, %w: tensor<1x1x2x1xi8>) -> tensor<?x1x1x1xi32> {
  // CHECK: ivit.accumulator = array<i64: -65275, 64775>
  %b = ivit.constant "b" : tensor<1xi32>
  %a = ivit.conv2d %x, %w, %b : (tensor<?x1x2x1xui8>, tensor<1x1x2x1xi8>, tensor<1xi32>) -> tensor<?x1x1x1xi32>
  func.return %a : tensor<?x1x1x1xi32>
}

// CHECK-LABEL: func.func @weights
func.func @weights(%x: tensor<?x5x2xi8>) -> tensor<?x5x1xi32> {
  // CHECK: ivit.accumulator = array<i64: -377, 388>
  %w = ivit.constant "w" : tensor<1x2xi8>
  %b = ivit.constant "b" : tensor<1xi32>
  %a = ivit.linear %x, %w, %b : (tensor<?x5x2xi8>, tensor<1x2xi8>, tensor<1xi32>) -> tensor<?x5x1xi32>
  func.return %a : tensor<?x5x1xi32>
}

// The rows of Shiftmax and of I-BERT's softmax sum to at most 2^15, however long they are; other int16 rows may
// have 511 terms.
// CHECK-LABEL: func.func @probabilities
func.func @probabilities(%s: tensor<?x1x4x4096xi8>, %v: tensor<?x1x4096x8xi8>) -> tensor<?x1x4x8xi32> {
  %p = ivit.shiftmax %s x0 4 n 15 bits 16 : tensor<?x1x4x4096xi8> -> tensor<?x1x4x4096xi16>
  // CHECK: ivit.matmul
  %c = ivit.matmul %p, %v : (tensor<?x1x4x4096xi16>, tensor<?x1x4096x8xi8>) -> tensor<?x1x4x8xi32>
  func.return %c : tensor<?x1x4x8xi32>
}

// CHECK-LABEL: func.func @ibert_probabilities
func.func @ibert_probabilities(%s: tensor<?x1x4x4096xi8>, %v: tensor<?x1x4096x8xi8>) -> tensor<?x1x4x8xi32> {
  %p = ivit.ibert_softmax %s x0 4 b 16 c 93 n 9 bits 15 : tensor<?x1x4x4096xi8> -> tensor<?x1x4x4096xi16>
  // CHECK: ivit.matmul
  %c = ivit.matmul %p, %v : (tensor<?x1x4x4096xi16>, tensor<?x1x4096x8xi8>) -> tensor<?x1x4x8xi32>
  func.return %c : tensor<?x1x4x8xi32>
}

// CHECK-LABEL: func.func @few_terms
func.func @few_terms(%p: tensor<?x1x4x511xi16>, %v: tensor<?x1x511x8xi8>) -> tensor<?x1x4x8xi32> {
  // CHECK: ivit.matmul
  %c = ivit.matmul %p, %v : (tensor<?x1x4x511xi16>, tensor<?x1x511x8xi8>) -> tensor<?x1x4x8xi32>
  func.return %c : tensor<?x1x4x8xi32>
}

// Any int32 as scores: 64 bits hold this multiplier with shift 33, and products of 8 channels more than that.
// CHECK-LABEL: func.func @softmax
func.func @softmax(%s: tensor<?x4xi32>, %q: tensor<?x1x4x8xi8>, %t: tensor<256xui8>) -> (tensor<?x4xui8>, tensor<?x1x4x4xui8>) {
  // CHECK: ivit.softmax
  %e, %sum = ivit.softmax %s * 2147483647 shift 33 table %t : (tensor<?x4xi32>, tensor<256xui8>) -> tensor<?x4xui8>, tensor<?x1xi32>
  %m = ivit.matmul %q, %q transpose_b : (tensor<?x1x4x8xi8>, tensor<?x1x4x8xi8>) -> tensor<?x1x4x4xi32>
  // CHECK: ivit.softmax
  %f, %sum2 = ivit.softmax %m * 2147483647 shift 62 table %t : (tensor<?x1x4x4xi32>, tensor<256xui8>) -> tensor<?x1x4x4xui8>, tensor<?x1x4x1xi32>
  func.return %e, %f : tensor<?x4xui8>, tensor<?x1x4x4xui8>
}

{-#
  dialect_resources: {
    builtin: {
      w: "0x4000000001FE",
      b: "0x4000000005000000"
    }
  }
#-}
