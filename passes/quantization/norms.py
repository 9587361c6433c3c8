"""LayerNorm's affine end in integers: gamma, beta, zero point, the rounding half (methods.md 5)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from passes.quantization.dyadic import MAX_SHIFT, NumberError
from passes.quantization.scales import Scale

EXACT_UNIT = 2.0**-20
"""``ivit.layernorm`` hands the normalised value on in Q20."""
EXACT_SCALE_BITS = 30
I_SCALE_BITS = 29
"""|h| reaches 2^31 in L1 LayerNorm (and 2^26 in the exact one), so that ``h * scale`` stays below 2^61."""
OFFSET_BITS = 61


@dataclass(frozen=True)
class NormIntegers:
    """``y = (h * scale + offset) >> shift``: int32 [C], int64 [C]."""

    scale: NDArray[np.int32]
    offset: NDArray[np.int64]
    shift: int


def exact_norm(gamma: NDArray[np.float64], beta: NDArray[np.float64], target: Scale) -> NormIntegers:
    """The end of ``ivit.layernorm``; any gamma (0, negative) and any finite beta will do."""
    return _affine(
        gamma * (EXACT_UNIT / target.step), beta / target.step + target.zero_point, EXACT_SCALE_BITS
    )


def i_norm(gamma: NDArray[np.float64], beta: NDArray[np.float64], target: Scale) -> NormIntegers:
    """The end of ``ivit.i_layernorm``, whose unit is ``sqrt(C) / 2^30`` (I-ViT Sec. 3.5)."""
    unit = math.sqrt(gamma.size) * 2.0**-30
    return _affine(gamma * (unit / target.step), beta / target.step + target.zero_point, I_SCALE_BITS)


def l1_norm(gamma: NDArray[np.float64], beta: NDArray[np.float64], target: Scale) -> NormIntegers:
    """The end of ``ivit.l1_layernorm``: of normally distributed rows ``std = sqrt(pi / 2) * mean |d|``."""
    unit = gamma.size / math.sqrt(math.pi / 2) * 2.0**-31
    return _affine(gamma * (unit / target.step), beta / target.step + target.zero_point, I_SCALE_BITS)


def norm_epsilon(eps: float, channels: int, source: Scale) -> int:
    """``eps`` in units of ``C * sum x^2 - (sum x)^2``; at least 1, so that a constant row divides by no zero.

    NumberError for 2^56 and more.
    """
    epsilon = max(1, round(eps * channels**2 / source.step**2))
    if epsilon >= 1 << 56:
        raise NumberError(f"layer_norm eps {eps} is too large for inputs of step {source.step}")
    return epsilon


def _affine(slope: NDArray[np.float64], offset: NDArray[np.float64], scale_bits: int) -> NormIntegers:
    """Integers for ``h * slope + offset``, rounded half up."""
    if not (np.all(np.isfinite(slope)) and np.all(np.isfinite(offset))):
        raise NumberError("layer_norm weight and bias must be finite")
    shift = min(
        MAX_SHIFT,
        scale_bits - _exponent(np.abs(slope).max(initial=0.0)),
        OFFSET_BITS - _exponent(np.abs(offset).max(initial=0.0)) - 1,
    )
    if shift < 1:
        raise NumberError("layer_norm weight or bias is too large for its output's scale")
    scale = np.rint(np.ldexp(slope, shift)).astype(np.int32)
    integers = [round(math.ldexp(float(value), shift)) + (1 << (shift - 1)) for value in offset]
    return NormIntegers(scale, np.array(integers, np.int64), shift)


def _exponent(magnitude: float) -> int:
    """The least e with ``magnitude < 2^e``; small enough not to matter for 0."""
    return math.frexp(magnitude)[1] if magnitude > 0 else -MAX_SHIFT
