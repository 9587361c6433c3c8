"""Shared memory of a batch of CTAs: poisoned at first, its bounds checked, races between warps found.

Race detector: per byte, which warp wrote it and which read it since the CTA's last barrier.  A byte that
one warp writes may be used by another only after a barrier; one that is being filled by ``cp.async`` may
be used by nobody before it has landed.  What lanes of one warp do among themselves is in ``lane_races``.
"""

from __future__ import annotations

import numpy as np

from ptx.errors import BoundsError, RaceError
from ptx.lane_races import LaneRaces
from ptx.memory import (
    byte_pattern,
    check_alignment,
    gather,
    mark,
    padded,
    poison_of_bytes,
    scatter,
    scatter_alone,
)
from ptx.slots import Array, Lanes, Slot

SHARED_BASE = 0x400
"""The first shared address: not 0, so that a null pointer is out of bounds."""

_NOBODY, _SEVERAL, _IN_FLIGHT = 0, 254, 255


class SharedMemory:
    """``ctas`` pieces of ``size`` bytes, at equal addresses."""

    def __init__(self, ctas: int, size: int, races: bool, random: np.random.Generator) -> None:
        self.size = size
        self.stride = padded(size)
        self.data: Array = random.integers(0, 256, ctas * self.stride, dtype=np.uint8)
        self.poison: Array = np.full(ctas * self.stride, 0xFF, np.uint8)
        self.races = races and size > 0
        self.writer: Array = np.zeros(ctas * self.stride if self.races else 0, np.uint8)
        self.reader: Array = np.zeros(ctas * self.stride if self.races else 0, np.uint8)
        self.lanes = LaneRaces(ctas * self.stride if self.races else 0)

    def offsets(self, slot: Slot, lanes: Lanes, addresses: Array, total: int) -> Array:
        """Places in the storage of all CTAs, checked."""
        check_alignment(slot, lanes, addresses, total)
        inside = addresses.astype(np.uint64) - np.uint64(SHARED_BASE)
        if self.size < total or int(inside.max()) > self.size - total:
            wrong = (inside > np.uint64(max(self.size - total, 0))) | (self.size < total)
            address = int(addresses[int(np.argmax(wrong))])
            place = f"byte {address - SHARED_BASE} of shared memory, which has {self.size}"
            slot.fail(BoundsError, lanes, wrong, f"{total} bytes at {place}")
        return inside.view(np.int64) + slot.cta[lanes] * self.stride

    def load(
        self,
        slot: Slot,
        lanes: Lanes,
        addresses: Array,
        size: int,
        count: int,
        *,
        atomic: bool = False,
        together: bool = False,
    ) -> tuple[Array, Array | None]:
        """``count`` elements of ``size`` bytes a lane, and their poisoned bits.

        ``together``: lanes give addresses only, and what is there is all lanes'.
        """
        offsets = self.offsets(slot, lanes, addresses, size * count)
        if self.races and not atomic:
            self.note_read(slot, lanes, offsets, size, count)
            self.lanes.note_read(slot, lanes, offsets, size, count, together)
        poison = poison_of_bytes(self.poison, offsets, size, count)
        if poison is not None:
            slot.note_poison(lanes, poison)
        return gather(self.data, offsets, size, count), poison

    def store(
        self,
        slot: Slot,
        lanes: Lanes,
        addresses: Array,
        values: Array,
        poison: Array | None,
        *,
        atomic: bool = False,
        together: bool = False,
    ) -> None:
        """Put ``values``, ``[lanes, count]``, at ``addresses``."""
        size, count = values.dtype.itemsize, values.shape[1]
        offsets = self.offsets(slot, lanes, addresses, size * count)
        if self.races and not atomic:
            self.note_write(slot, lanes, offsets, size, count)
            self.lanes.note_write(slot, lanes, offsets, size, count, together)
            scatter_alone(slot, lanes, self.data, offsets, values)
        else:
            scatter(self.data, offsets, values)
        if poison is None:
            mark(self.poison, offsets, size, count, 0)
        else:
            scatter(self.poison, offsets, poison)

    def note_read(self, slot: Slot, lanes: Lanes, offsets: Array, size: int, count: int) -> None:
        """A read: nobody else may have written these bytes since the last barrier."""
        me = slot.index + 1
        writers = gather(self.writer, offsets, size, count)
        own = writers.dtype.type(byte_pattern(me, size))
        wrong = (writers != 0) & (writers != own)
        if wrong.any():
            self._judge(slot, lanes, wrong, writers, me, "reads shared memory")
        readers = gather(self.reader, offsets, size, count)
        if (readers != own).any():
            seen = readers.view(np.uint8)
            seen = np.where((seen == _NOBODY) | (seen == me), me, _SEVERAL).astype(np.uint8)
            scatter(self.reader, offsets, seen.view(readers.dtype).reshape(readers.shape))

    def note_write(self, slot: Slot, lanes: Lanes, offsets: Array, size: int, count: int) -> None:
        """A write: nobody else may have written or read these bytes since the last barrier."""
        me = slot.index + 1
        for storage, verb in ((self.writer, "written"), (self.reader, "read")):
            users = gather(storage, offsets, size, count)
            wrong = (users != 0) & (users != users.dtype.type(byte_pattern(me, size)))
            if wrong.any():
                self._judge(slot, lanes, wrong, users, me, f"overwrites shared memory that was {verb} before")
        mark(self.writer, offsets, size, count, me)

    def _judge(self, slot: Slot, lanes: Lanes, wrong: Array, users: Array, me: int, what: str) -> None:
        """Elements that are not wholly nobody's or wholly mine: is a byte among them another's?"""
        each = np.ascontiguousarray(users).view(np.uint8).reshape(len(users), -1)
        others = (each != _NOBODY) & (each != me)
        if not others.any():
            return
        lane = others.any(1)
        user = int(each[int(np.argmax(lane))][others[int(np.argmax(lane))]][0])
        if user == _IN_FLIGHT:
            who = "a cp.async is still filling it: wait for its group, then a barrier"
        elif user == _SEVERAL:
            who = "several other warps use it, and no barrier is between"
        else:
            who = f"warp {user - 1} uses it, and no barrier is between"
        slot.fail(RaceError, lanes, lane, f"{what}: {who}")

    def fly(self, slot: Slot, lanes: Lanes, offsets: Array, size: int) -> None:
        """A ``cp.async`` into ``size`` bytes begins: until it lands, they are poison and in flight."""
        word = min(size, 8)
        if self.races:
            self.note_write(slot, lanes, offsets, word, size // word)
            self.lanes.note_write(slot, lanes, offsets, word, size // word, False)
            mark(self.writer, offsets, word, size // word, _IN_FLIGHT)
        mark(self.poison, offsets, word, size // word, 0xFF)

    def land(
        self,
        slot: Slot,
        lanes: Array,
        offsets: Array,
        data: Array,
        poison: Array | None,
        early: bool = False,
    ) -> None:
        """A ``cp.async`` of ``data``, ``[lanes, words]``, ends; ``early``: the bytes are there."""
        size, count = data.dtype.itemsize, data.shape[1]
        if not early:
            scatter(self.data, offsets, data)
        if self.races:
            mark(self.writer, offsets, size, count, slot.index + 1)
            self.lanes.note_landing(slot, lanes, offsets, size, count)
        if poison is None:
            mark(self.poison, offsets, size, count, 0)
        else:
            scatter(self.poison, offsets, poison)

    def barrier(self, ctas: Array) -> None:
        """All warps of ``ctas`` have met: what they did before is over, but for copies in flight."""
        if self.races:
            rows = self.writer.reshape(-1, self.stride)
            rows[ctas] = np.where(rows[ctas] == _IN_FLIGHT, _IN_FLIGHT, _NOBODY)
            for marks in (self.reader, self.lanes.writer, self.lanes.reader):
                marks.reshape(-1, self.stride)[ctas] = _NOBODY

    def warp_barrier(self, slot: Slot, lanes: Lanes) -> None:
        """The lanes of some warps have met: each may use what the others of its warp did."""
        if self.races:
            ctas = np.unique(slot.cta[lanes])
            for users, marks in ((self.writer, self.lanes.writer), (self.reader, self.lanes.reader)):
                mine = users.reshape(-1, self.stride)[ctas] == slot.index + 1
                rows = marks.reshape(-1, self.stride)
                rows[ctas] = np.where(mine, _NOBODY, rows[ctas])


class LocalMemory:
    """``size`` bytes of each thread's own, poisoned at first."""

    def __init__(self, slot: Slot, size: int) -> None:
        self.size = size
        self.stride = padded(size)
        self.data: Array = np.full(slot.size * self.stride, 0xA5, np.uint8)
        self.poison: Array = np.full(slot.size * self.stride, 0xFF, np.uint8)

    def _offsets(self, slot: Slot, lanes: Lanes, addresses: Array, total: int) -> Array:
        check_alignment(slot, lanes, addresses, total)
        inside = addresses.astype(np.uint64) - np.uint64(LOCAL_BASE)
        wrong = (inside > np.uint64(max(self.size - total, 0))) | (self.size < total)
        if wrong.any():
            address = int(addresses[int(np.argmax(wrong))])
            place = f"byte {address - LOCAL_BASE} of local memory, which has {self.size}"
            slot.fail(BoundsError, lanes, wrong, f"{total} bytes at {place}")
        return inside.view(np.int64) + slot.indices(lanes) * self.stride

    def load(
        self, slot: Slot, lanes: Lanes, addresses: Array, size: int, count: int
    ) -> tuple[Array, Array | None]:
        """``count`` elements of ``size`` bytes a lane, and their poisoned bits."""
        offsets = self._offsets(slot, lanes, addresses, size * count)
        poison = poison_of_bytes(self.poison, offsets, size, count)
        if poison is not None:
            slot.note_poison(lanes, poison)
        return gather(self.data, offsets, size, count), poison

    def store(self, slot: Slot, lanes: Lanes, addresses: Array, values: Array, poison: Array | None) -> None:
        """Put ``values``, ``[lanes, count]``, at ``addresses``."""
        size, count = values.dtype.itemsize, values.shape[1]
        offsets = self._offsets(slot, lanes, addresses, size * count)
        scatter(self.data, offsets, values)
        if poison is None:
            mark(self.poison, offsets, size, count, 0)
        else:
            scatter(self.poison, offsets, poison)


LOCAL_BASE = 0x400
SHARED_WINDOW = 0x5000_0000_0000
"""Where shared memory lies in generic addresses."""
LOCAL_WINDOW = 0x6000_0000_0000
"""Where local memory lies in generic addresses."""
