// RUN: ivit-opt %s | ivit-opt | filecheck %s
// RUN: ivit-opt %s -o %t.mlir && ivit-opt %t.mlir | filecheck %s

// CHECK-LABEL: func.func @main
func.func @main() {
  // CHECK-NEXT: torch.vtensor.literal(dense_resource<row> : tensor<2xf32>) : !torch.vtensor<[2],f32>
  %0 = torch.vtensor.literal(dense_resource<row> : tensor<2xf32>) : !torch.vtensor<[2],f32>
  // A key that is no identifier is quoted.
  // CHECK-NEXT: torch.vtensor.literal(dense_resource<"0.bias"> : tensor<2xsi8>) : !torch.vtensor<[2],si8>
  %1 = torch.vtensor.literal(dense_resource<"0.bias"> : tensor<2xsi8>) : !torch.vtensor<[2],si8>
  return
}

// CHECK: {-#
// CHECK-DAG: "row": "0x{{[0-9A-F]+}}0000803F00000040"
// CHECK-DAG: "0.bias": "0x{{[0-9A-F]+}}01FF"
// CHECK: #-}
{-#
  dialect_resources: {
    builtin: {
      row: "0x040000000000803F00000040",
      "0.bias": "0x0100000001FF"
    }
  }
#-}
