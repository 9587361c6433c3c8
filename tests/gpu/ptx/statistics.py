"""What a kernel did: how often each instruction ran, what its innermost loops hold, bank conflicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ptx.slots import Array
from ptx.syntax import Instruction


@dataclass(frozen=True)
class Loop:
    """An innermost loop: its lines in the PTX text and its instructions."""

    first_line: int
    last_line: int
    instructions: Mapping[str, int]
    """Opcode -> how often it stands in the loop."""
    executed: int
    """Warp instructions that ran in it."""

    @property
    def size(self) -> int:
        """Instructions in the loop."""
        return sum(self.instructions.values())

    def share(self, *prefixes: str) -> float:
        """The part of the instructions whose opcode begins with one of ``prefixes``."""
        return _share(self.instructions, prefixes)


@dataclass
class Statistics:
    """What one launch did."""

    kernel: str
    static: Mapping[str, int]
    """Opcode -> how often it stands in the kernel."""
    executed: Mapping[str, int]
    """Opcode -> how often a warp ran it."""
    loops: Sequence[Loop]
    """The innermost loops, the busiest first."""
    bank_conflicts: Mapping[str, tuple[int, int]] = field(default_factory=dict[str, "tuple[int, int]"])
    """Kind of shared access -> (passes that it needs without conflicts, further passes because of them)."""

    def share(self, *prefixes: str) -> float:
        """The part of all executed warp instructions whose opcode begins with one of ``prefixes``."""
        return _share(self.executed, prefixes)

    @property
    def steps(self) -> int:
        """Warp instructions that ran."""
        return sum(self.executed.values())


def _share(counts: Mapping[str, int], prefixes: tuple[str, ...]) -> float:
    total = sum(counts.values())
    return sum(count for opcode, count in counts.items() if opcode.startswith(prefixes)) / max(total, 1)


class Counters:
    """Counts while a kernel runs."""

    def __init__(self, steps: int, banks: bool) -> None:
        self.steps: Array = np.zeros(steps, np.int64)
        self._banks = banks
        self.conflicts: dict[str, tuple[int, int]] = {}

    def count(self, place: int, warps: int) -> None:
        """``warps`` warps ran the instruction at ``place``."""
        self.steps[place] += warps

    def shared_access(self, addresses: Array, size: int, kind: str) -> None:
        """Whole warps used ``size`` bytes at each of ``addresses``."""
        if self._banks and len(addresses) % 32 == 0:
            passes, extra = bank_passes(addresses, size)
            before = self.conflicts.get(kind, (0, 0))
            self.conflicts[kind] = (before[0] + passes, before[1] + extra)

    def matrix_access(self, rows: Array, kind: str) -> None:
        """Whole warps used rows of 16 bytes, eight at a time."""
        if self._banks:
            passes, extra = bank_passes(rows, 16)
            before = self.conflicts.get(kind, (0, 0))
            self.conflicts[kind] = (before[0] + passes, before[1] + extra)


def bank_passes(addresses: Array, size: int) -> tuple[int, int]:
    """Passes that warps need for ``size`` bytes a lane: without bank conflicts, and further ones.

    A pass moves at most 128 bytes, one 4-byte word from each of 32 banks; lanes that want the same word share
    it.  Accesses of 8 and 16 bytes go in halves and quarters of a warp.
    """
    width = max(size, 4)
    group = min(32, 128 // width)
    words = (addresses.astype(np.int64) // 4).reshape(-1, group)
    words = (words[:, :, None] + np.arange(width // 4)).reshape(len(words), -1)
    words.sort(axis=1)
    distinct = np.ones(words.shape, np.bool_)
    distinct[:, 1:] = words[:, 1:] != words[:, :-1]
    rows = np.broadcast_to(np.arange(len(words))[:, None], words.shape)
    per_bank = np.zeros((len(words), 32), np.int64)
    np.add.at(per_bank, (rows[distinct], words[distinct] % 32), 1)
    return len(words), int((per_bank.max(1) - 1).sum())


def innermost_loops(
    code: Sequence[Instruction], targets: Mapping[int, Sequence[int]], runs: Array
) -> list[Loop]:
    """The loops that hold no other, from the branches that go back.

    ``targets``: place of a branch -> the places it may go to;  ``runs``: how often each place ran.
    """
    loops: dict[int, int] = {}
    for place, goals in targets.items():
        for goal in goals:
            if goal <= place:
                loops[goal] = max(loops.get(goal, 0), place)
    inner = [
        (first, last)
        for first, last in loops.items()
        if not any(first <= other and loops[other] <= last for other in loops if other != first)
    ]
    found = [
        Loop(
            code[first].line,
            code[last].line,
            dict(Counter(instruction.opcode for instruction in code[first : last + 1]).most_common()),
            int(runs[first : last + 1].sum()),
        )
        for first, last in inner
    ]
    return sorted(found, key=lambda loop: -loop.executed)
