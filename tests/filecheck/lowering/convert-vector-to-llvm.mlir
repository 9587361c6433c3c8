// RUN: ivit-opt %s -p convert-vector-to-llvm | filecheck %s

// Row-major indices go into one getelementptr as they are; access is aligned as an element is.
// CHECK-LABEL: func.func @memory
// CHECK-SAME:  (%[[M:.*]]: memref<4x6x16xi16>, %[[I:.*]]: index, %[[J:.*]]: index)
func.func @memory(%m: memref<4x6x16xi16>, %i: index, %j: index) {
  // CHECK-DAG: %[[P:.*]] = builtin.unrealized_conversion_cast %[[M]] : memref<4x6x16xi16> to !llvm.ptr
  // CHECK-DAG: %[[I64:.*]] = builtin.unrealized_conversion_cast %[[I]] : index to i64
  // CHECK-DAG: %[[J64:.*]] = builtin.unrealized_conversion_cast %[[J]] : index to i64
  // CHECK:      %[[A:.*]] = llvm.getelementptr inbounds %[[P]][%[[I64]], %[[J64]], 8] : (!llvm.ptr, i64, i64) -> !llvm.ptr, !llvm.array<6 x !llvm.array<16 x i16>>
  // CHECK-NEXT: %[[V:.*]] = llvm.load %[[A]] {alignment = 2 : i64} : !llvm.ptr -> vector<8xi16>
  // CHECK-NEXT: %[[B:.*]] = llvm.getelementptr inbounds %[[P]][%[[J64]], %[[I64]], 0]
  // CHECK-NEXT: llvm.store %[[V]], %[[B]] {alignment = 16 : i64, nontemporal} : vector<8xi16>, !llvm.ptr
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  %v = vector.load %m[%i, %j, %c8] : memref<4x6x16xi16>, vector<8xi16>
  vector.store %v, %m[%j, %i, %c0] {alignment = 16 : i64, nontemporal = true} : memref<4x6x16xi16>, vector<8xi16>
  func.return
}

// Strides that do not divide one another are multiplied out.
// CHECK-LABEL: func.func @odd_strides
func.func @odd_strides(%m: memref<4x3xi8, strided<[7, 2]>>, %i: index) -> vector<1xi8> {
  // CHECK-DAG: %[[P:.*]] = builtin.unrealized_conversion_cast %{{.*}} to !llvm.ptr
  // CHECK-DAG: %[[I64:.*]] = builtin.unrealized_conversion_cast %{{.*}} : index to i64
  // CHECK:      %[[C7:.*]] = llvm.mlir.constant(7) : i64
  // CHECK-NEXT: %[[X:.*]] = llvm.mul %[[I64]], %[[C7]] overflow<nsw> : i64
  // CHECK-NEXT: %[[C2:.*]] = llvm.mlir.constant(2) : i64
  // CHECK-NEXT: %[[S:.*]] = llvm.add %[[X]], %[[C2]] overflow<nsw> : i64
  // CHECK-NEXT: llvm.getelementptr inbounds %[[P]][%[[S]]] : (!llvm.ptr, i64) -> !llvm.ptr, i8
  %c1 = arith.constant 1 : index
  %v = vector.load %m[%i, %c1] : memref<4x3xi8, strided<[7, 2]>>, vector<1xi8>
  func.return %v : vector<1xi8>
}

// CHECK-LABEL: func.func @lanes
// CHECK-SAME:  (%[[X:.*]]: i16, %[[V:.*]]: vector<4xi16>, %[[I:.*]]: index)
func.func @lanes(%x: i16, %v: vector<4xi16>, %i: index) -> vector<2xi32> {
  // CHECK:      %[[U:.*]] = llvm.mlir.undef : vector<4xi16>
  // CHECK-NEXT: %[[Z:.*]] = llvm.mlir.constant(0 : i32) : i32
  // CHECK-NEXT: %[[SEED:.*]] = llvm.insertelement %[[X]], %[[U]][%[[Z]] : i32] : vector<4xi16>
  // CHECK-NEXT: %[[B:.*]] = llvm.shufflevector %[[SEED]], %[[U]] [0, 0, 0, 0] : vector<4xi16>
  // CHECK-NEXT: %[[S:.*]] = llvm.shufflevector %[[B]], %[[V]] [0, 7, 1, 6] : vector<4xi16>
  // CHECK:      %[[E:.*]] = llvm_ext.extractelement %[[S]][%{{.*}} : i64] : vector<4xi16>
  // CHECK:      %[[N:.*]] = llvm.insertelement %[[E]], %[[S]][%{{.*}} : i64] : vector<4xi16>
  // CHECK-NEXT: llvm.bitcast %[[N]] : vector<4xi16> to vector<2xi32>
  %b = vector.broadcast %x : i16 to vector<4xi16>
  %s = vector.shuffle %b, %v [0, 7, 1, 6] : vector<4xi16>, vector<4xi16>
  %e = vector.extract %s[%i] : i16 from vector<4xi16>
  %n = vector.insert %e, %s[3] : i16 into vector<4xi16>
  %r = vector.bitcast %n : vector<4xi16> to vector<2xi32>
  func.return %r : vector<2xi32>
}

// CHECK-LABEL: func.func @reductions
// CHECK-SAME:  (%[[V:.*]]: vector<8xi32>, %[[A:.*]]: i32)
func.func @reductions(%v: vector<8xi32>, %a: i32) -> i32 {
  // CHECK-NEXT: %[[S:.*]] = llvm.call_intrinsic "llvm.vector.reduce.add"(%[[V]]) : (vector<8xi32>) -> i32
  // CHECK-NEXT: %[[T:.*]] = llvm.add %[[S]], %[[A]] : i32
  // CHECK-NEXT: %[[M:.*]] = llvm.call_intrinsic "llvm.vector.reduce.umax"(%[[V]]) : (vector<8xi32>) -> i32
  // CHECK-NEXT: llvm.call_intrinsic "llvm.umax"(%[[M]], %[[T]]) : (i32, i32) -> i32
  %0 = vector.reduction <add>, %v, %a : vector<8xi32> into i32
  %1 = vector.reduction <maxui>, %v, %0 : vector<8xi32> into i32
  func.return %1 : i32
}

// CHECK-LABEL: func.func @tail
func.func @tail(%m: memref<8xi32>, %n: index, %old: vector<8xi32>) {
  // CHECK:     %[[LANES:.*]] = llvm.mlir.constant(dense<[0, 1, 2, 3, 4, 5, 6, 7]> : vector<8xi64>) : vector<8xi64>
  // CHECK-NEXT: %[[MASK:.*]] = llvm.icmp "slt" %[[LANES]], %{{.*}} : vector<8xi64>
  // CHECK-NEXT: %[[X:.*]] = llvm.call_intrinsic "llvm.masked.load"(%[[P:.*]], %[[MASK]], %{{.*}}) : (!llvm.ptr, vector<8xi1>, vector<8xi32>) -> vector<8xi32>
  // CHECK-NEXT: llvm.call_intrinsic "llvm.masked.store"(%[[X]], %[[P]], %[[MASK]]) : (vector<8xi32>, !llvm.ptr, vector<8xi1>) -> ()
  %c0 = arith.constant 0 : index
  %mask = vector.create_mask %n : vector<8xi1>
  %x = vector.maskedload %m[%c0], %mask, %old : memref<8xi32>, vector<8xi1>, vector<8xi32> into vector<8xi32>
  vector.maskedstore %m[%c0], %mask, %x : memref<8xi32>, vector<8xi1>, vector<8xi32>
  func.return
}
