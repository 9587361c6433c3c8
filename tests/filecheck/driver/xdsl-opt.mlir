// Plain xdsl-opt knows the dialect and its passes through the entry point `xdsl.universe`.
// RUN: xdsl-opt %s -p decompose-shiftmax | filecheck %s

// CHECK-LABEL: func.func @rows(%x: tensor<2x4xi8>)
// CHECK-NOT:     ivit.shiftmax
// CHECK:         [[MAX:%.*]] = ivit.reduce max %x dim 1 : tensor<2x4xi8> -> tensor<2x1xi32>
// CHECK-NEXT:    [[DELTA:%.*]] = ivit.subi %x, [[MAX]]
// CHECK-NEXT:    ivit.shiftexp [[DELTA]] x0 60 n 15
func.func @rows(%x: tensor<2x4xi8>) -> tensor<2x4xi16> {
  %y = ivit.shiftmax %x x0 60 n 15 bits 16 : tensor<2x4xi8> -> tensor<2x4xi16>
  func.return %y : tensor<2x4xi16>
}
