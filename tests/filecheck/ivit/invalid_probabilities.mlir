// RUN: ivit-opt %s --verify-diagnostics --split-input-file | filecheck %s

// ivit.shift_matmul (C1)
// CHECK: Expected one of ui2..ui8 but got i8
%c, %v, %s = "test.op"() : () -> (tensor<?x2x3x4xi8>, tensor<?x2x4x5xi8>, tensor<16xi8>)
%y = ivit.shift_matmul %c, %v shifts %s : (tensor<?x2x3x4xi8>, tensor<?x2x4x5xi8>, tensor<16xi8>) -> tensor<?x2x3x5xi32>

// -----

// ivit.shift_matmul (C2)
// CHECK: ivit.shift_matmul: operands must be [N, H, rows, columns]
%c, %v, %s = "test.op"() : () -> (tensor<?x3x4xui8>, tensor<?x2x4x5xi8>, tensor<16xi8>)
%y = ivit.shift_matmul %c, %v shifts %s : (tensor<?x3x4xui8>, tensor<?x2x4x5xi8>, tensor<16xi8>) -> tensor<?x2x3x5xi32>

// -----

// ivit.shift_matmul (C3)
// CHECK: ivit.shift_matmul: operands must share batch and heads
%c, %v, %s = "test.op"() : () -> (tensor<?x1x3x4xui8>, tensor<?x2x4x5xi8>, tensor<16xi8>)
%y = ivit.shift_matmul %c, %v shifts %s : (tensor<?x1x3x4xui8>, tensor<?x2x4x5xi8>, tensor<16xi8>) -> tensor<?x2x3x5xi32>

// -----

// ivit.shift_matmul (C4)
// CHECK: ivit.shift_matmul: inner dimensions differ: 5 and 4
%c, %v, %s = "test.op"() : () -> (tensor<?x2x3x5xui8>, tensor<?x2x4x5xi8>, tensor<16xi8>)
%y = ivit.shift_matmul %c, %v shifts %s : (tensor<?x2x3x5xui8>, tensor<?x2x4x5xi8>, tensor<16xi8>) -> tensor<?x2x3x5xi32>

// -----

// ivit.shift_matmul (C5)
// CHECK: ivit.shift_matmul: output must have shape [?, 2, 3, 5], got [?, 2, 5, 3]
%c, %v, %s = "test.op"() : () -> (tensor<?x2x3x4xui8>, tensor<?x2x4x5xi8>, tensor<16xi8>)
%y = ivit.shift_matmul %c, %v shifts %s : (tensor<?x2x3x4xui8>, tensor<?x2x4x5xi8>, tensor<16xi8>) -> tensor<?x2x5x3xi32>

// -----

// ivit.shift_matmul (C6)
// CHECK: ivit.shift_matmul: shifts must have shape [L] with L up to 256, got [257]
%c, %v, %s = "test.op"() : () -> (tensor<?x2x3x4xui8>, tensor<?x2x4x5xi8>, tensor<257xi8>)
%y = ivit.shift_matmul %c, %v shifts %s : (tensor<?x2x3x4xui8>, tensor<?x2x4x5xi8>, tensor<257xi8>) -> tensor<?x2x3x5xi32>

// -----

// ivit.shift_matmul (C7)
// CHECK: ivit.shift_matmul: eta must be a power of two up to 16384, got 3
%c, %v, %s = "test.op"() : () -> (tensor<?x2x3x4xui8>, tensor<?x2x4x5xi8>, tensor<16xi8>)
%y = ivit.shift_matmul %c, %v shifts %s eta 3 : (tensor<?x2x3x4xui8>, tensor<?x2x4x5xi8>, tensor<16xi8>) -> tensor<?x2x3x5xi32>

// -----

