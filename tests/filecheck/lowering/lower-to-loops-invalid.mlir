// RUN: ivit-opt %s --lower-to-loops --verify-diagnostics --split-input-file | filecheck %s

// CHECK: lower-to-loops: {{.*}}:{{[0-9]+}}: plan.launch "fft" has no kernel: expected one of add, affine,
plan.program @main(%image: memref<4xi8>, %output: memref<4xi8>) target "generic" arena 0 live 0 weights 0 {
  plan.launch "fft" ins(%image : memref<4xi8>) outs(%output : memref<4xi8>)
}

// -----

// CHECK: lower-to-loops: a module needs one plan.program, got 0
func.func @main() {
  func.return
}

// -----

// CHECK: lower-to-loops: {{.*}}: @main: unknown target 'z80', expected host or one of
plan.program @main(%image: memref<4xi8>, %output: memref<4xi8>) target "z80" arena 0 live 0 weights 0 {
  plan.launch "copy" ins(%image : memref<4xi8>) outs(%output : memref<4xi8>)
}

// -----

// CHECK: plan.launch "requant" lacks the scalar 'multiplier'
plan.program @main(%image: memref<4xi8>, %output: memref<4xi8>) target "generic" arena 0 live 0 weights 0 {
  plan.launch "requant" ins(%image : memref<4xi8>) outs(%output : memref<4xi8>) config {form = "wide"}
}

// -----

// CHECK: plan.launch "copy" does not take the scalar 'shift'
plan.program @main(%image: memref<4xi8>, %output: memref<4xi8>) target "generic" arena 0 live 0 weights 0 {
  plan.launch "copy" ins(%image : memref<4xi8>) outs(%output : memref<4xi8>) scalars {shift = 3 : i64}
}

// -----

// CHECK: plan.launch "linear" takes 3 inputs (x, weight, bias), got 1
plan.program @main(%image: memref<1x4xi8>, %output: memref<1x4xi8>) target "generic" arena 0 live 0 weights 0 {
  plan.launch "linear" ins(%image : memref<1x4xi8>) outs(%output : memref<1x4xi8>)
}

// -----

// CHECK: plan.launch "rsqrt" takes 2 outputs (mantissa, exponent), got 1
plan.program @main(%image: memref<4xi64>, %output: memref<4xi64>) target "generic" arena 0 live 0 weights 0 {
  plan.launch "rsqrt" ins(%image : memref<4xi64>) outs(%output : memref<4xi64>)
}

// -----

// CHECK: plan.launch "copy" needs x to be [N], got [4, 8]
plan.program @main(%image: memref<4x8xi8>, %output: memref<4x9xi8>) target "generic" arena 0 live 0 weights 0 {
  plan.launch "copy" ins(%image : memref<4x8xi8>) outs(%output : memref<4x9xi8>)
}

// -----

// CHECK: plan.launch "shiftgelu" needs y to be [...R, C] with R = 4, C = 8, got [4, 9]
plan.program @main(%image: memref<2x2x8xi8>, %output: memref<4x9xi16>) target "generic" arena 0 live 0 weights 0 {
  plan.launch "shiftgelu" ins(%image : memref<2x2x8xi8>) outs(%output : memref<4x9xi16>) scalars {n = 23 : i64, x0 = 5 : i64}
}

// -----

// CHECK: plan.launch "add" lacks the config 'rhs'
plan.program @main(%image: memref<4xi8>, %output: memref<4xi8>) target "generic" arena 0 live 0 weights 0 {
  plan.launch "add" ins(%image, %image : memref<4xi8>, memref<4xi8>) outs(%output : memref<4xi8>) config {lhs = "none"}
}

// -----

// CHECK: plan.launch "add" needs the config 'lhs' to be one of none, mulhi, wide, got 'half'
plan.program @main(%image: memref<4xi8>, %output: memref<4xi8>) target "generic" arena 0 live 0 weights 0 {
  plan.launch "add" ins(%image, %image : memref<4xi8>, memref<4xi8>) outs(%output : memref<4xi8>)
    config {lhs = "half", rhs = "none"}
}

// -----

// CHECK: plan.launch "matmul" needs the config 'transposed' to be an integer from 0 to 1, got 2
plan.program @main(%image: memref<1x4x4xi8>, %output: memref<1x4x4xi32>) target "generic" arena 0 live 0 weights 0 {
  plan.launch "matmul" ins(%image, %image : memref<1x4x4xi8>, memref<1x4x4xi8>) outs(%output : memref<1x4x4xi32>)
    config {transposed = 2 : i64}
}

