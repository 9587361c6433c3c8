// RUN: ivit-opt %s --lower-to-gpu --split-input-file | filecheck %s

// A kernel without a form of the GPU's own is compiled from the CPU's body: a thread is a worker, a row of
// blocks an image. Memory comes as bytes of image 0 and the stride to the next image.
// CHECK:       builtin.module attributes {gpu.container_module}
// CHECK:         "gpu.module"() <{sym_name = "kernels"}>
// CHECK:         ^bb0(%x: memref<?xi8, 1 : i64>, %x_stride: index, %y: memref<?xi8, 1 : i64>, %y_stride: index,
// CHECK-SAME:      %multiplier: i64, %shift: i64, %zero_point: i64, %images: index):
// CHECK:           %[[IMAGE:.*]] = "gpu.block_id"() <{dimension = #gpu<dim y>}>
// CHECK:           %[[BLOCK:.*]] = "gpu.block_id"() <{dimension = #gpu<dim x>}>
// CHECK-NEXT:      %[[FIRST:.*]] = arith.muli %[[BLOCK]], %c64
// CHECK-NEXT:      %[[ID:.*]] = "gpu.thread_id"() <{dimension = #gpu<dim x>}>
// CHECK-NEXT:      %[[THREAD:.*]] = arith.addi %[[FIRST]], %[[ID]]
// CHECK:           %[[START:.*]] = arith.muli %[[IMAGE]], %x_stride
// CHECK-NEXT:      %[[X:.*]] = memref.view %x[%[[START]]][] : memref<?xi8, 1 : i64> to memref<2x65xi8, 1 : i64>
// CHECK-NEXT:      memref.assume_alignment %[[X]], 2 : memref<2x65xi8, 1 : i64>
// CHECK:           scf.for
// CHECK:             vector.load %{{.*}} : memref<130xi8, 1 : i64>, vector<8xi8>
// CHECK:         }) {sym_name = "requant_2x65xi8", gpu.known_block_size = array<i32: 64, 1, 1>,
// CHECK-SAME:      arg_attrs = [{llvm.noalias, llvm.align = 2 : i64, llvm.readonly}, {},
// CHECK-SAME:      {llvm.noalias, llvm.align = 2 : i64}, {}, {}, {}, {}, {}]}
// CHECK-NOT:     sym_name = "requant

// The host launches all images at once. A buffer that the plan has at byte 192 lies there times the images.
// CHECK-LABEL:   func.func @ivit_main(%images: index, %input: memref<?xi8, 1 : i64>, %output: memref<?xi8, 1 : i64>,
// CHECK-SAME:      %arena: memref<?xi8, 1 : i64>, %weights: memref<?xi8, 1 : i64>) {
// CHECK:           %[[IN:.*]] = memref.view %input[%c0][%{{.*}}]
// CHECK:           %[[A:.*]] = memref.view %arena[%c0][%{{.*}}]
// CHECK-NEXT:      "gpu.launch_func"(%c1, %images, %c1, %c64, %c1, %c1, %[[IN]], %c130, %[[A]], %c130,
// CHECK-SAME:        %c1073741824_i64, %c36_i64, %c0_i64, %images) <{kernel = @kernels::@requant_2x65xi8,
// CHECK:           %[[AT:.*]] = arith.muli %images, %c192
// CHECK:           %[[B:.*]] = memref.view %arena[%[[AT]]][%{{.*}}]
// CHECK-NEXT:      "gpu.launch_func"({{.*}} %[[B]], %c130, %c1500000000_i64, %c37_i64, %c1_i64, %images)
// CHECK:           "gpu.launch_func"({{.*}}@kernels::@add_2x65xi8
// CHECK:           func.return
plan.program @main(%image: memref<2x65xi8>, %result: memref<2x65xi8>) target "cuda:sm_80" arena 384 live 384 weights 0 {
  %a = plan.slice at 0 : memref<2x65xi8>
  plan.launch "requant" ins(%image : memref<2x65xi8>) outs(%a : memref<2x65xi8>)
    config {form = "mulhi"} scalars {multiplier = 1073741824 : i64, shift = 36 : i64, zero_point = 0 : i64}
  %b = plan.slice at 192 : memref<2x65xi8>
  plan.launch "requant" ins(%a : memref<2x65xi8>) outs(%b : memref<2x65xi8>)
    config {form = "mulhi"} scalars {multiplier = 1500000000 : i64, shift = 37 : i64, zero_point = 1 : i64}
  plan.launch "add" ins(%a, %b : memref<2x65xi8>, memref<2x65xi8>) outs(%result : memref<2x65xi8>)
    config {lhs = "none", rhs = "none"}
}

// -----