// ivit.normalized_softmax (C1)
// CHECK: Expected one of i2..i16, ui2..ui8 but got i32
%x, %t = "test.op"() : () -> (tensor<?x2x5x5xi32>, tensor<256xi32>)
%y = ivit.normalized_softmax %x * 3 shift 9 table %t unit 255 : (tensor<?x2x5x5xi32>, tensor<256xi32>) -> tensor<?x2x5x5xi32>

// -----

// ivit.normalized_softmax (C2)
// CHECK: ivit.normalized_softmax: input and output must have the same shape, got [?, 2, 5, 5] and [?, 2, 5, 4]
%x, %t = "test.op"() : () -> (tensor<?x2x5x5xi32>, tensor<256xi32>)
%y = ivit.normalized_softmax %x * 3 shift 9 table %t unit 255 : (tensor<?x2x5x5xi32>, tensor<256xi32>) -> tensor<?x2x5x4xui8>

// -----

// ivit.normalized_softmax (C3)
// CHECK: ivit.normalized_softmax: table must have shape [256], got [255]
%x, %t = "test.op"() : () -> (tensor<?x2x5x5xi32>, tensor<255xi32>)
%y = ivit.normalized_softmax %x * 3 shift 9 table %t unit 255 : (tensor<?x2x5x5xi32>, tensor<255xi32>) -> tensor<?x2x5x5xui8>

// -----

// ivit.normalized_softmax (C4)
// CHECK: ivit.normalized_softmax: softmax takes either one multiplier or one per head
%x, %t = "test.op"() : () -> (tensor<?x2x5x5xi32>, tensor<256xi32>)
%y = ivit.normalized_softmax %x  shift 9 table %t unit 255 : (tensor<?x2x5x5xi32>, tensor<256xi32>) -> tensor<?x2x5x5xui8>

// -----

// ivit.normalized_softmax (C4)
// CHECK: ivit.normalized_softmax: softmax takes either one multiplier or one per head
%x, %t, %m = "test.op"() : () -> (tensor<?x2x5x5xi32>, tensor<256xi32>, tensor<1x2x1x1xi32>)
%y = ivit.normalized_softmax %x * 3 heads(%m : tensor<1x2x1x1xi32>) shift 9 table %t unit 255 : (tensor<?x2x5x5xi32>, tensor<256xi32>) -> tensor<?x2x5x5xui8>

// -----

// ivit.normalized_softmax (C5)
// CHECK: ivit.normalized_softmax: multiplier must be positive
%x, %t = "test.op"() : () -> (tensor<?x2x5x5xi32>, tensor<256xi32>)
%y = ivit.normalized_softmax %x * 0 shift 9 table %t unit 255 : (tensor<?x2x5x5xi32>, tensor<256xi32>) -> tensor<?x2x5x5xui8>

// -----

// ivit.normalized_softmax (C5)
// CHECK: ivit.normalized_softmax: multiplier must lie in (-2^31, 2^31), got 2147483648
%x, %t = "test.op"() : () -> (tensor<?x2x5x5xi32>, tensor<256xi32>)
%y = ivit.normalized_softmax %x * 2147483648 shift 9 table %t unit 255 : (tensor<?x2x5x5xi32>, tensor<256xi32>) -> tensor<?x2x5x5xui8>

// -----

// ivit.normalized_softmax (C6)
// CHECK: ivit.normalized_softmax: shift must lie in [1, 62], got 63
%x, %t = "test.op"() : () -> (tensor<?x2x5x5xi32>, tensor<256xi32>)
%y = ivit.normalized_softmax %x * 3 shift 63 table %t unit 255 : (tensor<?x2x5x5xi32>, tensor<256xi32>) -> tensor<?x2x5x5xui8>

// -----

// ivit.normalized_softmax (C7)
// CHECK: ivit.normalized_softmax: input must be [N, H, T, C] for a multiplier per head
%x, %t, %m = "test.op"() : () -> (tensor<?x5x5xi32>, tensor<256xi32>, tensor<1x2x1x1xi32>)
%y = ivit.normalized_softmax %x heads(%m : tensor<1x2x1x1xi32>) shift 9 table %t unit 255 : (tensor<?x5x5xi32>, tensor<256xi32>) -> tensor<?x5x5xui8>

