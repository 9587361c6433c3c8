// RUN: ivit-opt %s --generalize-batch | filecheck %s

// The batch is followed through views and permutes; a constant token is repeated for every image.
// CHECK-LABEL: func.func @tokens(%x: !torch.vtensor<[?,4,2,2],f32>) -> !torch.vtensor<[?,5,4],f32>
func.func @tokens(%x: !torch.vtensor<[1,4,2,2],f32>) -> !torch.vtensor<[1,5,4],f32> {
  // CHECK:      %[[BATCH:.*]] = torch.aten.size.int %x, %int0 :
  // CHECK-NEXT: %[[SIZES:.*]] = torch.prim.ListConstruct %[[BATCH]], %int1, %int4 :
  // CHECK-NEXT: %[[TOKEN:.*]] = torch.aten.broadcast_to %{{.*}}, %[[SIZES]] : {{.*}} -> !torch.vtensor<[?,1,4],f32>
  // CHECK-NEXT: %[[OPEN:.*]] = torch.prim.ListConstruct %int-1, %int4, %int4 :
  // CHECK-NEXT: torch.aten.view %x, %[[OPEN]] : {{.*}} -> !torch.vtensor<[?,4,4],f32>
  // CHECK:      torch.aten.permute {{.*}} -> !torch.vtensor<[?,4,4],f32>
  // CHECK-NEXT: %[[PARTS:.*]] = torch.prim.ListConstruct %[[TOKEN]],
  // CHECK-NEXT: torch.aten.cat %[[PARTS]], %int1 : {{.*}} -> !torch.vtensor<[?,5,4],f32>
  %token = torch.vtensor.literal(dense<2.0> : tensor<1x1x4xf32>) : !torch.vtensor<[1,1,4],f32>
  %int0 = torch.constant.int 0
  %int1 = torch.constant.int 1
  %int2 = torch.constant.int 2
  %int4 = torch.constant.int 4
  %sizes = torch.prim.ListConstruct %int1, %int4, %int4 : (!torch.int, !torch.int, !torch.int) -> !torch.list<int>
  %order = torch.prim.ListConstruct %int0, %int2, %int1 : (!torch.int, !torch.int, !torch.int) -> !torch.list<int>
  %0 = torch.aten.view %x, %sizes : !torch.vtensor<[1,4,2,2],f32>, !torch.list<int> -> !torch.vtensor<[1,4,4],f32>
  %1 = torch.aten.permute %0, %order : !torch.vtensor<[1,4,4],f32>, !torch.list<int> -> !torch.vtensor<[1,4,4],f32>
  %2 = torch.prim.ListConstruct %token, %1 : (!torch.vtensor<[1,1,4],f32>, !torch.vtensor<[1,4,4],f32>) -> !torch.list<vtensor>
  %3 = torch.aten.cat %2, %int1 : !torch.list<vtensor>, !torch.int -> !torch.vtensor<[1,5,4],f32>
  return %3 : !torch.vtensor<[1,5,4],f32>
}

// A dynamic batch stays as it is.
// CHECK-LABEL: func.func @dynamic(%x: !torch.vtensor<[?,4],f32>) -> !torch.vtensor<[?,4],f32>
func.func @dynamic(%x: !torch.vtensor<[?,4],f32>) -> !torch.vtensor<[?,4],f32> {
  // CHECK: torch.aten.add.Tensor %x, %x, %int1 : {{.*}} -> !torch.vtensor<[?,4],f32>
  %int1 = torch.constant.int 1
  %0 = torch.aten.add.Tensor %x, %x, %int1 : !torch.vtensor<[?,4],f32>, !torch.vtensor<[?,4],f32>, !torch.int -> !torch.vtensor<[?,4],f32>
  return %0 : !torch.vtensor<[?,4],f32>
}
