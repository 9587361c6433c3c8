// RUN: ivit-opt %s -p lower-scf-to-cf --verify-diagnostics | filecheck %s

// CHECK: scf.parallel in @parallel: kernels are sequential inside a thread; use scf.for
func.func @parallel(%n: index) {
  "scf.parallel"(%n, %n, %n) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
  ^bb0(%i: index):
    scf.reduce
  }) : (index, index, index) -> ()
  func.return
}
