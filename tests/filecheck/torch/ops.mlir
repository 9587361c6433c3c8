// RUN: ivit-opt %s | ivit-opt | filecheck %s
// RUN: ivit-opt %s --print-op-generic | ivit-opt | filecheck %s

// CHECK-LABEL: func.func @default_form
// CHECK-SAME: (%[[X:.*]]: !torch.vtensor<[2,4],f32>, %[[W:.*]]: !torch.vtensor<[3,4],f32>, %[[DIM:.*]]: !torch.int, %[[KEEP:.*]]: !torch.bool)
func.func @default_form(%x: !torch.vtensor<[2,4],f32>, %w: !torch.vtensor<[3,4],f32>, %dim: !torch.int, %keep: !torch.bool) {
  // CHECK: %[[NONE:.*]] = torch.constant.none
  %none = torch.constant.none
  // CHECK-NEXT: %[[Y:.*]] = torch.aten.linear %[[X]], %[[W]], %[[NONE]] : !torch.vtensor<[2,4],f32>, !torch.vtensor<[3,4],f32>, !torch.none -> !torch.vtensor<[2,3],f32>
  %y = torch.aten.linear %x, %w, %none : !torch.vtensor<[2,4],f32>, !torch.vtensor<[3,4],f32>, !torch.none -> !torch.vtensor<[2,3],f32>
  // CHECK-NEXT: %{{.*}}, %{{.*}} = torch.aten.max.dim %[[Y]], %[[DIM]], %[[KEEP]] : !torch.vtensor<[2,3],f32>, !torch.int, !torch.bool -> !torch.vtensor<[2,1],f32>, !torch.vtensor<[2,1],si64>
  %values, %indices = torch.aten.max.dim %y, %dim, %keep : !torch.vtensor<[2,3],f32>, !torch.int, !torch.bool -> !torch.vtensor<[2,1],f32>, !torch.vtensor<[2,1],si64>
  // Attributes are kept, and results may stand in parentheses.
  // CHECK-NEXT: torch.aten.relu %[[Y]] {ivit.range = [-1.000000e+00 : f64, 2.000000e+00 : f64]} : !torch.vtensor<[2,3],f32> -> !torch.vtensor<[2,3],f32>
  %z = torch.aten.relu %y {"ivit.range" = [-1.000000e+00, 2.000000e+00]} : !torch.vtensor<[2,3],f32> -> (!torch.vtensor<[2,3],f32>)
  return
}

// CHECK-LABEL: func.func @lists
// CHECK-SAME: (%[[I:.*]]: !torch.int, %[[X:.*]]: !torch.vtensor<[4],f32>)
func.func @lists(%i: !torch.int, %x: !torch.vtensor<[4],f32>) {
  // CHECK: torch.prim.ListConstruct : () -> !torch.list<int>
  %0 = torch.prim.ListConstruct  : () -> !torch.list<int>
  // CHECK-NEXT: torch.prim.ListConstruct %[[I]], %[[I]] : (!torch.int, !torch.int) -> !torch.list<int>
  %1 = torch.prim.ListConstruct %i, %i : (!torch.int, !torch.int) -> !torch.list<int>
  // CHECK-NEXT: %[[L:.*]] = torch.aten.chunk %[[X]], %[[I]], %[[I]] : !torch.vtensor<[4],f32>, !torch.int, !torch.int -> !torch.list<vtensor>
  %2 = torch.aten.chunk %x, %i, %i : !torch.vtensor<[4],f32>, !torch.int, !torch.int -> !torch.list<vtensor>
  // CHECK-NEXT: %{{.*}}, %{{.*}} = torch.prim.ListUnpack %[[L]] : !torch.list<vtensor> -> !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>
  %3, %4 = torch.prim.ListUnpack %2 : !torch.list<vtensor> -> !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>
  // CHECK-NEXT: torch.prim.TupleConstruct %[[I]], %[[X]] : (!torch.int, !torch.vtensor<[4],f32>) -> !torch.tuple<int, vtensor<[4],f32>>
  %5 = torch.prim.TupleConstruct %i, %x : (!torch.int, !torch.vtensor<[4],f32>) -> !torch.tuple<int, vtensor<[4],f32>>
  return
}

// CHECK-LABEL: func.func @dynamic
// CHECK-SAME: (%[[X:.*]]: !torch.vtensor<[?,3],f32>)
func.func @dynamic(%x: !torch.vtensor<[?,3],f32>) {
  // CHECK: %[[S:.*]] = torch.symbolic_int "s77" {min_val = 1, max_val = 64} : !torch.int
  %0 = torch.symbolic_int "s77" {min_val = 1, max_val = 64} : !torch.int
  // CHECK-NEXT: torch.bind_symbolic_shape %[[X]], [%[[S]]], affine_map<()[s0] -> (s0, 3)> : !torch.vtensor<[?,3],f32>
  torch.bind_symbolic_shape %x, [%0], affine_map<()[s0] -> (s0, 3)> : !torch.vtensor<[?,3],f32>
  // CHECK-NEXT: torch.tensor_static_info_cast %[[X]] : !torch.vtensor<[?,3],f32> to !torch.vtensor<[2,3],f32>
  %1 = torch.tensor_static_info_cast %x : !torch.vtensor<[?,3],f32> to !torch.vtensor<[2,3],f32>
  // CHECK-NEXT: %[[B:.*]] = torch.constant.bool true
  %true = torch.constant.bool true
  // CHECK-NEXT: torch.runtime.assert %[[B]], "batch"
  torch.runtime.assert %true, "batch"
  return
}
