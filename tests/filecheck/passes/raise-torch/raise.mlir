// RUN: ivit-opt %s --raise-torch | filecheck %s

// A product with a transposed weight, and a row added to it.
// CHECK-LABEL: func.func @linear
func.func @linear(%x: !torch.vtensor<[1,5,4],f32>) -> !torch.vtensor<[1,5,3],f32> {
  // CHECK:      %[[W:.*]] = torch.vtensor.literal(dense<2.000000e+00> : tensor<3x4xf32>)
  // CHECK-NEXT: %[[B:.*]] = torch.vtensor.literal(dense<1.000000e+00> : tensor<3xf32>)
  // CHECK-NEXT: %[[Y:.*]] = torch.aten.linear %x, %[[W]], %[[B]] :
  // CHECK-NEXT: func.return %[[Y]]
  %weight = torch.vtensor.literal(dense<2.0> : tensor<3x4xf32>) : !torch.vtensor<[3,4],f32>
  %bias = torch.vtensor.literal(dense<1.0> : tensor<3xf32>) : !torch.vtensor<[3],f32>
  %int0 = torch.constant.int 0
  %int1 = torch.constant.int 1
  %int3 = torch.constant.int 3
  %int4 = torch.constant.int 4
  %int5 = torch.constant.int 5
  %rows = torch.prim.ListConstruct %int5, %int4 : (!torch.int, !torch.int) -> !torch.list<int>
  %back = torch.prim.ListConstruct %int1, %int5, %int3 : (!torch.int, !torch.int, !torch.int) -> !torch.list<int>
  %0 = torch.aten.transpose.int %weight, %int0, %int1 : !torch.vtensor<[3,4],f32>, !torch.int, !torch.int -> !torch.vtensor<[4,3],f32>
  %1 = torch.aten.view %x, %rows : !torch.vtensor<[1,5,4],f32>, !torch.list<int> -> !torch.vtensor<[5,4],f32>
  %2 = torch.aten.mm %1, %0 : !torch.vtensor<[5,4],f32>, !torch.vtensor<[4,3],f32> -> !torch.vtensor<[5,3],f32>
  %3 = torch.aten.view %2, %back : !torch.vtensor<[5,3],f32>, !torch.list<int> -> !torch.vtensor<[1,5,3],f32>
  %4 = torch.aten.add.Tensor %3, %bias, %int1 : !torch.vtensor<[1,5,3],f32>, !torch.vtensor<[3],f32>, !torch.int -> !torch.vtensor<[1,5,3],f32>
  return %4 : !torch.vtensor<[1,5,3],f32>
}

