"""FQ-ViT's integers: shifts of codes, powers-of-two factors by squared error, the end of its LayerNorm."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ivit_dialect.ops.fqvit import MOST_CODE_BITS, MOST_FACTOR, OFFSET_BITS
from ivit_dialect.ops.shift_matmul import MOST_SHIFT, ZERO_SHIFT
from passes.quantization import scales
from passes.quantization.dyadic import NumberError, channel_dyadics
from passes.quantization.norms import NormIntegers
from passes.quantization.scales import ChannelRange, Range, Scale

CODE_BITS = MOST_CODE_BITS
LOWEST, HIGHEST = -128, 127
POINTS = 257
"""At which a channel's error is measured, evenly over its range."""


def code_shifts(bits: int) -> NDArray[np.int8]:
    """int8 [2^bits + 1]: what ``ivit.shift_matmul`` makes of codes: ``2^-k`` in units of 2^-15, and 0."""
    return np.array([*(MOST_SHIFT - k for k in range(1 << bits)), ZERO_SHIFT], np.int8)


def ptf_scale(range_: Range) -> Scale:
    """The smallest scale of a channel, an eighth of the tensor's in 8 bits, and the zero point of all.

    The zero point is the tensor's, as in the released code.
    """
    whole = scales.asymmetric(range_)
    return Scale(whole.step / (1 << MOST_FACTOR), whole.zero_point)


def ptf_factors(ranges: ChannelRange | None, scale: Scale, channels: int) -> NDArray[np.int8]:
    """int8 [C]: of the factors 0 to 3, the one with the least squared error over each channel's range.

    The released code takes the error over calibration images, here values count as spread evenly. Without
    ``ranges`` all channels have the scale of the tensor.
    """
    if ranges is None:
        return np.full(channels, MOST_FACTOR, np.int8)
    x = np.linspace(ranges.low, ranges.high, POINTS)
    steps = scale.step * 2.0 ** np.arange(MOST_FACTOR + 1)
    codes = np.rint(x[..., None] / steps) + scale.zero_point
    error = (np.clip(codes, LOWEST, HIGHEST) - scale.zero_point) * steps - x[..., None]
    return np.argmin(np.square(error).mean(axis=0), axis=-1).astype(np.int8)


def ptf_integers(gamma: NDArray[np.float64], beta: NDArray[np.float64], target: Scale) -> NormIntegers:
    """The end of ``ivit.ptf_layernorm``: ``gamma * C`` and ``beta`` in steps of ``target``.

    NumberError for a beta beyond 2^21 steps.
    """
    scale, shift = channel_dyadics(gamma * (gamma.size / target.step))
    starts = np.rint(np.ldexp(beta / target.step + target.zero_point, OFFSET_BITS))
    if not np.all(np.abs(starts) < 2.0 ** (OFFSET_BITS + 21)):
        raise NumberError("layer_norm bias is too large for its output's scale")
    return NormIntegers(scale, starts.astype(np.int64), shift)
