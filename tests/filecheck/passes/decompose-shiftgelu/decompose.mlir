// RUN: ivit-opt %s -p decompose-shiftgelu | filecheck %s

// CHECK-LABEL: func.func @rows
// CHECK-SAME: %[[X:.*]]: tensor<?x6xi8>
// CHECK: %[[HALF:.*]] = ivit.shift_right %[[X]], %{{.*}} : (tensor<?x6xi8>, tensor<1xi64>) -> tensor<?x6xi32>
// CHECK-NEXT: ivit.addi %[[X]], %[[HALF]]
// CHECK: %[[MAX:.*]] = ivit.reduce max %[[P:.*]] dim 1 : tensor<?x6xi32> -> tensor<?x1xi32>
// CHECK-NEXT: %[[TOP:.*]] = ivit.maxi %[[MAX]], %[[ZERO:.*]] : (tensor<?x1xi32>, tensor<1xi64>) -> tensor<?x1xi32>
// CHECK-NEXT: %[[BELOW:.*]] = ivit.subi %[[P]], %[[TOP]] : (tensor<?x6xi32>, tensor<?x1xi32>) -> tensor<?x6xi32>
// CHECK-NEXT: %[[EXP:.*]] = ivit.shiftexp %[[BELOW]] x0 40 n 23 : tensor<?x6xi32> -> tensor<?x6xi32>
// CHECK-NEXT: %[[NEGATED:.*]] = ivit.subi %[[ZERO]], %[[TOP]] : (tensor<1xi64>, tensor<?x1xi32>) -> tensor<?x1xi32>
// CHECK-NEXT: %[[EXP_TOP:.*]] = ivit.shiftexp %[[NEGATED]] x0 40 n 23 : tensor<?x1xi32> -> tensor<?x1xi32>
// CHECK-NEXT: %[[SUM:.*]] = ivit.addi %[[EXP]], %[[EXP_TOP]] : (tensor<?x6xi32>, tensor<?x1xi32>) -> tensor<?x6xi32>
// CHECK-NEXT: %[[SIGMOID:.*]] = ivit.intdiv %[[EXP]], %[[SUM]] bits 8 : (tensor<?x6xi32>, tensor<?x6xi32>) -> tensor<?x6xi32>
// CHECK-NEXT: %[[Y:.*]] = ivit.muli %[[X]], %[[SIGMOID]] : (tensor<?x6xi8>, tensor<?x6xi32>) -> tensor<?x6xi16>
// CHECK-NEXT: func.return %[[Y]]
func.func @rows(%x: tensor<?x6xi8>) -> tensor<?x6xi16> {
  %y = ivit.shiftgelu %x x0 40 n 23 : tensor<?x6xi8> -> tensor<?x6xi16>
  func.return %y : tensor<?x6xi16>
}
