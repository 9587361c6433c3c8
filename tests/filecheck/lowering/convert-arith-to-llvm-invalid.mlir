// RUN: ivit-opt %s -p convert-arith-to-llvm --verify-diagnostics --split-input-file | filecheck %s

// CHECK: arith.addf in @float_add: floating point has no place below the ivit level; lower the model to integers first
func.func @float_add(%a: f32) -> f32 {
  %0 = arith.addf %a, %a : f32
  func.return %0 : f32
}

// -----

// CHECK: arith.constant in @float_constant: floating point has no place below the ivit level
func.func @float_constant() {
  %0 = arith.constant 1.0 : f32
  func.return
}

// -----

// CHECK: arith.addi in @attribute: attribute 'note' is not understood here; remove it or prefix it with a dialect
func.func @attribute(%a: i32) -> i32 {
  %0 = arith.addi %a, %a {note} : i32
  func.return %0 : i32
}

// -----

// CHECK: arith.addi in @rank_two: vector<2x2xi32> is not a vector of rank 1 and fixed length; split it before
func.func @rank_two(%a: vector<2x2xi32>) -> vector<2x2xi32> {
  %0 = arith.addi %a, %a : vector<2x2xi32>
  func.return %0 : vector<2x2xi32>
}
