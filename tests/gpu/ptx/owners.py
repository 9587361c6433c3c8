"""Races between CTAs in global memory: nothing orders them while a kernel runs, but for atomics."""

from __future__ import annotations

import numpy as np

from ptx.errors import RaceError
from ptx.memory import gather
from ptx.slots import Array, Lanes, Slot


class Owners:
    """Which CTA stored to each byte of one buffer in this launch."""

    def __init__(self, size: int) -> None:
        self._cta: Array = np.zeros(size, np.uint32)

    def check_load(self, slot: Slot, lanes: Lanes, offsets: Array, total: int) -> None:
        """No other CTA may have stored what is loaded."""
        owner = self._cta[offsets]
        wrong = (owner != 0) & (owner != _numbers(slot, lanes))
        if wrong.any():
            other = int(owner[int(np.argmax(wrong))]) - 1
            slot.fail(
                RaceError, lanes, wrong, f"reads {total} bytes that CTA number {other} stored in this launch"
            )

    def note_store(self, slot: Slot, lanes: Lanes, offsets: Array, storage: Array, values: Array) -> None:
        """Other values than another CTA has stored are a race; the same values again are none."""
        size, count = values.dtype.itemsize, values.shape[1]
        owner, numbers = self._cta[offsets], _numbers(slot, lanes)
        wrong = (owner != 0) & (owner != numbers)
        if wrong.any():
            differs = (gather(storage, offsets, size, count) != values).any(1)
            if (wrong & differs).any():
                other = int(owner[int(np.argmax(wrong & differs))]) - 1
                message = f"stores over what CTA number {other} stored in this launch, and not the same"
                slot.fail(RaceError, lanes, wrong & differs, message)
        self._cta[offsets[:, None] + np.arange(size * count)] = numbers[:, None]


def _numbers(slot: Slot, lanes: Lanes) -> Array:
    return (slot.first_cta + slot.cta[lanes] + 1).astype(np.uint32)
