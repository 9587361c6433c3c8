// RUN: ivit-opt %s | filecheck %s

// torch-mlir's generic form; locations may be named behind their use.
// CHECK-LABEL: func.func @main
// CHECK-SAME: (%[[X:.*]]: !torch.vtensor<[1,4],f32>) -> !torch.vtensor<[1,4],f32>
"builtin.module"() ({
  "func.func"() <{function_type = (!torch.vtensor<[1,4],f32>) -> !torch.vtensor<[1,4],f32>, sym_name = "main"}> ({
  ^bb0(%arg0: !torch.vtensor<[1,4],f32> loc(#loc1)):
    // CHECK-NEXT: %[[INF:.*]] = torch.constant.float 0xfff0000000000000
    %0 = "torch.constant.float"() <{value = 0xFFF0000000000000 : f64}> : () -> !torch.float loc(#loc)
    // CHECK-NEXT: %[[ONE:.*]] = torch.constant.int 1
    %1 = "torch.constant.int"() <{value = 1 : i64}> : () -> !torch.int loc(#loc2)
    // CHECK-NEXT: %[[ROW:.*]] = torch.vtensor.literal(dense<[1.000000e+00, 2.000000e+00, 3.000000e+00, 4.000000e+00]> : tensor<4xf32>) : !torch.vtensor<[4],f32>
    %2 = "torch.vtensor.literal"() <{value = dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>}> : () -> !torch.vtensor<[4],f32>
    // CHECK-NEXT: %[[SUM:.*]] = torch.aten.add.Tensor %[[X]], %[[ROW]], %[[ONE]] : !torch.vtensor<[1,4],f32>, !torch.vtensor<[4],f32>, !torch.int -> !torch.vtensor<[1,4],f32>
    %3 = "torch.aten.add.Tensor"(%arg0, %2, %1) : (!torch.vtensor<[1,4],f32>, !torch.vtensor<[4],f32>, !torch.int) -> !torch.vtensor<[1,4],f32> loc(callsite(#loc1 at #loc2))
    // CHECK-NEXT: return %[[SUM]]
    "func.return"(%3) : (!torch.vtensor<[1,4],f32>) -> ()
  }) : () -> ()
}) : () -> ()
#loc = loc(unknown)
#loc1 = loc("model.py":12:0)
#loc2 = loc(callsite(#loc1 at #loc))
