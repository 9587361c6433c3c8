// RUN: ivit-opt %s --quantize --split-input-file --verify-diagnostics 2>&1 | filecheck %s

// CHECK: torch.aten.layer_norm at {{.*}}:22: ivit.channel_range must be dense_resource<key> : tensor<2xCxf32>, got [-1.000000e+00 : f64, 1.000000e+00 : f64]
func.func @main(%x: !torch.vtensor<[?,1,2,2],f32>) -> !torch.vtensor<[?,1,2],f32> attributes {ivit.range = [-1.0, 1.0]} {
  %k = torch.vtensor.literal(dense<1.0> : tensor<2x1x2x2xf32>) : !torch.vtensor<[2,1,2,2],f32>
  %ones = torch.vtensor.literal(dense<1.0> : tensor<2xf32>) : !torch.vtensor<[2],f32>
  %none = torch.constant.none
  %false = torch.constant.bool false
  %eps = torch.constant.float 1.0e-06
  %int-1 = torch.constant.int -1
  %int0 = torch.constant.int 0
  %int1 = torch.constant.int 1
  %int2 = torch.constant.int 2
  %twos = torch.prim.ListConstruct %int2, %int2 : (!torch.int, !torch.int) -> !torch.list<int>
  %zeros = torch.prim.ListConstruct %int0, %int0 : (!torch.int, !torch.int) -> !torch.list<int>
  %ones2 = torch.prim.ListConstruct %int1, %int1 : (!torch.int, !torch.int) -> !torch.list<int>
  %empty = torch.prim.ListConstruct : () -> !torch.list<int>
  %width = torch.prim.ListConstruct %int2 : (!torch.int) -> !torch.list<int>
  %rows = torch.prim.ListConstruct %int-1, %int1, %int2 : (!torch.int, !torch.int, !torch.int) -> !torch.list<int>
  %0 = torch.aten.convolution %x, %k, %none, %twos, %zeros, %ones2, %false, %empty, %int1 {ivit.range = [-3.0, 3.0]} : !torch.vtensor<[?,1,2,2],f32>, !torch.vtensor<[2,1,2,2],f32>, !torch.none, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.bool, !torch.list<int>, !torch.int -> !torch.vtensor<[?,2,1,1],f32>
  %1 = torch.aten.view %0, %rows : !torch.vtensor<[?,2,1,1],f32>, !torch.list<int> -> !torch.vtensor<[?,1,2],f32>
  %2 = torch.aten.layer_norm %1, %width, %ones, %ones, %eps, %false {ivit.range = [-1.0, 2.0], ivit.channel_range = [-1.0, 1.0]} : !torch.vtensor<[?,1,2],f32>, !torch.list<int>, !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.float, !torch.bool -> !torch.vtensor<[?,1,2],f32>
  return %2 : !torch.vtensor<[?,1,2],f32>
}

// -----

// CHECK: torch.aten.layer_norm at {{.*}}:22: ivit.channel_range must be dense_resource<key> : tensor<2xCxf32>, got dense_resource<ends> : tensor<4xf32>
func.func @main(%x: !torch.vtensor<[?,1,2,2],f32>) -> !torch.vtensor<[?,1,2],f32> attributes {ivit.range = [-1.0, 1.0]} {
  %k = torch.vtensor.literal(dense<1.0> : tensor<2x1x2x2xf32>) : !torch.vtensor<[2,1,2,2],f32>
  %ones = torch.vtensor.literal(dense<1.0> : tensor<2xf32>) : !torch.vtensor<[2],f32>
  %none = torch.constant.none
  %false = torch.constant.bool false
  %eps = torch.constant.float 1.0e-06
  %int-1 = torch.constant.int -1
  %int0 = torch.constant.int 0
  %int1 = torch.constant.int 1
  %int2 = torch.constant.int 2
  %twos = torch.prim.ListConstruct %int2, %int2 : (!torch.int, !torch.int) -> !torch.list<int>
  %zeros = torch.prim.ListConstruct %int0, %int0 : (!torch.int, !torch.int) -> !torch.list<int>
  %ones2 = torch.prim.ListConstruct %int1, %int1 : (!torch.int, !torch.int) -> !torch.list<int>
  %empty = torch.prim.ListConstruct : () -> !torch.list<int>
  %width = torch.prim.ListConstruct %int2 : (!torch.int) -> !torch.list<int>
  %rows = torch.prim.ListConstruct %int-1, %int1, %int2 : (!torch.int, !torch.int, !torch.int) -> !torch.list<int>
  %0 = torch.aten.convolution %x, %k, %none, %twos, %zeros, %ones2, %false, %empty, %int1 {ivit.range = [-3.0, 3.0]} : !torch.vtensor<[?,1,2,2],f32>, !torch.vtensor<[2,1,2,2],f32>, !torch.none, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.bool, !torch.list<int>, !torch.int -> !torch.vtensor<[?,2,1,1],f32>
  %1 = torch.aten.view %0, %rows : !torch.vtensor<[?,2,1,1],f32>, !torch.list<int> -> !torch.vtensor<[?,1,2],f32>
  %2 = torch.aten.layer_norm %1, %width, %ones, %ones, %eps, %false {ivit.range = [-1.0, 2.0], ivit.channel_range = dense_resource<ends> : tensor<4xf32>} : !torch.vtensor<[?,1,2],f32>, !torch.list<int>, !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.float, !torch.bool -> !torch.vtensor<[?,1,2],f32>
  return %2 : !torch.vtensor<[?,1,2],f32>
}

