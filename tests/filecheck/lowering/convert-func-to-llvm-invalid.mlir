// RUN: ivit-opt %s -p convert-func-to-llvm --verify-diagnostics --split-input-file | filecheck %s

// CHECK: func.func in @float: floating point has no place below the ivit level
func.func @float(%x: f32) {
  func.return
}

// -----

// CHECK: func.func in @tensor: tensor<4xi8> has no LLVM counterpart
func.func @tensor(%x: tensor<4xi8>) {
  func.return
}
