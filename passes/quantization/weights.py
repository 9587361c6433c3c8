"""Weights per channel in int8, biases in int32 (methods.md 3).

Other ways to round weights and to choose their steps (``passes.rounding``) hand in their integers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from passes.graph.nodes import RoundedWeight
from passes.quantization.dyadic import NumberError
from passes.quantization.scales import Scale

BIAS_LIMIT = 1 << 30
"""Half of int32 for the bias, the other half for the products."""


@dataclass(frozen=True)
class ChannelWeights:
    """int8 [O, ...], int32 [O], and the step of each channel's accumulator (float64 [O], 0 for all zero)."""

    weight: NDArray[np.int8]
    bias: NDArray[np.int32]
    steps: NDArray[np.float64]


def quantize_weights(
    weight: NDArray[np.float64],
    bias: NDArray[np.float64],
    source: Scale,
    bits: int = 8,
    centre: NDArray[np.float64] | None = None,
    rounded: RoundedWeight | None = None,
) -> ChannelWeights:
    """For inputs of scale ``source``; ``centre`` [...] (the mean pixel) counts as 0 instead of its zero
    point.

    Symmetric per output channel (first dimension): ``max|w| / (2^(bits-1) - 1)``, round half to even,
    unless ``rounded`` has integers already. The bias takes the rounded weights' products with the zero
    point, so that their rounding errors meet values around 0. A channel whose bias would leave int32 gets a
    larger step instead (its weights are negligible beside it). NumberError for weights that are not finite,
    and where centre and bias leave int32 all the same.
    """
    if not (np.all(np.isfinite(weight)) and np.all(np.isfinite(bias))):
        raise NumberError("weights and biases must be finite")
    rows = weight.reshape(weight.shape[0], -1)
    least = np.abs(bias) / (source.step * (BIAS_LIMIT // 2))
    most = (1 << (bits - 1)) - 1
    if rounded is not None and np.all(rounded.steps >= least):
        steps, integers = rounded.steps, rounded.integers.astype(np.float64)
        divisors = np.where(steps > 0, steps, 1.0)
    else:
        steps = np.maximum(np.abs(rows).max(axis=1, initial=0.0) / most, least)
        divisors = np.where(steps > 0, steps, 1.0)
        integers = np.clip(np.rint(rows / divisors[:, None]), -most, most)
    centres = np.broadcast_to(source.zero_point if centre is None else centre, weight.shape[1:]).reshape(-1)
    biases = np.rint(bias / (divisors * source.step) - integers @ centres)
    if np.abs(biases).max(initial=0.0) >= BIAS_LIMIT:
        raise NumberError(f"a bias leaves int32 beside its products ({rows.shape[1]} inputs to a channel)")
    return ChannelWeights(
        integers.reshape(weight.shape).astype(np.int8), biases.astype(np.int32), steps * source.step
    )
