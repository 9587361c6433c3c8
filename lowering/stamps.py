"""Times of launches: native code that reads the clock before the first launch and after each one.

The times lie behind the arena of the plan, 16 bytes each: POSIX's ``struct timespec`` of 64-bit fields, as
``clock_gettime`` writes it. Thread 0 writes them; of several images the last one's remain.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects import func
from xdsl.dialects.builtin import IntegerAttr, MemRefType, i8, i32, i64
from xdsl.ir import SSAValue

from lowering import plan
from lowering.kernels.build import LoopBuilder

CLOCK = "clock_gettime"
MONOTONIC = 1
"""Linux's number of the clock that is never set back."""
STAMP_BYTES = 16
STAMP_TYPE = MemRefType(i8, [STAMP_BYTES])


@dataclass(frozen=True)
class Stamps:
    """``count`` times from byte ``offset`` of the arena on."""

    offset: int
    count: int

    @property
    def end(self) -> int:
        """The first byte behind them."""
        return self.offset + self.count * STAMP_BYTES


def reserve_stamps(program: plan.ProgramOp) -> Stamps:
    """Make room in the arena of ``program`` for a time before the first launch and one after each."""
    launches = sum(isinstance(op, plan.LaunchOp) for op in program.body.block.ops)
    arena = program.arena.value.data
    stamps = Stamps(-(-arena // plan.ALIGNMENT) * plan.ALIGNMENT, launches + 1)
    program.properties["arena"] = IntegerAttr(stamps.end, i64)
    return stamps


def build_clock() -> func.FuncOp:
    """The declaration of POSIX's ``int clock_gettime(clockid_t, struct timespec *)``."""
    return func.FuncOp.external(CLOCK, [i32, STAMP_TYPE], [i32])


class StampWriter:
    """Writes the next time at each call of ``write``."""

    def __init__(self, builder: LoopBuilder, arena: SSAValue, thread: SSAValue, stamps: Stamps) -> None:
        self._builder = builder
        self._arena = arena
        self._stamps = stamps
        self._first = builder.compare("eq", thread, 0)
        self._written = 0

    def write(self) -> None:
        """Read the clock, on thread 0."""
        b = self._builder
        with b.when(self._first):
            offset = self._stamps.offset + self._written * STAMP_BYTES
            cell = b.view(self._arena, offset, [STAMP_BYTES], 8)
            b.insert(func.CallOp(CLOCK, [b.constant(MONOTONIC, i32), cell], [i32]))
        self._written += 1
