// RUN: ivit-opt %s --fuse-attention --elide-weights 2>/dev/null | filecheck %s
// RUN: ivit-opt %s --fuse-requant --fuse-attention --elide-weights 2>/dev/null | filecheck %s

// CHECK-LABEL: func.func @exact
func.func @exact(%q: tensor<?x5x16xi8>, %k: tensor<?x5x16xi8>, %v: tensor<?x5x16xi8>, %t: tensor<256xui8>) -> tensor<?x5x16xi8> {
  // CHECK-NEXT: %[[Y:.*]] = ivit.attention %q, %k, %v heads 2
  // CHECK-SAME:   softmax #ivit.delta_softmax<multiplier = 1717986918, shift = 42, dividend = 274877906944, context_shift = 38>
  // CHECK-SAME:   table(%t : tensor<256xui8>)
  // CHECK-NEXT: func.return %[[Y]]
  %qh = ivit.split_heads %q : tensor<?x5x16xi8> -> tensor<?x2x5x8xi8>
  %kh = ivit.split_heads %k : tensor<?x5x16xi8> -> tensor<?x2x5x8xi8>
  %vh = ivit.split_heads %v : tensor<?x5x16xi8> -> tensor<?x2x5x8xi8>
  %s = ivit.matmul %qh, %kh transpose_b : (tensor<?x2x5x8xi8>, tensor<?x2x5x8xi8>) -> tensor<?x2x5x5xi32>
  %e, %sum = ivit.softmax %s * 1717986918 shift 42 table %t : (tensor<?x2x5x5xi32>, tensor<256xui8>) -> tensor<?x2x5x5xui8>, tensor<?x2x5x1xi32>
  %c = ivit.matmul %e, %vh : (tensor<?x2x5x5xui8>, tensor<?x2x5x8xi8>) -> tensor<?x2x5x8xi32>
  %c8 = ivit.row_requant %c * 274877906944 / %sum min 255 shift 38 : (tensor<?x2x5x8xi32>, tensor<?x2x5x1xi32>) -> tensor<?x2x5x8xi8>
  %y = ivit.merge_heads %c8 : tensor<?x2x5x8xi8> -> tensor<?x5x16xi8>
  func.return %y : tensor<?x5x16xi8>
}

// CHECK-LABEL: func.func @a_scale_for_each_head
func.func @a_scale_for_each_head(%q: tensor<?x5x16xi8>, %k: tensor<?x5x16xi8>, %v: tensor<?x5x16xi8>, %t: tensor<256xui8>, %m: tensor<1x2x1x1xi32>) -> tensor<?x5x16xi8> {
  // CHECK-NEXT: %[[Y:.*]] = ivit.attention %q, %k, %v heads 2
  // CHECK-SAME:   softmax #ivit.delta_softmax<multiplier = 0, shift = 42, dividend = 274877906944, context_shift = 38>
  // CHECK-SAME:   table(%t : tensor<256xui8>) multipliers(%m : tensor<1x2x1x1xi32>)
  // CHECK-NEXT: func.return %[[Y]]
  %qh = ivit.split_heads %q : tensor<?x5x16xi8> -> tensor<?x2x5x8xi8>
  %kh = ivit.split_heads %k : tensor<?x5x16xi8> -> tensor<?x2x5x8xi8>
  %vh = ivit.split_heads %v : tensor<?x5x16xi8> -> tensor<?x2x5x8xi8>
  %s = ivit.matmul %qh, %kh transpose_b : (tensor<?x2x5x8xi8>, tensor<?x2x5x8xi8>) -> tensor<?x2x5x5xi32>
  %e, %sum = ivit.softmax %s heads(%m : tensor<1x2x1x1xi32>) shift 42 table %t : (tensor<?x2x5x5xi32>, tensor<256xui8>) -> tensor<?x2x5x5xui8>, tensor<?x2x5x1xi32>
  %c = ivit.matmul %e, %vh : (tensor<?x2x5x5xui8>, tensor<?x2x5x8xi8>) -> tensor<?x2x5x8xi32>
  %c8 = ivit.row_requant %c * 274877906944 / %sum min 255 shift 38 : (tensor<?x2x5x8xi32>, tensor<?x2x5x1xi32>) -> tensor<?x2x5x8xi8>
  %y = ivit.merge_heads %c8 : tensor<?x2x5x8xi8> -> tensor<?x5x16xi8>
  func.return %y : tensor<?x5x16xi8>
}

