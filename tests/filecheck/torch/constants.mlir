// RUN: ivit-opt %s | ivit-opt | filecheck %s
// RUN: ivit-opt %s --print-op-generic | ivit-opt | filecheck %s

// SSA names hold '-' and '.', as torch-mlir prints them.
// CHECK-LABEL: func.func @scalars
func.func @scalars() {
  // CHECK-NEXT: %int-1 = torch.constant.int -1
  %int-1 = torch.constant.int -1
  // CHECK-NEXT: torch.constant.int 9223372036854775807
  %int9223372036854775807 = torch.constant.int 9223372036854775807
  // CHECK-NEXT: torch.constant.float 4.204480e-01
  %float4.204480e-01 = torch.constant.float 4.204480e-01
  // CHECK-NEXT: torch.constant.float 0.42044820762685725
  %float4.204480e-01_0 = torch.constant.float 0.42044820762685725
  // CHECK-NEXT: torch.constant.float 0xfff0000000000000
  %float-Inf = torch.constant.float 0xFFF0000000000000
  // CHECK-NEXT: torch.constant.float -0.000000e+00
  %float-0.000000e00 = torch.constant.float -0.000000e+00
  // CHECK-NEXT: torch.constant.bool true
  %true = torch.constant.bool true
  // CHECK-NEXT: torch.constant.str "none"
  %str = torch.constant.str "none"
  // CHECK-NEXT: torch.constant.device "cpu"
  %cpu = torch.constant.device "cpu"
  // CHECK-NEXT: torch.constant.none
  %none = torch.constant.none
  return
}

// CHECK-LABEL: func.func @literals
func.func @literals() {
  // CHECK-NEXT: torch.vtensor.literal(dense<0.000000e+00> : tensor<2x3xf32>) : !torch.vtensor<[2,3],f32>
  %0 = torch.vtensor.literal(dense<0.000000e+00> : tensor<2x3xf32>) : !torch.vtensor<[2,3],f32>
  // CHECK-NEXT: torch.vtensor.literal(dense<[3, 1]> : tensor<2xsi64>) : !torch.vtensor<[2],si64>
  %1 = torch.vtensor.literal(dense<[3, 1]> : tensor<2xsi64>) : !torch.vtensor<[2],si64>
  // CHECK-NEXT: torch.vtensor.literal(dense<true> : tensor<i1>) : !torch.vtensor<[],i1>
  %2 = torch.vtensor.literal(dense<true> : tensor<i1>) : !torch.vtensor<[],i1>
  // The bits of -inf, not the number 4286578688.
  // CHECK-NEXT: torch.vtensor.literal(dense<0xff800000> : tensor<f32>) : !torch.vtensor<[],f32>
  %3 = torch.vtensor.literal(dense<0xFF800000> : tensor<f32>) : !torch.vtensor<[],f32>
  // CHECK-NEXT: torch.vtensor.literal(dense<[0x7f800000, 1.000000e+00]> : tensor<2xf32>) : !torch.vtensor<[2],f32>
  %4 = torch.vtensor.literal(dense<[0x7F800000, 1.000000e+00]> : tensor<2xf32>) : !torch.vtensor<[2],f32>
  return
}
