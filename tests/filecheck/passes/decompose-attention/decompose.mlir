// RUN: ivit-opt %s -p decompose-attention | filecheck %s
// RUN: ivit-opt %s -p decompose-attention,fuse-attention | filecheck %s --check-prefix=FUSED

// CHECK-LABEL: func.func @delta
// CHECK-SAME: %[[Q:.*]]: tensor<?x5x16xi8>, %[[K:.*]]: tensor<?x5x16xi8>, %[[V:.*]]: tensor<?x5x16xi8>, %[[T:.*]]: tensor<256xui8>
// CHECK-NEXT: %[[QH:.*]] = ivit.split_heads %[[Q]] : tensor<?x5x16xi8> -> tensor<?x2x5x8xi8>
// CHECK-NEXT: %[[KH:.*]] = ivit.split_heads %[[K]]
// CHECK-NEXT: %[[VH:.*]] = ivit.split_heads %[[V]]
// CHECK-NEXT: %[[S:.*]] = ivit.matmul %[[QH]], %[[KH]] transpose_b : (tensor<?x2x5x8xi8>, tensor<?x2x5x8xi8>) -> tensor<?x2x5x5xi32>
// CHECK-NEXT: %[[E:.*]], %[[SUM:.*]] = ivit.softmax %[[S]] * 7 shift 9 table %[[T]]
// CHECK-NEXT: %[[C:.*]] = ivit.matmul %[[E]], %[[VH]] : (tensor<?x2x5x5xui8>, tensor<?x2x5x8xi8>) -> tensor<?x2x5x8xi32>
// CHECK-NEXT: %[[C8:.*]] = ivit.row_requant %[[C]] * 4096 / %[[SUM]] min 255 shift 8
// CHECK-NEXT: %[[Y:.*]] = ivit.merge_heads %[[C8]] : tensor<?x2x5x8xi8> -> tensor<?x5x16xi8>
// CHECK-NEXT: func.return %[[Y]]
// FUSED-LABEL: func.func @delta
// FUSED: ivit.attention %{{.*}}, %{{.*}}, %{{.*}} heads 2 softmax #ivit.delta_softmax<multiplier = 7, shift = 9, dividend = 4096, context_shift = 8> table(%{{.*}} : tensor<256xui8>)
// FUSED-NEXT: func.return
func.func @delta(%q: tensor<?x5x16xi8>, %k: tensor<?x5x16xi8>, %v: tensor<?x5x16xi8>, %t: tensor<256xui8>) -> tensor<?x5x16xi8> {
  %y = ivit.attention %q, %k, %v heads 2 softmax #ivit.delta_softmax<multiplier = 7, shift = 9, dividend = 4096, context_shift = 8> table(%t : tensor<256xui8>) : (tensor<?x5x16xi8>, tensor<?x5x16xi8>, tensor<?x5x16xi8>) -> tensor<?x5x16xi8>
  func.return %y : tensor<?x5x16xi8>
}

// CHECK-LABEL: func.func @a_scale_for_each_head
// CHECK: ivit.softmax %{{.*}} heads(%[[M:.*]] : tensor<1x2x1x1xi32>) shift 9 table %{{.*}}
// FUSED-LABEL: func.func @a_scale_for_each_head
// FUSED: softmax #ivit.delta_softmax<multiplier = 0, shift = 9, dividend = 4096, context_shift = 8> table(%{{.*}} : tensor<256xui8>) multipliers(%{{.*}} : tensor<1x2x1x1xi32>)
// FUSED-NEXT: func.return
func.func @a_scale_for_each_head(%q: tensor<?x5x16xi8>, %t: tensor<256xui8>, %m: tensor<1x2x1x1xi32>) -> tensor<?x5x16xi8> {
  %y = ivit.attention %q, %q, %q heads 2 softmax #ivit.delta_softmax<multiplier = 0, shift = 9, dividend = 4096, context_shift = 8> table(%t : tensor<256xui8>) multipliers(%m : tensor<1x2x1x1xi32>) : (tensor<?x5x16xi8>, tensor<?x5x16xi8>, tensor<?x5x16xi8>) -> tensor<?x5x16xi8>
  func.return %y : tensor<?x5x16xi8>
}

// CHECK-LABEL: func.func @shiftmax
// CHECK: %[[S:.*]] = ivit.matmul %{{.*}}, %{{.*}} transpose_b
// CHECK-NEXT: %[[S8:.*]] = ivit.requant %[[S]] * 7 shift 9 : tensor<?x4x5x5xi32> -> tensor<?x4x5x5xi8>
// CHECK-NEXT: %[[P:.*]] = ivit.shiftmax %[[S8]] x0 20 n 15 bits 12 : tensor<?x4x5x5xi8> -> tensor<?x4x5x5xi16>
// CHECK-NEXT: %[[C:.*]] = ivit.matmul %[[P]], %{{.*}} : (tensor<?x4x5x5xi16>, tensor<?x4x5x4xi8>) -> tensor<?x4x5x4xi32>
// CHECK-NEXT: %[[C8:.*]] = ivit.requant %[[C]] * 5 shift 8 : tensor<?x4x5x4xi32> -> tensor<?x4x5x4xi8>
// CHECK-NEXT: ivit.merge_heads %[[C8]]
// FUSED-LABEL: func.func @shiftmax
// FUSED: ivit.attention %{{.*}}, %{{.*}}, %{{.*}} heads 4 softmax #ivit.shiftmax_softmax<multiplier = 7, shift = 9, x0 = 20, n = 15, bits = 12, context_multiplier = 5, context_shift = 8>
// FUSED-NEXT: func.return
func.func @shiftmax(%q: tensor<?x5x16xi8>, %k: tensor<?x5x16xi8>, %v: tensor<?x5x16xi8>) -> tensor<?x5x16xi8> {
  %y = ivit.attention %q, %k, %v heads 4 softmax #ivit.shiftmax_softmax<multiplier = 7, shift = 9, x0 = 20, n = 15, bits = 12, context_multiplier = 5, context_shift = 8> : (tensor<?x5x16xi8>, tensor<?x5x16xi8>, tensor<?x5x16xi8>) -> tensor<?x5x16xi8>
  func.return %y : tensor<?x5x16xi8>
}
