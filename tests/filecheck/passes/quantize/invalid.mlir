// RUN: ivit-opt %s --quantize --split-input-file --verify-diagnostics | filecheck %s

// CHECK: torch.aten.softmax.int at {{.*}}:8: this op on activations has no integer form here
// CHECK-SAME: express it by linear, layer_norm, gelu, scaled_dot_product_attention, add, a product with a constant, mean or shape ops
func.func @main(%x: !torch.vtensor<[?,1,2,2],f32>) -> !torch.vtensor<[?,1,2,2],f32> attributes {ivit.range = [-1.0, 1.0]} {
  %none = torch.constant.none
  %int1 = torch.constant.int 1
  %0 = torch.aten.softmax.int %x, %int1, %none : !torch.vtensor<[?,1,2,2],f32>, !torch.int, !torch.none -> !torch.vtensor<[?,1,2,2],f32>
  return %0 : !torch.vtensor<[?,1,2,2],f32>
}

// -----

// CHECK: torch.aten.convolution at {{.*}}: only a patch embedding is taken: stride = kernel, no padding, dilation or groups
func.func @main(%x: !torch.vtensor<[?,1,2,2],f32>) -> !torch.vtensor<[?,1,1,1],f32> attributes {ivit.range = [-1.0, 1.0]} {
  %k = torch.vtensor.literal(dense<1.0> : tensor<1x1x2x2xf32>) : !torch.vtensor<[1,1,2,2],f32>
  %none = torch.constant.none
  %false = torch.constant.bool false
  %int0 = torch.constant.int 0
  %int1 = torch.constant.int 1
  %int1s = torch.constant.int 1
  %stride = torch.prim.ListConstruct %int1s, %int1s : (!torch.int, !torch.int) -> !torch.list<int>
  %zeros = torch.prim.ListConstruct %int0, %int0 : (!torch.int, !torch.int) -> !torch.list<int>
  %ones = torch.prim.ListConstruct %int1, %int1 : (!torch.int, !torch.int) -> !torch.list<int>
  %empty = torch.prim.ListConstruct : () -> !torch.list<int>
  %0 = torch.aten.convolution %x, %k, %none, %stride, %zeros, %ones, %false, %empty, %int1 {ivit.range = [-1.0, 1.0]} : !torch.vtensor<[?,1,2,2],f32>, !torch.vtensor<[1,1,2,2],f32>, !torch.none, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.bool, !torch.list<int>, !torch.int -> !torch.vtensor<[?,1,1,1],f32>
  return %0 : !torch.vtensor<[?,1,1,1],f32>
}

// -----

// CHECK: torch.aten.convolution at {{.*}}: the image 3x3 is not a whole number of [2, 2] patches
func.func @main(%x: !torch.vtensor<[?,1,3,3],f32>) -> !torch.vtensor<[?,1,1,1],f32> attributes {ivit.range = [-1.0, 1.0]} {
  %k = torch.vtensor.literal(dense<1.0> : tensor<1x1x2x2xf32>) : !torch.vtensor<[1,1,2,2],f32>
  %none = torch.constant.none
  %false = torch.constant.bool false
  %int0 = torch.constant.int 0
  %int1 = torch.constant.int 1
  %int2s = torch.constant.int 2
  %stride = torch.prim.ListConstruct %int2s, %int2s : (!torch.int, !torch.int) -> !torch.list<int>
  %zeros = torch.prim.ListConstruct %int0, %int0 : (!torch.int, !torch.int) -> !torch.list<int>
  %ones = torch.prim.ListConstruct %int1, %int1 : (!torch.int, !torch.int) -> !torch.list<int>
  %empty = torch.prim.ListConstruct : () -> !torch.list<int>
  %0 = torch.aten.convolution %x, %k, %none, %stride, %zeros, %ones, %false, %empty, %int1 {ivit.range = [-1.0, 1.0]} : !torch.vtensor<[?,1,3,3],f32>, !torch.vtensor<[1,1,2,2],f32>, !torch.none, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.bool, !torch.list<int>, !torch.int -> !torch.vtensor<[?,1,1,1],f32>
  return %0 : !torch.vtensor<[?,1,1,1],f32>
}

// -----