// Probabilities that are divided before they weigh the values have no fused form.
// CHECK-LABEL: func.func @normalized
func.func @normalized(%h: tensor<?x2x5x8xi8>, %t: tensor<256xi32>) -> tensor<?x5x16xi8> {
  // CHECK: ivit.normalized_softmax
  // CHECK: ivit.merge_heads
  %s = ivit.matmul %h, %h transpose_b : (tensor<?x2x5x8xi8>, tensor<?x2x5x8xi8>) -> tensor<?x2x5x5xi32>
  %p = ivit.normalized_softmax %s * 1717986918 shift 42 table %t unit 32768 : (tensor<?x2x5x5xi32>, tensor<256xi32>) -> tensor<?x2x5x5xi16>
  %c = ivit.matmul %p, %h : (tensor<?x2x5x5xi16>, tensor<?x2x5x8xi8>) -> tensor<?x2x5x8xi32>
  %c8 = ivit.requant %c * 1073741824 shift 45 : tensor<?x2x5x8xi32> -> tensor<?x2x5x8xi8>
  %y = ivit.merge_heads %c8 : tensor<?x2x5x8xi8> -> tensor<?x5x16xi8>
  func.return %y : tensor<?x5x16xi8>
}

// CHECK-LABEL: func.func @shiftmax
func.func @shiftmax(%q: tensor<?x5x16xi8>, %k: tensor<?x5x16xi8>, %v: tensor<?x5x16xi8>) -> tensor<?x5x16xi8> {
  // CHECK-NEXT: %[[Y:.*]] = ivit.attention %q, %k, %v heads 2
  // CHECK-SAME:   softmax #ivit.shiftmax_softmax<multiplier = 1500000000, shift = 40, x0 = 20, n = 15, bits = 16, context_multiplier = 1073741824, context_shift = 45>
  // CHECK-NEXT: func.return %[[Y]]
  %qh = ivit.split_heads %q : tensor<?x5x16xi8> -> tensor<?x2x5x8xi8>
  %kh = ivit.split_heads %k : tensor<?x5x16xi8> -> tensor<?x2x5x8xi8>
  %vh = ivit.split_heads %v : tensor<?x5x16xi8> -> tensor<?x2x5x8xi8>
  %s = ivit.matmul %qh, %kh transpose_b : (tensor<?x2x5x8xi8>, tensor<?x2x5x8xi8>) -> tensor<?x2x5x5xi32>
  %s8 = ivit.requant %s * 1500000000 shift 40 : tensor<?x2x5x5xi32> -> tensor<?x2x5x5xi8>
  %e = ivit.shiftmax %s8 x0 20 n 15 bits 16 : tensor<?x2x5x5xi8> -> tensor<?x2x5x5xi16>
  %c = ivit.matmul %e, %vh : (tensor<?x2x5x5xi16>, tensor<?x2x5x8xi8>) -> tensor<?x2x5x8xi32>
  %c8 = ivit.requant %c * 1073741824 shift 45 : tensor<?x2x5x8xi32> -> tensor<?x2x5x8xi8>
  %y = ivit.merge_heads %c8 : tensor<?x2x5x8xi8> -> tensor<?x5x16xi8>
  func.return %y : tensor<?x5x16xi8>
}

// The probabilities are used twice: they must stay.
// CHECK-LABEL: func.func @visible_probabilities
func.func @visible_probabilities(%h: tensor<?x2x5x8xi8>) -> (tensor<?x2x5x5xi16>, tensor<?x5x16xi8>) {
  // CHECK: ivit.shiftmax
  // CHECK-NOT: ivit.attention
  %s = ivit.matmul %h, %h transpose_b : (tensor<?x2x5x8xi8>, tensor<?x2x5x8xi8>) -> tensor<?x2x5x5xi32>
  %s8 = ivit.requant %s * 1500000000 shift 40 : tensor<?x2x5x5xi32> -> tensor<?x2x5x5xi8>
  %e = ivit.shiftmax %s8 x0 20 n 15 bits 16 : tensor<?x2x5x5xi8> -> tensor<?x2x5x5xi16>
  %c = ivit.matmul %e, %h : (tensor<?x2x5x5xi16>, tensor<?x2x5x8xi8>) -> tensor<?x2x5x8xi32>
  %c8 = ivit.requant %c * 1073741824 shift 45 : tensor<?x2x5x8xi32> -> tensor<?x2x5x8xi8>
  %y = ivit.merge_heads %c8 : tensor<?x2x5x8xi8> -> tensor<?x5x16xi8>
  func.return %e, %y : tensor<?x2x5x5xi16>, tensor<?x5x16xi8>
}
