// RUN: ivit-opt %s --verify-diagnostics --split-input-file | filecheck %s

// ivit.attention (C1)
// CHECK: Expected one of i2..i8 but got i16
%q, %k, %t = "test.op"() : () -> (tensor<?x5x16xi16>, tensor<?x5x16xi16>, tensor<256xui8>)
%y = ivit.attention %q, %k, %q heads 2 softmax #ivit.delta_softmax<multiplier = 7, shift = 9, dividend = 4096, context_shift = 8> table(%t : tensor<256xui8>) : (tensor<?x5x16xi16>, tensor<?x5x16xi16>, tensor<?x5x16xi16>) -> tensor<?x5x16xi16>

// -----

// ivit.attention (C2)
// CHECK: ivit.attention: query must be [N, T, H*D]
%q, %k, %t = "test.op"() : () -> (tensor<?x2x5x8xi8>, tensor<?x2x5x8xi8>, tensor<256xui8>)
%y = ivit.attention %q, %k, %q heads 2 softmax #ivit.delta_softmax<multiplier = 7, shift = 9, dividend = 4096, context_shift = 8> table(%t : tensor<256xui8>) : (tensor<?x2x5x8xi8>, tensor<?x2x5x8xi8>, tensor<?x2x5x8xi8>) -> tensor<?x2x5x8xi8>

// -----

// ivit.attention (C3)
// CHECK: ivit.attention: query and key must have the same shape, got [?, 5, 16] and [?, 4, 16]
%q, %k, %t = "test.op"() : () -> (tensor<?x5x16xi8>, tensor<?x4x16xi8>, tensor<256xui8>)
%y = ivit.attention %q, %k, %q heads 2 softmax #ivit.delta_softmax<multiplier = 7, shift = 9, dividend = 4096, context_shift = 8> table(%t : tensor<256xui8>) : (tensor<?x5x16xi8>, tensor<?x4x16xi8>, tensor<?x5x16xi8>) -> tensor<?x5x16xi8>

// -----

// ivit.attention (C4)
// CHECK: ivit.attention: 16 channels do not split into 3 heads
%q, %k, %t = "test.op"() : () -> (tensor<?x5x16xi8>, tensor<?x5x16xi8>, tensor<256xui8>)
%y = ivit.attention %q, %k, %q heads 3 softmax #ivit.delta_softmax<multiplier = 7, shift = 9, dividend = 4096, context_shift = 8> table(%t : tensor<256xui8>) : (tensor<?x5x16xi8>, tensor<?x5x16xi8>, tensor<?x5x16xi8>) -> tensor<?x5x16xi8>

// -----

// ivit.attention (C4)
// CHECK: ivit.attention: 16 channels do not split into 0 heads
%q, %k, %t = "test.op"() : () -> (tensor<?x5x16xi8>, tensor<?x5x16xi8>, tensor<256xui8>)
%y = ivit.attention %q, %k, %q heads 0 softmax #ivit.delta_softmax<multiplier = 7, shift = 9, dividend = 4096, context_shift = 8> table(%t : tensor<256xui8>) : (tensor<?x5x16xi8>, tensor<?x5x16xi8>, tensor<?x5x16xi8>) -> tensor<?x5x16xi8>

// -----

// ivit.attention (C5)
// CHECK: ivit.attention: int32 accumulator may wrap: 131072 products of up to 128 x 128
%q, %k, %t = "test.op"() : () -> (tensor<?x5x131072xi8>, tensor<?x5x131072xi8>, tensor<256xui8>)
%y = ivit.attention %q, %k, %q heads 1 softmax #ivit.delta_softmax<multiplier = 7, shift = 9, dividend = 4096, context_shift = 8> table(%t : tensor<256xui8>) : (tensor<?x5x131072xi8>, tensor<?x5x131072xi8>, tensor<?x5x131072xi8>) -> tensor<?x5x131072xi8>

// -----

