// RUN: ivit-opt %s -p decompose-softmax | filecheck %s

// CHECK-LABEL: func.func @rows
// CHECK-SAME: %[[X:.*]]: tensor<?x6xi32>, %[[TABLE:.*]]: tensor<256xui8>
// CHECK-NEXT: %[[MAX:.*]] = ivit.reduce max %[[X]] dim 1 : tensor<?x6xi32> -> tensor<?x1xi32>
// CHECK-NEXT: %[[BELOW:.*]] = ivit.subi %[[MAX]], %[[X]] : (tensor<?x1xi32>, tensor<?x6xi32>) -> tensor<?x6xi64>
// CHECK-NEXT: %[[B:.*]] = ivit.splat 77 : tensor<1xi64>
// CHECK-NEXT: %[[PRODUCT:.*]] = ivit.muli %[[BELOW]], %[[B]]
// CHECK-NEXT: %[[C:.*]] = ivit.splat 9 : tensor<1xi64>
// CHECK-NEXT: %[[SCALED:.*]] = ivit.rounding_shift_right %[[PRODUCT]], %[[C]]
// CHECK-NEXT: %[[LAST:.*]] = ivit.splat 255 : tensor<1xi64>
// CHECK-NEXT: %[[LEFT:.*]] = ivit.subi %[[LAST]], %[[SCALED]]
// CHECK-NEXT: %[[ZERO:.*]] = ivit.splat 0 : tensor<1xi64>
// CHECK-NEXT: %[[ROOM:.*]] = ivit.maxi %[[LEFT]], %[[ZERO]]
// CHECK-NEXT: %[[INDEX:.*]] = ivit.subi %[[LAST]], %[[ROOM]] : (tensor<1xi64>, tensor<?x6xi64>) -> tensor<?x6xui8>
// CHECK-NEXT: %[[CODES:.*]] = ivit.lookup %[[INDEX]], %[[TABLE]] : (tensor<?x6xui8>, tensor<256xui8>) -> tensor<?x6xui8>
// CHECK-NEXT: %[[SUM:.*]] = ivit.reduce sum %[[CODES]] dim 1 : tensor<?x6xui8> -> tensor<?x1xi32>
// CHECK-NEXT: func.return %[[CODES]], %[[SUM]]
func.func @rows(%x: tensor<?x6xi32>, %t: tensor<256xui8>) -> (tensor<?x6xui8>, tensor<?x1xi32>) {
  %e, %s = ivit.softmax %x * 77 shift 9 table %t : (tensor<?x6xi32>, tensor<256xui8>) -> tensor<?x6xui8>, tensor<?x1xi32>
  func.return %e, %s : tensor<?x6xui8>, tensor<?x1xi32>
}

// CHECK-LABEL: func.func @normalized
// CHECK-SAME: %[[X:.*]]: tensor<?x2x3x6xi32>, %[[TABLE:.*]]: tensor<256xi32>, %[[B:.*]]: tensor<1x2x1x1xi32>
// CHECK-NEXT: %[[MAX:.*]] = ivit.reduce max %[[X]] dim 3
// CHECK-NEXT: %[[BELOW:.*]] = ivit.subi %[[MAX]], %[[X]]
// CHECK-NEXT: ivit.muli %[[BELOW]], %[[B]] : (tensor<?x2x3x6xi64>, tensor<1x2x1x1xi32>) -> tensor<?x2x3x6xi64>
// CHECK: %[[E:.*]] = ivit.lookup %{{.*}}, %[[TABLE]] : (tensor<?x2x3x6xui8>, tensor<256xi32>) -> tensor<?x2x3x6xi32>
// CHECK-NEXT: %[[WIDE:.*]] = ivit.reduce sum %[[E]] dim 3 : tensor<?x2x3x6xi32> -> tensor<?x2x3x1xi64>
// CHECK: %[[SUM:.*]] = ivit.addi %[[WIDE]], %{{.*}} : (tensor<?x2x3x1xi64>, tensor<1xi64>) -> tensor<?x2x3x1xi32>
// CHECK-NEXT: %[[Y:.*]] = ivit.row_requant %[[E]] * 140187732541440 / %[[SUM]] min 65536 shift 39 : (tensor<?x2x3x6xi32>, tensor<?x2x3x1xi32>) -> tensor<?x2x3x6xui8>
// CHECK-NEXT: func.return %[[Y]]
func.func @normalized(%x: tensor<?x2x3x6xi32>, %t: tensor<256xi32>, %m: tensor<1x2x1x1xi32>) -> tensor<?x2x3x6xui8> {
  %y = ivit.normalized_softmax %x heads(%m : tensor<1x2x1x1xi32>) shift 9 table %t unit 255 : (tensor<?x2x3x6xi32>, tensor<256xi32>) -> tensor<?x2x3x6xui8>
  func.return %y : tensor<?x2x3x6xui8>
}
