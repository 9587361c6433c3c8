// RUN: ivit-opt %s --pair-weights='target="x86-64-avx2"' | filecheck %s
// RUN: ivit-opt %s --pair-weights='target="x86-64-avx2"' --plan-memory='target="x86-64-avx2"' | filecheck %s --check-prefix PLAN
// RUN: ivit-opt %s --pair-weights='target="x86-64-avxvnni"' | filecheck %s --check-prefix VNNI

// As they lie, 127 and 127 of %w2 are a pair, which may saturate; the layer before gives its channels in an order
// in which each has a 1 beside it. It has no pair in danger itself. The last layer has no others, and no layer
// before it that might order its channels.
// CHECK-LABEL: func.func @main
// CHECK-DAG:     %w1 = ivit.constant "w1.ordered" : tensor<4x4xi8>
// CHECK-DAG:     %b1 = ivit.constant "b1.ordered" : tensor<4xi32>
// CHECK:         %x = ivit.linear %image, %w1, %b1 requant(%m1 shift 40 : tensor<1xi32>) {ivit.extra_steps = 0 : i64}
// CHECK:         %w2 = ivit.constant "w2.ordered" : tensor<2x4xi8>
// CHECK:         %y = ivit.linear %x, %w2, %b2 {ivit.extra_steps = 0 : i64}
// CHECK:         %z = ivit.linear %image, %w3, %b2 :

// PLAN: plan.weight ["w1.ordered"] packing "split" [16, 4, 8, 0]
// PLAN: plan.launch "linear" {{.*}} config {requant = "mulhi", split = 0 : i64}
// PLAN: plan.weight ["w3"] packing "panels" [16, 2]

// With VNNI no sum is of 16 bits.
// VNNI-NOT: ordered
// VNNI-NOT: extra_steps
func.func @main(%image: tensor<?x3x4xi8>) -> tensor<?x3x2xi32> {
  %w1 = ivit.constant "w1" : tensor<4x4xi8>
  %b1 = ivit.constant "b1" : tensor<4xi32>
  %m1 = ivit.constant "m1" : tensor<1xi32>
  %w2 = ivit.constant "w2" : tensor<2x4xi8>
  %b2 = ivit.constant "b2" : tensor<2xi32>
  %w3 = ivit.constant "w3" : tensor<2x4xi8>
  %x = ivit.linear %image, %w1, %b1 requant(%m1 shift 40 : tensor<1xi32>)
    : (tensor<?x3x4xi8>, tensor<4x4xi8>, tensor<4xi32>) -> tensor<?x3x4xi8>
  %y = ivit.linear %x, %w2, %b2 : (tensor<?x3x4xi8>, tensor<2x4xi8>, tensor<2xi32>) -> tensor<?x3x2xi32>
  %z = ivit.linear %image, %w3, %b2 : (tensor<?x3x4xi8>, tensor<2x4xi8>, tensor<2xi32>) -> tensor<?x3x2xi32>
  %sum = ivit.add %y * 2 shift 1, %z * 2 shift 1
    : (tensor<?x3x2xi32>, tensor<?x3x2xi32>) -> tensor<?x3x2xi32>
  func.return %sum : tensor<?x3x2xi32>
}

{-#
  dialect_resources: {
    builtin: {
      w1: "0x4000000001020304050607080900010203040506",
      b1: "0x4000000001000000020000000300000004000000",
      m1: "0x4000000001000000",
      w2: "0x400000007F7F01017F7F0101",
      b2: "0x400000000100000002000000",
      w3: "0x400000007F7F7F7F7F7F7F7F"
    }
  }
#-}
