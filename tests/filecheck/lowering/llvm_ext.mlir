// RUN: ivit-opt %s | ivit-opt | filecheck %s
// RUN: ivit-opt %s --print-op-generic | ivit-opt | filecheck %s

// CHECK-LABEL: llvm.func @ops
llvm.func @ops(%p: !llvm.ptr, %v: vector<4xi32>, %m: vector<4xi1>, %i: i64, %n: i32, %g: !llvm.ptr<1>) {
  // CHECK: llvm_ext.extractelement %{{.*}}[%{{.*}} : i64] : vector<4xi32>
  %0 = llvm_ext.extractelement %v[%i : i64] : vector<4xi32>
  // CHECK: llvm_ext.select %{{.*}}, %{{.*}}, %{{.*}} : vector<4xi1>, vector<4xi32>
  %1 = llvm_ext.select %m, %v, %v : vector<4xi1>, vector<4xi32>
  // CHECK: llvm_ext.addrspacecast %{{.*}} : !llvm.ptr<1> to !llvm.ptr
  %2 = llvm_ext.addrspacecast %g : !llvm.ptr<1> to !llvm.ptr
  // CHECK: llvm_ext.assume_aligned %{{.*}}, 64 : !llvm.ptr
  llvm_ext.assume_aligned %p, 64 : !llvm.ptr
  // CHECK: llvm_ext.atomic_load "acquire" %{{.*}} : !llvm.ptr -> i32
  %3 = llvm_ext.atomic_load "acquire" %p : !llvm.ptr -> i32
  // CHECK: llvm_ext.atomic_store "release" %{{.*}}, %{{.*}} : i32, !llvm.ptr
  llvm_ext.atomic_store "release" %n, %p : i32, !llvm.ptr
  // CHECK: llvm_ext.atomicrmw "add" "acq_rel" %{{.*}}, %{{.*}} : !llvm.ptr, i32
  %4 = llvm_ext.atomicrmw "add" "acq_rel" %p, %n : !llvm.ptr, i32
  // CHECK: llvm_ext.atomicrmw "umax" "monotonic" syncscope("device") %{{.*}}, %{{.*}} : !llvm.ptr<1>, i64
  %5 = llvm_ext.atomicrmw "umax" "monotonic" syncscope("device") %g, %i : !llvm.ptr<1>, i64
  // CHECK: llvm_ext.fence "acq_rel" syncscope("device")
  llvm_ext.fence "acq_rel" syncscope("device")
  // CHECK: llvm_ext.cpu_relax
  llvm_ext.cpu_relax
  llvm.return
}
