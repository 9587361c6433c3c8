"""Global memory: the buffers that a kernel is given, each alone in its part of the address space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ptx.errors import BoundsError, ReadOnlyError
from ptx.memory import check_alignment, gather, mark, padded, poison_of_bytes, scatter, scatter_alone
from ptx.owners import Owners
from ptx.slots import Array, Lanes, Slot

_FIRST = 0x7F00_0000_0000
_GAP = 1 << 34


class Buffer:
    """An array in global memory.

    Args:
        array: its first content; the buffer works on a copy, which :attr:`array` shows.
        name: what errors call it.
        writable: whether a kernel may store to it.
        initialised: where False, its content is poison until a kernel stores to it.
        offset: bytes past a multiple of 256 at which it begins: what a slice of an arena may have.
    """

    def __init__(
        self,
        array: Array,
        name: str = "",
        *,
        writable: bool = True,
        initialised: bool = True,
        offset: int = 0,
    ) -> None:
        self.name = name
        self.writable = writable
        self.offset = offset
        self.size = array.nbytes
        self.base = 0
        self.fixed = False
        self._dtype, self._shape = array.dtype, array.shape
        self.storage: Array = np.zeros(padded(self.size), np.uint8)
        self.storage[: self.size] = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        self.poison: Array | None = None if initialised else np.full(padded(self.size), 0xFF, np.uint8)
        self.stored: Array = np.zeros(padded(self.size), np.uint8)
        self.constant_reader = ""
        self.first_writer = ""

    @property
    def array(self) -> Array:
        """The content, with the shape and dtype of the array that it began with."""
        return self.storage[: self.size].view(self._dtype).reshape(self._shape)

    @property
    def written(self) -> Array:
        """Which elements were stored to, whole, since the buffer was made: bool, of the array's shape."""
        marks = self.stored[: self.size].reshape(-1, self._dtype.itemsize)
        return np.min(marks, axis=1).astype(np.bool_).reshape(self._shape)


@dataclass(frozen=True)
class _Part:
    """The lanes of one access that go to one buffer."""

    buffer: Buffer
    offsets: Array
    chosen: Array | slice


