// RUN: ivit-opt %s --quantize --elide-weights 2>/dev/null | filecheck %s
// RUN: ivit-opt %s -p 'quantize{softmax=ivit gelu=ivit layernorm=ivit mean=0.5 std=0.25}' --elide-weights 2>/dev/null | filecheck %s --check-prefix PAPER
// RUN: not ivit-opt %s -p 'quantize{softmax=shiftmax}' 2>&1 | filecheck %s --check-prefix FAMILY
// RUN: ivit-opt %s -p 'quantize{softmax=float gelu=float layernorm=float},verify-integer-only' --elide-weights 2>&1 | filecheck %s --check-prefix FLOAT
// RUN: not ivit-opt %s -p 'quantize{mean=0.5,0.5 std=1.0,1.0}' 2>&1 | filecheck %s --check-prefix MEAN

// FAMILY: ivit-opt: error: quantize: softmax=shiftmax is not known; choose one of exact, ivit, ibert, fqvit, float
// MEAN: ivit-opt: error: mean and std have 2 channels, the model's image has 1

// FLOAT: quantize: softmax=float gelu=float layernorm=float: a simulation in floating point, not an integer program: the interpreter runs it, nothing compiles it
// FLOAT: builtin.module attributes {ivit.simulation = ["softmax", "gelu", "layernorm"]}
// FLOAT: %[[W:.+]] = ivit_float.constant "block0.norm1.weight" : tensor<[[C:.+]]xf64>
// FLOAT: ivit_float.layernorm %{{.+}} * %[[W]] + %{{.+}} epsilon {{.+}} scale {{.+}} to {{.+}} zero_point
// FLOAT: ivit_float.softmax %{{.+}} scale {{.+}} to 3.0517578125e-05 : tensor<{{.+}}xi32> -> tensor<{{.+}}xi16>
// FLOAT: ivit_float.gelu %{{.+}} scale {{.+}} approximate "none" : tensor<{{.+}}xi16> -> tensor<{{.+}}xi8>

// One block: patch embedding, norm, attention, MLP, residual, head on token 0.
// CHECK-LABEL: func.func @main(%image: tensor<?x4x4x1xi8>) -> tensor<?x3xi32>
// CHECK-SAME:    ivit.input = {kind = "quantized", scale = 0.007874015748031496 : f64}
// CHECK-SAME:    ivit.output = {scale = 1.9073486328125e-05 : f64}
// CHECK:         %[[PATCHES:.*]] = ivit.conv2d %image, %patch_embed_weight, %patch_embed_bias :
// CHECK-NEXT:    %patch_embed_tokens = tensor.collapse_shape %[[PATCHES]]
// CHECK:         %[[BRANCH:.*]] = ivit.requant %patch_embed_tokens channels(%{{.*}}) shift 32 : tensor<?x4x2xi32> -> tensor<?x4x2xi32>
// CHECK:         %[[STREAM:.*]] = ivit.requant %patch_embed_tokens channels(%{{.*}}) shift 30 : tensor<?x4x2xi32> -> tensor<?x4x2xi16>
// CHECK:         %[[NORM:.*]] = ivit.layernorm %[[STREAM]] * %block0_norm1_scale + %block0_norm1_offset shift 43 epsilon 305
// CHECK:         ivit.linear %[[NORM]], %block0_v_weight, %block0_v_bias : {{.*}} -> tensor<?x4x2xi32>
// CHECK:         %[[CODES:.*]], %[[SUM:.*]] = ivit.softmax %block0_attention_scores * 1536482366 shift 36 table %softmax_table
// CHECK-NEXT:    %[[CONTEXT:.*]] = ivit.matmul %[[CODES]], %{{.*}} : (tensor<?x1x4x4xui8>, tensor<?x1x4x2xi8>) -> tensor<?x1x4x2xi32>
// CHECK-NEXT:    %block0_attention_context_i8 = ivit.row_requant %[[CONTEXT]] * 458129844907 / %[[SUM]] min 255 shift 38
// CHECK:         %[[FC1:.*]] = ivit.requant %block0_fc1_acc channels(%block0_fc1_multipliers : tensor<2xi32>) shift 37 zero_point -32
// CHECK:         ivit.lookup %[[FC1]], %block0_gelu_table : (tensor<?x4x2xi8>, tensor<256xi8>) -> tensor<?x4x2xi8>
// CHECK:         %[[MLP:.*]] = ivit.requant %block0_fc2_acc {{.*}} -> tensor<?x4x2xi32>
// CHECK-NEXT:    %[[SUM16:.*]] = ivit.add %[[BRANCH]], %[[MLP]] : (tensor<?x4x2xi32>, tensor<?x4x2xi32>) -> tensor<?x4x2xi16>
// CHECK-NEXT:    %[[SUM8:.*]] = ivit.requant %[[SUM16]] * 1336975201 shift 38 : tensor<?x4x2xi16> -> tensor<?x4x2xi8>
// CHECK-NEXT:    ivit.slice_tokens %[[SUM8]][0, 1] : tensor<?x4x2xi8> -> tensor<?x1x2xi8>
// CHECK:         %[[LOGITS:.*]] = ivit.requant %head_acc channels(%head_multipliers : tensor<3xi32>) shift 24
// CHECK-NEXT:    func.return %[[LOGITS]] : tensor<?x3xi32>

