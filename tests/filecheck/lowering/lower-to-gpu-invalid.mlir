// RUN: ivit-opt %s --lower-to-gpu --verify-diagnostics --split-input-file | filecheck %s

// CHECK: lower-to-gpu: {{.*}}:{{[0-9]+}}: plan.launch "fft" has no kernel: expected one of add, affine,
plan.program @main(%image: memref<4xi8>, %output: memref<4xi8>) target "cuda:sm_80" arena 0 live 0 weights 0 {
  plan.launch "fft" ins(%image : memref<4xi8>) outs(%output : memref<4xi8>)
}

// -----

// CHECK: lower-to-gpu: a module needs one plan.program, got 0
func.func @main() {
  func.return
}

// -----

// CHECK: lower-to-gpu: {{.*}}: @main: unknown GPU target 'x86-64-avx2', expected one of cuda:sm_61,
plan.program @main(%image: memref<4xi8>, %output: memref<4xi8>) target "x86-64-avx2" arena 0 live 0 weights 0 {
  plan.launch "copy" ins(%image : memref<4xi8>) outs(%output : memref<4xi8>)
}

// -----

// CHECK: plan.launch "requant" lacks the scalar 'multiplier'
plan.program @main(%image: memref<4xi8>, %output: memref<4xi8>) target "cuda:sm_80" arena 0 live 0 weights 0 {
  plan.launch "requant" ins(%image : memref<4xi8>) outs(%output : memref<4xi8>) config {form = "wide"}
}

// -----

// CHECK: plan.launch "add" lacks the config 'rhs'
plan.program @main(%image: memref<4xi8>, %output: memref<4xi8>) target "cuda:sm_80" arena 0 live 0 weights 0 {
  plan.launch "add" ins(%image, %image : memref<4xi8>, memref<4xi8>) outs(%output : memref<4xi8>) config {lhs = "none"}
}

// -----

// CHECK: plan.launch "cuda_linear" lacks the config 'tile'
plan.program @main(%image: memref<1x4xi8>, %output: memref<1x4xi8>) target "cuda:sm_80" arena 0 live 0 weights 0 {
  plan.launch "cuda_linear" ins(%image : memref<1x4xi8>) outs(%output : memref<1x4xi8>)
}

// -----

// CHECK: plan.launch "copy" writes memory that it reads or writes twice; plan it anew
plan.program @main(%image: memref<4xi8>, %output: memref<4xi8>) target "cuda:sm_80" arena 64 live 64 weights 0 {
  %a = plan.slice at 0 : memref<6xi8>
  %source = plan.view %a at 0 : memref<6xi8> to memref<4xi8>
  %target = plan.view %a at 2 : memref<6xi8> to memref<4xi8>
  plan.launch "copy" ins(%image : memref<4xi8>) outs(%source : memref<4xi8>)
  plan.launch "copy" ins(%source : memref<4xi8>) outs(%target : memref<4xi8>)
}
