"""Runs code for processors that this machine is not: AArch64 and RISC-V by Unicorn, x86-64 by Bochs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from typing import Any, Protocol, TypeAlias

import numpy as np
import pytest
from emulated_memory import DATA, IMAGE, PAGE
from emulated_others import PROCESSORS, UnicornEmulator
from numpy.typing import NDArray
from object_image import ObjectImage

from lowering.compile import CompiledProgram
from lowering.emit_object import MachineSpec, compile_llvm_ir
from lowering.targets import TARGETS, Target, target_by_name
from runtime.executable import BARRIER_BYTES
from runtime.program import NativeProgram

Argument: TypeAlias = "int | NDArray[Any]"

ALIGNMENT, GAP = 64, 2 * PAGE
"""Arrays are aligned as the runtime has it, with an empty page between two of them."""

LIBRARY = """
define void @sched_yield() {
  ret void
}
define ptr @memset(ptr %to, i32 %value, i64 %count) {
entry:
  %byte = trunc i32 %value to i8
  br label %head
head:
  %i = phi i64 [ 0, %entry ], [ %next, %body ]
  %more = icmp ult i64 %i, %count
  br i1 %more, label %body, label %done
body:
  %at = getelementptr i8, ptr %to, i64 %i
  store volatile i8 %byte, ptr %at
  %next = add i64 %i, 1
  br label %head
done:
  ret ptr %to
}
define ptr @memcpy(ptr %to, ptr %from, i64 %count) {
entry:
  br label %head
head:
  %i = phi i64 [ 0, %entry ], [ %next, %body ]
  %more = icmp ult i64 %i, %count
  br i1 %more, label %body, label %done
body:
  %source = getelementptr i8, ptr %from, i64 %i
  %byte = load volatile i8, ptr %source
  %at = getelementptr i8, ptr %to, i64 %i
  store volatile i8 %byte, ptr %at
  %next = add i64 %i, 1
  br label %head
done:
  ret ptr %to
}
"""
"""The functions of the C library that our code calls; `volatile`, or LLVM would have them call themselves."""


@cache
def _library(spec: MachineSpec) -> bytes:
    return compile_llvm_ir(LIBRARY, spec).object_code


class Emulator(Protocol):
    """A processor with memory of its own."""

    def write(self, address: int, data: bytes) -> None:
        """Put bytes into memory."""
        ...

    def read(self, address: int, count: int) -> bytes:
        """Bytes of memory."""
        ...

    def call(self, address: int, *threads: Sequence[int]) -> None:
        """Call a function of integers, as the C ABI has it, with the arguments of each thread.

        Raises where it faults. Threads take turns; Bochs has one.
        """
        ...


HAS_BOCHS = find_spec("bochscpu") is not None
"""It is built for Linux on x86-64 alone."""

EMULATED = [
    name
    for name, target in TARGETS.items()
    if name in PROCESSORS or (HAS_BOCHS and target.triple.startswith("x86_64"))
]
"""The targets that run here by emulation."""


def emulator(target: Target, object_code: bytes) -> Emulator:
    """A processor for code of ``target``; skips the test where it would get an instruction wrong."""
    if target.name in PROCESSORS:
        return UnicornEmulator(target.name)
    from emulated_x86 import BochsEmulator, misread

    if misread(object_code):
        pytest.skip("the code holds a vpinsrb that bochscpu-python 0.3.1 reads from a wrong address")
    return BochsEmulator(target.cpu)


class EmulatedObject:
    """Object code for ``target``, linked and in an emulator's memory. ``runtime.jit`` does so natively."""

    def __init__(self, object_code: bytes, target: Target) -> None:
        spec = MachineSpec(target.triple, target.cpu, target.features)
        self._image = ObjectImage([object_code, _library(spec)], IMAGE)
        self._emulator = emulator(target, object_code)
        self._emulator.write(IMAGE, bytes(self._image.memory))

    def call(self, symbol: str, *arguments: Argument) -> None:
        """Call a function. An array is passed by its address, and holds afterwards what was written to it."""
        self._call(symbol, arguments, [()])

    def call_by_threads(self, symbol: str, threads: int, *arguments: Argument) -> None:
        """Call it in each of ``threads`` threads; its last arguments are the thread's number and theirs."""
        self._call(symbol, arguments, [(thread, threads) for thread in range(threads)])

    def _call(self, symbol: str, arguments: Sequence[Argument], threads: Sequence[tuple[int, ...]]) -> None:
        address, numbers = DATA, list[int]()
        places = list[tuple[int, NDArray[Any]]]()
        for argument in arguments:
            if isinstance(argument, int):
                numbers.append(argument)
                continue
            numbers.append(address)
            places.append((address, argument))
            self._emulator.write(address, argument.tobytes())
            address += argument.nbytes + GAP
            address += -address % ALIGNMENT
        self._emulator.call(self._image.symbols[symbol], *([*numbers, *further] for further in threads))
        for place, array in places:
            data = self._emulator.read(place, array.nbytes)
            array[...] = np.frombuffer(data, array.dtype).reshape(array.shape)


def emulated_call(
    program: CompiledProgram | NativeProgram, images: NDArray[Any], output: NDArray[Any], threads: int = 1
) -> None:
    """Fill ``output`` with what a compiled program makes of images."""
    arena, barrier = np.full(program.arena_bytes, 0x5A, np.uint8), np.zeros(BARRIER_BYTES, np.uint8)
    code = EmulatedObject(program.object_code, target_by_name(program.target))
    weights = program.weights.copy()
    code.call_by_threads(program.entry, threads, len(images), images, output, arena, weights, barrier)
