"""AdaRound (Nagel et al., arXiv 2004.10568): up or down for each weight, learned on the layer's output error.

The error is taken from the Gram matrix (Eq. 13), so a step of Adam costs one product [O, I] x [I, I] whatever
the number of images.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from passes.rounding.nearest import better_rows, in_steps, round_nearest
from passes.rounding.weight_steps import largest_code

ZETA, GAMMA = 1.1, -0.1
"""The rectified sigmoid's stretch (Eq. 23): 0 and 1 are reached at finite arguments."""
FIRST_MOMENT, SECOND_MOMENT, ADAM_EPSILON = 0.9, 0.999, 1e-8


@dataclass(frozen=True)
class AdaRoundOptions:
    """``regularisation`` weighs Eq. 24 against the output error over that of independent roundings.

    It grows by the factor ``ramp`` over the iterations: where inputs are correlated, no fixed one both leaves
    the error in charge and decides every rounding.
    """

    iterations: int = 300
    learning_rate: float = 0.03
    regularisation: float = 0.01
    ramp: float = 1e4
    warm_up: float = 0.1
    """Of the iterations, without regularisation."""
    first_beta: float = 20.0
    last_beta: float = 2.0


DEFAULT = AdaRoundOptions()


def adaround(
    weight: NDArray[np.float64],
    steps: NDArray[np.float64],
    bits: int,
    gram: NDArray[np.float64],
    options: AdaRoundOptions = DEFAULT,
) -> NDArray[np.int8]:
    """int8 [O, I] for weight [O, I], steps [O] and the inputs' Gram matrix [I, I].

    Every integer is one of the two beside its weight (what AdaRound can reach), or the end of the range for
    a weight beyond it. A row that nearest rounding serves better, by output error, is rounded to nearest.
    ``coordinate_descent.improve`` takes the result further where other integers may be used.
    """
    nearest = round_nearest(weight, steps, bits)
    # Rounding errors that are independent have variance 1/12: their output error is the unit of the loss.
    mean = float(np.mean(np.diag(gram)))
    unit = float(np.mean(steps**2)) * mean / 12
    if unit <= 0.0:
        return nearest
    _, exponent = np.frexp(mean)  # float32 holds what is multiplied by that power of two
    gram32 = np.ldexp(gram, -exponent).astype(np.float32)
    row_weights = (steps**2 / np.ldexp(unit, -exponent)).astype(np.float32)
    code = largest_code(bits)
    scaled = in_steps(weight, steps)
    floor = np.clip(np.floor(scaled), -code, code - 1)
    fraction = (scaled - floor).astype(np.float32)
    up = _learned(fraction, row_weights, gram32, options)
    codes = (floor + up).astype(np.int8)
    return better_rows(weight, steps, gram, codes, nearest)


def _learned(
    fraction: NDArray[np.float32],
    row_weights: NDArray[np.float32],
    gram: NDArray[np.float32],
    options: AdaRoundOptions,
) -> NDArray[np.bool_]:
    """Which weights go up: Adam on V, from h(V) = ``fraction`` (Eqs. 21 to 24)."""
    stretched = np.clip((fraction - GAMMA) / (ZETA - GAMMA), 1e-4, 1 - 1e-4)
    v = np.log(stretched / (1 - stretched)).astype(np.float32)
    first, second = np.zeros_like(v), np.zeros_like(v)
    for iteration in range(1, options.iterations + 1):
        sigmoid = np.reciprocal(1 + np.exp(-v), dtype=np.float32)
        h = np.clip(sigmoid * np.float32(ZETA - GAMMA) + np.float32(GAMMA), 0, 1, dtype=np.float32)
        gradient = 2 * ((h - fraction) @ gram) * row_weights[:, None]
        gradient += _regulariser_gradient(h, iteration, options)
        inside = (h > 0) & (h < 1)
        gradient *= inside * np.float32(ZETA - GAMMA) * sigmoid * (1 - sigmoid)
        first += np.float32(1 - FIRST_MOMENT) * (gradient - first)
        second += np.float32(1 - SECOND_MOMENT) * (gradient * gradient - second)
        mean = first / np.float32(1 - FIRST_MOMENT**iteration)
        scale = np.sqrt(second / np.float32(1 - SECOND_MOMENT**iteration)) + np.float32(ADAM_EPSILON)
        v -= np.float32(options.learning_rate) * mean / scale
    return v >= 0


def _regulariser_gradient(
    h: NDArray[np.float32], iteration: int, options: AdaRoundOptions
) -> NDArray[np.float32] | float:
    """Of ``λ Σ 1 - |2h - 1|^β`` (Eq. 24) with β falling from ``first_beta`` to ``last_beta`` by a cosine."""
    progress = (iteration / options.iterations - options.warm_up) / (1 - options.warm_up)
    if progress < 0:
        return 0.0
    beta = options.last_beta + (options.first_beta - options.last_beta) * (1 + np.cos(np.pi * progress)) / 2
    distance = 2 * h - 1
    slope = np.sign(distance) * np.abs(distance) ** np.float32(beta - 1)
    strength = options.regularisation * options.ramp**progress
    return np.float32(-2 * strength * beta) * slope
