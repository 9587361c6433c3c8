// RUN: not ivit-opt %s -t 'ptx{target="cuda:sm_75"}' 2>&1 | filecheck %s --check-prefix=OLD
// RUN: not ivit-opt %s -t 'ptx{target="cuda:sm_20"}' 2>&1 | filecheck %s --check-prefix=UNKNOWN
// RUN: ivit-opt %s -t 'ptx{target="cuda:sm_80"}' | filecheck %s

// What the target lacks would end the process in LLVM; it is refused before.
// OLD: llvm.nvvm.redux.sync.add needs sm_80 and PTX 7.0, cuda:sm_75 is PTX 6.5: choose kernels by target
// UNKNOWN: unknown GPU target 'cuda:sm_20', expected one of cuda:sm_61,
// CHECK: redux.sync.add.s32
llvm.func @sum(%x: i32, %out: !llvm.ptr<1>) attributes {nvvm.kernel} {
  %all = llvm.mlir.constant(-1 : i32) : i32
  %sum = llvm.call_intrinsic "llvm.nvvm.redux.sync.add"(%x, %all) : (i32, i32) -> i32
  llvm.store %sum, %out : i32, !llvm.ptr<1>
  llvm.return
}