// ivit.attention (C5)
// CHECK: ivit.attention: int32 accumulator may wrap: 65794 products of up to 255 x 128
%q, %k, %t = "test.op"() : () -> (tensor<?x65794x16xi8>, tensor<?x65794x16xi8>, tensor<256xui8>)
%y = ivit.attention %q, %k, %q heads 2 softmax #ivit.delta_softmax<multiplier = 7, shift = 9, dividend = 4096, context_shift = 8> table(%t : tensor<256xui8>) : (tensor<?x65794x16xi8>, tensor<?x65794x16xi8>, tensor<?x65794x16xi8>) -> tensor<?x65794x16xi8>

// -----

// ivit.attention (C6)
// CHECK: ivit.attention: multiplier must lie in (-2^31, 2^31), got 2147483648
%q, %k, %t = "test.op"() : () -> (tensor<?x5x16xi8>, tensor<?x5x16xi8>, tensor<256xui8>)
%y = ivit.attention %q, %k, %q heads 2 softmax #ivit.delta_softmax<multiplier = 2147483648, shift = 9, dividend = 4096, context_shift = 8> table(%t : tensor<256xui8>) : (tensor<?x5x16xi8>, tensor<?x5x16xi8>, tensor<?x5x16xi8>) -> tensor<?x5x16xi8>

// -----

// ivit.attention (C6)
// CHECK: ivit.attention: multiplier must be positive
%q, %k, %t = "test.op"() : () -> (tensor<?x5x16xi8>, tensor<?x5x16xi8>, tensor<256xui8>)
%y = ivit.attention %q, %k, %q heads 2 softmax #ivit.delta_softmax<multiplier = 0, shift = 9, dividend = 4096, context_shift = 8> table(%t : tensor<256xui8>) : (tensor<?x5x16xi8>, tensor<?x5x16xi8>, tensor<?x5x16xi8>) -> tensor<?x5x16xi8>

// -----

// ivit.attention (C6)
// CHECK: ivit.attention: shift must lie in [1, 62], got 0
%q, %k, %t = "test.op"() : () -> (tensor<?x5x16xi8>, tensor<?x5x16xi8>, tensor<256xui8>)
%y = ivit.attention %q, %k, %q heads 2 softmax #ivit.delta_softmax<multiplier = 7, shift = 0, dividend = 4096, context_shift = 8> table(%t : tensor<256xui8>) : (tensor<?x5x16xi8>, tensor<?x5x16xi8>, tensor<?x5x16xi8>) -> tensor<?x5x16xi8>

// -----

// ivit.attention (C6)
// CHECK: ivit.attention: shift must lie in [1, 62], got 63
%q, %k, %t = "test.op"() : () -> (tensor<?x5x16xi8>, tensor<?x5x16xi8>, tensor<256xui8>)
%y = ivit.attention %q, %k, %q heads 2 softmax #ivit.delta_softmax<multiplier = 7, shift = 9, dividend = 4096, context_shift = 63> table(%t : tensor<256xui8>) : (tensor<?x5x16xi8>, tensor<?x5x16xi8>, tensor<?x5x16xi8>) -> tensor<?x5x16xi8>

// -----

// ivit.attention (C6)
// CHECK: ivit.attention: multiplier must lie in (-2^31, 2^31), got -2147483648
%q, %t = "test.op"() : () -> (tensor<?x5x16xi8>, tensor<256xui8>)
%y = ivit.attention %q, %q, %q heads 2 softmax #ivit.shiftmax_softmax<multiplier = 7, shift = 9, x0 = 20, n = 15, bits = 16, context_multiplier = -2147483648, context_shift = 8> : (tensor<?x5x16xi8>, tensor<?x5x16xi8>, tensor<?x5x16xi8>) -> tensor<?x5x16xi8>

// -----

// ivit.attention (C7)
// CHECK: ivit.attention: delta_softmax needs a table
%q, %k, %t = "test.op"() : () -> (tensor<?x5x16xi8>, tensor<?x5x16xi8>, tensor<256xui8>)
%y = ivit.attention %q, %k, %q heads 2 softmax #ivit.delta_softmax<multiplier = 7, shift = 9, dividend = 4096, context_shift = 8> : (tensor<?x5x16xi8>, tensor<?x5x16xi8>, tensor<?x5x16xi8>) -> tensor<?x5x16xi8>

// -----

