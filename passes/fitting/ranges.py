"""The range of one activation by the recipe's rule."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from passes.calibration import range_rules
from passes.calibration.output_error import output_error
from passes.graph.evaluate import Tensor
from passes.graph.nodes import Node
from passes.quantization.recipes import Recipe
from passes.quantization.scales import Range


def fitted_range(
    recipe: Recipe,
    node: Node,
    values: Tensor,
    bits: int,
    symmetric: bool,
    weights: Sequence[NDArray[np.float64]],
) -> Range:
    """For ``values`` [N, T, C] of ``node``; ``weights`` [O, C] are those of the linears that read it."""
    if recipe.ranges == "minmax" or bits >= recipe.ranges_below:
        return node.calibrated()
    match recipe.ranges:
        case "percentile":
            return range_rules.percentile(values, recipe.percentile)
        case "output" if weights:
            stacked = np.concatenate(list(weights))
            return output_error(values.reshape(-1, values.shape[-1]), stacked, bits, is_symmetric=symmetric)
        case _:
            return range_rules.mse(values, bits, is_symmetric=symmetric)
