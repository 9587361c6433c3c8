// RUN: ivit-opt %s -p convert-memref-to-llvm | filecheck %s

// CHECK-LABEL: func.func @elements
// CHECK-SAME:  (%[[M:.*]]: memref<?x16xi32>, %[[I:.*]]: index)
func.func @elements(%m: memref<?x16xi32>, %i: index) {
  // CHECK-DAG: %[[P:.*]] = builtin.unrealized_conversion_cast %[[M]] : memref<?x16xi32> to !llvm.ptr
  // CHECK-DAG: %[[I64:.*]] = builtin.unrealized_conversion_cast %[[I]] : index to i64
  // CHECK:      %[[A:.*]] = llvm.getelementptr inbounds %[[P]][%[[I64]], 3] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<16 x i32>
  // CHECK-NEXT: %[[V:.*]] = llvm.load %[[A]] : !llvm.ptr -> i32
  // The first element is the pointer itself.
  // CHECK-NEXT: llvm.store %[[V]], %[[P]] : i32, !llvm.ptr
  %c0 = arith.constant 0 : index
  %c3 = arith.constant 3 : index
  %v = memref.load %m[%i, %c3] : memref<?x16xi32>
  memref.store %v, %m[%c0, %c0] : memref<?x16xi32>
  func.return
}

// A view, a row of it, and an element: byte offset, row offset, column.
// CHECK-LABEL: func.func @views
func.func @views(%arena: memref<1024xi8>, %i: index, %j: index) -> i16 {
  // CHECK-DAG: %[[P:.*]] = builtin.unrealized_conversion_cast %{{.*}} : memref<1024xi8> to !llvm.ptr
  // CHECK:      %[[V:.*]] = llvm.getelementptr inbounds %[[P]][128] : (!llvm.ptr) -> !llvm.ptr, i8
  // CHECK-NEXT: %[[R:.*]] = llvm.getelementptr inbounds %[[V]][%{{.*}}, 2] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<8 x i16>
  // CHECK-NEXT: %[[E:.*]] = llvm.getelementptr inbounds %[[R]][%{{.*}}] : (!llvm.ptr, i64) -> !llvm.ptr, i16
  // CHECK-NEXT: llvm.load %[[E]] : !llvm.ptr -> i16
  %c128 = arith.constant 128 : index
  %v = memref.view %arena[%c128][] : memref<1024xi8> to memref<4x8xi16>
  %r = memref.subview %v[%i, 2] [1, 6] [1, 1] : memref<4x8xi16> to memref<6xi16, strided<[1], offset: ?>>
  %e = memref.load %r[%j] : memref<6xi16, strided<[1], offset: ?>>
  func.return %e : i16
}

// Scratch goes to the entry block.
// CHECK-LABEL: func.func @scratch
func.func @scratch(%i: index, %x: i8) {
  // CHECK:      %[[N:.*]] = llvm.mlir.constant(96) : i64
  // CHECK-NEXT: %[[S:.*]] = llvm.alloca %[[N]] x i8 {alignment = 64 : i64} : (i64) -> !llvm.ptr
  // CHECK:      ^bb1:
  // CHECK-NEXT: llvm.getelementptr inbounds %[[S]]
  cf.br ^bb1
^bb1:
  %s = memref.alloca() : memref<96xi8>
  memref.store %x, %s[%i] : memref<96xi8>
  cf.br ^bb1
}

// CHECK: llvm.mlir.global internal constant @table(dense<[1, 2, 3, 4]> : tensor<4xi8>) {addr_space = 0 : i32, alignment = 64 : i64} : !llvm.array<4 x i8>
"memref.global"() <{sym_name = "table", sym_visibility = "private", type = memref<4xi8>, initial_value = dense<[1, 2, 3, 4]> : tensor<4xi8>, constant}> : () -> ()

// CHECK-LABEL: func.func @lookup
func.func @lookup(%i: index) -> i8 {
  // CHECK:      %[[T:.*]] = llvm.mlir.addressof @table : !llvm.ptr
  // CHECK-NEXT: llvm.getelementptr inbounds %[[T]][%{{.*}}]
  %t = memref.get_global @table : memref<4xi8>
  %v = memref.load %t[%i] : memref<4xi8>
  func.return %v : i8
}

// CHECK-LABEL: func.func @atomic
func.func @atomic(%m: memref<4xi32>, %i: index, %n: i32) -> i32 {
  // CHECK: llvm_ext.atomicrmw "add" "acq_rel" %{{.*}}, %{{.*}} : !llvm.ptr, i32
  %0 = "memref.atomic_rmw"(%n, %m, %i) <{kind = 1 : i64}> : (i32, memref<4xi32>, index) -> i32
  func.return %0 : i32
}

// A memory space is an address space.
// CHECK-LABEL: func.func @space
func.func @space(%m: memref<4xi32, 3 : i32>) -> i32 {
  // CHECK: llvm.load %{{.*}} : !llvm.ptr<3> -> i32
  %c0 = arith.constant 0 : index
  %0 = memref.load %m[%c0] : memref<4xi32, 3 : i32>
  func.return %0 : i32
}
