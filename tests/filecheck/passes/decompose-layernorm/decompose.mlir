// RUN: ivit-opt %s -p decompose-layernorm | filecheck %s

// CHECK-LABEL: func.func @rows
// CHECK-SAME: %[[X:.*]]: tensor<?x6xi16>, %[[M:.*]]: tensor<6xi32>, %[[B:.*]]: tensor<6xi64>
// CHECK-NEXT: %[[C:.*]] = ivit.splat 6 : tensor<1xi64>
// CHECK-NEXT: %[[SUM:.*]] = ivit.reduce sum %[[X]] dim 1 : tensor<?x6xi16> -> tensor<?x1xi64>
// CHECK-NEXT: %[[SQUARE:.*]] = ivit.muli %[[X]], %[[X]] : (tensor<?x6xi16>, tensor<?x6xi16>) -> tensor<?x6xi32>
// CHECK-NEXT: %[[SQUARES:.*]] = ivit.reduce sum %[[SQUARE]] dim 1 : tensor<?x6xi32> -> tensor<?x1xi64>
// CHECK-NEXT: %[[TIMES_C:.*]] = ivit.muli %[[SQUARES]], %[[C]]
// CHECK-NEXT: %[[SUM_SQUARED:.*]] = ivit.muli %[[SUM]], %[[SUM]]
// CHECK-NEXT: %[[SPREAD:.*]] = ivit.subi %[[TIMES_C]], %[[SUM_SQUARED]]
// CHECK-NEXT: %[[EPSILON:.*]] = ivit.splat 12 : tensor<1xi64>
// CHECK-NEXT: %[[V:.*]] = ivit.addi %[[SPREAD]], %[[EPSILON]]
// CHECK-NEXT: %[[F:.*]], %[[E:.*]] = ivit.rsqrt %[[V]] : tensor<?x1xi64> -> tensor<?x1xi64>, tensor<?x1xi64>
// CHECK-NEXT: %[[SCALED:.*]] = ivit.muli %[[X]], %[[C]]
// CHECK-NEXT: %[[CENTRED:.*]] = ivit.subi %[[SCALED]], %[[SUM]]
// CHECK-NEXT: %[[FRACTION:.*]] = ivit.splat 20 : tensor<1xi64>
// CHECK-NEXT: %[[SHIFT:.*]] = ivit.subi %[[E]], %[[FRACTION]]
// CHECK-NEXT: %[[PRODUCT:.*]] = ivit.muli %[[CENTRED]], %[[F]]
// CHECK-NEXT: %[[H:.*]] = ivit.rounding_shift_right %[[PRODUCT]], %[[SHIFT]] : (tensor<?x6xi64>, tensor<?x1xi64>) -> tensor<?x6xi32>
// CHECK-NEXT: %[[Y:.*]] = ivit.affine %[[H]] * %[[M]] + %[[B]] shift 40
// CHECK-NEXT: func.return %[[Y]]
func.func @rows(%x: tensor<?x6xi16>, %m: tensor<6xi32>, %b: tensor<6xi64>) -> tensor<?x6xi8> {
  %y = ivit.layernorm %x * %m + %b shift 40 epsilon 12 : (tensor<?x6xi16>, tensor<6xi32>, tensor<6xi64>) -> tensor<?x6xi8>
  func.return %y : tensor<?x6xi8>
}
