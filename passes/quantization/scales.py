"""Quantisation steps and zero points from observed ranges (methods.md 1).

Another rule for a range (percentile, MSE, output error) is another function from ``Range`` to ``Range``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STREAM_HEADROOM = 1.25
"""The int16 residual stream holds a quarter more than calibration saw."""
OUTPUT_STEPS = 1 << 20
"""Steps of int32 results over the observed magnitude."""
GELU_LOWER_CLIP = -3.6
"""GELU is within 0.0006 of 0 from here down, so the 8-bit input need not resolve it."""
NEGLIGIBLE = 1e-12
"""Magnitudes below count as 0: a step for them would only overflow the multipliers of what follows."""
MOST_X0 = 1 << 16
"""ShiftExp's unit in bits that leave the row sums room; inputs that need more are all but equal."""


@dataclass(frozen=True)
class Range:
    """The smallest and largest value seen."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low <= self.high):
            raise ValueError(f"a range needs finite low <= high, got [{self.low}, {self.high}]")

    @property
    def magnitude(self) -> float:
        return max(abs(self.low), abs(self.high))

    @property
    def middle(self) -> float:
        return (self.low + self.high) / 2

    def shifted(self, offset: float) -> Range:
        return Range(self.low + offset, self.high + offset)

    def times(self, factor: float) -> Range:
        return Range(*sorted((self.low * factor, self.high * factor)))


@dataclass(frozen=True, eq=False)
class ChannelRange:
    """The smallest and largest value seen in each channel: float64 [C] each."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]

    @property
    def magnitude(self) -> NDArray[np.float64]:
        """float64 [C]."""
        return np.maximum(np.abs(self.low), np.abs(self.high))

    def times(self, factors: NDArray[np.float64]) -> ChannelRange:
        """Of the tensor whose channel ``c`` is multiplied by ``factors[c]``, of either sign."""
        ends = self.low * factors, self.high * factors
        return ChannelRange(np.minimum(*ends), np.maximum(*ends))

    def shifted(self, offsets: NDArray[np.float64]) -> ChannelRange:
        """Of the tensor with ``offsets[c]`` added to channel ``c``."""
        return ChannelRange(self.low + offsets, self.high + offsets)

    def whole(self) -> Range:
        """Of all channels together."""
        return Range(float(self.low.min()), float(self.high.max()))


@dataclass(frozen=True)
class Scale:
    """``real = step * (integer - zero_point)``."""

    step: float
    zero_point: int = 0


def symmetric(range_: Range, bits: int, headroom: float = 1.0) -> Scale:
    """``max|x| * headroom`` at ``2^(bits-1) - 1``; a range of zeros counts as [-1, 1]."""
    return Scale(_magnitude(range_) * headroom / ((1 << (bits - 1)) - 1))


def asymmetric(range_: Range, bits: int = 8) -> Scale:
    """The range, widened to hold 0, over all ``2^bits`` codes; the zero point is one of them."""
    low, high = min(range_.low, 0.0), max(range_.high, 0.0)
    if high - low < NEGLIGIBLE:
        return symmetric(range_, bits)
    step = (high - low) / ((1 << bits) - 1)
    lowest = -(1 << (bits - 1))
    return Scale(step, lowest - round(low / step))


def stream(range_: Range, bits: int = 16) -> Scale:
    """The residual stream; at 8 bits headroom would cost more than it saves."""
    return symmetric(range_, bits, STREAM_HEADROOM if bits == 16 else 1.0)


def output(range_: Range) -> Scale:
    """int32 results: 2^20 steps over the observed magnitude, 2^11 times that before anything clamps."""
    return Scale(_magnitude(range_) / OUTPUT_STEPS)


def gelu_input(range_: Range, bits: int = 8) -> Scale:
    """Asymmetric, without the tail on which GELU is zero."""
    return asymmetric(Range(max(min(range_.low, 0.0), GELU_LOWER_CLIP), max(range_.high, 0.0)), bits)


def plain_exponent(range_: Range, bits: int = 8) -> tuple[Scale, int]:
    """A symmetric scale and ``x0 = ceil(1 / S)``, as I-ViT's code has it: e^x is wrong by a factor."""
    scale = symmetric(range_, bits)
    return scale, min(max(math.ceil(1.0 / scale.step), 1), MOST_X0)


def reciprocal(range_: Range, bits: int = 8) -> tuple[Scale, int]:
    """A symmetric scale of step ``1 / x0`` for an integer ``x0``: ShiftExp then has no temperature error.

    ShiftExp takes the exponent for ``x * x0`` (methods.md 6): any other step makes e^x wrong by a factor.
    The step is never below the symmetric one, so nothing that was observed is clipped. Steps above 1 have no
    such x0: they stay as they are, with x0 = 1 (a flatter softmax rather than equal largest scores).
    """
    plain = symmetric(range_, bits)
    x0 = min(math.floor(1.0 / plain.step * (1 + 1e-12)), MOST_X0)
    return (Scale(1.0 / x0), x0) if x0 >= 1 else (plain, 1)


def _magnitude(range_: Range) -> float:
    return range_.magnitude if range_.magnitude >= NEGLIGIBLE else 1.0
