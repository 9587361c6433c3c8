// RUN: ivit-opt %s -p lower-scf-to-cf | filecheck %s

// CHECK-LABEL: func.func @while
// CHECK-SAME:  (%[[A:.*]]: i32, %[[N:.*]]: i32) -> i32
func.func @while(%a: i32, %n: i32) -> i32 {
  // CHECK-NEXT: cf.br ^[[BEFORE:.*]](%[[A]] : i32)
  // CHECK-NEXT: ^[[BEFORE]](%[[X:.*]]: i32):
  // CHECK-NEXT: %[[GO:.*]] = arith.cmpi slt, %[[X]], %[[N]] : i32
  // CHECK-NEXT: cf.cond_br %[[GO]], ^[[AFTER:.*]](%[[X]] : i32), ^[[END:[^ ]*]]
  // CHECK-NEXT: ^[[AFTER]](%[[Y:.*]]: i32):
  // CHECK-NEXT: %[[Z:.*]] = arith.addi %[[Y]], %[[Y]] : i32
  // CHECK-NEXT: cf.br ^[[BEFORE]](%[[Z]] : i32)
  // CHECK-NEXT: ^[[END]]:
  // CHECK-NEXT: func.return %[[X]] : i32
  %r = scf.while (%x = %a) : (i32) -> i32 {
    %go = arith.cmpi slt, %x, %n : i32
    scf.condition(%go) %x : i32
  } do {
  ^bb0(%y: i32):
    %z = arith.addi %y, %y : i32
    scf.yield %z : i32
  }
  func.return %r : i32
}

// A while in a for in a while: one pass takes them all.
// CHECK-LABEL: func.func @nest
// CHECK-NOT:   scf.
func.func @nest(%n: index, %b: i1) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.while () : () -> () {
    scf.condition(%b)
  } do {
    scf.for %i = %c0 to %n step %c1 {
      scf.while () : () -> () {
        scf.condition(%b)
      } do {
        scf.yield
      }
      scf.if %b {
        scf.yield
      }
    }
    scf.yield
  }
  func.return
}