// -----

// ivit.normalized_softmax (C7)
// CHECK: ivit.normalized_softmax: multipliers must have shape [1, 2, 1, 1], got [2]
%x, %t, %m = "test.op"() : () -> (tensor<?x2x5x5xi32>, tensor<256xi32>, tensor<2xi32>)
%y = ivit.normalized_softmax %x heads(%m : tensor<2xi32>) shift 9 table %t unit 255 : (tensor<?x2x5x5xi32>, tensor<256xi32>) -> tensor<?x2x5x5xui8>

// -----

// ivit.normalized_softmax (C8)
// CHECK: ivit.normalized_softmax: int32 sum may wrap: 32768 exponentials of up to 65536
%x, %t = "test.op"() : () -> (tensor<?x1x1x32768xi32>, tensor<256xi32>)
%y = ivit.normalized_softmax %x * 3 shift 9 table %t unit 255 : (tensor<?x1x1x32768xi32>, tensor<256xi32>) -> tensor<?x1x1x32768xui8>

// -----

// ivit.threshold_softmax (C1)
// CHECK: Expected one of ui2..ui8 but got i8
%x, %t, %b = "test.op"() : () -> (tensor<?x2x5x5xi32>, tensor<256xi32>, tensor<15xi32>)
%y = ivit.threshold_softmax %x * 3 shift 9 table %t thresholds %b : (tensor<?x2x5x5xi32>, tensor<256xi32>, tensor<15xi32>) -> tensor<?x2x5x5xi8>

// -----

// ivit.threshold_softmax (C2)
// CHECK: ivit.threshold_softmax: input and output must have the same shape, got [?, 2, 5, 5] and [?, 2, 5, 4]
%x, %t, %b = "test.op"() : () -> (tensor<?x2x5x5xi32>, tensor<256xi32>, tensor<15xi32>)
%y = ivit.threshold_softmax %x * 3 shift 9 table %t thresholds %b : (tensor<?x2x5x5xi32>, tensor<256xi32>, tensor<15xi32>) -> tensor<?x2x5x4xui4>

// -----

// ivit.threshold_softmax (C3)
// CHECK: ivit.threshold_softmax: table must have shape [256], got [255]
%x, %t, %b = "test.op"() : () -> (tensor<?x2x5x5xi32>, tensor<255xi32>, tensor<15xi32>)
%y = ivit.threshold_softmax %x * 3 shift 9 table %t thresholds %b : (tensor<?x2x5x5xi32>, tensor<255xi32>, tensor<15xi32>) -> tensor<?x2x5x5xui4>

// -----

// ivit.threshold_softmax (C4)
// CHECK: ivit.threshold_softmax: softmax takes either one multiplier or one per head
%x, %t, %b = "test.op"() : () -> (tensor<?x2x5x5xi32>, tensor<256xi32>, tensor<15xi32>)
%y = ivit.threshold_softmax %x  shift 9 table %t thresholds %b : (tensor<?x2x5x5xi32>, tensor<256xi32>, tensor<15xi32>) -> tensor<?x2x5x5xui4>

// -----

// ivit.threshold_softmax (C4)
// CHECK: ivit.threshold_softmax: softmax takes either one multiplier or one per head
%x, %t, %b, %m = "test.op"() : () -> (tensor<?x2x5x5xi32>, tensor<256xi32>, tensor<15xi32>, tensor<1x2x1x1xi32>)
%y = ivit.threshold_softmax %x * 3 heads(%m : tensor<1x2x1x1xi32>) shift 9 table %t thresholds %b : (tensor<?x2x5x5xi32>, tensor<256xi32>, tensor<15xi32>) -> tensor<?x2x5x5xui4>

// -----

