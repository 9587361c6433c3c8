// RUN: ivit-opt %s -p lower-scf-to-cf,convert-vector-to-llvm,convert-memref-to-llvm,convert-arith-to-llvm,convert-cf-to-llvm,convert-func-to-llvm,reconcile-unrealized-casts | filecheck %s

// The whole way: no cast, no index and no memref is left.
// CHECK-NOT: index
// CHECK-NOT: memref
// CHECK-NOT: unrealized

// CHECK-LABEL: llvm.func internal @dot
// CHECK-SAME:  (%[[A:.*]]: !llvm.ptr {llvm.noalias}, %[[B:.*]]: !llvm.ptr, %[[N:.*]]: i64) -> i32
func.func private @dot(%a: memref<?x16xi16> {llvm.noalias}, %b: memref<?x16xi16>, %n: index) -> i32 {
  // CHECK:      %[[ZERO:.*]] = llvm.mlir.constant(dense<0> : vector<8xi32>) : vector<8xi32>
  // CHECK-NEXT: llvm.br ^[[HEAD:.*]](%{{.*}}, %[[ZERO]] : i64, vector<8xi32>)
  // CHECK-NEXT: ^[[HEAD]](%[[I:.*]]: i64, %[[ACC:.*]]: vector<8xi32>):
  // CHECK-NEXT: %[[MORE:.*]] = llvm.icmp "slt" %[[I]], %[[N]] : i64
  // CHECK-NEXT: llvm.cond_br %[[MORE]], ^[[BODY:.*]], ^[[END:[^ ]*]]
  // CHECK-NEXT: ^[[BODY]]:
  // CHECK-NEXT: %[[PA:.*]] = llvm.getelementptr inbounds %[[A]][%[[I]], 0]
  // CHECK-NEXT: %[[X:.*]] = llvm.load %[[PA]] {alignment = 2 : i64} : !llvm.ptr -> vector<16xi16>
  // CHECK-NEXT: %[[PB:.*]] = llvm.getelementptr inbounds %[[B]][%[[I]], 0]
  // CHECK-NEXT: %[[Y:.*]] = llvm.load %[[PB]] {alignment = 2 : i64} : !llvm.ptr -> vector<16xi16>
  // CHECK-NEXT: %[[P:.*]] = llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"(%[[X]], %[[Y]])
  // CHECK-NEXT: %[[NEXT:.*]] = llvm.add %[[ACC]], %[[P]] : vector<8xi32>
  // CHECK:      llvm.br ^[[HEAD]](%{{.*}}, %[[NEXT]] : i64, vector<8xi32>)
  // CHECK-NEXT: ^[[END]]:
  // CHECK-NEXT: %[[R:.*]] = llvm.call_intrinsic "llvm.vector.reduce.add"(%[[ACC]]) : (vector<8xi32>) -> i32
  // CHECK-NEXT: llvm.return %[[R]] : i32
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant dense<0> : vector<8xi32>
  %sum = scf.for %i = %c0 to %n step %c1 iter_args(%acc = %zero) -> (vector<8xi32>) {
    %x = vector.load %a[%i, %c0] : memref<?x16xi16>, vector<16xi16>
    %y = vector.load %b[%i, %c0] : memref<?x16xi16>, vector<16xi16>
    %p = llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"(%x, %y) : (vector<16xi16>, vector<16xi16>) -> vector<8xi32>
    %next = arith.addi %acc, %p : vector<8xi32>
    scf.yield %next : vector<8xi32>
  }
  %r = vector.reduction <add>, %sum : vector<8xi32> into i32
  func.return %r : i32
}

// CHECK-LABEL: llvm.func @entry
// CHECK-SAME:  (%[[ARENA:.*]]: !llvm.ptr, %[[N:.*]]: i64) -> i32
func.func @entry(%arena: memref<4096xi8>, %n: index) -> i32 {
  // CHECK:      %[[B:.*]] = llvm.getelementptr inbounds %[[ARENA]][2048] : (!llvm.ptr) -> !llvm.ptr, i8
  // CHECK-NEXT: %[[R:.*]] = llvm.call @dot(%[[ARENA]], %[[B]], %[[N]]) : (!llvm.ptr, !llvm.ptr, i64) -> i32
  // CHECK-NEXT: llvm.return %[[R]] : i32
  %c0 = arith.constant 0 : index
  %c2048 = arith.constant 2048 : index
  %a = memref.view %arena[%c0][] : memref<4096xi8> to memref<64x16xi16>
  %b = memref.view %arena[%c2048][] : memref<4096xi8> to memref<64x16xi16>
  %a0 = "memref.cast"(%a) : (memref<64x16xi16>) -> memref<?x16xi16>
  %b0 = "memref.cast"(%b) : (memref<64x16xi16>) -> memref<?x16xi16>
  %r = func.call @dot(%a0, %b0, %n) : (memref<?x16xi16>, memref<?x16xi16>, index) -> i32
  func.return %r : i32
}
