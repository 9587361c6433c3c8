// RUN: ivit-opt %s --calibrate 2>/dev/null | filecheck %s
// RUN: ivit-opt %s --calibrate 2>&1 >/dev/null | filecheck %s --check-prefix NOTICE
// RUN: not ivit-opt %s -p 'calibrate{images="missing.npz"}' 2>&1 | filecheck %s --check-prefix MISSING
// RUN: not ivit-opt %s -p 'calibrate{mean=0.5}' 2>&1 | filecheck %s --check-prefix MEAN

// NOTICE: calibrate: no images given: ranges come from 16 generated ones; real images give better accuracy
// MISSING: ivit-opt: error: missing.npz: no such calibration file
// MEAN: ivit-opt: error: mean and std come together: give both or neither

// Generated images fill one channel from (0 - 0.5) / 0.5 to (255 / 255 - 0.5) / 0.5. A range that is there stays.
// CHECK-LABEL: func.func @main(%x: !torch.vtensor<[?,1,8,8],f32>)
// CHECK-SAME:    attributes {ivit.range = [-1.000000e+00 : f64, 1.000000e+00 : f64]}
func.func @main(%x: !torch.vtensor<[?,1,8,8],f32>) -> !torch.vtensor<[?,64],f32> {
  // CHECK:      torch.aten.mul.Scalar %x, %three {ivit.range = [-3.000000e+00 : f64, 3.000000e+00 : f64]}
  // CHECK-NEXT: torch.aten.view %0, %sizes :
  // CHECK-NEXT: torch.aten.mul.Scalar %{{.*}}, %three {ivit.range = [-5.000000e-01 : f64, 7.000000e+00 : f64]}
  %int-1 = torch.constant.int -1
  %int64 = torch.constant.int 64
  %three = torch.constant.float 3.000000e+00
  %sizes = torch.prim.ListConstruct %int-1, %int64 : (!torch.int, !torch.int) -> !torch.list<int>
  %0 = torch.aten.mul.Scalar %x, %three : !torch.vtensor<[?,1,8,8],f32>, !torch.float -> !torch.vtensor<[?,1,8,8],f32>
  %1 = torch.aten.view %0, %sizes : !torch.vtensor<[?,1,8,8],f32>, !torch.list<int> -> !torch.vtensor<[?,64],f32>
  %2 = torch.aten.mul.Scalar %1, %three {ivit.range = [-0.5, 7.0]} : !torch.vtensor<[?,64],f32>, !torch.float -> !torch.vtensor<[?,64],f32>
  return %2 : !torch.vtensor<[?,64],f32>
}
