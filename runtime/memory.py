"""Memory as native code wants it: at multiples of the widest vector."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ALIGNMENT = 64
"""Bytes: the width of a cache line and of the widest vector."""


def aligned_bytes(size: int) -> NDArray[np.uint8]:
    """``size`` bytes from a multiple of ``ALIGNMENT`` on, of any content."""
    backing = np.empty(size + ALIGNMENT, np.uint8)
    start = -backing.ctypes.data % ALIGNMENT
    return backing[start : start + size]


def aligned(data: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """``data`` [bytes] itself where it lies at a multiple of ``ALIGNMENT``, else a copy that does."""
    if data.ctypes.data % ALIGNMENT == 0 and data.flags.c_contiguous:
        return data
    copy = aligned_bytes(data.size)
    copy[:] = data
    return copy
