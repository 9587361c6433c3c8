// RUN: ivit-opt %s | ivit-opt | filecheck %s
// RUN: ivit-opt %s --print-op-generic | ivit-opt | filecheck %s
// RUN: ivit-opt %s --print-op-generic | filecheck %s --check-prefix=GENERIC

%q, %k, %v, %t = "test.op"() : () -> (tensor<?x5x16xi8>, tensor<?x5x16xi8>, tensor<?x5x16xi8>, tensor<256xui8>)

// CHECK: ivit.attention %q, %k, %v heads 2 softmax #ivit.delta_softmax<multiplier = 7, shift = 9, dividend = 4096, context_shift = 8> table(%t : tensor<256xui8>) : (tensor<?x5x16xi8>, tensor<?x5x16xi8>, tensor<?x5x16xi8>) -> tensor<?x5x16xi8>
// GENERIC: "ivit.attention"(%q, %k, %v, %t) <{heads = 2 : i64, softmax = #ivit.delta_softmax<multiplier = 7, shift = 9, dividend = 4096, context_shift = 8>, operandSegmentSizes = array<i32: 1, 1, 1, 1, 0>}> : (tensor<?x5x16xi8>, tensor<?x5x16xi8>, tensor<?x5x16xi8>, tensor<256xui8>) -> tensor<?x5x16xi8>
%0 = ivit.attention %q, %k, %v heads 2 softmax #ivit.delta_softmax<multiplier = 7, shift = 9, dividend = 4096, context_shift = 8> table(%t : tensor<256xui8>) : (tensor<?x5x16xi8>, tensor<?x5x16xi8>, tensor<?x5x16xi8>) -> tensor<?x5x16xi8>

// CHECK: ivit.attention %q, %k, %v heads 4 softmax #ivit.shiftmax_softmax<multiplier = -7, shift = 9, x0 = 20, n = 15, bits = 16, context_multiplier = 5, context_shift = 8> : (tensor<?x5x16xi8>, tensor<?x5x16xi8>, tensor<?x5x16xi8>) -> tensor<?x5x16xi8>
// GENERIC: "ivit.attention"(%q, %k, %v) <{heads = 4 : i64, softmax = #ivit.shiftmax_softmax<multiplier = -7, shift = 9, x0 = 20, n = 15, bits = 16, context_multiplier = 5, context_shift = 8>, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>}>
%1 = ivit.attention %q, %k, %v heads 4 softmax #ivit.shiftmax_softmax<multiplier = -7, shift = 9, x0 = 20, n = 15, bits = 16, context_multiplier = 5, context_shift = 8> : (tensor<?x5x16xi8>, tensor<?x5x16xi8>, tensor<?x5x16xi8>) -> tensor<?x5x16xi8>

%m = "test.op"() : () -> tensor<1x2x1x1xi32>

// CHECK: table(%t : tensor<256xui8>) multipliers(%m : tensor<1x2x1x1xi32>) :
// GENERIC: "ivit.attention"(%q, %k, %v, %t, %m) <{heads = 2 : i64, softmax = #ivit.delta_softmax<multiplier = 0, shift = 9, dividend = 4096, context_shift = 8>, operandSegmentSizes = array<i32: 1, 1, 1, 1, 1>}>
%2 = ivit.attention %q, %k, %v heads 2 softmax #ivit.delta_softmax<multiplier = 0, shift = 9, dividend = 4096, context_shift = 8> table(%t : tensor<256xui8>) multipliers(%m : tensor<1x2x1x1xi32>) : (tensor<?x5x16xi8>, tensor<?x5x16xi8>, tensor<?x5x16xi8>) -> tensor<?x5x16xi8>
