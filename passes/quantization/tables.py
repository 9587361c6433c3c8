"""256-entry tables, correctly rounded from float64 (methods.md 6 and 7)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from passes.quantization.scales import Scale

SOFTMAX_RANGE = 8.0
"""Differences from the row maximum beyond which an exponential counts as 0: e^-8 is a twelfth of a code."""
SOFTMAX_STEPS = 255


def softmax_table() -> NDArray[np.uint8]:
    """uint8 [256]: ``round(255 * e^(-8 i / 255))``; entry 0 is 255, the clamped tail, entry 255, is 0."""
    steps = np.arange(SOFTMAX_STEPS + 1, dtype=np.float64)
    table = np.rint(255.0 * np.exp(-SOFTMAX_RANGE / SOFTMAX_STEPS * steps)).astype(np.uint8)
    table[SOFTMAX_STEPS] = 0
    return table


EXPONENTIAL_ONE = 1 << 16
EXPONENTIAL_RANGE = 10.5
"""Of the exponentials in Q16: e^-10.5 is less than a step of 15 bits."""


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
