// RUN: ivit-opt %s | ivit-opt | filecheck %s
// RUN: ivit-opt %s --print-op-generic | ivit-opt | filecheck %s
// RUN: ivit-opt %s --print-op-generic | filecheck %s --check-prefix=GENERIC

%x, %prefix = "test.op"() : () -> (tensor<?x5x16xi16>, tensor<1x2x16xi16>)

// CHECK: %heads = ivit.split_heads %x : tensor<?x5x16xi16> -> tensor<?x2x5x8xi16>
// GENERIC: %heads = "ivit.split_heads"(%x) : (tensor<?x5x16xi16>) -> tensor<?x2x5x8xi16>
%heads = ivit.split_heads %x : tensor<?x5x16xi16> -> tensor<?x2x5x8xi16>

// CHECK: ivit.merge_heads %heads : tensor<?x2x5x8xi16> -> tensor<?x5x16xi16>
// GENERIC: "ivit.merge_heads"(%heads) : (tensor<?x2x5x8xi16>) -> tensor<?x5x16xi16>
%0 = ivit.merge_heads %heads : tensor<?x2x5x8xi16> -> tensor<?x5x16xi16>

// CHECK: ivit.prepend_tokens %prefix, %x : (tensor<1x2x16xi16>, tensor<?x5x16xi16>) -> tensor<?x7x16xi16>
// GENERIC: "ivit.prepend_tokens"(%prefix, %x) : (tensor<1x2x16xi16>, tensor<?x5x16xi16>) -> tensor<?x7x16xi16>
%1 = ivit.prepend_tokens %prefix, %x : (tensor<1x2x16xi16>, tensor<?x5x16xi16>) -> tensor<?x7x16xi16>

// CHECK: ivit.slice_tokens %x[0, 1] : tensor<?x5x16xi16> -> tensor<?x1x16xi16>
// GENERIC: "ivit.slice_tokens"(%x) <{offset = 0 : i64, size = 1 : i64}> : (tensor<?x5x16xi16>) -> tensor<?x1x16xi16>
%2 = ivit.slice_tokens %x[0, 1] : tensor<?x5x16xi16> -> tensor<?x1x16xi16>
