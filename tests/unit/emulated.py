"""Runs code for processors that this machine is not: AArch64 and RISC-V by Unicorn, x86-64 by Bochs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any, Protocol, TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray
from object_image import ObjectImage
from unicorn import UC_ARCH_ARM64, UC_ARCH_RISCV, UC_MODE_ARM, UC_MODE_RISCV64, Uc
from unicorn.arm64_const import (
    UC_ARM64_REG_SP,
    UC_ARM64_REG_X0,
    UC_ARM64_REG_X30,
    UC_CPU_ARM64_A72,
    UC_CPU_ARM64_MAX,
)
from unicorn.riscv_const import (
    UC_CPU_RISCV64_SIFIVE_U54,
    UC_RISCV_REG_A0,
    UC_RISCV_REG_RA,
    UC_RISCV_REG_SP,
)

from lowering.compile import CompiledProgram
from lowering.emit_object import MachineSpec, compile_llvm_ir
from lowering.targets import TARGETS, Target, target_by_name
from runtime.executable import BARRIER_BYTES
from runtime.program import NativeProgram

Argument: TypeAlias = "int | NDArray[Any]"

IMAGE = 0x0100_0000
"""Where code and constants lie; the stack grows down from here."""

STACK_BYTES = 1 << 20
RETURN = IMAGE - 0x100
"""What the outermost function returns to: nothing is executed there."""

STACK = RETURN - 0x1000
"""Above it lie the arguments that no register takes."""

DATA = 0x0180_0000
"""Where arrays are placed, each aligned as the runtime does."""

ALIGNMENT, GAP, PAGE = 64, 4096, 4096

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
        """Put bytes into memory, which is made where there is none."""
        ...

    def read(self, address: int, count: int) -> bytes:
        """Bytes of memory."""
        ...

    def call(self, address: int, arguments: Sequence[int]) -> None:
        """Call a function of integers as the platform's C ABI has it. Raises where it faults."""
        ...


@dataclass(frozen=True)
class Registers:
    """What of a processor a call needs: the first of the registers for arguments, of which there are 8."""

    architecture: int
    mode: int
    model: int
    argument: int
    stack: int
    link: int


REGISTERS = {
    "aarch64": Registers(
        UC_ARCH_ARM64, UC_MODE_ARM, UC_CPU_ARM64_A72, UC_ARM64_REG_X0, UC_ARM64_REG_SP, UC_ARM64_REG_X30
    ),
    "aarch64-dotprod": Registers(
        UC_ARCH_ARM64, UC_MODE_ARM, UC_CPU_ARM64_MAX, UC_ARM64_REG_X0, UC_ARM64_REG_SP, UC_ARM64_REG_X30
    ),
    "riscv64": Registers(
        UC_ARCH_RISCV,
        UC_MODE_RISCV64,
        UC_CPU_RISCV64_SIFIVE_U54,
        UC_RISCV_REG_A0,
        UC_RISCV_REG_SP,
        UC_RISCV_REG_RA,
    ),
}
"""By target. The models have what the target needs and little more: other instructions fault."""

ARGUMENT_REGISTERS = 8


class UnicornEmulator:
    """AArch64 or RISC-V 64."""

    def __init__(self, target: Target) -> None:
        self._registers = REGISTERS[target.name]
        self._machine = Uc(self._registers.architecture, self._registers.mode)
        self._machine.ctl_set_cpu_model(self._registers.model)
        self._machine.mem_map(IMAGE - STACK_BYTES, STACK_BYTES)

    def write(self, address: int, data: bytes) -> None:
        start, end = address - address % PAGE, address + len(data) + (-address - len(data)) % PAGE
        for low, high, _ in self._machine.mem_regions():
            if low <= start <= high:
                start = high + 1
        if start < end:
            self._machine.mem_map(start, end - start)
        self._machine.mem_write(address, data)

    def read(self, address: int, count: int) -> bytes:
        return bytes(self._machine.mem_read(address, count))

    def call(self, address: int, arguments: Sequence[int]) -> None:
        names, machine = self._registers, self._machine
        for i, argument in enumerate(arguments[:ARGUMENT_REGISTERS]):
            machine.reg_write(names.argument + i, argument & (2**64 - 1))
        rest = np.array(arguments[ARGUMENT_REGISTERS:], np.int64).tobytes()
        machine.mem_write(STACK, rest)
        machine.reg_write(names.stack, STACK)
        machine.reg_write(names.link, RETURN)
        machine.emu_start(address, RETURN)


HAS_BOCHS = find_spec("bochscpu") is not None
"""It is built for Linux on x86-64 alone."""

EMULATED = [
    name
    for name, target in TARGETS.items()
    if name in REGISTERS or (HAS_BOCHS and target.triple.startswith("x86_64"))
]
"""The targets that run here by emulation."""


def emulator(target: Target, object_code: bytes) -> Emulator:
    """A processor for code of ``target``; skips the test where it would get an instruction wrong."""
    if target.name in REGISTERS:
        return UnicornEmulator(target)
    from emulated_x86 import BochsEmulator, misread

    if misread(object_code):
        pytest.skip("the code holds a vpinsrb that bochscpu-python 0.3.1 reads from a wrong address")
    return BochsEmulator(target.cpu, RETURN, STACK)


class EmulatedObject:
    """Object code for ``target``, linked and in an emulator's memory. ``runtime.jit`` does so natively."""

    def __init__(self, object_code: bytes, target: Target) -> None:
        spec = MachineSpec(target.triple, target.cpu, target.features)
        self._image = ObjectImage([object_code, _library(spec)], IMAGE)
        self._emulator = emulator(target, object_code)
        self._emulator.write(IMAGE, bytes(self._image.memory))

    def call(self, symbol: str, *arguments: Argument) -> None:
        """Call a function. An array is passed by its address, and holds afterwards what was written to it."""
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
        self._emulator.call(self._image.symbols[symbol], numbers)
        for place, array in places:
            data = self._emulator.read(place, array.nbytes)
            array[...] = np.frombuffer(data, array.dtype).reshape(array.shape)


def emulated_call(
    program: CompiledProgram | NativeProgram, images: NDArray[Any], output: NDArray[Any]
) -> None:
    """Fill ``output`` with what a compiled program makes of images, with one thread."""
    arena, barrier = np.full(program.arena_bytes, 0x5A, np.uint8), np.zeros(BARRIER_BYTES, np.uint8)
    code = EmulatedObject(program.object_code, target_by_name(program.target))
    code.call(program.entry, len(images), images, output, arena, program.weights.copy(), barrier, 0, 1)