class GlobalMemory:
    """The buffers of one launch, and the addresses that they have."""

    def __init__(self, buffers: list[Buffer], races: bool = True) -> None:
        self._races = races
        self._owners: dict[Buffer, Owners] = {}
        self.buffers = list(dict.fromkeys(buffers))
        position = _FIRST
        for buffer in self.buffers:
            buffer.constant_reader = buffer.first_writer = ""
            if buffer.poison is not None:  # of whole bytes, however its owner marked them
                buffer.poison = np.where(buffer.poison != 0, 0xFF, 0).astype(np.uint8)
            if buffer.fixed:
                continue
            buffer.base = position + buffer.offset
            position += padded(buffer.size + buffer.offset) + _GAP
            position = -(-position // 256) * 256

    def _parts(self, slot: Slot, lanes: Lanes, addresses: Array, total: int) -> list[_Part]:
        check_alignment(slot, lanes, addresses, total)
        first = self._find(int(addresses[0]))
        if first is not None and first.size >= total:
            offsets = addresses - np.uint64(first.base)  # an address below wraps to a huge offset
            if int(offsets.max()) <= first.size - total:
                return [_Part(first, offsets.view(np.int64), slice(None))]
        return self._several(slot, lanes, addresses, total)

    def _several(self, slot: Slot, lanes: Lanes, addresses: Array, total: int) -> list[_Part]:
        parts: list[_Part] = []
        left = np.ones(len(addresses), np.bool_)
        for buffer in self.buffers:
            offsets = addresses - np.uint64(buffer.base)
            inside = offsets <= np.uint64(max(buffer.size - total, 0))
            if buffer.size >= total and inside.any():
                chosen = np.flatnonzero(inside)
                parts.append(_Part(buffer, offsets[chosen].view(np.int64), chosen))
                left &= ~inside
        if left.any():
            address = int(addresses[int(np.argmax(left))])
            slot.fail(BoundsError, lanes, left, f"{total} bytes at {address:#x}: {self.describe(address)}")
        return parts

    def _find(self, address: int) -> Buffer | None:
        for buffer in self.buffers:
            if buffer.base <= address < buffer.base + buffer.size:
                return buffer
        return None

    def describe(self, address: int) -> str:
        """Where an address is, seen from the nearest buffer."""
        if not self.buffers:
            return "there are no buffers"
        nearest = min(
            self.buffers, key=lambda each: max(each.base - address, address - each.base - each.size)
        )
        offset = address - nearest.base
        if abs(offset) > _GAP + nearest.size:
            return "near no buffer"
        return f"at byte {offset} of buffer {nearest.name}, which has {nearest.size}"

    def load(
        self,
        slot: Slot,
        lanes: Lanes,
        addresses: Array,
        size: int,
        count: int,
        *,
        constant: bool = False,
        atomic: bool = False,
    ) -> tuple[Array, Array | None]:
        """``count`` elements of ``size`` bytes a lane, and their poisoned bits.

        ``constant``: the load promises that nothing writes there while the kernel runs (``ld.global.nc``);
        ``atomic``: it may read what other CTAs write.
        """
        values: Array = np.empty((len(addresses), count), f"u{size}")
        poison: Array | None = None
        for part in self._parts(slot, lanes, addresses, size * count):
            values[part.chosen] = gather(part.buffer.storage, part.offsets, size, count)
            if part.buffer in self._owners and not atomic:
                chosen = slot.indices(lanes)[part.chosen]
                self._owners[part.buffer].check_load(slot, chosen, part.offsets, size * count)
            if constant:
                self._promise(slot, part.buffer)
            if part.buffer.poison is not None:
                found = poison_of_bytes(part.buffer.poison, part.offsets, size, count)
                if found is not None:
                    poison = np.zeros_like(values) if poison is None else poison
                    poison[part.chosen] = found
        if poison is not None:
            slot.note_poison(lanes, poison)
        return values, poison

    def _promise(self, slot: Slot, buffer: Buffer) -> None:
        if buffer.first_writer:
            raise ReadOnlyError(
                f"{slot.place()}: reads buffer {buffer.name} as constant, but {buffer.first_writer} writes it"
            )
        if not buffer.constant_reader:
            buffer.constant_reader = slot.place()

    def check_store(self, slot: Slot, lanes: Lanes, poison: Any) -> None:
        """No poison leaves the kernel."""
        if poison is not None:
            wrong = (np.max(poison, axis=1) if poison.ndim == 2 else poison) != 0
            slot.fail_of_poison(lanes, wrong, "the value that is stored")

    def store(
        self,
        slot: Slot,
        lanes: Lanes,
        addresses: Array,
        values: Array,
        poison: Array | None,
        atomic: bool = False,
    ) -> None:
        """Put ``values``, ``[lanes, count]``, at ``addresses``."""
        self.check_store(slot, lanes, poison)
        size, count = values.dtype.itemsize, values.shape[1]
        for part in self._parts(slot, lanes, addresses, size * count):
            buffer = part.buffer
            if not buffer.writable or buffer.constant_reader:
                reason = buffer.constant_reader and f", which {buffer.constant_reader} reads as constant"
                raise ReadOnlyError(
                    f"{slot.place()}: stores to buffer {buffer.name}{reason or ', which is read-only'}"
                )
            buffer.first_writer = buffer.first_writer or slot.place()
            given = values[part.chosen]
            if self._races and not atomic:
                self._store_alone(slot, slot.indices(lanes)[part.chosen], part, given)
            else:
                scatter(buffer.storage, part.offsets, given)
            mark(buffer.stored, part.offsets, size, count, 1)
            if buffer.poison is not None:
                mark(buffer.poison, part.offsets, size, count, 0)

    def _store_alone(self, slot: Slot, lanes: Array, part: _Part, values: Array) -> None:
        buffer = part.buffer
        if buffer not in self._owners:
            self._owners[buffer] = Owners(buffer.size)
        self._owners[buffer].note_store(slot, lanes, part.offsets, buffer.storage, values)
        scatter_alone(slot, lanes, buffer.storage, part.offsets, values)
