// RUN: ivit-opt %s --prove-no-overflow --verify-diagnostics | filecheck %s

// CHECK: ivit.linear %a: the int32 accumulator of output channel 0 can reach [2147483265, 2147484030]
func.func @main(%x: tensor<?x5x2xi8>) -> tensor<?x5x1xi32> {
  %w = ivit.constant "w" : tensor<1x2xi8>
  %b = ivit.constant "b" : tensor<1xi32>
  %a = ivit.linear %x, %w, %b : (tensor<?x5x2xi8>, tensor<1x2xi8>, tensor<1xi32>) -> tensor<?x5x1xi32>
  func.return %a : tensor<?x5x1xi32>
}

{-#
  dialect_resources: {
    builtin: {
      w: "0x4000000001FE",
      b: "0x40000000FFFFFF7F"
    }
  }
#-}
