// RUN: ivit-opt %s --quantize --elide-weights 2>/dev/null | filecheck %s --check-prefixes CHECK,DEFAULT
// RUN: ivit-opt %s -p 'quantize{recipe=paper}' --elide-weights 2>/dev/null | filecheck %s --check-prefixes CHECK,PAPER
// RUN: ivit-opt %s -p 'quantize{recipe=best}' --elide-weights 2>/dev/null | filecheck %s --check-prefixes CHECK,BEST
// RUN: ivit-opt %s -p 'quantize{weight_bits=4 activation_bits=4}' --elide-weights 2>/dev/null | filecheck %s --check-prefixes CHECK,FOUR
// RUN: ivit-opt %s -p 'quantize{weight_bits=4}' 2>&1 >/dev/null | filecheck %s --check-prefix NOTICE
// RUN: not ivit-opt %s -p 'quantize{recipe=paper gelu_input_bits=12}' 2>&1 | filecheck %s --check-prefix EXCLUDED

// NOTICE:      quantize: smoothed the channels of 1 LayerNorms
// NOTICE-NEXT: quantize: balanced q, k and v of 0 attentions (ranges of single channels are recorded on none: calibrate again)
// NOTICE-NEXT: quantize: no images given: fitted weights and ranges come from 16 generated ones; real images give better accuracy
// NOTICE-NOT:  {{.}}
// EXCLUDED: ivit-opt: error: quantize: gelu_input_bits=12 goes with another gelu: gelu=ivit takes at most 8 bits

// One block without a stream: patch embedding, norm, attention, MLP.
// CHECK-LABEL: func.func @main(%image: tensor<?x4x4x1xi8>) -> tensor<?x4x2xi32>
// CHECK:         ivit.constant "patch_embed.weight" : tensor<2x2x2x1xi8>

// Tables and exact integers; q, k and v have no zero points; the division is deferred.
// DEFAULT:     ivit.layernorm %patch_embed
// DEFAULT:     %[[CODES:.*]], %[[SUM:.*]] = ivit.softmax %block0_attention_scores * {{.*}} -> tensor<?x1x4x4xui8>, tensor<?x1x4x1xi32>
// DEFAULT:     ivit.matmul %[[CODES]], {{.*}} : (tensor<?x1x4x4xui8>, tensor<?x1x4x2xi8>)
// DEFAULT:     ivit.row_requant {{.*}} / %[[SUM]] min 255
// DEFAULT:     %[[FC1:.*]] = ivit.requant %block0_fc1_acc channels({{.*}}) shift {{.*}} zero_point -32 : {{.*}} -> tensor<?x4x2xi8>
// DEFAULT:     ivit.lookup %[[FC1]], %{{.*}} : (tensor<?x4x2xi8>, tensor<256xi8>) -> tensor<?x4x2xi8>

// The paper's ops on symmetric activations: one accumulator serves q, k and v, and no zero point.
// PAPER-NOT: zero_point
// PAPER:     ivit.i_layernorm %patch_embed
// PAPER:     %[[V:.*]] = ivit.linear
// PAPER-COUNT-3: ivit.requant %[[V]] channels(
// PAPER:     ivit.requant %block0_attention_scores * {{.*}} -> tensor<?x1x4x4xi8>
// PAPER:     ivit.shiftmax %{{.*}} x0 8 n 15 bits 16
// PAPER:     ivit.requant %block0_fc1_acc channels({{.*}}) shift 37 : tensor<?x4x2xi32> -> tensor<?x4x2xi8>
// PAPER:     ivit.shiftgelu %{{.*}} x0 22 n 22
// PAPER-NOT: zero_point

// Probabilities divided, in 16 bits; the GELU's input in 12 bits, its result at a scale of each channel.
// BEST: ivit.layernorm %patch_embed
// BEST: %[[P:.*]] = ivit.normalized_softmax %block0_attention_scores * {{.*}} unit 32768 : {{.*}} -> tensor<?x1x4x4xi16>
// BEST: %[[CONTEXT:.*]] = ivit.matmul %[[P]],
// BEST: ivit.requant %[[CONTEXT]] * {{.*}} -> tensor<?x1x4x2xi8>
// BEST: %[[FC1:.*]] = ivit.requant %block0_fc1_acc channels({{.*}}) shift {{.*}} zero_point -512 : {{.*}} -> tensor<?x4x2xi12>
// BEST: %[[WIDE:.*]] = ivit.lookup %[[FC1]], %{{.*}} : (tensor<?x4x2xi12>, tensor<4096xi16>) -> tensor<?x4x2xi16>
// BEST: ivit.requant %[[WIDE]] channels(%block0_gelu_multipliers : tensor<2xi32>) shift {{.*}} zero_point -128 : tensor<?x4x2xi16> -> tensor<?x4x2xi8>

