// RUN: ivit-opt %s --verify-diagnostics --split-input-file | filecheck %s

// CHECK: unknown ordering of an atomic load 'release', expected one of monotonic, acquire, seq_cst
llvm.func @load(%p: !llvm.ptr) {
  %0 = llvm_ext.atomic_load "release" %p : !llvm.ptr -> i32
  llvm.return
}

// -----

// CHECK: unknown ordering of an atomic store 'acquire', expected one of monotonic, release, seq_cst
llvm.func @store(%p: !llvm.ptr, %n: i32) {
  llvm_ext.atomic_store "acquire" %n, %p : i32, !llvm.ptr
  llvm.return
}

// -----

// CHECK: unknown atomic operation 'nand', expected one of xchg, add, sub
llvm.func @rmw(%p: !llvm.ptr, %n: i32) {
  %0 = llvm_ext.atomicrmw "nand" "acq_rel" %p, %n : !llvm.ptr, i32
  llvm.return
}

// -----

// CHECK: unknown ordering of a fence 'monotonic', expected one of acquire, release, acq_rel, seq_cst
llvm.func @fence() {
  llvm_ext.fence "monotonic"
  llvm.return
}

// -----

// CHECK: alignment 3 is not a power of two
llvm.func @aligned(%p: !llvm.ptr) {
  llvm_ext.assume_aligned %p, 3 : !llvm.ptr
  llvm.return
}
