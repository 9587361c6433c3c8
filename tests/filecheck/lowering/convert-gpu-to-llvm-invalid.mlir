// RUN: ivit-opt %s --convert-gpu-to-llvm --verify-diagnostics --split-input-file | filecheck %s

// CHECK: convert-gpu-to-llvm: gpu.func @helper: only kernels are converted
builtin.module {
  "gpu.module"() <{sym_name = "kernels"}> ({
    "gpu.func"() <{function_type = () -> ()}> ({
      "gpu.return"() : () -> ()
    }) {sym_name = "helper"} : () -> ()
  }) : () -> ()
}

// -----

// CHECK: gpu.lane_id in @k: kernels use ids, barriers and intrinsics only
builtin.module {
  "gpu.module"() <{sym_name = "kernels"}> ({
    "gpu.func"() <{function_type = () -> (), kernel}> ({
      %lane = "gpu.lane_id"() : () -> index
      "gpu.return"() : () -> ()
    }) {sym_name = "k"} : () -> ()
  }) : () -> ()
}
