"""256-entry tables, correctly rounded from float64 (methods.md 6 and 7)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from passes.quantization.scales import Scale

SOFTMAX_RANGE = 8.0
"""Differences from the row maximum beyond which an exponential counts as 0: e^-8 is a twelfth of a code."""
SOFTMAX_STEPS = 255
TABLE_BITS = 8
EXPONENTIAL_ONE = 1 << 16
EXPONENTIAL_RANGE = 10.5
"""Of the exponentials in Q16: e^-10.5 is less than a step of 15 bits."""


def softmax_table(bits: int = 8) -> NDArray[np.uint8]:
    """uint8 [256]: ``round(255 * e^(-8 i / 255))``; entry 0 is 255, the clamped tail, entry 255, is 0.

    Below 8 bits the entries are the nearest of ``softmax_levels(bits)``, so that codes of ``bits`` say all.
    """
    steps = np.arange(SOFTMAX_STEPS + 1, dtype=np.float64)
    exponentials = 255.0 * np.exp(-SOFTMAX_RANGE / SOFTMAX_STEPS * steps)
    table = np.rint(exponentials).astype(np.uint8)
    if bits < TABLE_BITS:
        levels = softmax_levels(bits)
        table = levels[np.abs(exponentials[:, None] - levels[None, :].astype(np.float64)).argmin(axis=1)]
    table[SOFTMAX_STEPS] = 0
    return table


def softmax_levels(bits: int) -> NDArray[np.uint8]:
    """uint8 [2^bits], falling from 255 to 0: floating point of ``bits - 3`` bits of mantissa over 8 octaves.

    Four bits are 255, 170, 128, 85, 64, … 3, 2, 0: each next to a power of two or halfway between two. The
    division by the row's sum is left for later, so that a code need only be right beside the row's largest;
    that is what uniform, log2 and SULQ codes of divided probabilities have to spend codes on.
    """
    mantissas = np.arange(1 << max(bits - 3, 0)) / (1 << max(bits - 3, 0)) + 1.0
    levels = np.sort((mantissas[None, :] * np.exp2(np.arange(8.0))[:, None]).ravel())[::-1]
    kept = np.rint(levels[: (1 << bits) - 1] * (255.0 / levels[0]))
    return np.append(kept, 0).astype(np.uint8)


def exponential_table() -> NDArray[np.int32]:
    """int32 [256]: ``round(2^16 * e^(-10.5 i / 255))``; the clamped tail, entry 255, is 0."""
    steps = np.arange(SOFTMAX_STEPS + 1, dtype=np.float64)
    table = np.rint(EXPONENTIAL_ONE * np.exp(-EXPONENTIAL_RANGE / SOFTMAX_STEPS * steps)).astype(np.int32)
    table[SOFTMAX_STEPS] = 0
    return table


def gelu(x: float, approximate: str) -> float:
    """GELU as torch defines it: ``approximate`` is "none" (erf) or "tanh". ValueError for anything else."""
    if approximate == "none":
        return 0.5 * x * (1.0 + math.erf(x / math.sqrt(2.0)))
    if approximate == "tanh":
        return 0.5 * x * (1.0 + math.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3)))
    raise ValueError(f"gelu(approximate={approximate!r}) is not known; use 'none' or 'tanh'")


def gelu_table(
    source: Scale, target: Scale, approximate: str = "none", source_bits: int = 8, target_bits: int = 8
) -> NDArray[np.int8] | NDArray[np.int16]:
    """[2^source_bits]: entry ``i`` is GELU of the integer ``i - 2^(source_bits-1)`` at ``source``, at
    ``target``.
    """
    half, most = 1 << (source_bits - 1), (1 << (target_bits - 1)) - 1
    codes = np.arange(-half, half)
    values = [gelu(source.step * (int(code) - source.zero_point), approximate) for code in codes]
    quantised = np.floor(np.array(values) / target.step + 0.5) + target.zero_point
    clipped = np.clip(quantised, -most - 1, most)
    return clipped.astype(np.int8) if target_bits <= 8 else clipped.astype(np.int16)