// -----

// CHECK: plan.launch "copy" does not take the config 'fast'
plan.program @main(%image: memref<4xi8>, %output: memref<4xi8>) target "generic" arena 0 live 0 weights 0 {
  plan.launch "copy" ins(%image : memref<4xi8>) outs(%output : memref<4xi8>) config {fast = 1 : i64}
}

// -----

// CHECK: plan.launch "linear" needs weight to be [1, 2, 16], got [1, 2, 32]
plan.program @main(%image: memref<1x4xi8>, %output: memref<1x8xi32>) target "generic" arena 0 live 0 weights 192 {
  %w = plan.weight ["w"] packing "panels" [8, 4] at 0 : memref<1x2x32xi8>
  %b = plan.weight ["b"] packing "columns" [8] at 64 : memref<8xi32>
  plan.launch "linear" ins(%image, %w, %b : memref<1x4xi8>, memref<1x2x32xi8>, memref<8xi32>) outs(%output : memref<1x8xi32>)
}

// -----

// CHECK: plan.launch "linear" needs weight to be [1, 2, 8], got [1, 2, 16]
plan.program @main(%image: memref<1x4xi12>, %output: memref<1x8xi32>) target "generic" arena 0 live 0 weights 192 {
  %w = plan.weight ["w"] packing "nibbles" [8, 4] at 0 : memref<1x2x16xui8>
  %b = plan.weight ["b"] packing "columns" [8] at 64 : memref<8xi32>
  plan.launch "linear" ins(%image, %w, %b : memref<1x4xi12>, memref<1x2x16xui8>, memref<8xi32>)
    outs(%output : memref<1x8xi32>) config {nibbles = 1 : i64}
}

// -----

// CHECK: plan.launch "linear" needs elements of weight to be i5..i8, got i4
plan.program @main(%image: memref<1x4xi12>, %output: memref<1x8xi32>) target "generic" arena 0 live 0 weights 192 {
  %w = plan.weight ["w"] packing "panels" [8, 2] at 0 : memref<1x2x16xi4>
  %b = plan.weight ["b"] packing "columns" [8] at 64 : memref<8xi32>
  plan.launch "linear" ins(%image, %w, %b : memref<1x4xi12>, memref<1x2x16xi4>, memref<8xi32>)
    outs(%output : memref<1x8xi32>)
}

// -----

// CHECK: plan.launch "lookup" needs table to be [1024], got [256]
plan.program @main(%image: memref<4xi10>, %output: memref<4xi4>) target "generic" arena 0 live 0 weights 256 {
  %t = plan.weight ["t"] packing "plain" at 0 : memref<256xi4>
  plan.launch "lookup" ins(%image, %t : memref<4xi10>, memref<256xi4>) outs(%output : memref<4xi4>)
}

// -----

// CHECK: plan.launch "lookup" needs elements of x to be i2..i12 or ui2..ui12, got i13
plan.program @main(%image: memref<4xi13>, %output: memref<4xi4>) target "generic" arena 0 live 0 weights 8192 {
  %t = plan.weight ["t"] packing "plain" at 0 : memref<8192xi4>
  plan.launch "lookup" ins(%image, %t : memref<4xi13>, memref<8192xi4>) outs(%output : memref<4xi4>)
}

// -----

// CHECK: plan.launch "linear" has the config 'residual', which needs 'requant'
plan.program @main(%image: memref<1x4xi8>, %output: memref<1x8xi32>) target "generic" arena 0 live 0 weights 192 {
  %w = plan.weight ["w"] packing "panels" [8, 2] at 0 : memref<1x2x16xi8>
  %b = plan.weight ["b"] packing "columns" [8] at 64 : memref<8xi32>
  %r = plan.weight ["r"] packing "rows" [1, 8] at 128 : memref<1x8xi8>
  plan.launch "linear" ins(%image, %w, %b, %r : memref<1x4xi8>, memref<1x2x16xi8>, memref<8xi32>, memref<1x8xi8>)
    outs(%output : memref<1x8xi32>) config {residual = "wide"}
    scalars {residual_multiplier = 1 : i64, residual_shift = 1 : i64}
}

// -----