// Independent launches of one kernel are one launch: a block's number along an axis that the kernel leaves says
// which of them it is of. What they have in common is passed once.
// CHECK:         ^bb0(%x: memref<?xi8, 1 : i64>, %x_stride: index,
// CHECK-SAME:      %[[Y:.*]]: memref<?xi8, 1 : i64>, %{{.*}}: index, %[[OTHER:.*]]: memref<?xi8, 1 : i64>, %{{.*}}: index,
// CHECK-SAME:      %{{.*}}: i64, %{{.*}}: i64, %[[SHIFT:.*]]: i64, %[[SHIFT2:.*]]: i64, %{{.*}}: i64, %{{.*}}: i64, %images: index):
// CHECK:           %[[WHICH:.*]] = "gpu.block_id"() <{dimension = #gpu<dim z>}>
// CHECK:           %[[SECOND:.*]] = arith.cmpi eq, %[[WHICH]], %c1
// CHECK:           arith.select %[[SECOND]], %[[OTHER]], %[[Y]] : memref<?xi8, 1 : i64>
// CHECK:           arith.select %[[SECOND]], %[[SHIFT2]], %[[SHIFT]] : i64
// CHECK:         }) {sym_name = "requant_2x65xi8_by_2"
// CHECK-LABEL:   func.func @ivit_main
// CHECK:           "gpu.launch_func"(%c1, %images, %c2, {{.*}}, %c1073741824_i64, %c1500000000_i64, %c36_i64, %c37_i64,
// CHECK-SAME:        %c0_i64, %c1_i64, %images) <{kernel = @kernels::@requant_2x65xi8_by_2,
// CHECK-NOT:       @kernels::@requant
plan.program @main(%image: memref<2x65xi8>, %result: memref<2x65xi8>) target "cuda:sm_80" arena 384 live 384 weights 0 {
  %a = plan.slice at 0 : memref<2x65xi8>
  plan.launch "requant" ins(%image : memref<2x65xi8>) outs(%a : memref<2x65xi8>)
    config {form = "mulhi"} scalars {multiplier = 1073741824 : i64, shift = 36 : i64, zero_point = 0 : i64}
  %b = plan.slice at 192 : memref<2x65xi8>
  plan.launch "requant" ins(%image : memref<2x65xi8>) outs(%b : memref<2x65xi8>)
    config {form = "mulhi"} scalars {multiplier = 1500000000 : i64, shift = 37 : i64, zero_point = 1 : i64}
  plan.launch "add" ins(%a, %b : memref<2x65xi8>, memref<2x65xi8>) outs(%result : memref<2x65xi8>)
    config {lhs = "none", rhs = "none"}
}

// -----

// Where an operand lies is part of what makes a kernel distinct: a row within a larger buffer is aligned less,
// and its images do not follow each other. Weights have no stride.
// CHECK:         sym_name = "lookup_1x12xi8", {{.*}}[{llvm.noalias, llvm.align = 4 : i64, llvm.readonly}, {},
// CHECK-SAME:      {llvm.noalias, llvm.align = 64 : i64, llvm.readonly}, {}, {llvm.noalias, llvm.align = 4 : i64},
// CHECK:         sym_name = "lookup_1x12xi8_2", {{.*}}{llvm.noalias, llvm.align = 2 : i64}, {}, {}]
// CHECK-LABEL:   func.func @ivit_main
// CHECK:           %[[TABLE:.*]] = memref.view %weights[%c64][%c256]
// CHECK:           "gpu.launch_func"({{.*}}, %c60, %[[TABLE]], %c0, %{{.*}}, %c12, %images)
// CHECK:           %[[ALL:.*]] = arith.muli %images, %c14
// CHECK-NEXT:      %[[SIZE:.*]] = arith.subi %[[ALL]], %c2
// CHECK-NEXT:      %[[OUT:.*]] = memref.view %output[%c2][%[[SIZE]]]
// CHECK-NEXT:      "gpu.launch_func"({{.*}}, %[[OUT]], %c14, %images) <{kernel = @kernels::@lookup_1x12xi8_2,
plan.program @main(%image: memref<5x12xi8>, %result: memref<14xi8>) target "cuda:sm_80" arena 64 live 64 weights 320 {
  %table = plan.weight ["table"] packing "plain" at 64 : memref<256xi8>
  %row = plan.view %image at 12 : memref<5x12xi8> to memref<1x12xi8>
  %out = plan.slice at 0 : memref<12xi8>
  %o = plan.view %out at 0 : memref<12xi8> to memref<1x12xi8>
  plan.launch "lookup" ins(%row, %table : memref<1x12xi8>, memref<256xi8>) outs(%o : memref<1x12xi8>)
  %end = plan.view %result at 2 : memref<14xi8> to memref<1x12xi8>
  plan.launch "lookup" ins(%o, %table : memref<1x12xi8>, memref<256xi8>) outs(%end : memref<1x12xi8>)
}
