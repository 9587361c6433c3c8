// RUN: ivit-opt %s --plan-memory='target="generic"' --split-input-file | filecheck %s

// A chain of four: each output reuses the bytes that died, offsets are multiples of 64, and no plan needs
// less than the largest pair of neighbours (128 + 256 bytes). Constants of one key are packed once.
// CHECK-LABEL: plan.program @chain(%image: memref<6x20xi8>, %output: memref<6x10xi32>)
// CHECK-SAME:    target "generic" arena 384 live 384 weights
// CHECK-NEXT:    %w = plan.weight ["w"] packing "panels" [8, 2] at 0 : memref<3x10x16xi8>
// CHECK-NEXT:    %b = plan.weight ["b"] packing "columns" [8] at 512 : memref<24xi32>
// CHECK-NEXT:    %m = plan.weight ["m"] packing "columns" [8] at 640 : memref<24xi32>
// CHECK-NEXT:    %x = plan.slice at [[FIRST:[0-9]+]] : memref<6x20xi8>
// CHECK-NEXT:    plan.launch "linear" ins(%image, %w, %b, %m : {{.*}}) outs(%x : memref<6x20xi8>)
// CHECK-SAME:      config {requant = "mulhi"} scalars {shift = 40 : i64}
// CHECK-NEXT:    %y = plan.slice at [[SECOND:[0-9]+]] : memref<6x20xi16>
// CHECK-NEXT:    plan.launch "linear" ins(%x, %w, %b, %m : {{.*}}) outs(%y : memref<6x20xi16>)
// CHECK-SAME:      scalars {shift = 37 : i64}
// CHECK-NEXT:    %z = plan.slice at [[FIRST]] : memref<6x20xi8>
// CHECK-NEXT:    plan.launch "requant" ins(%y : memref<6x20xi16>) outs(%z : memref<6x20xi8>)
// CHECK-NEXT:    %head = plan.weight ["head"] packing "panels" [8, 2] at 768
// CHECK-NEXT:    %hb = plan.weight ["hb"] packing "columns" [8] at 1088
// CHECK-NEXT:    plan.launch "linear" ins(%z, %head, %hb : {{.*}}) outs(%output : memref<6x10xi32>)
// CHECK-NEXT:  }
func.func @chain(%image: tensor<?x6x20xi8>) -> tensor<?x6x10xi32> {
  %w = ivit.constant "w" : tensor<20x20xi8>
  %b = ivit.constant "b" : tensor<20xi32>
  %m = ivit.constant "m" : tensor<20xi32>
  %head = ivit.constant "head" : tensor<10x20xi8>
  %hb = ivit.constant "hb" : tensor<10xi32>
  %x = ivit.linear %image, %w, %b requant(%m shift 40 : tensor<20xi32>)
    : (tensor<?x6x20xi8>, tensor<20x20xi8>, tensor<20xi32>) -> tensor<?x6x20xi8>
  %y = ivit.linear %x, %w, %b requant(%m shift 37 : tensor<20xi32>)
    : (tensor<?x6x20xi8>, tensor<20x20xi8>, tensor<20xi32>) -> tensor<?x6x20xi16>
  %z = ivit.requant %y * 1073741824 shift 36 : tensor<?x6x20xi16> -> tensor<?x6x20xi8>
  %r = ivit.linear %z, %head, %hb
    : (tensor<?x6x20xi8>, tensor<10x20xi8>, tensor<10xi32>) -> tensor<?x6x10xi32>
  func.return %r : tensor<?x6x10xi32>
}

// -----

