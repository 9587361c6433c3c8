"""The bytes of one state space: gathered and scattered with bounds, alignment and poison checked."""

from __future__ import annotations

import numpy as np

from ptx.errors import AlignmentError, RaceError
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


def scatter_alone(slot: Slot, lanes: Lanes, storage: Array, offsets: Array, values: Array) -> None:
    """As :func:`scatter`; lanes that meet must bring the same values."""
    scatter(storage, offsets, values)
    differs = gather(storage, offsets, values.dtype.itemsize, values.shape[1]) != values
    if differs.any():
        wrong = np.max(differs, axis=1)
        slot.fail(RaceError, lanes, wrong, "several threads store different values to one place at once")


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
    """The poisoned bits of the elements at ``offsets``; None where there are none."""
    found = gather(storage, offsets, size, count)
    return found if found.any() else None
