// RUN: ivit-opt %s -o %t.mlir && filecheck %s --input-file %t.mlir --check-prefix FILE && ls %t.safetensors
// RUN: ivit-opt %t.mlir | filecheck %s
// RUN: ivit-opt %s | ivit-opt | filecheck %s
// RUN: ivit-opt %s --elide-weights 2>/dev/null | filecheck %s --check-prefix ELIDED

// FILE: builtin.module attributes {ivit.store = "weights.mlir.tmp.safetensors"}
// FILE-NOT: dialect_resources
// CHECK: "w": "0x4000000001FE"
// ELIDED-NOT: dialect_resources

func.func @main() -> tensor<1x2xi8> {
  %w = ivit.constant "w" : tensor<1x2xi8>
  func.return %w : tensor<1x2xi8>
}

{-#
  dialect_resources: {
    builtin: {
      w: "0x4000000001FE"
    }
  }
#-}
