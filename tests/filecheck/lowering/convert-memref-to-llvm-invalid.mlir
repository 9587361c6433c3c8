// RUN: ivit-opt %s -p convert-memref-to-llvm --verify-diagnostics --split-input-file | filecheck %s

// CHECK: memref.load in @inner: memref<4x?xi8> has a dynamic size that is not the leading one
func.func @inner(%m: memref<4x?xi8>, %i: index) -> i8 {
  %0 = memref.load %m[%i, %i] : memref<4x?xi8>
  func.return %0 : i8
}

// -----

// CHECK: memref.load in @strides: memref<4x4xi8, strided<[?, 1]>> has dynamic strides, which a bare pointer cannot carry
func.func @strides(%m: memref<4x4xi8, strided<[?, 1]>>, %i: index) -> i8 {
  %0 = memref.load %m[%i, %i] : memref<4x4xi8, strided<[?, 1]>>
  func.return %0 : i8
}

// -----

// CHECK: memref.alloc in @heap: kernels take memory from the arena or from memref.alloca
func.func @heap() {
  %0 = memref.alloc() : memref<4xi8>
  func.return
}

// -----

// CHECK: memref.alloca in @dynamic: memref<?xi8> is not contiguous and of static shape
func.func @dynamic(%n: index) {
  %0 = memref.alloca(%n) : memref<?xi8>
  func.return
}

// -----

// CHECK: memref.dim in @size: a bare pointer does not carry its size; pass it as an index
func.func @size(%m: memref<?xi8>) -> index {
  %c0 = arith.constant 0 : index
  %0 = memref.dim %m, %c0 : memref<?xi8>
  func.return %0 : index
}

// -----

// CHECK: memref.load in @float: floating point has no place below the ivit level
func.func @float(%m: memref<4xf32>, %i: index) {
  %0 = memref.load %m[%i] : memref<4xf32>
  func.return
}
