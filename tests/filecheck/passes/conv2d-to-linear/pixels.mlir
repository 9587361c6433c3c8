// RUN: ivit-opt %s --conv2d-to-linear | filecheck %s

// The bias takes 128 * sum(w): 5 + 128 * (1 + 2 + 3 - 1) = 645 and -7 + 128 * (127 * 4) = 65017.

// CHECK-LABEL: func.func @main
func.func @main(%x: tensor<?x4x4x1xui8>) -> tensor<?x4x2xi32> {
  // CHECK-NEXT: %[[P:.*]] = ivit.patchify %x kernel 2 x 2 : tensor<?x4x4x1xui8> -> tensor<?x4x4xi8>
  // CHECK-NEXT: %[[W:.*]] = ivit.constant "w.matrix" : tensor<2x4xi8>
  // CHECK-NEXT: %[[B:.*]] = ivit.constant "b.recentred" : tensor<2xi32>
  // CHECK-NEXT: %[[Y:.*]] = ivit.linear %[[P]], %[[W]], %[[B]]
  // CHECK-SAME:   -> tensor<?x4x2xi32>
  // CHECK-NEXT: func.return %[[Y]]
  %w = ivit.constant "w" : tensor<2x2x2x1xi8>
  %b = ivit.constant "b" : tensor<2xi32>
  %c = ivit.conv2d %x, %w, %b : (tensor<?x4x4x1xui8>, tensor<2x2x2x1xi8>, tensor<2xi32>) -> tensor<?x2x2x2xi32>
  %t = tensor.collapse_shape %c [[0], [1, 2], [3]] : tensor<?x2x2x2xi32> into tensor<?x4x2xi32>
  func.return %t : tensor<?x4x2xi32>
}
// CHECK: "b.recentred": "0x4000000085020000F9FD0000"

{-#
  dialect_resources: {
    builtin: {
      w: "0x40000000010203FF7F7F7F7F",
      b: "0x4000000005000000F9FFFFFF"
    }
  }
#-}
