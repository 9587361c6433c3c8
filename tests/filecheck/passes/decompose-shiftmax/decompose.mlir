// RUN: ivit-opt %s -p decompose-shiftmax | filecheck %s

// CHECK-LABEL: func.func @rows
// CHECK-SAME: %[[X:.*]]: tensor<?x4x9xi8>
// CHECK-NEXT: %[[MAX:.*]] = ivit.reduce max %[[X]] dim 2 : tensor<?x4x9xi8> -> tensor<?x4x1xi32>
// CHECK-NEXT: %[[BELOW:.*]] = ivit.subi %[[X]], %[[MAX]] : (tensor<?x4x9xi8>, tensor<?x4x1xi32>) -> tensor<?x4x9xi32>
// CHECK-NEXT: %[[EXP:.*]] = ivit.shiftexp %[[BELOW]] x0 20 n 15 : tensor<?x4x9xi32> -> tensor<?x4x9xi32>
// CHECK-NEXT: %[[SUM:.*]] = ivit.reduce sum %[[EXP]] dim 2 : tensor<?x4x9xi32> -> tensor<?x4x1xi64>
// CHECK-NEXT: %[[ONE:.*]] = ivit.splat 1 : tensor<1xi64>
// CHECK-NEXT: %[[SUM32:.*]] = ivit.maxi %[[SUM]], %[[ONE]] : (tensor<?x4x1xi64>, tensor<1xi64>) -> tensor<?x4x1xi32>
// CHECK-NEXT: %[[DIV:.*]] = ivit.intdiv %[[EXP]], %[[SUM32]] bits 16 : (tensor<?x4x9xi32>, tensor<?x4x1xi32>) -> tensor<?x4x9xi32>
// CHECK-NEXT: %[[ZERO:.*]] = ivit.splat 0 : tensor<1xi64>
// CHECK-NEXT: %[[Y:.*]] = ivit.addi %[[DIV]], %[[ZERO]] : (tensor<?x4x9xi32>, tensor<1xi64>) -> tensor<?x4x9xi16>
// CHECK-NEXT: func.return %[[Y]]
func.func @rows(%x: tensor<?x4x9xi8>) -> tensor<?x4x9xi16> {
  %y = ivit.shiftmax %x x0 20 n 15 bits 16 : tensor<?x4x9xi8> -> tensor<?x4x9xi16>
  func.return %y : tensor<?x4x9xi16>
}
