// RUN: ivit-opt %s --prove-no-overflow | filecheck %s

// Without the weights the bound is K * 128 * 128; with them, sums of positive and negative weights:
// channel 0 has weights 1, -2 and bias 5: [5 - 128 - 254, 5 + 127 + 256] = [-377, 388].

// CHECK-LABEL: func.func @types
func.func @types(%x: tensor<?x5x2xi8>, %w: tensor<2x2xi8>, %b: tensor<2xi32>) -> tensor<?x5x2xi32> {
  // CHECK: ivit.accumulator = array<i64: -32768, 32768>
  %a = ivit.linear %x, %w, %b : (tensor<?x5x2xi8>, tensor<2x2xi8>, tensor<2xi32>) -> tensor<?x5x2xi32>
  func.return %a : tensor<?x5x2xi32>
}

// CHECK-LABEL: func.func @weights
func.func @weights(%x: tensor<?x5x2xi8>) -> tensor<?x5x1xi32> {
  // CHECK: ivit.accumulator = array<i64: -377, 388>
  %w = ivit.constant "w" : tensor<1x2xi8>
  %b = ivit.constant "b" : tensor<1xi32>
  %a = ivit.linear %x, %w, %b : (tensor<?x5x2xi8>, tensor<1x2xi8>, tensor<1xi32>) -> tensor<?x5x1xi32>
  func.return %a : tensor<?x5x1xi32>
}

{-#
  dialect_resources: {
    builtin: {
      w: "0x4000000001FE",
      b: "0x4000000005000000"
    }
  }
#-}
