// RUN: ivit-opt %s -p convert-arith-to-llvm | filecheck %s

// CHECK-LABEL: func.func @scalars
// CHECK-SAME:  (%[[A:.*]]: i32, %[[B:.*]]: i32)
func.func @scalars(%a: i32, %b: i32) -> i32 {
  // CHECK:      %[[C:.*]] = llvm.mlir.constant(7 : i32) : i32
  // CHECK-NEXT: %[[ADD:.*]] = llvm.add %[[A]], %[[C]] overflow<nsw> : i32
  // CHECK-NEXT: %[[SHR:.*]] = llvm.ashr %[[ADD]], %[[B]] : i32
  // CHECK-NEXT: %[[MAX:.*]] = llvm.call_intrinsic "llvm.smax"(%[[SHR]], %[[A]]) : (i32, i32) -> i32
  // CHECK-NEXT: %[[LT:.*]] = llvm.icmp "ult" %[[MAX]], %[[B]] : i32
  // CHECK-NEXT: %[[SEL:.*]] = llvm.select %[[LT]], %[[A]], %[[MAX]] : i1, i32
  // CHECK-NEXT: func.return %[[SEL]] : i32
  %c = arith.constant 7 : i32
  %0 = arith.addi %a, %c overflow<nsw> : i32
  %1 = arith.shrsi %0, %b : i32
  %2 = arith.maxsi %1, %a : i32
  %3 = arith.cmpi ult, %2, %b : i32
  %4 = arith.select %3, %a, %2 : i32
  func.return %4 : i32
}

// CHECK-LABEL: func.func @vectors
// CHECK-SAME:  (%[[A:.*]]: vector<4xi8>, %[[B:.*]]: vector<4xi16>)
func.func @vectors(%a: vector<4xi8>, %b: vector<4xi16>) -> vector<4xi8> {
  // CHECK:      %[[C:.*]] = llvm.mlir.constant(dense<[1, 2, 3, 4]> : vector<4xi16>) : vector<4xi16>
  // CHECK-NEXT: %[[EXT:.*]] = llvm.sext %[[A]] : vector<4xi8> to vector<4xi16>
  // CHECK-NEXT: %[[MUL:.*]] = llvm.mul %[[EXT]], %[[C]] : vector<4xi16>
  // CHECK-NEXT: %[[GT:.*]] = llvm.icmp "sgt" %[[MUL]], %[[B]] : vector<4xi16>
  // CHECK-NEXT: %[[SEL:.*]] = llvm_ext.select %[[GT]], %[[B]], %[[MUL]] : vector<4xi1>, vector<4xi16>
  // CHECK-NEXT: %[[TRUNC:.*]] = llvm.trunc %[[SEL]] : vector<4xi16> to vector<4xi8>
  // CHECK-NEXT: func.return %[[TRUNC]] : vector<4xi8>
  %c = arith.constant dense<[1, 2, 3, 4]> : vector<4xi16>
  %0 = arith_ext.extsi %a : vector<4xi8> to vector<4xi16>
  %1 = arith.muli %0, %c : vector<4xi16>
  %2 = arith_ext.cmpi sgt, %1, %b : vector<4xi16>
  %3 = arith_ext.select %2, %b, %1 : vector<4xi1>, vector<4xi16>
  %4 = arith_ext.trunci %3 : vector<4xi16> to vector<4xi8>
  func.return %4 : vector<4xi8>
}

// An index is an i64; only the function's boundary, which another pass converts, still needs casts.
// CHECK-LABEL: func.func @index
// CHECK-SAME:  (%[[I:.*]]: index, %[[N:.*]]: i32) -> index
func.func @index(%i: index, %n: i32) -> index {
  // CHECK-NEXT: %[[I64:.*]] = builtin.unrealized_conversion_cast %[[I]] : index to i64
  // CHECK-NEXT: %[[W:.*]] = llvm.sext %[[N]] : i32 to i64
  // CHECK-NEXT: %[[SUM:.*]] = llvm.add %[[W]], %[[I64]] : i64
  // CHECK-NEXT: %[[R:.*]] = llvm.mul %[[SUM]], %[[W]] : i64
  // CHECK-NEXT: %[[BACK:.*]] = builtin.unrealized_conversion_cast %[[R]] : i64 to index
  // CHECK-NEXT: func.return %[[BACK]] : index
  %0 = arith.index_cast %n : i32 to index
  %1 = arith.addi %0, %i : index
  %2 = arith.muli %1, %0 : index
  func.return %2 : index
}

// The high half of a product is taken at twice the width.
// CHECK-LABEL: func.func @high_half
func.func @high_half(%a: i32, %b: i32) -> i32 {
  // CHECK:      %[[X:.*]] = llvm.sext %{{.*}} : i32 to i64
  // CHECK-NEXT: %[[Y:.*]] = llvm.sext %{{.*}} : i32 to i64
  // CHECK-NEXT: %[[P:.*]] = llvm.mul %[[X]], %[[Y]] : i64
  // CHECK:      %[[C:.*]] = llvm.mlir.constant(32) : i64
  // CHECK-NEXT: %[[H:.*]] = llvm.lshr %[[P]], %[[C]] : i64
  // CHECK-NEXT: llvm.trunc %[[H]] : i64 to i32
  %low, %high = arith.mulsi_extended %a, %b : i32
  func.return %high : i32
}
