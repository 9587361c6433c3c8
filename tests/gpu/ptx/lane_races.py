"""Races inside a warp: what one lane stores to shared memory, another may use only after ``bar.warp.sync``.

Lanes of a warp need not run in step; only barriers order what they do in memory.
"""

from __future__ import annotations

import numpy as np

from ptx.errors import RaceError
from ptx.memory import byte_pattern, gather, scatter
from ptx.slots import Array, Lanes, Slot

TOGETHER = 253
"""In place of a lane: an instruction such as ``ldmatrix``, whose bytes are all lanes'."""

_SEVERAL = 254


class LaneRaces:
    """Per byte of shared memory, which lane (from 1 on) wrote it, and which read it, since its warp met."""

    def __init__(self, size: int) -> None:
        self.writer: Array = np.zeros(size, np.uint8)
        self.reader: Array = np.zeros(size, np.uint8)

    def note_read(
        self, slot: Slot, lanes: Lanes, offsets: Array, size: int, count: int, together: bool
    ) -> None:
        """No other lane may have written these bytes."""
        mine = _marks(slot, lanes, size, count, together)
        self._check(slot, lanes, self.writer, offsets, mine, "reads shared memory that {} wrote")
        before = gather(self.reader, offsets, size, count).view(np.uint8)
        own = mine.view(np.uint8)
        seen = np.where((before == 0) | (before == own), own, np.uint8(_SEVERAL))
        scatter(self.reader, offsets, seen.view(mine.dtype))
        shared = gather(self.reader, offsets, size, count) != seen.view(mine.dtype)
        if shared.any():  # lanes that read the same place at once
            where = np.max(shared, axis=1)
            several = np.full((int(where.sum()), count), byte_pattern(_SEVERAL, size), mine.dtype)
            scatter(self.reader, offsets[where], several)

    def note_write(
        self, slot: Slot, lanes: Lanes, offsets: Array, size: int, count: int, together: bool
    ) -> None:
        """No other lane may have written or read these bytes."""
        mine = _marks(slot, lanes, size, count, together)
        self._check(slot, lanes, self.writer, offsets, mine, "overwrites shared memory that {} wrote")
        self._check(slot, lanes, self.reader, offsets, mine, "overwrites shared memory that {} read")
        scatter(self.writer, offsets, mine)

    def note_landing(self, slot: Slot, lanes: Lanes, offsets: Array, size: int, count: int) -> None:
        """What ``lanes`` copied has landed: they know, and no other lane does."""
        scatter(self.writer, offsets, _marks(slot, lanes, size, count, False))

    def _check(
        self, slot: Slot, lanes: Lanes, storage: Array, offsets: Array, mine: Array, what: str
    ) -> None:
        users = gather(storage, offsets, mine.dtype.itemsize, mine.shape[1])
        if not ((users != 0) & (users != mine)).any():
            return
        each, own = users.view(np.uint8), mine.view(np.uint8)
        others = (each != 0) & (each != own)
        if others.any():
            wrong = np.max(others, axis=1)
            user = int(each[others][0])
            who = f"lane {user - 1} of the same warp" if user < TOGETHER else "other lanes of the same warp"
            slot.fail(RaceError, lanes, wrong, f"{what.format(who)}, and no bar.warp.sync is between")


def _marks(slot: Slot, lanes: Lanes, size: int, count: int, together: bool) -> Array:
    """``[lanes, count]``: elements whose bytes all are the lane's number."""
    numbers = slot.lane[lanes] + 1
    if together:
        numbers = np.full_like(numbers, TOGETHER)
    dtype = np.dtype(f"u{size}")
    marks = numbers.astype(dtype) * dtype.type(byte_pattern(1, size))
    return np.repeat(marks[:, None], count, axis=1)
