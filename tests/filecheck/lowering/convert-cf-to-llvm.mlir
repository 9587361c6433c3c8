// RUN: ivit-opt %s -p convert-cf-to-llvm | filecheck %s

// Block arguments get LLVM types; what other passes convert later is bridged by casts.
// CHECK-LABEL: func.func @loop
// CHECK-SAME:  (%[[N:.*]]: index, %[[M:.*]]: memref<4xi8>)
func.func @loop(%n: index, %m: memref<4xi8>) {
  // CHECK-DAG:  %[[N64:.*]] = builtin.unrealized_conversion_cast %[[N]] : index to i64
  // CHECK-DAG:  %[[P:.*]] = builtin.unrealized_conversion_cast %[[M]] : memref<4xi8> to !llvm.ptr
  // CHECK:      llvm.br ^[[HEAD:.*]](%[[N64]], %[[P]] : i64, !llvm.ptr)
  // CHECK-NEXT: ^[[HEAD]](%[[I:.*]]: i64, %[[Q:.*]]: !llvm.ptr):
  // CHECK:      %[[IX:.*]] = builtin.unrealized_conversion_cast %[[I]] : i64 to index
  // CHECK:      %[[LT:.*]] = arith.cmpi slt, %[[IX]], %[[N]] : index
  // CHECK-NEXT: llvm.cond_br %[[LT]], ^[[HEAD]](%[[I]], %[[Q]] : i64, !llvm.ptr), ^[[END:[^ ]*]]
  // CHECK:      ^[[END]]:
  cf.br ^bb1(%n, %m : index, memref<4xi8>)
^bb1(%i: index, %q: memref<4xi8>):
  %lt = arith.cmpi slt, %i, %n : index
  cf.cond_br %lt, ^bb1(%i, %q : index, memref<4xi8>), ^bb2
^bb2:
  func.return
}

// CHECK-LABEL: func.func @switch
// CHECK-SAME:  (%[[F:.*]]: i32)
func.func @switch(%f: i32) {
  // CHECK:      %[[C:.*]] = llvm.mlir.constant(7 : i32) : i32
  // CHECK-NEXT: %[[E:.*]] = llvm.icmp "eq" %[[F]], %[[C]] : i32
  // CHECK-NEXT: llvm.cond_br %[[E]], ^[[SEVEN:[^ ,]*]], ^[[ELSE:[^ ]*]]
  // CHECK:      ^[[ELSE]]:
  // CHECK-NEXT: llvm.br ^
  cf.switch %f : i32, [
    default: ^bb1,
    7: ^bb2
  ]
^bb1:
  cf.br ^bb2
^bb2:
  func.return
}
