"""The bytes of one state space: gathered and scattered with bounds, alignment and poison checked."""

from __future__ import annotations

from typing import Any

import numpy as np

from ptx.errors import AlignmentError
from ptx.slots import Array, Lanes, Slot

PAD = 64
"""Storage is padded to a multiple of this, so that it can be viewed as elements of every size."""


def padded(size: int) -> int:
    """``size`` rounded up to whole pads."""
    return -(-max(size, 1) // PAD) * PAD


def gather(storage: Array, offsets: Array, size: int, count: int) -> Array:
    """``count`` elements of ``size`` bytes at each of ``offsets``: ``[lanes, count]``."""
    elements = storage.view(f"u{size}").reshape(-1, count)
    return elements.take(offsets // (size * count), axis=0)


def scatter(storage: Array, offsets: Array, values: Array) -> None:
    """Put ``values``, ``[lanes, count]``, at ``offsets``; where two lanes meet, the last one wins."""
    count = values.shape[1]
    elements = storage.view(values.dtype).reshape(-1, count)
    elements[offsets // (values.dtype.itemsize * count)] = values


def mark(storage: Array, offsets: Array, size: int, count: int, value: int) -> None:
    """Put the byte ``value`` into every byte of the elements at ``offsets``."""
    scatter(storage, offsets, np.full((len(offsets), count), byte_pattern(value, size), f"u{size}"))


def byte_pattern(value: int, size: int) -> int:
    """A number of ``size`` bytes that all are ``value``."""
    return int.from_bytes(bytes([value]) * size, "little")


def check_alignment(slot: Slot, lanes: Lanes, addresses: Array, total: int) -> None:
    """Every address a multiple of ``total`` bytes, or an AlignmentError."""
    wrong = addresses & addresses.dtype.type(total - 1)
    if wrong.any():
        address = int(addresses[int(np.argmax(wrong != 0))])
        slot.fail(
            AlignmentError, lanes, wrong != 0, f"address {address:#x} is not a multiple of {total} bytes"
        )


def poison_of_bytes(storage: Array, offsets: Array, size: int, count: int) -> Array | None:
    """Which of the elements at ``offsets`` have a poisoned byte; None where none has."""
    found = gather(storage, offsets, size, count) != 0
    return found if found.any() else None


def store_poison(storage: Array, offsets: Array, size: int, poison: Array) -> None:
    """Mark the bytes of the elements at ``offsets``: poison where ``poison``, ``[lanes, count]``, says so."""
    pattern: Any = np.array(byte_pattern(1, size), f"u{size}")
    scatter(storage, offsets, poison * pattern)
