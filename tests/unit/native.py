"""A tiny native program, made with llvmlite alone: what the runtime's tests run."""

from __future__ import annotations

import llvmlite.binding as llvm
import numpy as np

from runtime.boundary import Boundary
from runtime.program import NativeProgram

# Every thread waits for all others, then thread t adds weights[0] to the bytes t, t + threads, ... of the
# images and writes them as int32.
ENTRY_IR = """
define void @ivit_main(i64 %images, ptr %input, ptr %output, ptr %arena, ptr %weights, ptr %barrier,
                       i64 %thread, i64 %threads) {
entry:
  %arrived = atomicrmw add ptr %barrier, i64 1 seq_cst
  %alone = icmp eq i64 %threads, 1
  br i1 %alone, label %go, label %wait
wait:
  %seen = load atomic i64, ptr %barrier seq_cst, align 8
  %all = icmp eq i64 %seen, %threads
  br i1 %all, label %go, label %wait
go:
  %scratch = getelementptr i8, ptr %arena, i64 %thread
  store i8 1, ptr %scratch
  %bytes = mul i64 %images, 6
  %bias8 = load i8, ptr %weights
  %bias = zext i8 %bias8 to i32
  br label %head
head:
  %i = phi i64 [ %thread, %go ], [ %next, %body ]
  %more = icmp slt i64 %i, %bytes
  br i1 %more, label %body, label %done
body:
  %from = getelementptr i8, ptr %input, i64 %i
  %x8 = load i8, ptr %from
  %x = zext i8 %x8 to i32
  %y = add i32 %x, %bias
  %to = getelementptr i32, ptr %output, i64 %i
  store i32 %y, ptr %to
  %next = add i64 %i, %threads
  br label %head
done:
  ret void
}
"""

BOUNDARY = Boundary(
    kind="pixels",
    input_shape=(2, 3, 1),
    output_shape=(6,),
    output_dtype="int32",
    output_scale=0.5,
    mean=(0.25,),
    std=(0.5,),
)


def tiny_program(bias: int = 7) -> NativeProgram:
    """uint8 [N, 2, 3, 1] -> int32 [N, 6], each plus ``bias``; one barrier."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(opt=1, reloc="pic", codemodel="small")
    module = llvm.parse_assembly(ENTRY_IR)
    return NativeProgram(
        object_code=machine.emit_object(module),
        entry="ivit_main",
        arena_bytes=128,
        weights=np.array([bias], np.uint8),
        target="host",
        triple=llvm.get_process_triple(),
        cpu="",
        features="",
    )
