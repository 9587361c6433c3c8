// RUN: ivit-opt %s --lower-to-int --elide-weights 2>/dev/null | filecheck %s
// RUN: ivit-opt %s --lower-to-int='mean=0.5 std=0.25' 2>&1 >/dev/null | filecheck %s --check-prefix NOTICE
// RUN: not ivit-opt %s --lower-to-int=calibration=missing.npz 2>&1 | filecheck %s --check-prefix MISSING
// RUN: not ivit-opt %s --lower-to-int='mean=0.5 std=0' 2>&1 | filecheck %s --check-prefix STD

// NOTICE: calibrate: no images given: ranges come from 16 generated ones; real images give better accuracy
// MISSING: ivit-opt: error: missing.npz: no such calibration file
// STD: ivit-opt: error: mean must be finite and std positive, got mean [0.5], std [0]

// Exported for one image, decomposed: integers for any number of images.
// CHECK-LABEL: func.func @main(%image: tensor<?x2x2x1xi8>) -> tensor<?x3xi32>
// CHECK-NOT:     torch.
// CHECK-NOT:     f32
// CHECK:         ivit.conv2d %image
// CHECK:         ivit.linear
// CHECK:         %[[LOGITS:.*]] = ivit.requant %head_acc
// CHECK-NEXT:    func.return %[[LOGITS]] : tensor<?x3xi32>
func.func @main(%image: !torch.vtensor<[1,1,2,2],f32>) -> !torch.vtensor<[1,3],f32> {
  %k = torch.vtensor.literal(dense<1.0> : tensor<2x1x2x2xf32>) : !torch.vtensor<[2,1,2,2],f32>
  %w = torch.vtensor.literal(dense<2.0> : tensor<3x2xf32>) : !torch.vtensor<[3,2],f32>
  %none = torch.constant.none
  %false = torch.constant.bool false
  %int0 = torch.constant.int 0
  %int1 = torch.constant.int 1
  %int2 = torch.constant.int 2
  %stride = torch.prim.ListConstruct %int2, %int2 : (!torch.int, !torch.int) -> !torch.list<int>
  %zeros = torch.prim.ListConstruct %int0, %int0 : (!torch.int, !torch.int) -> !torch.list<int>
  %ones = torch.prim.ListConstruct %int1, %int1 : (!torch.int, !torch.int) -> !torch.list<int>
  %empty = torch.prim.ListConstruct : () -> !torch.list<int>
  %sizes = torch.prim.ListConstruct %int1, %int2 : (!torch.int, !torch.int) -> !torch.list<int>
  %0 = torch.aten.convolution %image, %k, %none, %stride, %zeros, %ones, %false, %empty, %int1 : !torch.vtensor<[1,1,2,2],f32>, !torch.vtensor<[2,1,2,2],f32>, !torch.none, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.bool, !torch.list<int>, !torch.int -> !torch.vtensor<[1,2,1,1],f32>
  %1 = torch.aten.view %0, %sizes : !torch.vtensor<[1,2,1,1],f32>, !torch.list<int> -> !torch.vtensor<[1,2],f32>
  %2 = torch.aten.transpose.int %w, %int0, %int1 : !torch.vtensor<[3,2],f32>, !torch.int, !torch.int -> !torch.vtensor<[2,3],f32>
  %3 = torch.aten.mm %1, %2 : !torch.vtensor<[1,2],f32>, !torch.vtensor<[2,3],f32> -> !torch.vtensor<[1,3],f32>
  return %3 : !torch.vtensor<[1,3],f32>
}
