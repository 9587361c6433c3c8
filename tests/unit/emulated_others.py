"""Runs code for AArch64 and RISC-V 64 on the processors of Unicorn, which are QEMU's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from emulated_memory import PAGE, RETURN, STACK, STACK_BYTES, Memory
from unicorn import UC_ARCH_ARM64, UC_ARCH_RISCV, UC_MODE_ARM, UC_MODE_RISCV64, UC_PROT_ALL, Uc
from unicorn.arm64_const import (
    UC_ARM64_REG_PC,
    UC_ARM64_REG_SP,
    UC_ARM64_REG_X0,
    UC_ARM64_REG_X30,
    UC_CPU_ARM64_A72,
    UC_CPU_ARM64_MAX,
)
from unicorn.riscv_const import (
    UC_CPU_RISCV64_SIFIVE_U54,
    UC_RISCV_REG_A0,
    UC_RISCV_REG_PC,
    UC_RISCV_REG_RA,
    UC_RISCV_REG_SP,
)

ARGUMENT_REGISTERS = 8
TURN, TURNS = 2000, 1 << 16
"""Instructions that a thread runs before the next one does, and turns after which threads count as stuck."""


@dataclass(frozen=True)
class Architecture:
    """A kind of Unicorn, and its registers: the first of the eight for arguments, and those for addresses."""

    kind: int
    mode: int
    argument: int
    stack: int
    link: int
    counter: int


AARCH64 = Architecture(
    UC_ARCH_ARM64, UC_MODE_ARM, UC_ARM64_REG_X0, UC_ARM64_REG_SP, UC_ARM64_REG_X30, UC_ARM64_REG_PC
)
RISCV64 = Architecture(
    UC_ARCH_RISCV, UC_MODE_RISCV64, UC_RISCV_REG_A0, UC_RISCV_REG_SP, UC_RISCV_REG_RA, UC_RISCV_REG_PC
)

PROCESSORS = {
    "aarch64-dotprod": (AARCH64, UC_CPU_ARM64_MAX),
    "aarch64": (AARCH64, UC_CPU_ARM64_A72),
    "riscv64": (RISCV64, UC_CPU_RISCV64_SIFIVE_U54),
}
"""By target. Other instructions than those of the model fault; there is no least one with dot products."""


class UnicornEmulator:
    """As many processors as threads, all on one memory: the pages that were written, and stacks."""

    def __init__(self, target: str) -> None:
        self._architecture, self._model = PROCESSORS[target]
        self._memory, self._pages = Memory(), set[int]()

    def write(self, address: int, data: bytes) -> None:
        self._pages |= set(range(address - address % PAGE, address + len(data), PAGE))
        self._memory.write(address, data)

    def read(self, address: int, count: int) -> bytes:
        return self._memory.read(address, count)

    def call(self, address: int, *threads: Sequence[int]) -> None:
        machines = [self._about_to_call(number, arguments) for number, arguments in enumerate(threads)]
        if len(machines) == 1:
            machines[0].emu_start(address, RETURN)
        else:
            self._take_turns(dict.fromkeys(machines, address))

    def _take_turns(self, running: dict[Uc, int]) -> None:
        """Until each is through; ``running`` has where each goes on."""
        for _ in range(TURNS):
            for machine, at in list(running.items()):
                machine.emu_start(at, RETURN, count=TURN)
                running[machine] = machine.reg_read(self._architecture.counter)
                if running[machine] == RETURN:
                    del running[machine]
            if not running:
                return
        raise RuntimeError(f"{len(running)} threads never end")

    def _about_to_call(self, number: int, arguments: Sequence[int]) -> Uc:
        """The processor of a thread, as the C ABI has it before a call."""
        names, stack = self._architecture, STACK - number * STACK_BYTES
        machine = Uc(names.kind, names.mode)
        machine.ctl_set_cpu_model(self._model)
        for i, argument in enumerate(arguments[:ARGUMENT_REGISTERS]):
            machine.reg_write(names.argument + i, argument & (2**64 - 1))
        self.write(stack, np.array(arguments[ARGUMENT_REGISTERS:], np.int64).tobytes())
        self._pages |= set(range(stack - STACK_BYTES // 2, stack + PAGE, PAGE))
        machine.reg_write(names.stack, stack)
        machine.reg_write(names.link, RETURN)
        for start, size in self._regions():
            machine.mem_map_ptr(start, size, UC_PROT_ALL, self._memory.host + start)
        return machine

    def _regions(self) -> list[tuple[int, int]]:
        """Runs of pages: where each starts, and its bytes."""
        pages = sorted(self._pages)
        starts = [page for page in pages if page - PAGE not in self._pages]
        ends = [page + PAGE for page in pages if page + PAGE not in self._pages]
        return [(start, end - start) for start, end in zip(starts, ends, strict=True)]
