// RUN: ivit-opt %s --verify-diagnostics --split-input-file | filecheck %s

// ivit.split_heads (C1)
// CHECK: Expected one of {{.*}} but got f32
%x = "test.op"() : () -> (tensor<?x5x16xf32>)
%y = ivit.split_heads %x : tensor<?x5x16xf32> -> tensor<?x2x5x8xf32>

// -----

// ivit.split_heads (C2)
// CHECK: ivit.split_heads: input and output must share an element type
%x = "test.op"() : () -> (tensor<?x5x16xi8>)
%y = ivit.split_heads %x : tensor<?x5x16xi8> -> tensor<?x2x5x8xi16>

// -----

// ivit.split_heads (C3)
// CHECK: ivit.split_heads: takes [N, T, H*D] to [N, H, T, D]
%x = "test.op"() : () -> (tensor<?x5x16xi8>)
%y = ivit.split_heads %x : tensor<?x5x16xi8> -> tensor<?x5x16xi8>

// -----

// ivit.split_heads (C4)
// CHECK: ivit.split_heads: [?, 5, 16] does not split into [?, 5, 2, 8]
%x = "test.op"() : () -> (tensor<?x5x16xi8>)
%y = ivit.split_heads %x : tensor<?x5x16xi8> -> tensor<?x5x2x8xi8>

// -----

// ivit.merge_heads (C1)
// CHECK: Expected one of {{.*}} but got f32
%x = "test.op"() : () -> (tensor<?x2x5x8xf32>)
%y = ivit.merge_heads %x : tensor<?x2x5x8xf32> -> tensor<?x5x16xf32>

// -----

// ivit.merge_heads (C2)
// CHECK: ivit.merge_heads: input and output must share an element type
%x = "test.op"() : () -> (tensor<?x2x5x8xi8>)
%y = ivit.merge_heads %x : tensor<?x2x5x8xi8> -> tensor<?x5x16xi16>

// -----

// ivit.merge_heads (C3)
// CHECK: ivit.merge_heads: takes [N, H, T, D] to [N, T, H*D]
%x = "test.op"() : () -> (tensor<?x2x5x8xi8>)
%y = ivit.merge_heads %x : tensor<?x2x5x8xi8> -> tensor<?x2x5x8xi8>

// -----

// ivit.merge_heads (C4)
// CHECK: ivit.merge_heads: [?, 2, 5, 8] does not merge into [?, 2, 40]
%x = "test.op"() : () -> (tensor<?x2x5x8xi8>)
%y = ivit.merge_heads %x : tensor<?x2x5x8xi8> -> tensor<?x2x40xi8>

// -----

// ivit.prepend_tokens (C1)
// CHECK: Expected one of {{.*}} but got f32
%p, %x = "test.op"() : () -> (tensor<1x1x8xi16>, tensor<?x4x8xf32>)
%y = ivit.prepend_tokens %p, %x : (tensor<1x1x8xi16>, tensor<?x4x8xf32>) -> tensor<?x5x8xi16>

// -----

// ivit.prepend_tokens (C2)
// CHECK: ivit.prepend_tokens: prefix, input and output must share an element type
%p, %x = "test.op"() : () -> (tensor<1x1x8xi16>, tensor<?x4x8xi8>)
%y = ivit.prepend_tokens %p, %x : (tensor<1x1x8xi16>, tensor<?x4x8xi8>) -> tensor<?x5x8xi16>

// -----

// ivit.prepend_tokens (C3)
// CHECK: ivit.prepend_tokens: prefix must be [1, P, C] and input [N, T, C]
%p, %x = "test.op"() : () -> (tensor<2x1x8xi16>, tensor<?x4x8xi16>)
%y = ivit.prepend_tokens %p, %x : (tensor<2x1x8xi16>, tensor<?x4x8xi16>) -> tensor<?x5x8xi16>

// -----

// ivit.prepend_tokens (C4)
// CHECK: ivit.prepend_tokens: prefix and input must have the same width
%p, %x = "test.op"() : () -> (tensor<1x1x4xi16>, tensor<?x4x8xi16>)
%y = ivit.prepend_tokens %p, %x : (tensor<1x1x4xi16>, tensor<?x4x8xi16>) -> tensor<?x5x8xi16>

// -----

// ivit.prepend_tokens (C5)
// CHECK: ivit.prepend_tokens: output must have shape [?, 5, 8], got [?, 4, 8]
%p, %x = "test.op"() : () -> (tensor<1x1x8xi16>, tensor<?x4x8xi16>)
%y = ivit.prepend_tokens %p, %x : (tensor<1x1x8xi16>, tensor<?x4x8xi16>) -> tensor<?x4x8xi16>

// -----

// ivit.slice_tokens (C1)
// CHECK: Expected one of {{.*}} but got f32
%x = "test.op"() : () -> (tensor<?x4x8xf32>)
%y = ivit.slice_tokens %x[0, 1] : tensor<?x4x8xf32> -> tensor<?x1x8xf32>

// -----

// ivit.slice_tokens (C2)
// CHECK: ivit.slice_tokens: input and output must share an element type
%x = "test.op"() : () -> (tensor<?x4x8xi8>)
%y = ivit.slice_tokens %x[0, 1] : tensor<?x4x8xi8> -> tensor<?x1x8xi16>

// -----

// ivit.slice_tokens (C3)
// CHECK: ivit.slice_tokens: input must be [N, T, C]
%x = "test.op"() : () -> (tensor<?x8xi8>)
%y = ivit.slice_tokens %x[0, 1] : tensor<?x8xi8> -> tensor<?x1xi8>

// -----

// ivit.slice_tokens (C4)
// CHECK: ivit.slice_tokens: tokens [3, 5) are not among 4
%x = "test.op"() : () -> (tensor<?x4x8xi8>)
%y = ivit.slice_tokens %x[3, 2] : tensor<?x4x8xi8> -> tensor<?x2x8xi8>

// -----

// ivit.slice_tokens (C4)
// CHECK: ivit.slice_tokens: tokens [0, 0) are not among 4
%x = "test.op"() : () -> (tensor<?x4x8xi8>)
%y = ivit.slice_tokens %x[0, 0] : tensor<?x4x8xi8> -> tensor<?x1x8xi8>

// -----

// ivit.slice_tokens (C5)
// CHECK: ivit.slice_tokens: output must have shape [?, 2, 8], got [?, 1, 8]
%x = "test.op"() : () -> (tensor<?x4x8xi8>)
%y = ivit.slice_tokens %x[1, 2] : tensor<?x4x8xi8> -> tensor<?x1x8xi8>