// Mean and deviation by sums, broadcast before use.
// CHECK-LABEL: func.func @layer_norm
func.func @layer_norm(%x: !torch.vtensor<[1,5,4],f32>) -> !torch.vtensor<[1,5,4],f32> {
  // CHECK:      %[[EPS:.*]] = torch.constant.float 1.000000e-06
  // CHECK:      %[[SHAPE:.*]] = torch.prim.ListConstruct %int4
  // CHECK-NEXT: %[[Y:.*]] = torch.aten.layer_norm %x, %[[SHAPE]], %[[G:.*]], %[[B:.*]], %[[EPS]], %false :
  // CHECK-NEXT: func.return %[[Y]]
  %gamma = torch.vtensor.literal(dense<2.0> : tensor<4xf32>) : !torch.vtensor<[4],f32>
  %beta = torch.vtensor.literal(dense<1.0> : tensor<4xf32>) : !torch.vtensor<[4],f32>
  %int1 = torch.constant.int 1
  %int2 = torch.constant.int 2
  %int4 = torch.constant.int 4
  %int5 = torch.constant.int 5
  %eps = torch.constant.float 1.000000e-06
  %true = torch.constant.bool true
  %none = torch.constant.none
  %dims = torch.prim.ListConstruct %int2 : (!torch.int) -> !torch.list<int>
  %sizes = torch.prim.ListConstruct %int1, %int5, %int4 : (!torch.int, !torch.int, !torch.int) -> !torch.list<int>
  %0 = torch.aten.sum.dim_IntList %x, %dims, %true, %none : !torch.vtensor<[1,5,4],f32>, !torch.list<int>, !torch.bool, !torch.none -> !torch.vtensor<[1,5,1],f32>
  %1 = torch.aten.div.Scalar %0, %int4 : !torch.vtensor<[1,5,1],f32>, !torch.int -> !torch.vtensor<[1,5,1],f32>
  %2 = torch.aten.broadcast_to %1, %sizes : !torch.vtensor<[1,5,1],f32>, !torch.list<int> -> !torch.vtensor<[1,5,4],f32>
  %3 = torch.aten.sub.Tensor %x, %2, %int1 : !torch.vtensor<[1,5,4],f32>, !torch.vtensor<[1,5,4],f32>, !torch.int -> !torch.vtensor<[1,5,4],f32>
  %4 = torch.aten.mul.Tensor %3, %3 : !torch.vtensor<[1,5,4],f32>, !torch.vtensor<[1,5,4],f32> -> !torch.vtensor<[1,5,4],f32>
  %5 = torch.aten.sum.dim_IntList %4, %dims, %true, %none : !torch.vtensor<[1,5,4],f32>, !torch.list<int>, !torch.bool, !torch.none -> !torch.vtensor<[1,5,1],f32>
  %6 = torch.aten.div.Scalar %5, %int4 : !torch.vtensor<[1,5,1],f32>, !torch.int -> !torch.vtensor<[1,5,1],f32>
  %7 = torch.aten.add.Scalar %6, %eps, %int1 : !torch.vtensor<[1,5,1],f32>, !torch.float, !torch.int -> !torch.vtensor<[1,5,1],f32>
  %8 = torch.aten.rsqrt %7 : !torch.vtensor<[1,5,1],f32> -> !torch.vtensor<[1,5,1],f32>
  %9 = torch.aten.mul.Tensor %3, %8 : !torch.vtensor<[1,5,4],f32>, !torch.vtensor<[1,5,1],f32> -> !torch.vtensor<[1,5,4],f32>
  %10 = torch.aten.mul.Tensor %9, %gamma : !torch.vtensor<[1,5,4],f32>, !torch.vtensor<[4],f32> -> !torch.vtensor<[1,5,4],f32>
  %11 = torch.aten.add.Tensor %10, %beta, %int1 : !torch.vtensor<[1,5,4],f32>, !torch.vtensor<[4],f32>, !torch.int -> !torch.vtensor<[1,5,4],f32>
  return %11 : !torch.vtensor<[1,5,4],f32>
}

// The deviation is not of the row that is divided: nothing to raise.
// CHECK-LABEL: func.func @no_layer_norm
func.func @no_layer_norm(%x: !torch.vtensor<[1,5,4],f32>, %y: !torch.vtensor<[1,5,4],f32>) -> !torch.vtensor<[1,5,4],f32> {
  // CHECK-NOT:  torch.aten.layer_norm
  // CHECK:      torch.aten.rsqrt
  %int1 = torch.constant.int 1
  %int2 = torch.constant.int 2
  %zero = torch.constant.int 0
  %eps = torch.constant.float 1.000000e-06
  %true = torch.constant.bool true
  %none = torch.constant.none
  %dims = torch.prim.ListConstruct %int2 : (!torch.int) -> !torch.list<int>
  %0 = torch.aten.mean.dim %x, %dims, %true, %none : !torch.vtensor<[1,5,4],f32>, !torch.list<int>, !torch.bool, !torch.none -> !torch.vtensor<[1,5,1],f32>
  %1 = torch.aten.sub.Tensor %x, %0, %int1 : !torch.vtensor<[1,5,4],f32>, !torch.vtensor<[1,5,1],f32>, !torch.int -> !torch.vtensor<[1,5,4],f32>
  %2 = torch.aten.var.correction %y, %dims, %zero, %true : !torch.vtensor<[1,5,4],f32>, !torch.list<int>, !torch.int, !torch.bool -> !torch.vtensor<[1,5,1],f32>
  %3 = torch.aten.add.Scalar %2, %eps, %int1 : !torch.vtensor<[1,5,1],f32>, !torch.float, !torch.int -> !torch.vtensor<[1,5,1],f32>
  %4 = torch.aten.rsqrt %3 : !torch.vtensor<[1,5,1],f32> -> !torch.vtensor<[1,5,1],f32>
  %5 = torch.aten.mul.Tensor %1, %4 : !torch.vtensor<[1,5,4],f32>, !torch.vtensor<[1,5,1],f32> -> !torch.vtensor<[1,5,4],f32>
  return %5 : !torch.vtensor<[1,5,4],f32>
}

