"""Weights per channel in int8, biases in int32 (methods.md 3).

Another way to round weights (GPTQ, AdaRound) or to choose their steps is another function that returns
``ChannelWeights``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from passes.quantization.dyadic import NumberError

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
    step: float,
    centre: float | NDArray[np.float64] = 0.0,
) -> ChannelWeights:
    """For inputs of real value ``step * (q - centre)``; ``centre`` (zero point or mean pixel) joins the bias.

    Symmetric per output channel (first dimension): ``max|w| / 127``, round half to even. The bias takes the
    rounded weights' products with ``centre``, so that their rounding errors meet values around 0. A channel
    whose bias would leave int32 gets a larger step instead (its weights are negligible beside it).
    NumberError for weights that are not finite, and where centre and bias leave int32 all the same.
    """
    if not (np.all(np.isfinite(weight)) and np.all(np.isfinite(bias))):
        raise NumberError("weights and biases must be finite")
    rows = weight.reshape(weight.shape[0], -1)
    largest = np.abs(rows).max(axis=1, initial=0.0)
    steps = np.maximum(largest / 127.0, np.abs(bias) / (step * (BIAS_LIMIT // 2)))
    divisors = np.where(steps > 0, steps, 1.0)
    integers = np.clip(np.rint(rows / divisors[:, None]), -127, 127)
    centres = np.broadcast_to(centre, weight.shape[1:]).reshape(-1)
    biases = np.rint(bias / (divisors * step) - integers @ centres)
    if np.abs(biases).max(initial=0.0) >= BIAS_LIMIT:
        raise NumberError(f"a bias leaves int32 beside its products ({rows.shape[1]} inputs to a channel)")
    return ChannelWeights(
        integers.reshape(weight.shape).astype(np.int8), biases.astype(np.int32), steps * step
    )