// CHECK: plan.launch "linear" has the config 'residual = lifted', for 16 bits at most, got i32
plan.program @main(%image: memref<1x4xi8>, %output: memref<1x8xi16>) target "generic" arena 0 live 0 weights 256 {
  %w = plan.weight ["w"] packing "panels" [8, 2] at 0 : memref<1x2x16xi8>
  %b = plan.weight ["b"] packing "columns" [8] at 64 : memref<8xi32>
  %m = plan.weight ["m"] packing "plain" at 128 : memref<1xi32>
  %r = plan.weight ["r"] packing "rows" [1, 8] at 192 : memref<1x8xi32>
  plan.launch "linear" ins(%image, %w, %b, %m, %r : memref<1x4xi8>, memref<1x2x16xi8>, memref<8xi32>, memref<1xi32>, memref<1x8xi32>)
    outs(%output : memref<1x8xi16>) config {requant = "mulhi", residual = "lifted"}
    scalars {residual_multiplier = 1 : i64, residual_shift = 20 : i64, shift = 40 : i64}
}

// -----

// CHECK: plan.launch "reduce" reduces dimension 2 of x, which has 2
plan.program @main(%image: memref<2x4xi8>, %output: memref<4xi32>) target "generic" arena 0 live 0 weights 0 {
  plan.launch "reduce" ins(%image : memref<2x4xi8>) outs(%output : memref<4xi32>) config {dimension = 2 : i64, kind = "sum"}
}

// -----

// CHECK: plan.launch "reduce" needs y to have 2 elements, got [4]
plan.program @main(%image: memref<2x4xi8>, %output: memref<4xi32>) target "generic" arena 0 live 0 weights 0 {
  plan.launch "reduce" ins(%image : memref<2x4xi8>) outs(%output : memref<4xi32>) config {dimension = 1 : i64, kind = "sum"}
}

// -----

// CHECK: plan.launch "broadcast" needs rhs to have the extents [2, 4] or 1, got [2, 2]
plan.program @main(%image: memref<2x2xi8>, %output: memref<2x4xi32>) target "generic" arena 0 live 0 weights 0 {
  plan.launch "broadcast" ins(%image : memref<2x2xi8>) outs(%output : memref<2x4xi32>)
    config {kind = "addi", lhs = "splat", rhs = "tensor"} scalars {lhs = 1 : i64}
}

// -----

// CHECK: plan.launch "patchify" needs y to be [4, 6], got [4, 4]
plan.program @main(%image: memref<4x6xi8>, %output: memref<4x4xi8>) target "generic" arena 0 live 0 weights 0 {
  plan.launch "patchify" ins(%image : memref<4x6xi8>) outs(%output : memref<4x4xi8>)
    config {kernel_height = 2 : i64, row_bytes = 3 : i64}
}

// -----

// CHECK: plan.launch "attention" has 3 heads, which 8 channels do not make
plan.program @main(%image: memref<4x8xi8>, %output: memref<4x8xi8>) target "generic" arena 0 live 0 weights 256 {
  %t = plan.weight ["t"] packing "plain" at 0 : memref<256xui8>
  plan.launch "attention" ins(%image, %image, %image, %t : memref<4x8xi8>, memref<4x8xi8>, memref<4x8xi8>, memref<256xui8>)
    outs(%output : memref<4x8xi8>)
    config {context_form = "wide", form = "wide", heads = 3 : i64, softmax = "delta"}
    scalars {context_shift = 30 : i64, dividend = 1 : i64, multiplier = 1 : i64, shift = 38 : i64}
}

// -----

// CHECK: plan.launch "affine" needs elements of offset to be i64, got i32
plan.program @main(%image: memref<4x8xi32>, %output: memref<4x8xi8>) target "generic" arena 0 live 0 weights 64 {
  %s = plan.weight ["s"] packing "plain" at 0 : memref<8xi32>
  plan.launch "affine" ins(%image, %s, %s : memref<4x8xi32>, memref<8xi32>, memref<8xi32>) outs(%output : memref<4x8xi8>)
    config {form = "wide"} scalars {shift = 3 : i64}
}

// -----

// CHECK: plan.launch "lookup" needs elements of y to be i16, got i8
plan.program @main(%image: memref<4xi8>, %output: memref<4xi8>) target "generic" arena 0 live 0 weights 512 {
  %t = plan.weight ["t"] packing "plain" at 0 : memref<256xi16>
  plan.launch "lookup" ins(%image, %t : memref<4xi8>, memref<256xi16>) outs(%output : memref<4xi8>)
}