// Scores halved twice, a softmax by exponentials with torch-mlir's guard against rows of -inf.
// CHECK-LABEL: func.func @attention
func.func @attention(%q: !torch.vtensor<[1,2,5,16],f32>, %k: !torch.vtensor<[1,2,16,5],f32>, %v: !torch.vtensor<[1,2,5,16],f32>) -> !torch.vtensor<[1,2,5,16],f32> {
  // CHECK:      %[[K:.*]] = torch.aten.permute %k,
  // CHECK-NEXT: %[[Y:.*]] = torch.aten.scaled_dot_product_attention %q, %[[K]], %v, %none, %[[P:.*]], %false, %none, %false :
  // CHECK-NEXT: func.return %[[Y]]
  %zeros = torch.vtensor.literal(dense<0.0> : tensor<1x2x5x5xf32>) : !torch.vtensor<[1,2,5,5],f32>
  %int1 = torch.constant.int 1
  %int-1 = torch.constant.int -1
  %half = torch.constant.float 5.000000e-01
  %inf = torch.constant.float 0xFFF0000000000000
  %true = torch.constant.bool true
  %none = torch.constant.none
  %last = torch.prim.ListConstruct %int-1 : (!torch.int) -> !torch.list<int>
  %0 = torch.aten.mul.Scalar %q, %half : !torch.vtensor<[1,2,5,16],f32>, !torch.float -> !torch.vtensor<[1,2,5,16],f32>
  %1 = torch.aten.matmul %0, %k : !torch.vtensor<[1,2,5,16],f32>, !torch.vtensor<[1,2,16,5],f32> -> !torch.vtensor<[1,2,5,5],f32>
  %2 = torch.aten.mul.Scalar %1, %half : !torch.vtensor<[1,2,5,5],f32>, !torch.float -> !torch.vtensor<[1,2,5,5],f32>
  %values, %indices = torch.aten.max.dim %2, %int-1, %true : !torch.vtensor<[1,2,5,5],f32>, !torch.int, !torch.bool -> !torch.vtensor<[1,2,5,1],f32>, !torch.vtensor<[1,2,5,1],si64>
  %3 = torch.aten.sub.Tensor %2, %values, %int1 : !torch.vtensor<[1,2,5,5],f32>, !torch.vtensor<[1,2,5,1],f32>, !torch.int -> !torch.vtensor<[1,2,5,5],f32>
  %4 = torch.aten.exp %3 : !torch.vtensor<[1,2,5,5],f32> -> !torch.vtensor<[1,2,5,5],f32>
  %5 = torch.aten.sum.dim_IntList %4, %last, %true, %none : !torch.vtensor<[1,2,5,5],f32>, !torch.list<int>, !torch.bool, !torch.none -> !torch.vtensor<[1,2,5,1],f32>
  %6 = torch.aten.div.Tensor %4, %5 : !torch.vtensor<[1,2,5,5],f32>, !torch.vtensor<[1,2,5,1],f32> -> !torch.vtensor<[1,2,5,5],f32>
  %7 = torch.aten.eq.Scalar %2, %inf : !torch.vtensor<[1,2,5,5],f32>, !torch.float -> !torch.vtensor<[1,2,5,5],i1>
  %8 = torch.aten.logical_not %7 : !torch.vtensor<[1,2,5,5],i1> -> !torch.vtensor<[1,2,5,5],i1>
  %9 = torch.aten.any.dim %8, %int-1, %true : !torch.vtensor<[1,2,5,5],i1>, !torch.int, !torch.bool -> !torch.vtensor<[1,2,5,1],i1>
  %10 = torch.aten.logical_not %9 : !torch.vtensor<[1,2,5,1],i1> -> !torch.vtensor<[1,2,5,1],i1>
  %11 = torch.aten.where.self %10, %zeros, %6 : !torch.vtensor<[1,2,5,1],i1>, !torch.vtensor<[1,2,5,5],f32>, !torch.vtensor<[1,2,5,5],f32> -> !torch.vtensor<[1,2,5,5],f32>
  %12 = torch.aten.matmul %11, %v : !torch.vtensor<[1,2,5,5],f32>, !torch.vtensor<[1,2,5,16],f32> -> !torch.vtensor<[1,2,5,16],f32>
  return %12 : !torch.vtensor<[1,2,5,16],f32>
}

