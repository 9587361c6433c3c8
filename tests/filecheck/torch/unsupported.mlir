// RUN: ivit-opt %s --verify-diagnostics --split-input-file | filecheck %s

// CHECK: unsupported.mlir:{{[0-9]+}}:{{[0-9]+}}: torch.aten.grid_sampler is not supported: export the model with torch-mlir's default decompositions, or replace the operation in the model
func.func @custom(%x: !torch.vtensor<[4],f32>) {
  %0 = torch.aten.grid_sampler %x : !torch.vtensor<[4],f32> -> !torch.vtensor<[4],f32>
  return
}

// -----

// CHECK: torch.aten.atan is not supported (supported and close to it: {{.*}}torch.aten.tanh
func.func @generic(%x: !torch.vtensor<[4],f32>) {
  %0 = "torch.aten.atan"(%x) : (!torch.vtensor<[4],f32>) -> !torch.vtensor<[4],f32>
  return
}

// -----

// What torch-mlir itself does not know, it wraps.
// CHECK: torch.aten.upsample_bicubic2d.vec is not supported
func.func @wrapped(%x: !torch.vtensor<[4],f32>) {
  %0 = torch.operator "torch.aten.upsample_bicubic2d.vec"(%x) : (!torch.vtensor<[4],f32>) -> !torch.vtensor<[4],f32>
  return
}

// -----

// CHECK: torch.aten.detach_ is not supported
func.func @wrapped_generic(%x: !torch.vtensor<[4],f32>) {
  %0 = "torch.operator"(%x) <{name = "torch.aten.detach_"}> : (!torch.vtensor<[4],f32>) -> !torch.vtensor<[4],f32>
  return
}