// CHECK: torch.aten.convolution at {{.*}}: no ivit.range on its result; run the pass 'calibrate' first
func.func @main(%x: !torch.vtensor<[?,1,2,2],f32>) -> !torch.vtensor<[?,1,1],f32> attributes {ivit.range = [-1.0, 1.0]} {
  %k = torch.vtensor.literal(dense<1.0> : tensor<1x1x2x2xf32>) : !torch.vtensor<[1,1,2,2],f32>
  %none = torch.constant.none
  %false = torch.constant.bool false
  %int0 = torch.constant.int 0
  %int1 = torch.constant.int 1
  %int2s = torch.constant.int 2
  %stride = torch.prim.ListConstruct %int2s, %int2s : (!torch.int, !torch.int) -> !torch.list<int>
  %zeros = torch.prim.ListConstruct %int0, %int0 : (!torch.int, !torch.int) -> !torch.list<int>
  %ones = torch.prim.ListConstruct %int1, %int1 : (!torch.int, !torch.int) -> !torch.list<int>
  %empty = torch.prim.ListConstruct : () -> !torch.list<int>
  %0 = torch.aten.convolution %x, %k, %none, %stride, %zeros, %ones, %false, %empty, %int1 : !torch.vtensor<[?,1,2,2],f32>, !torch.vtensor<[1,1,2,2],f32>, !torch.none, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.bool, !torch.list<int>, !torch.int -> !torch.vtensor<[?,1,1,1],f32>
  %int-1 = torch.constant.int -1
  %sizes = torch.prim.ListConstruct %int-1, %int1, %int1 : (!torch.int, !torch.int, !torch.int) -> !torch.list<int>
  %1 = torch.aten.view %0, %sizes : !torch.vtensor<[?,1,1,1],f32>, !torch.list<int> -> !torch.vtensor<[?,1,1],f32>
  return %1 : !torch.vtensor<[?,1,1],f32>
}

// -----

// CHECK: @main has no ivit.range for its input: run the pass 'calibrate' first, or give mean and std
func.func @main(%x: !torch.vtensor<[?,1,2,2],f32>) -> !torch.vtensor<[?,1,1],f32> {
  %k = torch.vtensor.literal(dense<1.0> : tensor<1x1x2x2xf32>) : !torch.vtensor<[1,1,2,2],f32>
  %none = torch.constant.none
  %false = torch.constant.bool false
  %int0 = torch.constant.int 0
  %int1 = torch.constant.int 1
  %int2s = torch.constant.int 2
  %stride = torch.prim.ListConstruct %int2s, %int2s : (!torch.int, !torch.int) -> !torch.list<int>
  %zeros = torch.prim.ListConstruct %int0, %int0 : (!torch.int, !torch.int) -> !torch.list<int>
  %ones = torch.prim.ListConstruct %int1, %int1 : (!torch.int, !torch.int) -> !torch.list<int>
  %empty = torch.prim.ListConstruct : () -> !torch.list<int>
  %0 = torch.aten.convolution %x, %k, %none, %stride, %zeros, %ones, %false, %empty, %int1 {ivit.range = [-1.0, 1.0]} : !torch.vtensor<[?,1,2,2],f32>, !torch.vtensor<[1,1,2,2],f32>, !torch.none, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.bool, !torch.list<int>, !torch.int -> !torch.vtensor<[?,1,1,1],f32>
  %int-1 = torch.constant.int -1
  %sizes = torch.prim.ListConstruct %int-1, %int1, %int1 : (!torch.int, !torch.int, !torch.int) -> !torch.list<int>
  %1 = torch.aten.view %0, %sizes : !torch.vtensor<[?,1,1,1],f32>, !torch.list<int> -> !torch.vtensor<[?,1,1],f32>
  return %1 : !torch.vtensor<[?,1,1],f32>
}

// -----

// CHECK: torch.aten.mul.Tensor at {{.*}}: the product of two activations is not supported
func.func @main(%x: !torch.vtensor<[?,1,2,2],f32>) -> !torch.vtensor<[?,1,1],f32> attributes {ivit.range = [-1.0, 1.0]} {
  %k = torch.vtensor.literal(dense<1.0> : tensor<1x1x2x2xf32>) : !torch.vtensor<[1,1,2,2],f32>
  %none = torch.constant.none
  %false = torch.constant.bool false
  %int0 = torch.constant.int 0
  %int1 = torch.constant.int 1
  %int2s = torch.constant.int 2
  %stride = torch.prim.ListConstruct %int2s, %int2s : (!torch.int, !torch.int) -> !torch.list<int>
  %zeros = torch.prim.ListConstruct %int0, %int0 : (!torch.int, !torch.int) -> !torch.list<int>
  %ones = torch.prim.ListConstruct %int1, %int1 : (!torch.int, !torch.int) -> !torch.list<int>
  %empty = torch.prim.ListConstruct : () -> !torch.list<int>
  %0 = torch.aten.convolution %x, %k, %none, %stride, %zeros, %ones, %false, %empty, %int1 {ivit.range = [-1.0, 1.0]} : !torch.vtensor<[?,1,2,2],f32>, !torch.vtensor<[1,1,2,2],f32>, !torch.none, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.bool, !torch.list<int>, !torch.int -> !torch.vtensor<[?,1,1,1],f32>
  %int-1 = torch.constant.int -1
  %sizes = torch.prim.ListConstruct %int-1, %int1, %int1 : (!torch.int, !torch.int, !torch.int) -> !torch.list<int>
  %1 = torch.aten.view %0, %sizes : !torch.vtensor<[?,1,1,1],f32>, !torch.list<int> -> !torch.vtensor<[?,1,1],f32>
  %2 = torch.aten.mul.Tensor %1, %1 : !torch.vtensor<[?,1,1],f32>, !torch.vtensor<[?,1,1],f32> -> !torch.vtensor<[?,1,1],f32>
  return %2 : !torch.vtensor<[?,1,1],f32>
}

