// RUN: ivit-opt %s -p decompose-i-layernorm | filecheck %s

// CHECK-LABEL: func.func @rows
// CHECK-SAME: %[[X:.*]]: tensor<?x6xi16>, %[[M:.*]]: tensor<6xi32>, %[[B:.*]]: tensor<6xi64>
// CHECK-NEXT: %[[SUM:.*]] = ivit.reduce sum %[[X]] dim 1 : tensor<?x6xi16> -> tensor<?x1xi64>
// CHECK-NEXT: %[[TWO:.*]] = ivit.splat 2 : tensor<1xi64>
// CHECK-NEXT: %[[DOUBLED:.*]] = ivit.muli %[[SUM]], %[[TWO]]
// CHECK-NEXT: %[[C:.*]] = ivit.splat 6 : tensor<1xi64>
// CHECK-NEXT: %[[HALVED_UP:.*]] = ivit.addi %[[DOUBLED]], %[[C]]
// CHECK-NEXT: %[[C2:.*]] = ivit.splat 12 : tensor<1xi64>
// CHECK-NEXT: %[[MEAN:.*]] = ivit.floor_div %[[HALVED_UP]], %[[C2]] : (tensor<?x1xi64>, tensor<1xi64>) -> tensor<?x1xi32>
// CHECK-NEXT: %[[D:.*]] = ivit.subi %[[X]], %[[MEAN]] : (tensor<?x6xi16>, tensor<?x1xi32>) -> tensor<?x6xi32>
// CHECK-NEXT: %[[SQUARE:.*]] = ivit.muli %[[D]], %[[D]] : (tensor<?x6xi32>, tensor<?x6xi32>) -> tensor<?x6xi64>
// CHECK-NEXT: %[[V:.*]] = ivit.reduce sum %[[SQUARE]] dim 1 : tensor<?x6xi64> -> tensor<?x1xi64>
// CHECK-NEXT: %[[K:.*]] = ivit.newton_sqrt %[[V]]
// CHECK-NEXT: %[[MOST:.*]] = ivit.splat 2147483647 : tensor<1xi64>
// CHECK-NEXT: %[[F:.*]] = ivit.floor_div %[[MOST]], %[[K]] : (tensor<1xi64>, tensor<?x1xi64>) -> tensor<?x1xi64>
// CHECK-NEXT: %[[PRODUCT:.*]] = ivit.muli %[[D]], %[[F]] : (tensor<?x6xi32>, tensor<?x1xi64>) -> tensor<?x6xi64>
// CHECK-NEXT: %[[ONE:.*]] = ivit.splat 1 : tensor<1xi64>
// CHECK-NEXT: %[[H:.*]] = ivit.shift_right %[[PRODUCT]], %[[ONE]] : (tensor<?x6xi64>, tensor<1xi64>) -> tensor<?x6xi32>
// CHECK-NEXT: %[[Y:.*]] = ivit.affine %[[H]] * %[[M]] + %[[B]] shift 40
// CHECK-NEXT: func.return %[[Y]]
func.func @rows(%x: tensor<?x6xi16>, %m: tensor<6xi32>, %b: tensor<6xi64>) -> tensor<?x6xi8> {
  %y = ivit.i_layernorm %x * %m + %b shift 40 : (tensor<?x6xi16>, tensor<6xi32>, tensor<6xi64>) -> tensor<?x6xi8>
  func.return %y : tensor<?x6xi8>
}
