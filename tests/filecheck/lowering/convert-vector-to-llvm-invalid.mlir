// RUN: ivit-opt %s -p convert-vector-to-llvm --verify-diagnostics --split-input-file | filecheck %s

// CHECK: vector.load in @bits: vector<8xi1> packs its lanes in memory otherwise than a memref does; use whole bytes
func.func @bits(%m: memref<8xi1>, %i: index) -> vector<8xi1> {
  %0 = vector.load %m[%i] : memref<8xi1>, vector<8xi1>
  func.return %0 : vector<8xi1>
}

// -----

// CHECK: vector.extract in @lane: position 4 is not a lane of vector<4xi8>
func.func @lane(%v: vector<4xi8>) -> i8 {
  %0 = vector.extract %v[4] : i8 from vector<4xi8>
  func.return %0 : i8
}

// -----

// CHECK: vector.load in @alignment: alignment 3 : i64 is not a power of two
func.func @alignment(%m: memref<8xi8>, %i: index) -> vector<8xi8> {
  %0 = vector.load %m[%i] {alignment = 3 : i64} : memref<8xi8>, vector<8xi8>
  func.return %0 : vector<8xi8>
}

// -----

// CHECK: vector.broadcast in @float: floating point has no place below the ivit level
func.func @float(%x: f32) {
  %0 = vector.broadcast %x : f32 to vector<4xf32>
  func.return
}

// -----

// CHECK: vector.print in @print: kernels use vector.load and vector.store on vectors of rank 1
func.func @print(%v: vector<4xi8>) {
  "vector.print"(%v) : (vector<4xi8>) -> ()
  func.return
}
