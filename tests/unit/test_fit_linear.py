"""One linear fitted: what each choice of the recipe does to the error of its outputs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from passes.fitting.linears import LinearInputs, fit_linear
from passes.graph.nodes import ImageNode, LinearNode, TokenSlice
from passes.quantization.recipes import DEFAULT, Recipe

FITTED = replace(DEFAULT, rounding="gptq", refit=True, weight_clip="mse")


def linear(outs: int, ins: int, seed: int = 0) -> LinearNode:
    rng = np.random.default_rng(seed)
    image = ImageNode(tokens=1, channels=ins, origin="the image", height=1, width=1, centre=np.zeros(ins))
    weight = rng.standard_t(4, size=(outs, ins))
    return LinearNode(
        tokens=1,
        channels=outs,
        origin="a linear",
        source=TokenSlice(image, 0, 1),
        weight=weight,
        bias=rng.normal(size=outs),
    )


def inputs(ins: int, seed: int = 1) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Correlated inputs [8, 32, I], and what coarse rounding makes of them."""
    rng = np.random.default_rng(seed)
    x = (rng.normal(size=(8, 32, ins)) @ rng.normal(size=(ins, ins)) / ins**0.5).astype(np.float32) + 0.2
    return x, np.rint(x * 3).astype(np.float32) / 3 + np.float32(0.05)


def sum_error(recipe: Recipe, stream: NDArray[np.float32] | None = None) -> float:
    """The squared error of result plus residual stream, after fitting to 4 bits."""
    node = linear(12, 16)
    reference, quantised = inputs(16)
    wanted = reference @ node.weight.T + node.bias
    rounded = fit_linear(node, recipe, 4, LinearInputs(quantised, reference, 4, stream))
    result = quantised @ (rounded.integers * rounded.steps[:, None]).T + node.bias
    return float(np.square(result - wanted + (0.0 if stream is None else stream)).sum())


def test_each_method_lowers_the_error() -> None:
    clipped = sum_error(replace(DEFAULT, weight_clip="mse"))
    rounded = sum_error(replace(FITTED, refit=False))
    fitted = sum_error(FITTED)
    assert fitted < rounded < clipped


def test_bias_correction_takes_out_what_rounding_adds() -> None:
    nearest = replace(DEFAULT, bias_correction=True)
    assert sum_error(nearest) < 0.99 * sum_error(DEFAULT)


def test_a_branch_makes_up_for_the_stream_and_bias_correction_leaves_that() -> None:
    reference, _ = inputs(16)
    rng = np.random.default_rng(3)
    stream = (reference @ rng.normal(size=(16, 12)) * 0.2 + 0.5).astype(np.float32)
    fitted = sum_error(FITTED, stream)
    assert fitted < 0.7 * sum_error(replace(FITTED, refit=False), stream)
    assert sum_error(replace(FITTED, bias_correction=True), stream) <= fitted * 1.001
