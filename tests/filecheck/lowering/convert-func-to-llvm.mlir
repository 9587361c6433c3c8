// RUN: ivit-opt %s -p convert-func-to-llvm | filecheck %s

// Argument attributes and a private function's linkage are kept.
// CHECK-LABEL: llvm.func internal @kernel
// CHECK-SAME:  (%{{.*}}: !llvm.ptr {llvm.noalias, llvm.align = 64 : i64}, %{{.*}}: i64) {
func.func private @kernel(%m: memref<4xi8> {llvm.noalias, llvm.align = 64 : i64}, %n: index) {
  // CHECK-NEXT: llvm.return
  func.return
}

// CHECK: llvm.func @outside(i64) -> i32
func.func private @outside(index) -> i32

// CHECK-LABEL: llvm.func @entry
// CHECK-SAME:  (%[[M:.*]]: !llvm.ptr) attributes {passthrough = ["noinline"]} {
func.func @entry(%m: memref<4xi8>) attributes {passthrough = ["noinline"]} {
  // CHECK-NEXT: %[[N:.*]] = arith.constant 4 : index
  // CHECK-NEXT: %[[N64:.*]] = builtin.unrealized_conversion_cast %[[N]] : index to i64
  // CHECK-NEXT: llvm.call @kernel(%[[M]], %[[N64]]) : (!llvm.ptr, i64) -> ()
  // CHECK-NEXT: %{{.*}} = llvm.call @outside(%[[N64]]) : (i64) -> i32
  %n = arith.constant 4 : index
  func.call @kernel(%m, %n) : (memref<4xi8>, index) -> ()
  %r = func.call @outside(%n) : (index) -> i32
  func.return
}

// Two results are one struct.
// CHECK-LABEL: llvm.func internal @pair
// CHECK-SAME:  (%[[A:.*]]: i32, %[[B:.*]]: i64) -> !llvm.struct<(i32, i64)>
func.func private @pair(%a: i32, %b: index) -> (i32, index) {
  // CHECK:      %[[U:.*]] = llvm.mlir.undef : !llvm.struct<(i32, i64)>
  // CHECK-NEXT: %[[V:.*]] = llvm.insertvalue %[[A]], %[[U]][0] : !llvm.struct<(i32, i64)>
  // CHECK-NEXT: %[[W:.*]] = llvm.insertvalue %[[B]], %[[V]][1] : !llvm.struct<(i32, i64)>
  // CHECK-NEXT: llvm.return %[[W]] : !llvm.struct<(i32, i64)>
  func.return %a, %b : i32, index
}

// CHECK-LABEL: llvm.func @takes_pair
func.func @takes_pair(%a: i32, %b: index) -> i32 {
  // CHECK:      %[[P:.*]] = llvm.call @pair(%{{.*}}, %{{.*}}) : (i32, i64) -> !llvm.struct<(i32, i64)>
  // CHECK-NEXT: %[[X:.*]] = llvm.extractvalue %[[P]][0] : !llvm.struct<(i32, i64)>
  // CHECK:      llvm.return %[[X]] : i32
  %x, %y = func.call @pair(%a, %b) : (i32, index) -> (i32, index)
  func.return %x : i32
}
