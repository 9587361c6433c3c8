"""Reference of L1 LayerNorm over the last dimension of int16 rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from ivit_dialect.reference.arithmetic import sum_exact
from ivit_dialect.reference.elementwise import affine
from ivit_dialect.reference.ranges import INT32_MAX, IntegerArray, as_int64, narrow


def l1_layernorm(
    x: IntegerArray, scale: IntegerArray, offset: IntegerArray, shift: int, out: DTypeLike
) -> IntegerArray:
    """L1 LayerNorm (Fully-8bit, Lin et al. 2020; methods.md 5): no square, no root.

    ``u = floor((2 * sum x + C) / 2C); d = x - u; h = d * floor((2^31 - 1) / max(1, sum |d|))``, of magnitude
    below 2^31; ``y = affine(h)``. Rows of equal values give 0. Raises OverflowError as ``affine``.
    """
    value = as_int64(x)
    channels = value.shape[-1]
    mean = (2 * sum_exact(value, -1) + channels) // (2 * channels)
    difference = value - mean
    deviation = np.maximum(sum_exact(np.abs(difference), -1), 1)
    normalised = difference * (INT32_MAX // deviation)
    return affine(narrow(normalised, np.int32, "l1_layernorm"), scale, offset, shift, out)