// ivit.threshold_softmax (C5)
// CHECK: ivit.threshold_softmax: multiplier must be positive
%x, %t, %b = "test.op"() : () -> (tensor<?x2x5x5xi32>, tensor<256xi32>, tensor<15xi32>)
%y = ivit.threshold_softmax %x * 0 shift 9 table %t thresholds %b : (tensor<?x2x5x5xi32>, tensor<256xi32>, tensor<15xi32>) -> tensor<?x2x5x5xui4>

// -----

// ivit.threshold_softmax (C5)
// CHECK: ivit.threshold_softmax: multiplier must lie in (-2^31, 2^31), got 2147483648
%x, %t, %b = "test.op"() : () -> (tensor<?x2x5x5xi32>, tensor<256xi32>, tensor<15xi32>)
%y = ivit.threshold_softmax %x * 2147483648 shift 9 table %t thresholds %b : (tensor<?x2x5x5xi32>, tensor<256xi32>, tensor<15xi32>) -> tensor<?x2x5x5xui4>

// -----

// ivit.threshold_softmax (C6)
// CHECK: ivit.threshold_softmax: shift must lie in [1, 62], got 63
%x, %t, %b = "test.op"() : () -> (tensor<?x2x5x5xi32>, tensor<256xi32>, tensor<15xi32>)
%y = ivit.threshold_softmax %x * 3 shift 63 table %t thresholds %b : (tensor<?x2x5x5xi32>, tensor<256xi32>, tensor<15xi32>) -> tensor<?x2x5x5xui4>

// -----

// ivit.threshold_softmax (C7)
// CHECK: ivit.threshold_softmax: input must be [N, H, T, C] for a multiplier per head
%x, %t, %b, %m = "test.op"() : () -> (tensor<?x5x5xi32>, tensor<256xi32>, tensor<15xi32>, tensor<1x2x1x1xi32>)
%y = ivit.threshold_softmax %x heads(%m : tensor<1x2x1x1xi32>) shift 9 table %t thresholds %b : (tensor<?x5x5xi32>, tensor<256xi32>, tensor<15xi32>) -> tensor<?x5x5xui4>

// -----

// ivit.threshold_softmax (C7)
// CHECK: ivit.threshold_softmax: multipliers must have shape [1, 2, 1, 1], got [2]
%x, %t, %b, %m = "test.op"() : () -> (tensor<?x2x5x5xi32>, tensor<256xi32>, tensor<15xi32>, tensor<2xi32>)
%y = ivit.threshold_softmax %x heads(%m : tensor<2xi32>) shift 9 table %t thresholds %b : (tensor<?x2x5x5xi32>, tensor<256xi32>, tensor<15xi32>) -> tensor<?x2x5x5xui4>

// -----

// ivit.threshold_softmax (C8)
// CHECK: ivit.threshold_softmax: int32 sum may wrap: 32768 exponentials of up to 65536
%x, %t, %b = "test.op"() : () -> (tensor<?x1x1x32768xi32>, tensor<256xi32>, tensor<15xi32>)
%y = ivit.threshold_softmax %x * 3 shift 9 table %t thresholds %b : (tensor<?x1x1x32768xi32>, tensor<256xi32>, tensor<15xi32>) -> tensor<?x1x1x32768xui4>

// -----

// ivit.normalized_softmax (C9)
// CHECK: ivit.normalized_softmax: unit must lie in [1, 256] for ui8, got 257
%x, %t = "test.op"() : () -> (tensor<?x2x5x5xi32>, tensor<256xi32>)
%y = ivit.normalized_softmax %x * 3 shift 9 table %t unit 257 : (tensor<?x2x5x5xi32>, tensor<256xi32>) -> tensor<?x2x5x5xui8>

// -----

// ivit.normalized_softmax (C9)
// CHECK: ivit.normalized_softmax: unit must lie in [1, 32768] for i16, got 0
%x, %t = "test.op"() : () -> (tensor<?x2x5x5xi32>, tensor<256xi32>)
%y = ivit.normalized_softmax %x * 3 shift 9 table %t unit 0 : (tensor<?x2x5x5xi32>, tensor<256xi32>) -> tensor<?x2x5x5xi16>

