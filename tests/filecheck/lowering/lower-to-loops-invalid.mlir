// RUN: ivit-opt %s --lower-to-loops --verify-diagnostics --split-input-file | filecheck %s

// CHECK: lower-to-loops: there is no kernel named 'fft'
plan.program @main(%image: memref<4xi8>, %output: memref<4xi8>) target "generic" arena 0 live 0 weights 0 {
  plan.launch "fft" ins(%image : memref<4xi8>) outs(%output : memref<4xi8>)
}

// -----

// CHECK: lower-to-loops: a module needs one plan.program, got 0
func.func @main() {
  func.return
}

// -----

// CHECK: lower-to-loops: unknown target 'z80', expected host or one of
plan.program @main(%image: memref<4xi8>, %output: memref<4xi8>) target "z80" arena 0 live 0 weights 0 {
  plan.launch "copy" ins(%image : memref<4xi8>) outs(%output : memref<4xi8>)
}