// The paper's non-linear ops; a score of 16 in int8 is a step of 1/7 (not 16/127: ShiftExp then has no error of scale).
// PAPER-LABEL: func.func @main(%image: tensor<?x4x4x1xui8>) -> tensor<?x3xi32>
// PAPER-SAME:    ivit.input = {kind = "pixels", mean = [5.000000e-01 : f64], std = [2.500000e-01 : f64]}
// PAPER:         ivit.i_layernorm %{{.*}} * %block0_norm1_scale + %block0_norm1_offset shift 52
// PAPER:         %[[SCORES:.*]] = ivit.requant %block0_attention_scores * 1349694314 shift 38 : {{.*}} -> tensor<?x1x4x4xi8>
// PAPER-NEXT:    ivit.shiftmax %[[SCORES]] x0 7 n 15 bits 16 : tensor<?x1x4x4xi8> -> tensor<?x1x4x4xi16>
// PAPER:         %[[WIDE:.*]] = ivit.shiftgelu %block0_fc1 x0 21 n 23 : tensor<?x4x2xi8> -> tensor<?x4x2xi16>
// PAPER-NEXT:    ivit.requant %[[WIDE]] * 1082263585 shift 37 : tensor<?x4x2xi16> -> tensor<?x4x2xi8>
func.func @main(%image: !torch.vtensor<[?,1,4,4],f32>) -> !torch.vtensor<[?,3],f32> attributes {ivit.range = [-1.0, 1.0]} {
  %k = torch.vtensor.literal(dense<[[[[1.0, 2.0], [-1.0, 0.5]]], [[[0.0, 1.0], [1.0, -2.0]]]]> : tensor<2x1x2x2xf32>) : !torch.vtensor<[2,1,2,2],f32>
  %w = torch.vtensor.literal(dense<[[1.0, -0.5], [0.25, 2.0]]> : tensor<2x2xf32>) : !torch.vtensor<[2,2],f32>
  %head = torch.vtensor.literal(dense<[[1.0, -1.0], [0.5, 2.0], [0.0, 0.0]]> : tensor<3x2xf32>) : !torch.vtensor<[3,2],f32>
  %b = torch.vtensor.literal(dense<[0.5, -0.25]> : tensor<2xf32>) : !torch.vtensor<[2],f32>
  %ones = torch.vtensor.literal(dense<1.0> : tensor<2xf32>) : !torch.vtensor<[2],f32>
  %none = torch.constant.none
  %false = torch.constant.bool false
  %exact = torch.constant.str "none"
  %zero = torch.constant.float 0.0
  %eps = torch.constant.float 1.0e-06
  %int-1 = torch.constant.int -1
  %int0 = torch.constant.int 0
  %int1 = torch.constant.int 1
  %int2 = torch.constant.int 2
  %int3 = torch.constant.int 3
  %int4 = torch.constant.int 4
  %twos = torch.prim.ListConstruct %int2, %int2 : (!torch.int, !torch.int) -> !torch.list<int>
  %zeros = torch.prim.ListConstruct %int0, %int0 : (!torch.int, !torch.int) -> !torch.list<int>
  %ones2 = torch.prim.ListConstruct %int1, %int1 : (!torch.int, !torch.int) -> !torch.list<int>
  %empty = torch.prim.ListConstruct : () -> !torch.list<int>
  %width = torch.prim.ListConstruct %int2 : (!torch.int) -> !torch.list<int>
  %flat = torch.prim.ListConstruct %int-1, %int2, %int4 : (!torch.int, !torch.int, !torch.int) -> !torch.list<int>
  %rows = torch.prim.ListConstruct %int0, %int2, %int1 : (!torch.int, !torch.int, !torch.int) -> !torch.list<int>
  %split = torch.prim.ListConstruct %int-1, %int4, %int1, %int2 : (!torch.int, !torch.int, !torch.int, !torch.int) -> !torch.list<int>
  %swap = torch.prim.ListConstruct %int0, %int2, %int1, %int3 : (!torch.int, !torch.int, !torch.int, !torch.int) -> !torch.list<int>
  %merge = torch.prim.ListConstruct %int-1, %int4, %int2 : (!torch.int, !torch.int, !torch.int) -> !torch.list<int>
  %0 = torch.aten.convolution %image, %k, %b, %twos, %zeros, %ones2, %false, %empty, %int1 {ivit.range = [-3.0, 3.0]} : !torch.vtensor<[?,1,4,4],f32>, !torch.vtensor<[2,1,2,2],f32>, !torch.vtensor<[2],f32>, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.bool, !torch.list<int>, !torch.int -> !torch.vtensor<[?,2,2,2],f32>
  %1 = torch.aten.view %0, %flat : !torch.vtensor<[?,2,2,2],f32>, !torch.list<int> -> !torch.vtensor<[?,2,4],f32>
  %2 = torch.aten.permute %1, %rows : !torch.vtensor<[?,2,4],f32>, !torch.list<int> -> !torch.vtensor<[?,4,2],f32>
  %3 = torch.aten.layer_norm %2, %width, %ones, %b, %eps, %false {ivit.range = [-1.0, 2.0]} : !torch.vtensor<[?,4,2],f32>, !torch.list<int>, !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.float, !torch.bool -> !torch.vtensor<[?,4,2],f32>
  %4 = torch.aten.linear %3, %w, %b {ivit.range = [-4.0, 4.0]} : !torch.vtensor<[?,4,2],f32>, !torch.vtensor<[2,2],f32>, !torch.vtensor<[2],f32> -> !torch.vtensor<[?,4,2],f32>
  %5 = torch.aten.view %4, %split : !torch.vtensor<[?,4,2],f32>, !torch.list<int> -> !torch.vtensor<[?,4,1,2],f32>
  %6 = torch.aten.permute %5, %swap : !torch.vtensor<[?,4,1,2],f32>, !torch.list<int> -> !torch.vtensor<[?,1,4,2],f32>
  %7 = torch.aten.scaled_dot_product_attention %6, %6, %6, %none, %zero, %false, %none, %false {ivit.range = [-2.0, 4.0], ivit.query_range = [-4.0, 4.0], ivit.key_range = [-4.0, 4.0], ivit.value_range = [-4.0, 4.0], ivit.score_range = [-8.0, 16.0]} : !torch.vtensor<[?,1,4,2],f32>, !torch.vtensor<[?,1,4,2],f32>, !torch.vtensor<[?,1,4,2],f32>, !torch.none, !torch.float, !torch.bool, !torch.none, !torch.bool -> !torch.vtensor<[?,1,4,2],f32>
  %8 = torch.aten.permute %7, %swap : !torch.vtensor<[?,1,4,2],f32>, !torch.list<int> -> !torch.vtensor<[?,4,1,2],f32>
  %9 = torch.aten.view %8, %merge : !torch.vtensor<[?,4,1,2],f32>, !torch.list<int> -> !torch.vtensor<[?,4,2],f32>
  %10 = torch.aten.linear %9, %w, %none {ivit.range = [-6.0, 6.0]} : !torch.vtensor<[?,4,2],f32>, !torch.vtensor<[2,2],f32>, !torch.none -> !torch.vtensor<[?,4,2],f32>
  %11 = torch.aten.gelu %10, %exact {ivit.range = [-0.2, 6.0]} : !torch.vtensor<[?,4,2],f32>, !torch.str -> !torch.vtensor<[?,4,2],f32>
  %12 = torch.aten.linear %11, %w, %b {ivit.range = [-12.0, 12.0]} : !torch.vtensor<[?,4,2],f32>, !torch.vtensor<[2,2],f32>, !torch.vtensor<[2],f32> -> !torch.vtensor<[?,4,2],f32>
  %13 = torch.aten.add.Tensor %2, %12, %int1 {ivit.range = [-13.0, 13.0]} : !torch.vtensor<[?,4,2],f32>, !torch.vtensor<[?,4,2],f32>, !torch.int -> !torch.vtensor<[?,4,2],f32>
  %14 = torch.aten.select.int %13, %int1, %int0 : !torch.vtensor<[?,4,2],f32>, !torch.int, !torch.int -> !torch.vtensor<[?,2],f32>
  %15 = torch.aten.linear %14, %head, %none {ivit.range = [-20.0, 20.0]} : !torch.vtensor<[?,2],f32>, !torch.vtensor<[3,2],f32>, !torch.none -> !torch.vtensor<[?,3],f32>
  return %15 : !torch.vtensor<[?,3],f32>
}
