// RUN: ivit-opt %s --fuse-requant --elide-weights 2>/dev/null | filecheck %s
// RUN: ivit-opt %s --fuse-requant 2>&1 >/dev/null | filecheck %s --check-prefix COUNTS

// COUNTS: fuse-requant: 6 requants folded into producers, 2 into adds, 1 residual add and 1 table into linears, 1 identity dropped

// CHECK-LABEL: func.func @channels
func.func @channels(%x: tensor<?x5x2xi8>, %w: tensor<2x2xi8>, %b: tensor<2xi32>, %m: tensor<2xi32>) -> tensor<?x5x2xi8> {
  // CHECK-NEXT: %[[Y:.*]] = ivit.linear %x, %w, %b requant(%m shift 38 : tensor<2xi32>) zero_point -3
  // CHECK-SAME:   -> tensor<?x5x2xi8>
  // CHECK-NEXT: func.return %[[Y]]
  %a = ivit.linear %x, %w, %b : (tensor<?x5x2xi8>, tensor<2x2xi8>, tensor<2xi32>) -> tensor<?x5x2xi32>
  %y = ivit.requant %a channels(%m : tensor<2xi32>) shift 38 zero_point -3 : tensor<?x5x2xi32> -> tensor<?x5x2xi8>
  func.return %y : tensor<?x5x2xi8>
}

// CHECK-LABEL: func.func @table
func.func @table(%x: tensor<?x5x2xi8>, %w: tensor<2x2xi8>, %b: tensor<2xi32>, %t: tensor<256xi8>) -> tensor<?x5x2xi8> {
  // CHECK-NEXT: %[[M:.*]] = ivit.constant "multiplier.1900000000" : tensor<1xi32>
  // CHECK-NEXT: %[[Y:.*]] = ivit.linear %x, %w, %b requant(%[[M]] shift 38 : tensor<1xi32>) lookup(%t : tensor<256xi8>)
  // CHECK-NEXT: func.return %[[Y]]
  %a = ivit.linear %x, %w, %b : (tensor<?x5x2xi8>, tensor<2x2xi8>, tensor<2xi32>) -> tensor<?x5x2xi32>
  %r = ivit.requant %a * 1900000000 shift 38 : tensor<?x5x2xi32> -> tensor<?x5x2xi8>
  %y = ivit.lookup %r, %t : (tensor<?x5x2xi8>, tensor<256xi8>) -> tensor<?x5x2xi8>
  func.return %y : tensor<?x5x2xi8>
}

// CHECK-LABEL: func.func @products
func.func @products(%q: tensor<?x2x5x8xi8>) -> tensor<?x2x5x5xi8> {
  // CHECK-NEXT: %[[Y:.*]] = ivit.matmul %q, %q transpose_b * 1500000000 shift 40
  // CHECK-NEXT: func.return %[[Y]]
  %s = ivit.matmul %q, %q transpose_b : (tensor<?x2x5x8xi8>, tensor<?x2x5x8xi8>) -> tensor<?x2x5x5xi32>
  %y = ivit.requant %s * 1500000000 shift 40 : tensor<?x2x5x5xi32> -> tensor<?x2x5x5xi8>
  func.return %y : tensor<?x2x5x5xi8>
}

// CHECK-LABEL: func.func @convolution
func.func @convolution(%x: tensor<?x4x4x1xui8>, %w: tensor<2x2x2x1xi8>, %b: tensor<2xi32>, %m: tensor<2xi32>) -> tensor<?x4x2xi32> {
  // CHECK-NEXT: %[[C:.*]] = ivit.conv2d %x, %w, %b requant(%m shift 38 : tensor<2xi32>)
  // CHECK-NEXT: %[[Y:.*]] = tensor.collapse_shape %[[C]]
  // CHECK-NEXT: func.return %[[Y]]
  %c = ivit.conv2d %x, %w, %b : (tensor<?x4x4x1xui8>, tensor<2x2x2x1xi8>, tensor<2xi32>) -> tensor<?x2x2x2xi32>
  %t = tensor.collapse_shape %c [[0], [1, 2], [3]] : tensor<?x2x2x2xi32> into tensor<?x4x2xi32>
  %y = ivit.requant %t channels(%m : tensor<2xi32>) shift 38 : tensor<?x4x2xi32> -> tensor<?x4x2xi32>
  func.return %y : tensor<?x4x2xi32>
}

