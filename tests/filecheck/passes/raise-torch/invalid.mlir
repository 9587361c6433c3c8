// RUN: not ivit-opt %s --raise-torch 2>&1 | filecheck %s

// CHECK: invalid.mlir:7: torch.aten.select.int: cannot be folded: range object index out of range
func.func @main(%x: !torch.vtensor<[3],f32>) -> !torch.vtensor<[3],f32> {
  %w = torch.vtensor.literal(dense<1.0> : tensor<3xf32>) : !torch.vtensor<[3],f32>
  %int9 = torch.constant.int 9
  %0 = torch.aten.select.int %w, %int9, %int9 : !torch.vtensor<[3],f32>, !torch.int, !torch.int -> !torch.vtensor<[],f32>
  %1 = torch.aten.mul.Tensor %x, %0 : !torch.vtensor<[3],f32>, !torch.vtensor<[],f32> -> !torch.vtensor<[3],f32>
  return %1 : !torch.vtensor<[3],f32>
}