// -----

// ivit.threshold_softmax (C9)
// CHECK: ivit.threshold_softmax: thresholds must have shape [L] with L up to 15 for ui4, got [16]
%x, %t, %b = "test.op"() : () -> (tensor<?x2x5x5xi32>, tensor<256xi32>, tensor<16xi32>)
%y = ivit.threshold_softmax %x * 3 shift 9 table %t thresholds %b : (tensor<?x2x5x5xi32>, tensor<256xi32>, tensor<16xi32>) -> tensor<?x2x5x5xui4>

// -----

// ivit.softmax (C5)
// CHECK: ivit.softmax: softmax takes either one multiplier or one per head
%x, %t, %m = "test.op"() : () -> (tensor<?x2x5x5xi32>, tensor<256xui8>, tensor<1x2x1x1xi32>)
%e, %s = ivit.softmax %x * 3 heads(%m : tensor<1x2x1x1xi32>) shift 9 table %t : (tensor<?x2x5x5xi32>, tensor<256xui8>) -> tensor<?x2x5x5xui8>, tensor<?x2x5x1xi32>

// -----

// ivit.softmax (C8)
// CHECK: ivit.softmax: multipliers must have shape [1, 2, 1, 1], got [1, 5, 1, 1]
%x, %t, %m = "test.op"() : () -> (tensor<?x2x5x5xi32>, tensor<256xui8>, tensor<1x5x1x1xi32>)
%e, %s = ivit.softmax %x heads(%m : tensor<1x5x1x1xi32>) shift 9 table %t : (tensor<?x2x5x5xi32>, tensor<256xui8>) -> tensor<?x2x5x5xui8>, tensor<?x2x5x1xi32>

// -----

// ivit.attention (C7)
// CHECK: ivit.attention: shiftmax_softmax takes no multipliers
%q, %m, %t = "test.op"() : () -> (tensor<?x5x8xi8>, tensor<1x2x1x1xi32>, tensor<256xui8>)
%y = ivit.attention %q, %q, %q heads 2 softmax #ivit.shiftmax_softmax<multiplier = 3, shift = 9, x0 = 4, n = 4, bits = 16, context_multiplier = 3, context_shift = 9> multipliers(%m : tensor<1x2x1x1xi32>) : (tensor<?x5x8xi8>, tensor<?x5x8xi8>, tensor<?x5x8xi8>) -> tensor<?x5x8xi8>

// -----

// ivit.attention (C11)
// CHECK: ivit.attention: multiplier must be 0 beside those of the heads, got 3
%q, %m, %t = "test.op"() : () -> (tensor<?x5x8xi8>, tensor<1x2x1x1xi32>, tensor<256xui8>)
%y = ivit.attention %q, %q, %q heads 2 softmax #ivit.delta_softmax<multiplier = 3, shift = 9, dividend = 1024, context_shift = 9> table(%t : tensor<256xui8>) multipliers(%m : tensor<1x2x1x1xi32>) : (tensor<?x5x8xi8>, tensor<?x5x8xi8>, tensor<?x5x8xi8>) -> tensor<?x5x8xi8>

// -----

// ivit.attention (C11)
// CHECK: ivit.attention: multipliers must have shape [1, 2, 1, 1], got [1, 3, 1, 1]
%q, %m, %t = "test.op"() : () -> (tensor<?x5x8xi8>, tensor<1x3x1x1xi32>, tensor<256xui8>)
%y = ivit.attention %q, %q, %q heads 2 softmax #ivit.delta_softmax<multiplier = 0, shift = 9, dividend = 1024, context_shift = 9> table(%t : tensor<256xui8>) multipliers(%m : tensor<1x3x1x1xi32>) : (tensor<?x5x8xi8>, tensor<?x5x8xi8>, tensor<?x5x8xi8>) -> tensor<?x5x8xi8>
