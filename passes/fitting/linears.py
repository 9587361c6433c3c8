"""One linear: its weights fitted and rounded, its bias corrected, for the inputs that it will see."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from passes.graph.evaluate import Tensor
from passes.graph.nodes import LinearNode, RoundedWeight
from passes.quantization.recipes import Recipe
from passes.rounding.adaround import adaround
from passes.rounding.bias_correction import bias_correction, mean_output_errors
from passes.rounding.coordinate_descent import improve
from passes.rounding.gptq import gptq
from passes.rounding.moments import InputMoments, input_moments, stream_error
from passes.rounding.nearest import round_nearest
from passes.rounding.refit import refit
from passes.rounding.weight_steps import minmax_steps, mse_steps

REFIT_BITS = 8
"""A weight of so many bits on inputs of as many is not fitted anew: it would follow the images (overfit)."""


@dataclass(frozen=True)
class LinearInputs:
    """What a linear sees on the calibration images.

    ``quantised`` and ``reference`` [N, T, I], of ``bits``; ``stream_error`` [N, T, O] is what the residual
    stream, which its result is added to, is off by; None where there is none.
    """

    quantised: Tensor
    reference: Tensor
    bits: int
    stream_error: Tensor | None = None


def fit_linear(node: LinearNode, recipe: Recipe, bits: int, inputs: LinearInputs) -> RoundedWeight:
    """The weight of ``node`` in integers of ``bits``, which it keeps; weight and bias may change with it."""
    wanted, bias, error = node.weight, node.bias, None
    moments = input_moments(inputs.quantised, inputs.reference) if recipe.fits_weights else None
    if moments is not None and recipe.refit and min(bits, inputs.bits) < REFIT_BITS:
        error = inputs.stream_error
        stream = None if error is None else stream_error(inputs.quantised, error)
        node.weight, node.bias = refit(node.weight, node.bias, moments, stream)
    rounded = _rounded(node.weight, recipe, bits, moments)
    if moments is not None and recipe.bias_correction:
        errors = mean_output_errors(wanted, rounded.integers * rounded.steps[:, None], moments)
        if error is not None:
            errors = errors + error.mean(axis=1, dtype=np.float64)
        node.bias = node.bias + bias_correction(errors + (node.bias - bias))
    node.rounded = rounded
    return rounded


def _rounded(
    weight: NDArray[np.float64], recipe: Recipe, bits: int, moments: InputMoments | None
) -> RoundedWeight:
    if recipe.weight_clip == "mse":
        steps = mse_steps(weight, bits, None if moments is None else np.diag(moments.gram))
    else:
        steps = minmax_steps(weight, bits)
    if moments is None or recipe.rounding == "nearest":
        return RoundedWeight(round_nearest(weight, steps, bits), steps)
    if recipe.rounding == "adaround":
        return RoundedWeight(adaround(weight, steps, bits, moments.gram), steps)
    codes = gptq(weight, steps, bits, moments.gram)
    return RoundedWeight(improve(weight, steps, bits, moments.gram, codes), steps)
