// RUN: ivit-opt %s --calibrate --split-input-file --verify-diagnostics 2>&1 | filecheck %s

// No float run before a refusal, and so no word of images.
// CHECK-NOT: generated

// CHECK: torch.aten.relu at {{.*}}:8: this op on activations has no integer form here; express it by linear
func.func @main(%x: !torch.vtensor<[?,1,2,2],f32>) -> !torch.vtensor<[?,1,2,2],f32> {
  %0 = torch.aten.relu %x : !torch.vtensor<[?,1,2,2],f32> -> !torch.vtensor<[?,1,2,2],f32>
  return %0 : !torch.vtensor<[?,1,2,2],f32>
}

// -----

// CHECK-NOT: generated

// CHECK: torch.aten.scaled_dot_product_attention at {{.*}}: causal attention has no integer form here: only attention that sees every token is taken
func.func @main(%x: !torch.vtensor<[?,1,2,2],f32>) -> !torch.vtensor<[?,1,2,2],f32> {
  %none = torch.constant.none
  %zero = torch.constant.float 0.0
  %true = torch.constant.bool true
  %false = torch.constant.bool false
  %0 = torch.aten.scaled_dot_product_attention %x, %x, %x, %none, %zero, %true, %none, %false : !torch.vtensor<[?,1,2,2],f32>, !torch.vtensor<[?,1,2,2],f32>, !torch.vtensor<[?,1,2,2],f32>, !torch.none, !torch.float, !torch.bool, !torch.none, !torch.bool -> !torch.vtensor<[?,1,2,2],f32>
  return %0 : !torch.vtensor<[?,1,2,2],f32>
}
