"""One linear: its weights fitted and rounded, its bias corrected, for the inputs that it will see."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from passes.graph.evaluate import Tensor
from passes.graph.nodes import LinearNode, RoundedWeight
from passes.quantization.recipes import Recipe
from passes.rounding.adaround import adaround
from passes.rounding.bias_correction import bias_correction, mean_output_errors
from passes.rounding.coordinate_descent import improve
from passes.rounding.gptq import gptq
from passes.rounding.moments import InputMoments, input_moments
from passes.rounding.nearest import round_nearest
from passes.rounding.refit import refit
from passes.rounding.weight_steps import minmax_steps, mse_steps

REFIT_BITS = 8
"""Weights of so many bits are not fitted anew: they would follow the images (overfit)."""


def fit_linear(
    node: LinearNode, recipe: Recipe, bits: int, inputs: Tensor, reference: Tensor
) -> RoundedWeight:
    """The weight of ``node`` in integers of ``bits``, which it keeps; its float weight and bias may change
    too.

    ``inputs`` and ``reference`` are [N, T, I]: quantised, and the float model's.
    """
    wanted, bias = node.weight, node.bias
    moments = input_moments(inputs, reference) if recipe.fits_weights else None
    if moments is not None and recipe.refit and bits < REFIT_BITS:
        node.weight, node.bias = refit(node.weight, node.bias, moments)
    rounded = _rounded(node.weight, recipe, bits, moments)
    if moments is not None and recipe.bias_correction:
        errors = mean_output_errors(wanted, rounded.integers * rounded.steps[:, None], moments)
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
