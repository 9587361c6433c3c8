"""Tensors of 4-bit integers, two a byte: how an ``.ivit`` file keeps those of its integer module."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

LOW, HIGH = -8, 7


def fits(array: NDArray[Any]) -> bool:
    """Whether ``array`` is int8 with values in [-8, 7] alone."""
    return array.dtype == np.int8 and array.size > 1 and int(array.min()) >= LOW and int(array.max()) <= HIGH


def pack(array: NDArray[Any]) -> NDArray[np.uint8]:
    """int8 values in [-8, 7] of any shape as bytes: first the even element (low nibble), then the odd one."""
    codes = (array.reshape(-1) & 15).astype(np.uint8)
    codes = np.append(codes, np.zeros(codes.size % 2, np.uint8))
    return np.bitwise_or(codes[0::2], codes[1::2] << 4, dtype=np.uint8)


def unpack(data: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.int8]:
    """What ``pack`` took, of ``shape``; ValueError where the bytes are not as many as it needs."""
    count = prod(shape)
    if min(shape, default=0) < 0 or data.size != (count + 1) // 2:
        raise ValueError(f"{data.size} bytes do not hold {list(shape)} integers of 4 bits")
    codes = np.stack([data & 15, data >> 4], axis=-1).reshape(-1)[:count]
    return ((codes ^ 8).astype(np.int8) - 8).reshape(shape)
