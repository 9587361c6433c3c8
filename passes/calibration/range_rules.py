"""Ranges of an activation from a sample of it: minimum and maximum, percentiles, least squared error.

Each rule takes any array of finite values and returns the ``Range`` that the scale rules of
``passes.quantization.scales`` then take; what lies outside is clipped. The same sample gives the same range.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from passes.calibration.samples import condensed, require_sample
from passes.quantization.scales import Range, Scale, asymmetric, symmetric

FACTORS: tuple[float, ...] = tuple(2.0 ** (-i / 8) for i in range(49))
"""Of an observed end, tried by ``mse``: 1 to 1/64, eight an octave."""
ROUNDS = 3
"""Of a search over two ends, one after the other."""


def minmax(sample: NDArray[np.floating]) -> Range:
    """The smallest and largest value (I-ViT Eq. 6, without its average over batches): nothing is clipped."""
    require_sample(sample)
    return Range(float(sample.min()), float(sample.max()))


def percentile(sample: NDArray[np.floating], percent: float = 99.99) -> Range:
    """Both ends cut: from percentile ``100 - percent`` to ``percent``, linear between neighbouring values.

    (Wu et al., arXiv 2004.09602, Section 5.) ValueError for a percentage outside (50, 100].
    """
    if not 50.0 < percent <= 100.0:
        raise ValueError(f"a percentile of a range lies in (50, 100], got {percent}")
    require_sample(sample)
    low, high = np.percentile(sample, (100.0 - percent, percent))
    return Range(float(low), float(high))


def mse(sample: NDArray[np.floating], bits: int, is_symmetric: bool = False) -> Range:
    """The range whose scale gives the least mean squared error (LAPQ, arXiv 1911.07190, with p = 2).

    Searched as ``search`` says, on the sample as ``condensed`` gives it.
    """
    observed = minmax(sample)
    values, counts = condensed(sample, bits)

    def error(range_: Range) -> float:
        difference = rounded_to(values, scale_of(range_, bits, is_symmetric), bits) - values
        return float(counts @ (difference * difference))

    return search(observed, error, is_symmetric)


def search(
    observed: Range,
    error: Callable[[Range], float],
    is_symmetric: bool,
    factors: tuple[float, ...] = FACTORS,
) -> Range:
    """The range of least ``error`` among clipped forms of ``observed``, the widest where several are equal.

    Tried are both ends times each factor; then, unless the scale is symmetric or the values all of one sign,
    one end at a time with the other held, at most ``ROUNDS`` times. Never worse than ``observed``.
    """
    measured = cache(error)
    best = min([_clipped(observed, factor, factor) for factor in factors], key=measured)
    if is_symmetric or observed.low >= 0.0 or observed.high <= 0.0:
        return best
    for _ in range(ROUNDS):
        before = best
        best = min([best, *(Range(observed.low * factor, best.high) for factor in factors)], key=measured)
        best = min([best, *(Range(best.low, observed.high * factor) for factor in factors)], key=measured)
        if best == before:
            break
    return best


def scale_of(range_: Range, bits: int, is_symmetric: bool) -> Scale:
    """The scale that ``range_`` will get."""
    return symmetric(range_, bits) if is_symmetric else asymmetric(range_, bits)


def rounded_to(values: NDArray[np.floating], scale: Scale, bits: int) -> NDArray[np.floating]:
    """``values`` as ``bits``-bit signed integers of ``scale`` have them (half to even, saturated)."""
    limit = 1 << (bits - 1)
    codes = np.clip(np.rint(values / scale.step) + scale.zero_point, -limit, limit - 1)
    return scale.step * (codes - scale.zero_point)


def _clipped(observed: Range, low: float, high: float) -> Range:
    """Ends move towards 0; an end between 0 and the other goes no further than that one."""
    if observed.low >= 0.0:
        return Range(min(observed.low, observed.high * high), observed.high * high)
    if observed.high <= 0.0:
        return Range(observed.low * low, max(observed.high, observed.low * low))
    return Range(observed.low * low, observed.high * high)