// ivit.attention (C7)
// CHECK: ivit.attention: delta_softmax needs a table of 256 ui8, got tensor<256xi8>
%q, %k, %t = "test.op"() : () -> (tensor<?x5x16xi8>, tensor<?x5x16xi8>, tensor<256xi8>)
%y = ivit.attention %q, %k, %q heads 2 softmax #ivit.delta_softmax<multiplier = 7, shift = 9, dividend = 4096, context_shift = 8> table(%t : tensor<256xi8>) : (tensor<?x5x16xi8>, tensor<?x5x16xi8>, tensor<?x5x16xi8>) -> tensor<?x5x16xi8>

// -----

// ivit.attention (C7)
// CHECK: ivit.attention: shiftmax_softmax takes no table
%q, %t = "test.op"() : () -> (tensor<?x5x16xi8>, tensor<256xui8>)
%y = ivit.attention %q, %q, %q heads 2 softmax #ivit.shiftmax_softmax<multiplier = 7, shift = 9, x0 = 20, n = 15, bits = 16, context_multiplier = 5, context_shift = 8> table(%t : tensor<256xui8>) : (tensor<?x5x16xi8>, tensor<?x5x16xi8>, tensor<?x5x16xi8>) -> tensor<?x5x16xi8>

// -----

// ivit.attention (C8)
// CHECK: ivit.attention: dividend / min_divisor must lie in [1, 2^31), got 547608330240 / 255
%q, %k, %t = "test.op"() : () -> (tensor<?x5x16xi8>, tensor<?x5x16xi8>, tensor<256xui8>)
%y = ivit.attention %q, %k, %q heads 2 softmax #ivit.delta_softmax<multiplier = 7, shift = 9, dividend = 547608330240, context_shift = 8> table(%t : tensor<256xui8>) : (tensor<?x5x16xi8>, tensor<?x5x16xi8>, tensor<?x5x16xi8>) -> tensor<?x5x16xi8>

// -----

// ivit.attention (C9)
// CHECK: ivit.attention: x0 must lie in [1, 2^24), got 0
%q, %t = "test.op"() : () -> (tensor<?x5x16xi8>, tensor<256xui8>)
%y = ivit.attention %q, %q, %q heads 2 softmax #ivit.shiftmax_softmax<multiplier = 7, shift = 9, x0 = 0, n = 15, bits = 16, context_multiplier = 5, context_shift = 8> : (tensor<?x5x16xi8>, tensor<?x5x16xi8>, tensor<?x5x16xi8>) -> tensor<?x5x16xi8>

// -----

// ivit.attention (C9)
// CHECK: ivit.attention: n must lie in [0, 30], got 31
%q, %t = "test.op"() : () -> (tensor<?x5x16xi8>, tensor<256xui8>)
%y = ivit.attention %q, %q, %q heads 2 softmax #ivit.shiftmax_softmax<multiplier = 7, shift = 9, x0 = 1, n = 31, bits = 16, context_multiplier = 5, context_shift = 8> : (tensor<?x5x16xi8>, tensor<?x5x16xi8>, tensor<?x5x16xi8>) -> tensor<?x5x16xi8>

// -----

// ivit.attention (C9)
// CHECK: ivit.attention: int32 sum may wrap: 5 terms of up to 20 * 2^25; lower n
%q, %t = "test.op"() : () -> (tensor<?x5x16xi8>, tensor<256xui8>)
%y = ivit.attention %q, %q, %q heads 2 softmax #ivit.shiftmax_softmax<multiplier = 7, shift = 9, x0 = 20, n = 25, bits = 16, context_multiplier = 5, context_shift = 8> : (tensor<?x5x16xi8>, tensor<?x5x16xi8>, tensor<?x5x16xi8>) -> tensor<?x5x16xi8>

// -----

// ivit.attention (C10)
// CHECK: ivit.attention: bits must lie in [2, 16], got 17
%q, %t = "test.op"() : () -> (tensor<?x5x16xi8>, tensor<256xui8>)
%y = ivit.attention %q, %q, %q heads 2 softmax #ivit.shiftmax_softmax<multiplier = 7, shift = 9, x0 = 20, n = 15, bits = 17, context_multiplier = 5, context_shift = 8> : (tensor<?x5x16xi8>, tensor<?x5x16xi8>, tensor<?x5x16xi8>) -> tensor<?x5x16xi8>
