// RUN: ivit-opt %s --verify-diagnostics --split-input-file | filecheck %s

// CHECK: result lanes must be wider than the operand's, got vector<4xi32> and vector<4xi16>
func.func @narrowing(%a: vector<4xi32>) {
  %0 = arith_ext.extsi %a : vector<4xi32> to vector<4xi16>
  func.return
}

// -----

// CHECK: result lanes must be narrower than the operand's, got vector<4xi16> and vector<4xi16>
func.func @same_width(%a: vector<4xi16>) {
  %0 = arith_ext.trunci %a : vector<4xi16> to vector<4xi16>
  func.return
}

// -----

// CHECK: operand and result must have the same shape, got vector<4xi8> and vector<8xi16>
func.func @lanes(%a: vector<4xi8>) {
  %0 = arith_ext.extui %a : vector<4xi8> to vector<8xi16>
  func.return
}

// -----

// CHECK: condition and result must have the same shape, got vector<4xi1> and vector<8xi8>
func.func @mask(%m: vector<4xi1>, %a: vector<8xi8>) {
  %0 = arith_ext.select %m, %a, %a : vector<4xi1>, vector<8xi8>
  func.return
}

// -----

// CHECK: unknown predicate number 10
func.func @predicate(%a: vector<8xi8>) {
  %0 = "arith_ext.cmpi"(%a, %a) <{predicate = 10 : i64}> : (vector<8xi8>, vector<8xi8>) -> vector<8xi1>
  func.return
}
