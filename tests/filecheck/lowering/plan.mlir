// RUN: ivit-opt %s | ivit-opt | filecheck %s
// RUN: ivit-opt %s --print-op-generic | ivit-opt | filecheck %s

// CHECK-LABEL: plan.program @main(%image: memref<4x8xui8>, %output: memref<2x8xi16>) target "generic" arena 128 live 96 weights 320 attributes {ivit.output = {scale = 5.000000e-01 : f64}} {
plan.program @main(%image: memref<4x8xui8>, %output: memref<2x8xi16>) target "generic" arena 128 live 96 weights 320
    attributes {ivit.output = {scale = 0.5 : f64}} {
  // CHECK-NEXT: %t = plan.weight ["table"] packing "plain" at 0 : memref<256xi8>
  %t = plan.weight ["table"] packing "plain" at 0 : memref<256xi8>
  // CHECK-NEXT: %b = plan.weight ["bias", "weight"] packing "offset_bias" [8] at 256 {note = "kept"} : memref<16xi32>
  %b = plan.weight ["bias", "weight"] packing "offset_bias" [8] at 256 {note = "kept"} : memref<16xi32>
  // CHECK-NEXT: %x = plan.slice at 64 : memref<4x8xi8>
  %x = plan.slice at 64 : memref<4x8xi8>
  // CHECK-NEXT: plan.launch "lookup" ins(%image, %t : memref<4x8xui8>, memref<256xi8>) outs(%x : memref<4x8xi8>)
  plan.launch "lookup" ins(%image, %t : memref<4x8xui8>, memref<256xi8>) outs(%x : memref<4x8xi8>)
  // CHECK-NEXT: %rows = plan.view %x at 16 : memref<4x8xi8> to memref<2x8xi8>
  %rows = plan.view %x at 16 : memref<4x8xi8> to memref<2x8xi8>
  // CHECK-NEXT: plan.launch "requant" ins(%rows : memref<2x8xi8>) outs(%output : memref<2x8xi16>) config {form = "mulhi", unroll = 2 : i64} scalars {multiplier = 5 : i64, shift = -1 : i64}
  plan.launch "requant" ins(%rows : memref<2x8xi8>) outs(%output : memref<2x8xi16>)
    config {form = "mulhi", unroll = 2 : i64} scalars {multiplier = 5 : i64, shift = -1 : i64}
  // CHECK-NEXT: plan.launch "fill" outs(%output : memref<2x8xi16>) {note = "no inputs"}
  plan.launch "fill" outs(%output : memref<2x8xi16>) {note = "no inputs"}
}
