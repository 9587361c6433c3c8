// RUN: ivit-opt %s -p convert-cf-to-llvm --verify-diagnostics | filecheck %s

// CHECK: cf.assert in @check: kernels have no run-time assertions; prove it at compile time
func.func @check(%b: i1) {
  cf.assert %b, "never"
  func.return
}
