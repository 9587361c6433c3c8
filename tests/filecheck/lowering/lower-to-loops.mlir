// RUN: ivit-opt %s --lower-to-loops --split-input-file | filecheck %s

// Launches that differ in scalars and weights alone share a function; the two that read one input run side
// by side; a barrier stands before whatever reads their results. Images are looped over, weights and arena
// are cut up once.
// CHECK:       func.func private @sched_yield() -> i32
// CHECK-LABEL: func.func private @ivit_barrier(%barrier: memref<16xi32>, %threads: index)
// CHECK-SAME:    attributes {passthrough = ["noinline"]}
// CHECK:         llvm_ext.atomic_load "acquire"
// CHECK:         llvm_ext.atomicrmw "add" "acq_rel"
// CHECK:         scf.if %{{.*}} {
// CHECK:           llvm_ext.atomic_store "release"
// CHECK:         } else {
// CHECK:           scf.while
// CHECK:             llvm_ext.atomic_load "acquire"
// CHECK:           llvm_ext.cpu_relax
// CHECK:           func.call @sched_yield() : () -> i32
// CHECK-LABEL: func.func private @requant_2x64xi8(%x: memref<2x64xi8>, %y: memref<2x64xi8>,
// CHECK-SAME:    %multiplier: i64, %shift: i64, %zero_point: i64, %thread: index, %threads: index)
// CHECK-SAME:    attributes {passthrough = ["noinline"]}
// CHECK:         %[[FIRST:first.*]] = arith.divui
// CHECK:         %[[LAST:last.*]] = arith.divui
// CHECK:         scf.for %i = %[[FIRST]] to %[[LAST]] step %c1 {
// CHECK:           vector.load
// CHECK-NOT:   func.func private @requant
// CHECK-LABEL: func.func private @add_2x64xi8(%lhs: memref<2x64xi8>, %rhs: memref<2x64xi8>, %y: memref<2x64xi8>
// CHECK-NOT:   func.func private
// CHECK-LABEL: func.func @ivit_main(%images: index, %input: memref<?xi8>, %output: memref<?xi8>,
// CHECK-SAME:    %arena: memref<256xi8>, %weights: memref<0xi8>, %barrier: memref<16xi32>, %thread: index, %threads: index) {
// CHECK:         %a = memref.view %arena[%c0][] : memref<256xi8> to memref<2x64xi8>
// CHECK-NEXT:    %b = memref.view %arena[%c128][] : memref<256xi8> to memref<2x64xi8>
// CHECK-NEXT:    scf.for %i = %c0 to %images step %c1 {
// CHECK-NEXT:      %[[AT:.*]] = arith.muli %i, %c128 : index
// CHECK-NEXT:      %image = memref.view %input[%[[AT]]][] : memref<?xi8> to memref<2x64xi8>
// CHECK-NEXT:      %[[TO:.*]] = arith.muli %i, %c128 : index
// CHECK-NEXT:      %result = memref.view %output[%[[TO]]][] : memref<?xi8> to memref<2x64xi8>
// CHECK-NEXT:      func.call @requant_2x64xi8(%image, %a, %c1073741824_i64, %c36_i64, %c0_i64, %thread, %threads)
// CHECK-NEXT:      func.call @requant_2x64xi8(%image, %b, %c1500000000_i64, %c37_i64, %c1_i64, %thread, %threads)
// CHECK-NEXT:      func.call @ivit_barrier(%barrier, %threads)
// CHECK-NEXT:      func.call @add_2x64xi8(%a, %b, %result,
// CHECK-NEXT:      func.call @ivit_barrier(%barrier, %threads)
// CHECK-NEXT:    }
// CHECK-NEXT:    func.return
plan.program @main(%image: memref<2x64xi8>, %result: memref<2x64xi8>) target "generic" arena 256 live 256 weights 0 {
  %a = plan.slice at 0 : memref<2x64xi8>
  plan.launch "requant" ins(%image : memref<2x64xi8>) outs(%a : memref<2x64xi8>)
    config {form = "mulhi"} scalars {multiplier = 1073741824 : i64, shift = 36 : i64, zero_point = 0 : i64}
  %b = plan.slice at 128 : memref<2x64xi8>
  plan.launch "requant" ins(%image : memref<2x64xi8>) outs(%b : memref<2x64xi8>)
    config {form = "mulhi"} scalars {multiplier = 1500000000 : i64, shift = 37 : i64, zero_point = 1 : i64}
  plan.launch "add" ins(%a, %b : memref<2x64xi8>, memref<2x64xi8>) outs(%result : memref<2x64xi8>)
    config {lhs = "none", rhs = "none"}
}

// -----

