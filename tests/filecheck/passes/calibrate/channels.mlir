// RUN: ivit-opt %s --calibrate 2>/dev/null | filecheck %s
// RUN: ivit-opt %s --calibrate 2>/dev/null | ivit-opt --calibrate 2>&1 | filecheck %s
// RUN: ivit-opt %s --calibrate -o %t.mlir 2>/dev/null && ivit-opt %t.mlir --calibrate 2>&1 | filecheck %s

// Sums have a range for each channel too, in the weights: lows, then highs. One that is there stays, and so does
// the range of all; a second calibration without images has nothing to say.
// CHECK-NOT:   no images
// CHECK-LABEL: func.func @main
func.func @main(%x: !torch.vtensor<[?,1,2,2],f32>) -> !torch.vtensor<[?,1,2,2],f32> attributes {ivit.range = [-1.0, 1.0]} {
  // CHECK:      torch.aten.mul.Scalar %x, %{{.*}} {ivit.range = [-1.406000e+00 : f64, 1.500000e+00 : f64]}
  // CHECK-NEXT: torch.aten.add.Tensor %{{.*}} {ivit.range = [-2.344000e+00 : f64, 2.500000e+00 : f64], ivit.channel_range = dense_resource<calibration.channels> : tensor<2x2xf32>}
  // CHECK-NEXT: torch.aten.add.Tensor %{{.*}} {ivit.range = [-1.000000e+01 : f64, 1.000000e+01 : f64], ivit.channel_range = dense_resource<kept> : tensor<2x2xf32>}
  %int1 = torch.constant.int 1
  %scale = torch.constant.float 1.500000e+00
  %0 = torch.aten.mul.Scalar %x, %scale : !torch.vtensor<[?,1,2,2],f32>, !torch.float -> !torch.vtensor<[?,1,2,2],f32>
  %1 = torch.aten.add.Tensor %x, %0, %int1 : !torch.vtensor<[?,1,2,2],f32>, !torch.vtensor<[?,1,2,2],f32>, !torch.int -> !torch.vtensor<[?,1,2,2],f32>
  %2 = torch.aten.add.Tensor %1, %0, %int1 {ivit.range = [-10.0, 10.0], ivit.channel_range = dense_resource<kept> : tensor<2x2xf32>} : !torch.vtensor<[?,1,2,2],f32>, !torch.vtensor<[?,1,2,2],f32>, !torch.int -> !torch.vtensor<[?,1,2,2],f32>
  return %2 : !torch.vtensor<[?,1,2,2],f32>
}

// CHECK: dialect_resources
// CHECK-DAG: "calibration.channels": "0x{{[0-9A-F]+}}000016C0000016C00000204000002040"
// CHECK-DAG: "kept": "0x{{[0-9A-F]+}}000080BF000000C00000803F00000040"
{-#
  dialect_resources: {
    builtin: {
      kept: "0x04000000000080BF000000C00000803F00000040"
    }
  }
#-}