// Weights and what linears and attention take in 4 bits; the GELU's input and the codes of exponentials in 8.
// FOUR: ivit.layernorm %patch_embed {{.*}} -> tensor<?x4x2xi4>
// FOUR: ivit.constant "block0.v.weight" : tensor<2x2xi4>
// FOUR: ivit.linear {{.*}} : (tensor<?x4x2xi4>, tensor<2x2xi4>, tensor<2xi32>) -> tensor<?x4x2xi32>
// FOUR: ivit.matmul {{.*}} transpose_b : (tensor<?x1x4x2xi4>, tensor<?x1x4x2xi4>)
// FOUR: ivit.softmax {{.*}} -> tensor<?x1x4x4xui8>, tensor<?x1x4x1xi32>
// FOUR: ivit.row_requant {{.*}} -> tensor<?x1x4x2xi4>
// FOUR: ivit.constant "block0.fc1.weight" : tensor<2x2xi4>
// FOUR: ivit.requant %block0_fc1_acc {{.*}} -> tensor<?x4x2xi8>
// FOUR: ivit.lookup {{.*}} : (tensor<?x4x2xi8>, tensor<256xi4>) -> tensor<?x4x2xi4>

// Results have 32 bits whatever the recipe.
// CHECK: %[[RESULT:.*]] = ivit.requant %block0_fc2_acc channels(%block0_fc2_multipliers : tensor<2xi32>) {{.*}} -> tensor<?x4x2xi32>
// CHECK: func.return %[[RESULT]] : tensor<?x4x2xi32>
func.func @main(%image: !torch.vtensor<[?,1,4,4],f32>) -> !torch.vtensor<[?,4,2],f32> attributes {ivit.range = [-1.0, 1.0]} {
  %k = torch.vtensor.literal(dense<[[[[1.0, 2.0], [-1.0, 0.5]]], [[[0.0, 1.0], [1.0, -2.0]]]]> : tensor<2x1x2x2xf32>) : !torch.vtensor<[2,1,2,2],f32>
  %w = torch.vtensor.literal(dense<[[1.0, -0.5], [0.25, 2.0]]> : tensor<2x2xf32>) : !torch.vtensor<[2,2],f32>
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
  %3 = torch.aten.layer_norm %2, %width, %ones, %b, %eps, %false {ivit.range = [-1.0, 2.0], ivit.channel_range = dense_resource<norm> : tensor<2x2xf32>} : !torch.vtensor<[?,4,2],f32>, !torch.list<int>, !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.float, !torch.bool -> !torch.vtensor<[?,4,2],f32>
  %4 = torch.aten.linear %3, %w, %b {ivit.range = [-4.0, 4.0]} : !torch.vtensor<[?,4,2],f32>, !torch.vtensor<[2,2],f32>, !torch.vtensor<[2],f32> -> !torch.vtensor<[?,4,2],f32>
  %5 = torch.aten.view %4, %split : !torch.vtensor<[?,4,2],f32>, !torch.list<int> -> !torch.vtensor<[?,4,1,2],f32>
  %6 = torch.aten.permute %5, %swap : !torch.vtensor<[?,4,1,2],f32>, !torch.list<int> -> !torch.vtensor<[?,1,4,2],f32>
  %7 = torch.aten.scaled_dot_product_attention %6, %6, %6, %none, %zero, %false, %none, %false {ivit.range = [-2.0, 4.0], ivit.query_range = [-4.0, 4.0], ivit.key_range = [-4.0, 4.0], ivit.value_range = [-4.0, 4.0], ivit.score_range = [-8.0, 16.0]} : !torch.vtensor<[?,1,4,2],f32>, !torch.vtensor<[?,1,4,2],f32>, !torch.vtensor<[?,1,4,2],f32>, !torch.none, !torch.float, !torch.bool, !torch.none, !torch.bool -> !torch.vtensor<[?,1,4,2],f32>
  %8 = torch.aten.permute %7, %swap : !torch.vtensor<[?,1,4,2],f32>, !torch.list<int> -> !torch.vtensor<[?,4,1,2],f32>
  %9 = torch.aten.view %8, %merge : !torch.vtensor<[?,4,1,2],f32>, !torch.list<int> -> !torch.vtensor<[?,4,2],f32>
  %10 = torch.aten.linear %9, %w, %none {ivit.range = [-6.0, 6.0]} : !torch.vtensor<[?,4,2],f32>, !torch.vtensor<[2,2],f32>, !torch.none -> !torch.vtensor<[?,4,2],f32>
  %11 = torch.aten.gelu %10, %exact {ivit.range = [-0.2, 6.0], ivit.channel_range = dense_resource<gelu> : tensor<2x2xf32>} : !torch.vtensor<[?,4,2],f32>, !torch.str -> !torch.vtensor<[?,4,2],f32>
  %12 = torch.aten.linear %11, %w, %b {ivit.range = [-12.0, 12.0]} : !torch.vtensor<[?,4,2],f32>, !torch.vtensor<[2,2],f32>, !torch.vtensor<[2],f32> -> !torch.vtensor<[?,4,2],f32>
  return %12 : !torch.vtensor<[?,4,2],f32>
}

{-#
  dialect_resources: {
    builtin: {
      norm: "0x04000000000080BE000080BF0000403F00000040",
      gelu: "0x04000000000000BE000000BE0000803F0000C040"
    }
  }
#-}
