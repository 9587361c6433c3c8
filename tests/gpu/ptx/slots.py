"""The registers and the places of warps: one slot is the same warp of every CTA of a batch.

A lane is a thread of the slot: lane ``32 * cta + l`` is thread ``32 * slot + l`` of CTA ``cta`` of the
batch.  Lanes at the same instruction form a fragment and run it together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ptx.errors import KernelError, PoisonError
from ptx.syntax import Instruction

if TYPE_CHECKING:
    from ptx.copies import Flights
    from ptx.machine import Machine
    from ptx.shared import LocalMemory

Array: TypeAlias = NDArray[Any]
Lanes: TypeAlias = "slice | Array"
"""Some lanes of a slot: ALL of them, or their ascending indices."""

Dim: TypeAlias = tuple[int, int, int]

ALL = slice(None)

REGISTER_DTYPES: Mapping[int, np.dtype[Any]] = {
    1: np.dtype(np.bool_),
    8: np.dtype(np.uint8),
    16: np.dtype(np.uint16),
    32: np.dtype(np.uint32),
    64: np.dtype(np.uint64),
}


@dataclass(frozen=True)
class Copy:
    """Bytes of one argument or result that a call or a return copies to another."""

    source: int
    target: int
    size: int


class Slot:
    """One warp of every CTA of a batch.

    Attributes:
        values: per register, one value a lane.
        poison: per register, a mask of the bits that nobody wrote, a value a lane; None where there are none.
        fragments: instruction index -> the lanes that are there and can go on.
        parked: the same, of lanes that wait for others of their warp.
        specials: special register -> a value a lane.
        flights: its cp.async copies that have not landed.
        local, frame: memory of each thread alone: its variables, and the arguments of its calls.
        returns: function -> where each lane goes on after it; results: what is copied there.
    """

    local: LocalMemory
    frame: LocalMemory
    flights: Flights

    def __init__(self, machine: Machine, index: int, widths: list[int]) -> None:
        self.machine = machine
        self.index = index
        self.size = 32 * machine.ctas
        self.lane = np.arange(self.size) % 32
        self.cta = np.arange(self.size) // 32
        self.first_cta = machine.first_cta
        self.grid, self.block = machine.grid, machine.block
        block = self.block
        self.values: list[Array] = [np.full(self.size, 0xA5, REGISTER_DTYPES[bits]) for bits in widths]
        self.poison: list[Array | None] = [
            np.full(self.size, (1 << bits) - 1, REGISTER_DTYPES[bits]) for bits in widths
        ]
        threads = block[0] * block[1] * block[2]
        self.thread = 32 * index + self.lane
        self.alive = self.thread < threads
        everyone: Lanes = ALL if bool(self.alive.all()) else np.flatnonzero(self.alive)
        self.fragments: dict[int, Lanes] = {0: everyone}
        self.parked: dict[int, Array] = {}
        self.returns: dict[str, Array] = {}
        self.results: dict[int, list[Copy]] = {}
        self.specials = self._specials()
        self.current: Instruction | None = None
        self.poison_origin = ""
        self.kernel = machine.kernel

    def _specials(self) -> dict[str, Array]:
        specials: dict[str, Array] = {
            "%laneid": self.lane,
            "%warpid": np.full(self.size, self.index),
            "%nwarpid": np.full(self.size, -(-self.block[0] * self.block[1] * self.block[2] // 32)),
            "%lanemask_eq": 1 << self.lane,
            "%lanemask_lt": (1 << self.lane) - 1,
            "%lanemask_le": (2 << self.lane) - 1,
            "%lanemask_gt": 0xFFFFFFFF & ~((2 << self.lane) - 1),
            "%lanemask_ge": 0xFFFFFFFF & ~((1 << self.lane) - 1),
        }
        thread, cta = self.thread, self.first_cta + self.cta
        for axis, letter in enumerate("xyz"):
            specials[f"%ntid.{letter}"] = np.full(self.size, self.block[axis])
            specials[f"%nctaid.{letter}"] = np.full(self.size, self.grid[axis])
            specials[f"%tid.{letter}"] = thread % self.block[axis]
            specials[f"%ctaid.{letter}"] = cta % self.grid[axis]
            thread, cta = thread // self.block[axis], cta // self.grid[axis]
        return {name: values.astype(np.uint32) for name, values in specials.items()}

    def write(self, register: int, lanes: Lanes, values: Array, poison: Array | None) -> None:
        """Set a register of ``lanes``; ``poison``: its bits that are nobody's, or which lanes are."""
        self.values[register][lanes] = values
        mask = self.poison[register]
        if poison is not None and poison.any():
            if mask is None:
                mask = self.poison[register] = np.zeros(self.size, self.values[register].dtype)
            if poison.dtype == np.bool_ and mask.dtype != np.bool_:
                poison = np.negative(poison.astype(mask.dtype))
            mask[lanes] = poison
        elif mask is not None:
            if isinstance(lanes, slice):
                self.poison[register] = None
            else:
                mask[lanes] = False
                if not mask.any():
                    self.poison[register] = None

    def poison_of(self, registers: tuple[int, ...], lanes: Lanes) -> Array | None:
        """Which lanes hold a poisoned bit in any of ``registers``; None where no lane does."""
        found: Array | None = None
        for register in registers:
            mask = self.poison[register]
            if mask is not None:
                wrong = mask[lanes] != 0
                if wrong.any():
                    found = wrong if found is None else found | wrong
        return found

    def note_poison(self, lanes: Lanes, poison: Array) -> None:
        """Remember where poison was first read, for the error that it may lead to."""
        if not self.poison_origin:
            wrong = (np.max(poison, axis=1) if poison.ndim == 2 else poison) != 0
            lane = int(self.indices(lanes)[int(np.argmax(wrong))])
            line = 0 if self.current is None else self.current.line
            text = "" if self.current is None else self.current.text
            self.poison_origin = f" (first read at line {line}, `{text}`, {self.where(lane)})"

    def fail_of_poison(self, lanes: Lanes, wrong: Array, what: str) -> NoReturn:
        """Raise a PoisonError: ``what`` comes from what nobody wrote."""
        message = f"{what} comes from memory or registers that nobody wrote{self.poison_origin}"
        self.fail(PoisonError, lanes, wrong, message)

    def indices(self, lanes: Lanes) -> Array:
        """``lanes`` as indices."""
        return np.arange(self.size) if isinstance(lanes, slice) else lanes

    def count(self, lanes: Lanes) -> int:
        """How many lanes."""
        return self.size if isinstance(lanes, slice) else len(lanes)

    def warps(self, lanes: Lanes) -> int:
        """How many warps have a lane among ``lanes``."""
        if isinstance(lanes, slice):
            return self.size // 32
        numbers = lanes >> 5
        return 1 + int(np.count_nonzero(numbers[1:] != numbers[:-1])) if len(numbers) else 0

    def join(self, place: int, lanes: Lanes) -> None:
        """``lanes`` go on at instruction ``place``, with those that are there already."""
        there = self.fragments.get(place)
        if there is None:
            self.fragments[place] = lanes
        elif not isinstance(there, slice) and not isinstance(lanes, slice):
            both = np.union1d(there, lanes)
            self.fragments[place] = ALL if len(both) == self.size else both

    def unpark(self) -> None:
        """Lanes have ended: those that waited for the rest of their warp may find it complete."""
        parked, self.parked = self.parked, {}
        for place, lanes in parked.items():
            self.join(place, lanes)

    def where(self, lane: int) -> str:
        """``CTA (x, y, z), thread (x, y, z)`` of a lane."""
        of = {name: int(values[lane]) for name, values in self.specials.items()}
        cta = tuple(of[f"%ctaid.{letter}"] for letter in "xyz")
        thread = tuple(of[f"%tid.{letter}"] for letter in "xyz")
        return f"CTA {cta}, thread {thread}"

    def place(self) -> str:
        """The instruction that runs."""
        if self.current is None:
            return f"kernel {self.kernel}"
        return f"kernel {self.kernel}, line {self.current.line}, `{self.current.text}`"

    def fail(self, kind: type[KernelError], lanes: Lanes, wrong: Array, message: str) -> NoReturn:
        """Raise ``kind`` for the first lane that is ``wrong`` among ``lanes``."""
        lane = int(self.indices(lanes)[int(np.argmax(wrong))])
        raise kind(f"{self.place()}, {self.where(lane)}: {message}")