// CHECK-LABEL: func.func @gelu
func.func @gelu(%x: !torch.vtensor<[1,5,4],f32>) -> !torch.vtensor<[1,5,4],f32> {
  // CHECK:      %[[NONE:.*]] = torch.constant.str "none"
  // CHECK-NEXT: %[[Y:.*]] = torch.aten.gelu %x, %[[NONE]] :
  // CHECK-NEXT: func.return %[[Y]]
  %int1 = torch.constant.int 1
  %root = torch.constant.float 1.4142135623730951
  %half = torch.constant.float 5.000000e-01
  %0 = torch.aten.div.Scalar %x, %root : !torch.vtensor<[1,5,4],f32>, !torch.float -> !torch.vtensor<[1,5,4],f32>
  %1 = torch.aten.erf %0 : !torch.vtensor<[1,5,4],f32> -> !torch.vtensor<[1,5,4],f32>
  %2 = torch.aten.add.Scalar %1, %int1, %int1 : !torch.vtensor<[1,5,4],f32>, !torch.int, !torch.int -> !torch.vtensor<[1,5,4],f32>
  %3 = torch.aten.mul.Scalar %x, %half : !torch.vtensor<[1,5,4],f32>, !torch.float -> !torch.vtensor<[1,5,4],f32>
  %4 = torch.aten.mul.Tensor %3, %2 : !torch.vtensor<[1,5,4],f32>, !torch.vtensor<[1,5,4],f32> -> !torch.vtensor<[1,5,4],f32>
  return %4 : !torch.vtensor<[1,5,4],f32>
}

// Lists of parts are slices; a view undone, a slice of everything and a copy go.
// CHECK-LABEL: func.func @parts
func.func @parts(%x: !torch.vtensor<[1,5,6],f32>) -> !torch.vtensor<[1,5,2],f32> {
  // CHECK-NOT:  torch.aten.chunk
  // CHECK:      %[[Y:.*]] = torch.aten.slice.Tensor %x, %int2, %int2, %int4, %int1 :
  // CHECK-NEXT: func.return %[[Y]]
  %int0 = torch.constant.int 0
  %int1 = torch.constant.int 1
  %int3 = torch.constant.int 3
  %int5 = torch.constant.int 5
  %int6 = torch.constant.int 6
  %int-1 = torch.constant.int -1
  %all = torch.constant.int 9223372036854775807
  %none = torch.constant.none
  %rows = torch.prim.ListConstruct %int5, %int6 : (!torch.int, !torch.int) -> !torch.list<int>
  %back = torch.prim.ListConstruct %int1, %int5, %int6 : (!torch.int, !torch.int, !torch.int) -> !torch.list<int>
  %0 = torch.aten.view %x, %rows : !torch.vtensor<[1,5,6],f32>, !torch.list<int> -> !torch.vtensor<[5,6],f32>
  %1 = torch.aten.view %0, %back : !torch.vtensor<[5,6],f32>, !torch.list<int> -> !torch.vtensor<[1,5,6],f32>
  %2 = torch.aten.clone %1, %none : !torch.vtensor<[1,5,6],f32>, !torch.none -> !torch.vtensor<[1,5,6],f32>
  %3 = torch.aten.chunk %2, %int3, %int-1 : !torch.vtensor<[1,5,6],f32>, !torch.int, !torch.int -> !torch.list<vtensor>
  %4, %5, %6 = torch.prim.ListUnpack %3 : !torch.list<vtensor> -> !torch.vtensor<[1,5,2],f32>, !torch.vtensor<[1,5,2],f32>, !torch.vtensor<[1,5,2],f32>
  %7 = torch.aten.slice.Tensor %5, %int1, %int0, %all, %int1 : !torch.vtensor<[1,5,2],f32>, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor<[1,5,2],f32>
  return %7 : !torch.vtensor<[1,5,2],f32>
}

// What depends on no input is computed now.
// CHECK-LABEL: func.func @folded
func.func @folded() -> !torch.vtensor<[2],f32> {
  // CHECK-NEXT: %[[Y:.*]] = torch.vtensor.literal(dense<3.000000e+00> : tensor<2xf32>)
  // CHECK-NEXT: func.return %[[Y]]
  %x = torch.vtensor.literal(dense<1.0> : tensor<2xf32>) : !torch.vtensor<[2],f32>
  %int2 = torch.constant.int 2
  %y = torch.aten.add.Tensor %x, %x, %int2 : !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.int -> !torch.vtensor<[2],f32>
  return %y : !torch.vtensor<[2],f32>
}