// -----

// CHECK: torch.aten.gelu at {{.*}}: gelu is taken only on the result of a linear
func.func @main(%x: !torch.vtensor<[?,1,2,2],f32>) -> !torch.vtensor<[?,1,1],f32> attributes {ivit.range = [-1.0, 1.0]} {
  %k = torch.vtensor.literal(dense<1.0> : tensor<1x1x2x2xf32>) : !torch.vtensor<[1,1,2,2],f32>
  %none = torch.constant.none
  %false = torch.constant.bool false
  %int0 = torch.constant.int 0
  %int1 = torch.constant.int 1
  %int2s = torch.constant.int 2
  %stride = torch.prim.ListConstruct %int2s, %int2s : (!torch.int, !torch.int) -> !torch.list<int>
  %zeros = torch.prim.ListConstruct %int0, %int0 : (!torch.int, !torch.int) -> !torch.list<int>
  %ones = torch.prim.ListConstruct %int1, %int1 : (!torch.int, !torch.int) -> !torch.list<int>
  %empty = torch.prim.ListConstruct : () -> !torch.list<int>
  %0 = torch.aten.convolution %x, %k, %none, %stride, %zeros, %ones, %false, %empty, %int1 {ivit.range = [-1.0, 1.0]} : !torch.vtensor<[?,1,2,2],f32>, !torch.vtensor<[1,1,2,2],f32>, !torch.none, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.bool, !torch.list<int>, !torch.int -> !torch.vtensor<[?,1,1,1],f32>
  %int-1 = torch.constant.int -1
  %sizes = torch.prim.ListConstruct %int-1, %int1, %int1 : (!torch.int, !torch.int, !torch.int) -> !torch.list<int>
  %1 = torch.aten.view %0, %sizes : !torch.vtensor<[?,1,1,1],f32>, !torch.list<int> -> !torch.vtensor<[?,1,1],f32>
  %exact = torch.constant.str "none"
  %2 = torch.aten.gelu %1, %exact : !torch.vtensor<[?,1,1],f32>, !torch.str -> !torch.vtensor<[?,1,1],f32>
  return %2 : !torch.vtensor<[?,1,1],f32>
}

// -----

// CHECK: torch.aten.scaled_dot_product_attention at {{.*}}: causal attention has no integer form here
func.func @main(%x: !torch.vtensor<[?,1,2,2],f32>) -> !torch.vtensor<[?,1,2,2],f32> attributes {ivit.range = [-1.0, 1.0]} {
  %none = torch.constant.none
  %zero = torch.constant.float 0.0
  %true = torch.constant.bool true
  %false = torch.constant.bool false
  %0 = torch.aten.scaled_dot_product_attention %x, %x, %x, %none, %zero, %true, %none, %false : !torch.vtensor<[?,1,2,2],f32>, !torch.vtensor<[?,1,2,2],f32>, !torch.vtensor<[?,1,2,2],f32>, !torch.none, !torch.float, !torch.bool, !torch.none, !torch.bool -> !torch.vtensor<[?,1,2,2],f32>
  return %0 : !torch.vtensor<[?,1,2,2],f32>
}

// -----

// CHECK: torch.aten.scaled_dot_product_attention at {{.*}}: attention with dropout: export the model in eval mode, with a dropout_p of 0
func.func @main(%x: !torch.vtensor<[?,1,2,2],f32>) -> !torch.vtensor<[?,1,2,2],f32> attributes {ivit.range = [-1.0, 1.0]} {
  %none = torch.constant.none
  %dropout = torch.constant.float 0.1
  %false = torch.constant.bool false
  %0 = torch.aten.scaled_dot_product_attention %x, %x, %x, %none, %dropout, %false, %none, %false : !torch.vtensor<[?,1,2,2],f32>, !torch.vtensor<[?,1,2,2],f32>, !torch.vtensor<[?,1,2,2],f32>, !torch.none, !torch.float, !torch.bool, !torch.none, !torch.bool -> !torch.vtensor<[?,1,2,2],f32>
  return %0 : !torch.vtensor<[?,1,2,2],f32>
}
