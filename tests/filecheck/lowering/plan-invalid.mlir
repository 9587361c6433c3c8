// RUN: ivit-opt %s --verify-diagnostics --split-input-file | filecheck %s

// CHECK: a program takes two memrefs, the image and the output
"plan.program"() <{sym_name = "main", target = "generic", arena = 0 : i64, live = 0 : i64, weights = 0 : i64}> ({
^bb0(%image: memref<4xi8>):
}) : () -> ()

// -----

// CHECK: the image must have a static shape and elements i2..i16, ui2..ui16, i32, i64, got memref<?xi8>
plan.program @main(%image: memref<?xi8>, %output: memref<4xi8>) target "generic" arena 0 live 0 weights 0 {
}

// -----

// CHECK: the output must have a static shape and elements i2..i16, ui2..ui16, i32, i64, got memref<4xi1>
plan.program @main(%image: memref<4xi8>, %output: memref<4xi1>) target "generic" arena 0 live 0 weights 0 {
}

// -----

// CHECK: 65 live bytes do not fit an arena of 64
plan.program @main(%image: memref<4xi8>, %output: memref<4xi8>) target "generic" arena 64 live 65 weights 0 {
}

// -----

// CHECK: a program holds plan ops only, got arith.constant
plan.program @main(%image: memref<4xi8>, %output: memref<4xi8>) target "generic" arena 0 live 0 weights 0 {
  %c = arith.constant 1 : i32
}

// -----

// CHECK: bytes [64, 68) leave the arena of 64 bytes
plan.program @main(%image: memref<4xi8>, %output: memref<4xi8>) target "generic" arena 64 live 0 weights 0 {
  %x = plan.slice at 64 : memref<4xi8>
}

// -----

// CHECK: bytes [0, 128) leave the weights of 64 bytes
plan.program @main(%image: memref<4xi8>, %output: memref<4xi8>) target "generic" arena 0 live 0 weights 64 {
  %w = plan.weight ["w"] packing "plain" at 0 : memref<32xi32>
}

// -----

// CHECK: a place in memory must have a static shape and elements i2..i16, ui2..ui16, i32, i64, got memref<?xi8>
plan.program @main(%image: memref<4xi8>, %output: memref<4xi8>) target "generic" arena 64 live 0 weights 0 {
  %x = plan.slice at 0 : memref<?xi8>
}

// -----

// CHECK: offset must be a multiple of 64, got 8
plan.program @main(%image: memref<4xi8>, %output: memref<4xi8>) target "generic" arena 64 live 0 weights 0 {
  %x = plan.slice at 8 : memref<4xi8>
}

// -----

// CHECK: offset must be a multiple of 64, got -64
plan.program @main(%image: memref<4xi8>, %output: memref<4xi8>) target "generic" arena 64 live 0 weights 0 {
  %w = plan.weight ["w"] packing "plain" at -64 : memref<4xi8>
}

// -----

// CHECK: a view must have a static shape and elements i2..i16, ui2..ui16, i32, i64, got memref<?xi8>
plan.program @main(%image: memref<4xi8>, %output: memref<4xi8>) target "generic" arena 0 live 0 weights 0 {
  %x = plan.view %image at 0 : memref<4xi8> to memref<?xi8>
}

// -----

// CHECK: a view keeps the element type i8, got memref<2xi16>
plan.program @main(%image: memref<4xi8>, %output: memref<4xi8>) target "generic" arena 0 live 0 weights 0 {
  %x = plan.view %image at 0 : memref<4xi8> to memref<2xi16>
}

// -----

// CHECK: bytes [2, 10) are not whole elements of memref<4xi32>
plan.program @main(%image: memref<4xi32>, %output: memref<4xi8>) target "generic" arena 0 live 0 weights 0 {
  %x = plan.view %image at 2 : memref<4xi32> to memref<2xi32>
}

// -----

// CHECK: bytes [8, 20) are not whole elements of memref<4xi32>
plan.program @main(%image: memref<4xi32>, %output: memref<4xi8>) target "generic" arena 0 live 0 weights 0 {
  %x = plan.view %image at 8 : memref<4xi32> to memref<3xi32>
}

// -----

// CHECK: a launch writes at least one memref
plan.program @main(%image: memref<4xi8>, %output: memref<4xi8>) target "generic" arena 0 live 0 weights 0 {
  "plan.launch"(%image) <{kernel = "copy", operandSegmentSizes = array<i32: 1, 0>}> : (memref<4xi8>) -> ()
}

// -----

// CHECK: config 'form' must be an integer or a string, got unit
plan.program @main(%image: memref<4xi8>, %output: memref<4xi8>) target "generic" arena 0 live 0 weights 0 {
  plan.launch "requant" ins(%image : memref<4xi8>) outs(%output : memref<4xi8>) config {form}
}

// -----

// CHECK: scalar 'shift' must be an i64, got 3 : i32
plan.program @main(%image: memref<4xi8>, %output: memref<4xi8>) target "generic" arena 0 live 0 weights 0 {
  plan.launch "requant" ins(%image : memref<4xi8>) outs(%output : memref<4xi8>) scalars {shift = 3 : i32}
}