// Another shape or another config is another function. A view of a slice is a view of the arena at the sum of
// both offsets, weights lie in their own memory.
// CHECK-LABEL: func.func private @lookup_3x8xi8(
// CHECK-SAME:    %x: memref<3x8xi8>, %table: memref<256xi8>, %y: memref<3x8xi8>
// CHECK-LABEL: func.func private @lookup_2x8xi8(
// CHECK-LABEL: func.func private @requant_2x8xi8(
// CHECK-LABEL: func.func private @requant_2x8xi8_2(
// CHECK-LABEL: func.func @ivit_main(
// CHECK-DAG:     %table = memref.view %weights[%c64][] : memref<320xi8> to memref<256xi8>
// CHECK-DAG:     %[[PART:.*]] = memref.view %arena[%c136][] : memref<192xi8> to memref<2x8xi8>
// CHECK:         func.call @lookup_3x8xi8(%image, %table, %a,
// CHECK-NEXT:    func.call @ivit_barrier
// CHECK-NEXT:    func.call @lookup_2x8xi8(%[[PART]], %table, %b,
// CHECK-NEXT:    func.call @ivit_barrier
// CHECK-NEXT:    func.call @requant_2x8xi8(%b, %c,
// CHECK-NEXT:    func.call @ivit_barrier
// CHECK-NEXT:    func.call @requant_2x8xi8_2(%c, %result,
// CHECK-NEXT:    func.call @ivit_barrier
plan.program @main(%image: memref<3x8xi8>, %result: memref<2x8xi8>) target "generic" arena 192 live 192 weights 320 {
  %table = plan.weight ["t"] packing "plain" at 64 : memref<256xi8>
  %a = plan.slice at 128 : memref<3x8xi8>
  plan.launch "lookup" ins(%image, %table : memref<3x8xi8>, memref<256xi8>) outs(%a : memref<3x8xi8>)
  %part = plan.view %a at 8 : memref<3x8xi8> to memref<2x8xi8>
  %b = plan.slice at 0 : memref<2x8xi8>
  plan.launch "lookup" ins(%part, %table : memref<2x8xi8>, memref<256xi8>) outs(%b : memref<2x8xi8>)
  %c = plan.slice at 64 : memref<2x8xi8>
  plan.launch "requant" ins(%b : memref<2x8xi8>) outs(%c : memref<2x8xi8>)
    config {form = "mulhi"} scalars {multiplier = 1 : i64, shift = 33 : i64, zero_point = 0 : i64}
  plan.launch "requant" ins(%c : memref<2x8xi8>) outs(%result : memref<2x8xi8>)
    config {form = "wide"} scalars {multiplier = 1 : i64, shift = 1 : i64, zero_point = 0 : i64}
}

// -----

// The target's own dot instruction, over panels of its width.
// CHECK-LABEL: func.func private @linear_1x16xi32(
// CHECK-SAME:    %x: memref<1x4xi8>, %weight: memref<1x2x32xi8>, %bias: memref<16xi32>, %y: memref<1x16xi32>
// CHECK:         scf.for %{{.*}} = %c0 to %c2 step %c1 iter_args(
// CHECK:           vector.load %weight[%{{.*}}, %{{.*}}, %c0] : memref<1x2x32xi8>, vector<16xi8>
// CHECK:           llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"({{.*}}) : (vector<16xi16>, vector<16xi16>) -> vector<8xi32>
// CHECK:         vector.store %{{.*}}, %y[
plan.program @main(%image: memref<1x4xi8>, %result: memref<1x16xi32>) target "x86-64-avx2" arena 0 live 0 weights 128 {
  %w = plan.weight ["w"] packing "panels" [16, 2] at 0 : memref<1x2x32xi8>
  %b = plan.weight ["b"] packing "columns" [16] at 64 : memref<16xi32>
  plan.launch "linear" ins(%image, %w, %b : memref<1x4xi8>, memref<1x2x32xi8>, memref<16xi32>) outs(%result : memref<1x16xi32>)
}

// -----

// Memory is of whole bytes; what is stored is clamped to the width and sign of the plan.
// CHECK-LABEL: func.func private @requant_4xi12(%x: memref<4xi8>, %y: memref<4xi16>
// CHECK:         arith_ext.extsi {{.*}} : vector<4xi8> to vector<4xi32>
// CHECK:         arith.maxsi {{.*}}, %c-2048_4xi32
// CHECK:         arith.minsi {{.*}}, %c2047_4xi32
// CHECK:         arith_ext.trunci {{.*}} : vector<4xi32> to vector<4xi16>
// CHECK-LABEL: func.func private @requant_4xui4(%x: memref<4xi16>, %y: memref<4xi8>
// CHECK:         arith.maxsi {{.*}}, %c0_4xi32
// CHECK:         arith.minsi {{.*}}, %c15_4xi32
// CHECK-LABEL: func.func @ivit_main(
// CHECK:         memref.view %arena[%c0][] : memref<64xi8> to memref<4xi16>
plan.program @main(%image: memref<4xi8>, %output: memref<4xui4>) target "generic" arena 64 live 64 weights 0 {
  %x = plan.slice at 0 : memref<4xi12>
  plan.launch "requant" ins(%image : memref<4xi8>) outs(%x : memref<4xi12>)
    config {form = "mulhi"} scalars {multiplier = 3 : i64, shift = 40 : i64, zero_point = 0 : i64}
  plan.launch "requant" ins(%x : memref<4xi12>) outs(%output : memref<4xui4>)
    config {form = "mulhi"} scalars {multiplier = 3 : i64, shift = 40 : i64, zero_point = 0 : i64}
}