// The weights show that the branch stays within int32, so the add joins the linear.
// CHECK-LABEL: func.func @residual
func.func @residual(%x: tensor<?x5x2xi8>, %w: tensor<2x2xi8>, %b: tensor<2xi32>, %r: tensor<?x5x2xi16>) -> tensor<?x5x2xi16> {
  // CHECK: %[[Y:.*]] = ivit.linear %x, %w, %b requant(%{{.*}} shift 31 : tensor<1xi32>) residual(%r * 1100000000 shift 31 : tensor<?x5x2xi16>)
  // CHECK-SAME: -> tensor<?x5x2xi16>
  // CHECK-NEXT: func.return %[[Y]]
  %a = ivit.linear %x, %w, %b : (tensor<?x5x2xi8>, tensor<2x2xi8>, tensor<2xi32>) -> tensor<?x5x2xi32>
  %branch = ivit.requant %a * 1073741824 shift 31 : tensor<?x5x2xi32> -> tensor<?x5x2xi32>
  %scaled = ivit.requant %r * 1100000000 shift 31 : tensor<?x5x2xi16> -> tensor<?x5x2xi32>
  %y = ivit.add %branch, %scaled : (tensor<?x5x2xi32>, tensor<?x5x2xi32>) -> tensor<?x5x2xi16>
  func.return %y : tensor<?x5x2xi16>
}

// A multiplier above 1 could leave int32 and clamp there: refused, only the other side's scale moves.
// CHECK-LABEL: func.func @may_clamp
func.func @may_clamp(%x: tensor<?x5x2xi8>, %w: tensor<2x2xi8>, %b: tensor<2xi32>, %r: tensor<?x5x2xi16>) -> tensor<?x5x2xi16> {
  // CHECK: %[[B:.*]] = ivit.linear
  // CHECK: %[[Y:.*]] = ivit.add %[[B]], %r * 1100000000 shift 31
  // CHECK-NEXT: func.return %[[Y]]
  %a = ivit.linear %x, %w, %b : (tensor<?x5x2xi8>, tensor<2x2xi8>, tensor<2xi32>) -> tensor<?x5x2xi32>
  %branch = ivit.requant %a * 2000000000 shift 3 : tensor<?x5x2xi32> -> tensor<?x5x2xi32>
  %scaled = ivit.requant %r * 1100000000 shift 31 : tensor<?x5x2xi16> -> tensor<?x5x2xi32>
  %y = ivit.add %branch, %scaled : (tensor<?x5x2xi32>, tensor<?x5x2xi32>) -> tensor<?x5x2xi16>
  func.return %y : tensor<?x5x2xi16>
}

// CHECK-LABEL: func.func @identity
func.func @identity(%x: tensor<?x5x2xi16>) -> tensor<?x5x2xi16> {
  // CHECK-NEXT: func.return %x
  %y = ivit.requant %x * 1048576 shift 20 : tensor<?x5x2xi16> -> tensor<?x5x2xi16>
  func.return %y : tensor<?x5x2xi16>
}

// Two users: the accumulator is needed itself.
// CHECK-LABEL: func.func @two_users
func.func @two_users(%x: tensor<?x5x2xi8>, %w: tensor<2x2xi8>, %b: tensor<2xi32>) -> (tensor<?x5x2xi32>, tensor<?x5x2xi8>) {
  // CHECK: ivit.requant
  %a = ivit.linear %x, %w, %b : (tensor<?x5x2xi8>, tensor<2x2xi8>, tensor<2xi32>) -> tensor<?x5x2xi32>
  %y = ivit.requant %a * 1900000000 shift 38 : tensor<?x5x2xi32> -> tensor<?x5x2xi8>
  func.return %a, %y : tensor<?x5x2xi32>, tensor<?x5x2xi8>
}
