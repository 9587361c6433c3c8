// RUN: ivit-opt %s -t 'llvm-ir{triple="x86_64-unknown-linux-gnu"}' | filecheck %s --check-prefix=IR
// RUN: ivit-opt %s -t 'assembly{triple="x86_64-unknown-linux-gnu" cpu="x86-64-v3"}' | filecheck %s --check-prefix=X86
// RUN: ivit-opt %s -t 'assembly{triple="aarch64-unknown-linux-gnu"}' | filecheck %s --check-prefix=ARM
// RUN: ivit-opt %s -t 'assembly{triple="riscv64-unknown-linux-gnu" features="+m,+v"}' | filecheck %s --check-prefix=RISCV

// IR-LABEL: define void @sum(ptr noalias align 32 %p.1, i64 %n.2) {
// X86-LABEL: sum:
// ARM-LABEL: sum:
// RISCV-LABEL: sum:
llvm.func @sum(%p: !llvm.ptr {llvm.noalias, llvm.align = 32 : i64}, %n: i64) {
  %zero = llvm.mlir.constant(0) : i64
  %one = llvm.mlir.constant(1) : i64
  %start = llvm.mlir.constant(dense<0> : vector<8xi32>) : vector<8xi32>
  // IR: br label %bb1
  llvm.br ^bb1(%zero, %start : i64, vector<8xi32>)
^bb1(%i: i64, %acc: vector<8xi32>):
  // IR:      bb1:
  // IR-NEXT: %[[I:.*]] = phi i64 [ 0, %bb0 ], [ %[[NEXT:.*]], %bb1 ]
  // IR-NEXT: %[[ACC:.*]] = phi <8 x i32> [ zeroinitializer, %bb0 ], [ %[[SUM:.*]], %bb1 ]
  // IR-NEXT: %[[A:.*]] = getelementptr inbounds [8 x i32], ptr %p.1, i64 %[[I]], i32 0
  // IR-NEXT: %[[V:.*]] = load <8 x i32>, ptr %[[A]], align 32
  // IR-NEXT: %[[SUM]] = add nsw <8 x i32> %[[ACC]], %[[V]]
  // X86: vpaddd ({{.*}}), %ymm{{.*}}, %ymm
  // ARM: add v{{.*}}.4s
  // RISCV: vadd.vv
  %a = llvm.getelementptr inbounds %p[%i, 0] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<8 x i32>
  %v = llvm.load %a {alignment = 32 : i64} : !llvm.ptr -> vector<8xi32>
  %sum = llvm.add %acc, %v overflow<nsw> : vector<8xi32>
  %next = llvm.add %i, %one : i64
  %more = llvm.icmp "slt" %next, %n : i64
  // IR: br i1 %{{.*}}, label %bb1, label %bb2
  llvm.cond_br %more, ^bb1(%next, %sum : i64, vector<8xi32>), ^bb2
^bb2:
  // IR: store <8 x i32> %[[SUM]], ptr %p.1, align 32
  // IR: ret void
  llvm.store %sum, %p {alignment = 32 : i64} : vector<8xi32>, !llvm.ptr
  llvm.return
}
