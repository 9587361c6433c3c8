// RUN: ivit-opt %s --lower-gpu-to-llvm --split-input-file | filecheck %s
// RUN: ivit-opt %s --lower-gpu-to-llvm --split-input-file -t 'ptx{target="cuda:sm_75"}' | filecheck %s --check-prefix=PTX

// A kernel is a function of pointers to global memory; static shared memory is a global of address space 3; the
// host's function goes. Local memory stays a thread's own.
// CHECK:       llvm.mlir.global internal @reverse_shared0() {addr_space = 3 : i32, alignment = 128 : i64}
// CHECK-LABEL: llvm.func @reverse(
// CHECK-SAME:    %x: !llvm.ptr<1> {llvm.noalias, llvm.align = 16 : i64}, %n: i64
// CHECK-SAME:    nvvm.kernel, nvvm.reqntid = "64,1,1"
// CHECK-NEXT:    %[[SHARED:.*]] = llvm.mlir.addressof @reverse_shared0 : !llvm.ptr<3>
// CHECK:         %[[TID:.*]] = llvm.call_intrinsic "llvm.nvvm.read.ptx.sreg.tid.x"() : () -> i32
// CHECK-NEXT:    %[[I:.*]] = llvm.zext %[[TID]] : i32 to i64
// CHECK:         llvm.getelementptr inbounds %x[%[[I]]] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
// CHECK:         llvm.getelementptr inbounds %[[SHARED]][%[[I]]] : (!llvm.ptr<3>, i64) -> !llvm.ptr<3>, i32
// CHECK:         llvm.call_intrinsic "llvm.nvvm.barrier.cta.sync.aligned.all"(%{{.*}}) : (i32) -> ()
// CHECK:         llvm.return
// CHECK-NOT:   ivit_main
// CHECK-NOT:   gpu.
// PTX:         .target sm_75
// PTX-LABEL:   .visible .entry reverse(
// PTX-NEXT:      .param .u64 .ptr .global .align 16 reverse_param_0,
// PTX:         .reqntid 64, 1, 1
// PTX:           .shared .align 128 .b8 reverse_shared0[256];
// PTX:           mov.u32 %r{{[0-9]+}}, %tid.x;
// PTX:           st.shared.b32
// PTX-NEXT:      bar.sync 0;
// PTX:           ld.shared.b32
// PTX-NEXT:      st.global.b32
builtin.module {
  "gpu.module"() <{sym_name = "kernels"}> ({
    "gpu.func"() <{function_type = (memref<?xi32, 1>, index) -> (), kernel}> ({
    ^bb0(%x: memref<?xi32, 1>, %n: index):
      %shared = memref.alloca() {alignment = 128 : i64} : memref<64xi32, 3>
      %last = arith.constant 63 : index
      %i = "gpu.thread_id"() <{dimension = #gpu<dim x>}> : () -> index
      %value = memref.load %x[%i] : memref<?xi32, 1>
      memref.store %value, %shared[%i] : memref<64xi32, 3>
      "gpu.barrier"() : () -> ()
      %j = arith.subi %last, %i : index
      %other = memref.load %shared[%j] : memref<64xi32, 3>
      memref.store %other, %x[%i] : memref<?xi32, 1>
      "gpu.return"() : () -> ()
    }) {sym_name = "reverse", gpu.known_block_size = array<i32: 64, 1, 1>,
        arg_attrs = [{llvm.noalias, llvm.align = 16 : i64}, {}]} : () -> ()
  }) : () -> ()
  func.func @ivit_main(%images: index, %x: memref<?xi32, 1>) {
    %one = arith.constant 1 : index
    %block = arith.constant 64 : index
    "gpu.launch_func"(%images, %one, %one, %block, %one, %one, %x, %images) <{kernel = @kernels::@reverse,
      operandSegmentSizes = array<i32: 0, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 2, 0>}>
      : (index, index, index, index, index, index, memref<?xi32, 1>, index) -> ()
    func.return
  }
}

// -----

// Dynamic shared memory is one declaration, of the size that a launch says.
// CHECK:       llvm.mlir.global external @dynamic_shared() {addr_space = 3 : i32, alignment = 1024 : i64}
// CHECK-LABEL: llvm.func @fill(
// CHECK:         %[[ALL:.*]] = llvm.mlir.addressof @dynamic_shared : !llvm.ptr<3>
// CHECK:         llvm.getelementptr inbounds %[[ALL]][256]
// PTX:         .extern .shared .align 1024 .b8 dynamic_shared[];
// PTX-LABEL:   .visible .entry fill(
// PTX:           st.shared.b8 [dynamic_shared+{{[0-9]+}}]
builtin.module {
  "gpu.module"() <{sym_name = "kernels"}> ({
    "llvm.mlir.global"() <{global_type = !llvm.array<0 x i8>, sym_name = "dynamic_shared", linkage = #llvm.linkage<"external">, addr_space = 3 : i32, alignment = 1024 : i64}> ({
    }) : () -> ()
    "gpu.func"() <{function_type = (i8, memref<16xi8, 1>) -> (), kernel}> ({
    ^bb0(%value: i8, %out: memref<16xi8, 1>):
      %pointer = "llvm.mlir.addressof"() <{global_name = @dynamic_shared}> : () -> !llvm.ptr<3>
      %all = builtin.unrealized_conversion_cast %pointer : !llvm.ptr<3> to memref<?xi8, 3>
      %at = arith.constant 256 : index
      %part = memref.view %all[%at][] : memref<?xi8, 3> to memref<16xi8, 3>
      %i = "gpu.block_id"() <{dimension = #gpu<dim y>}> : () -> index
      %three = arith.constant 3 : index
      memref.store %value, %part[%three] : memref<16xi8, 3>
      "gpu.barrier"() : () -> ()
      %back = memref.load %part[%three] : memref<16xi8, 3>
      memref.store %back, %out[%i] : memref<16xi8, 1>
      "gpu.return"() : () -> ()
    }) {sym_name = "fill"} : () -> ()
  }) : () -> ()
}