{-#
  dialect_resources: {
    builtin: {
      ends: "0x0400000000000000000000000000803F0000803F"
    }
  }
#-}

// -----

// CHECK: torch.aten.layer_norm at {{.*}}:22: ivit.channel_range must be finite lows and highs no less
func.func @main(%x: !torch.vtensor<[?,1,2,2],f32>) -> !torch.vtensor<[?,1,2],f32> attributes {ivit.range = [-1.0, 1.0]} {
  %k = torch.vtensor.literal(dense<1.0> : tensor<2x1x2x2xf32>) : !torch.vtensor<[2,1,2,2],f32>
  %ones = torch.vtensor.literal(dense<1.0> : tensor<2xf32>) : !torch.vtensor<[2],f32>
  %none = torch.constant.none
  %false = torch.constant.bool false
  %eps = torch.constant.float 1.0e-06
  %int-1 = torch.constant.int -1
  %int0 = torch.constant.int 0
  %int1 = torch.constant.int 1
  %int2 = torch.constant.int 2
  %twos = torch.prim.ListConstruct %int2, %int2 : (!torch.int, !torch.int) -> !torch.list<int>
  %zeros = torch.prim.ListConstruct %int0, %int0 : (!torch.int, !torch.int) -> !torch.list<int>
  %ones2 = torch.prim.ListConstruct %int1, %int1 : (!torch.int, !torch.int) -> !torch.list<int>
  %empty = torch.prim.ListConstruct : () -> !torch.list<int>
  %width = torch.prim.ListConstruct %int2 : (!torch.int) -> !torch.list<int>
  %rows = torch.prim.ListConstruct %int-1, %int1, %int2 : (!torch.int, !torch.int, !torch.int) -> !torch.list<int>
  %0 = torch.aten.convolution %x, %k, %none, %twos, %zeros, %ones2, %false, %empty, %int1 {ivit.range = [-3.0, 3.0]} : !torch.vtensor<[?,1,2,2],f32>, !torch.vtensor<[2,1,2,2],f32>, !torch.none, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.bool, !torch.list<int>, !torch.int -> !torch.vtensor<[?,2,1,1],f32>
  %1 = torch.aten.view %0, %rows : !torch.vtensor<[?,2,1,1],f32>, !torch.list<int> -> !torch.vtensor<[?,1,2],f32>
  %2 = torch.aten.layer_norm %1, %width, %ones, %ones, %eps, %false {ivit.range = [-1.0, 2.0], ivit.channel_range = dense_resource<ends> : tensor<2x2xf32>} : !torch.vtensor<[?,1,2],f32>, !torch.list<int>, !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.float, !torch.bool -> !torch.vtensor<[?,1,2],f32>
  return %2 : !torch.vtensor<[?,1,2],f32>
}

{-#
  dialect_resources: {
    builtin: {
      ends: "0x040000000000803F00000000000000000000803F"
    }
  }
#-}

// -----

// CHECK: torch.aten.layer_norm at {{.*}}:22: ivit.channel_range must be finite lows and highs no less
func.func @main(%x: !torch.vtensor<[?,1,2,2],f32>) -> !torch.vtensor<[?,1,2],f32> attributes {ivit.range = [-1.0, 1.0]} {
  %k = torch.vtensor.literal(dense<1.0> : tensor<2x1x2x2xf32>) : !torch.vtensor<[2,1,2,2],f32>
  %ones = torch.vtensor.literal(dense<1.0> : tensor<2xf32>) : !torch.vtensor<[2],f32>
  %none = torch.constant.none
  %false = torch.constant.bool false
  %eps = torch.constant.float 1.0e-06
  %int-1 = torch.constant.int -1
  %int0 = torch.constant.int 0
  %int1 = torch.constant.int 1
  %int2 = torch.constant.int 2
  %twos = torch.prim.ListConstruct %int2, %int2 : (!torch.int, !torch.int) -> !torch.list<int>
  %zeros = torch.prim.ListConstruct %int0, %int0 : (!torch.int, !torch.int) -> !torch.list<int>
  %ones2 = torch.prim.ListConstruct %int1, %int1 : (!torch.int, !torch.int) -> !torch.list<int>
  %empty = torch.prim.ListConstruct : () -> !torch.list<int>
  %width = torch.prim.ListConstruct %int2 : (!torch.int) -> !torch.list<int>
  %rows = torch.prim.ListConstruct %int-1, %int1, %int2 : (!torch.int, !torch.int, !torch.int) -> !torch.list<int>
  %0 = torch.aten.convolution %x, %k, %none, %twos, %zeros, %ones2, %false, %empty, %int1 {ivit.range = [-3.0, 3.0]} : !torch.vtensor<[?,1,2,2],f32>, !torch.vtensor<[2,1,2,2],f32>, !torch.none, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.bool, !torch.list<int>, !torch.int -> !torch.vtensor<[?,2,1,1],f32>
  %1 = torch.aten.view %0, %rows : !torch.vtensor<[?,2,1,1],f32>, !torch.list<int> -> !torch.vtensor<[?,1,2],f32>
  %2 = torch.aten.layer_norm %1, %width, %ones, %ones, %eps, %false {ivit.range = [-1.0, 2.0], ivit.channel_range = dense_resource<ends> : tensor<2x2xf32>} : !torch.vtensor<[?,1,2],f32>, !torch.list<int>, !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.float, !torch.bool -> !torch.vtensor<[?,1,2],f32>
  return %2 : !torch.vtensor<[?,1,2],f32>
}

{-#
  dialect_resources: {
    builtin: {
      ends: "0x0400000000000000000000000000C07F0000803F"
    }
  }
#-}

// -----

// CHECK: torch.aten.layer_norm at {{.*}}:22: its range of each channel is that of 3 channels, it has 2: calibrate again
func.func @main(%x: !torch.vtensor<[?,1,2,2],f32>) -> !torch.vtensor<[?,1,2],f32> attributes {ivit.range = [-1.0, 1.0]} {
  %k = torch.vtensor.literal(dense<1.0> : tensor<2x1x2x2xf32>) : !torch.vtensor<[2,1,2,2],f32>
  %ones = torch.vtensor.literal(dense<1.0> : tensor<2xf32>) : !torch.vtensor<[2],f32>
  %none = torch.constant.none
  %false = torch.constant.bool false
  %eps = torch.constant.float 1.0e-06
  %int-1 = torch.constant.int -1
  %int0 = torch.constant.int 0
  %int1 = torch.constant.int 1
  %int2 = torch.constant.int 2
  %twos = torch.prim.ListConstruct %int2, %int2 : (!torch.int, !torch.int) -> !torch.list<int>
  %zeros = torch.prim.ListConstruct %int0, %int0 : (!torch.int, !torch.int) -> !torch.list<int>
  %ones2 = torch.prim.ListConstruct %int1, %int1 : (!torch.int, !torch.int) -> !torch.list<int>
  %empty = torch.prim.ListConstruct : () -> !torch.list<int>
  %width = torch.prim.ListConstruct %int2 : (!torch.int) -> !torch.list<int>
  %rows = torch.prim.ListConstruct %int-1, %int1, %int2 : (!torch.int, !torch.int, !torch.int) -> !torch.list<int>
  %0 = torch.aten.convolution %x, %k, %none, %twos, %zeros, %ones2, %false, %empty, %int1 {ivit.range = [-3.0, 3.0]} : !torch.vtensor<[?,1,2,2],f32>, !torch.vtensor<[2,1,2,2],f32>, !torch.none, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.bool, !torch.list<int>, !torch.int -> !torch.vtensor<[?,2,1,1],f32>
  %1 = torch.aten.view %0, %rows : !torch.vtensor<[?,2,1,1],f32>, !torch.list<int> -> !torch.vtensor<[?,1,2],f32>
  %2 = torch.aten.layer_norm %1, %width, %ones, %ones, %eps, %false {ivit.range = [-1.0, 2.0], ivit.channel_range = dense_resource<ends> : tensor<2x3xf32>} : !torch.vtensor<[?,1,2],f32>, !torch.list<int>, !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.float, !torch.bool -> !torch.vtensor<[?,1,2],f32>
  return %2 : !torch.vtensor<[?,1,2],f32>
}

{-#
  dialect_resources: {
    builtin: {
      ends: "0x040000000000000000000000000000000000803F0000803F0000803F"
    }
  }
#-}