// Memory has the widths of the values, 12 bits in two bytes; weights of 4 bits are packed two a byte, in pairs for
// int16; a table of 4 bits is one that bytes index, of 10 bits it stays as it is.
// CHECK-LABEL: plan.program @widths(%image: memref<6x20xi8>, %output: memref<6x20xi12>)
// CHECK-SAME:    target "generic" arena 384 live 384 weights 2048
// CHECK-NEXT:    %x = plan.slice at [[X:[0-9]+]] : memref<6x20xi12>
// CHECK-NEXT:    plan.launch "requant" ins(%image : memref<6x20xi8>) outs(%x : memref<6x20xi12>)
// CHECK-NEXT:    %w = plan.weight ["w"] packing "nibbles" [8, 2] at 0 : memref<3x10x8xui8>
// CHECK-NEXT:    %b = plan.weight ["b"] packing "columns" [8] at 256 : memref<24xi32>
// CHECK-NEXT:    %m = plan.weight ["m"] packing "columns" [8] at 384 : memref<24xi32>
// CHECK-NEXT:    %t10 = plan.weight ["t10"] packing "plain" at 512 : memref<1024xi4>
// CHECK-NEXT:    %y = plan.slice at {{[0-9]+}} : memref<6x20xi4>
// CHECK-NEXT:    plan.launch "linear" ins(%x, %w, %b, %m, %t10 : {{.*}}) outs(%y : memref<6x20xi4>)
// CHECK-SAME:      config {lookup = 1 : i64, nibbles = 1 : i64, requant = "mulhi"}
// CHECK-NEXT:    %t4 = plan.weight ["t4"] packing "table" [1] at 1536 : memref<256xi12>
// CHECK-NEXT:    plan.launch "lookup" ins(%y, %t4 : memref<6x20xi4>, memref<256xi12>) outs(%output : memref<6x20xi12>)
func.func @widths(%image: tensor<?x6x20xi8>) -> tensor<?x6x20xi12> {
  %w = ivit.constant "w" : tensor<20x20xi4>
  %b = ivit.constant "b" : tensor<20xi32>
  %m = ivit.constant "m" : tensor<20xi32>
  %t10 = ivit.constant "t10" : tensor<1024xi4>
  %t4 = ivit.constant "t4" : tensor<16xi12>
  %x = ivit.requant %image * 3 shift 1 : tensor<?x6x20xi8> -> tensor<?x6x20xi12>
  %y = ivit.linear %x, %w, %b requant(%m shift 40 : tensor<20xi32>) lookup(%t10 : tensor<1024xi4>)
    : (tensor<?x6x20xi12>, tensor<20x20xi4>, tensor<20xi32>) -> tensor<?x6x20xi4>
  %z = ivit.lookup %y, %t4 : (tensor<?x6x20xi4>, tensor<16xi12>) -> tensor<?x6x20xi12>
  func.return %z : tensor<?x6x20xi12>
}

// -----

// A residual keeps its buffer until it is read: three are alive at once, none may share.
// CHECK-LABEL: plan.program @residual
// CHECK-SAME:    arena 192 live 192
// CHECK:         %x = plan.slice at [[X:[0-9]+]] : memref<2x20xi8>
// CHECK:         %y = plan.slice at [[Y:[0-9]+]] : memref<2x20xi8>
// CHECK:         %z = plan.slice at [[Z:[0-9]+]] : memref<2x20xi8>
// CHECK-NEXT:    plan.launch "shiftmax" ins(%y : memref<2x20xi8>) outs(%z : memref<2x20xi8>)
// CHECK-NEXT:    plan.launch "add" ins(%z, %x : memref<2x20xi8>, memref<2x20xi8>) outs(%output : memref<2x20xi16>)
// CHECK-SAME:      config {lhs = "none", rhs = "wide"} scalars {rhs_multiplier = 5 : i64, rhs_shift = 2 : i64}
func.func @residual(%image: tensor<?x2x20xi8>) -> tensor<?x2x20xi16> {
  %x = ivit.requant %image * 3 shift 1 : tensor<?x2x20xi8> -> tensor<?x2x20xi8>
  %y = ivit.requant %x * 3 shift 1 : tensor<?x2x20xi8> -> tensor<?x2x20xi8>
  %z = ivit.shiftmax %y x0 60 n 15 bits 8 : tensor<?x2x20xi8> -> tensor<?x2x20xi8>
  %r = ivit.add %z, %x * 5 shift 2 : (tensor<?x2x20xi8>, tensor<?x2x20xi8>) -> tensor<?x2x20xi16>
  func.return %r : tensor<?x2x20xi16>
}

// -----

// Tokens are computed where they stand after the prefix; a slice of them and a reshape are views; what the
// function returns is written to the output.
// CHECK-LABEL: plan.program @tokens
// CHECK-SAME:    arena 64 live 64 weights 64
// CHECK-NEXT:    %all = plan.slice at 0 : memref<40xi8>
// CHECK-NEXT:    %x = plan.view %all at 8 : memref<40xi8> to memref<4x8xi8>
// CHECK-NEXT:    plan.launch "requant" ins(%image : memref<4x8xi8>) outs(%x : memref<4x8xi8>)
// CHECK-NEXT:    %cls = plan.weight ["cls"] packing "unbatched" at 0 : memref<1x8xi8>
// CHECK-NEXT:    %[[FROM:.*]] = plan.view %cls at 0 : memref<1x8xi8> to memref<8xi8>
// CHECK-NEXT:    %[[TO:.*]] = plan.view %all at 0 : memref<40xi8> to memref<8xi8>
// CHECK-NEXT:    plan.launch "copy" ins(%[[FROM]] : memref<8xi8>) outs(%[[TO]] : memref<8xi8>)
// CHECK-NEXT:    %[[FLAT:.*]] = plan.view %all at 16 : memref<40xi8> to memref<16xi8>
// CHECK-NEXT:    plan.launch "requant" ins(%[[FLAT]] : memref<16xi8>) outs(%output : memref<16xi16>)
func.func @tokens(%image: tensor<?x4x8xi8>) -> tensor<?x16xi16> {
  %cls = ivit.constant "cls" : tensor<1x1x8xi8>
  %x = ivit.requant %image * 3 shift 1 : tensor<?x4x8xi8> -> tensor<?x4x8xi8>
  %all = ivit.prepend_tokens %cls, %x : (tensor<1x1x8xi8>, tensor<?x4x8xi8>) -> tensor<?x5x8xi8>
  %two = ivit.slice_tokens %all [2, 2] : tensor<?x5x8xi8> -> tensor<?x2x8xi8>
  %flat = tensor.collapse_shape %two [[0], [1, 2]] : tensor<?x2x8xi8> into tensor<?x16xi8>
  %r = ivit.requant %flat * 3 shift 1 : tensor<?x16xi8> -> tensor<?x16xi16>
  func.return %r : tensor<?x16xi16>
}

// -----

// Numbers that differ between layers are scalars, what shapes the code is config; the metadata stays.
// CHECK-LABEL: plan.program @attention
// CHECK-SAME:    attributes {ivit.output = {scale = 2.500000e-01 : f64}}
// CHECK-NEXT:    %exp = plan.weight ["exp"] packing "plain" at 0 : memref<256xui8>
// CHECK-NEXT:    plan.launch "attention" ins(%image, %image, %image, %exp : {{.*}}) outs(%output : memref<5x16xi8>)
// CHECK-SAME:      config {context_form = "wide", form = "mulhi", heads = 2 : i64, per_head = 0 : i64, softmax = "delta"}
// CHECK-SAME:      scalars {context_shift = 30 : i64, dividend = 274877906944 : i64, multiplier = 1717986918 : i64, shift = 38 : i64}
func.func @attention(%image: tensor<?x5x16xi8>) -> tensor<?x5x16xi8>
    attributes {ivit.output = {scale = 2.500000e-01 : f64}} {
  %exp = ivit.constant "exp" : tensor<256xui8>
  %r = ivit.attention %image, %image, %image heads 2 softmax #ivit.delta_softmax<
      multiplier = 1717986918, shift = 38, dividend = 274877906944, context_shift = 30>
    table(%exp : tensor<256xui8>)
    : (tensor<?x5x16xi8>, tensor<?x5x16xi8>, tensor<?x5x16xi8>) -> tensor<?x5x16xi8>
  func.return %r : tensor<?x5x16xi8>
}
