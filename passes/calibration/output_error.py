"""The range of a linear layer's input that disturbs its outputs least: ``‖Q(X) Wᵀ - X Wᵀ‖²``.

Clipping is judged by what the consumers make of it, not by the tensor alone: outliers that dominate the mean
squared error of X may be what the layer reads (the metric of PTQ4ViT, arXiv 2111.12293, without gradients).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from passes.calibration.range_rules import minmax, rounded_to, scale_of, search
from passes.calibration.samples import chosen_rows
from passes.quantization.scales import Range

FACTORS = (1.0, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.15, 0.1, 0.05)
"""Of an observed end; each try costs one product."""


def output_error(
    sample: NDArray[np.floating], weight: NDArray[np.floating], bits: int, is_symmetric: bool = False
) -> Range:
    """For inputs ``sample`` [R, I] of a linear ``weight`` [O, I]; several consumers are stacked along O.

    Searched as ``range_rules.search`` says, on the rows that ``chosen_rows`` gives, in float32. ValueError
    for a sample that is empty or not finite, and for shapes that do not fit.
    """
    if sample.ndim != 2 or weight.ndim != 2 or sample.shape[1] != weight.shape[1]:
        raise ValueError(f"a sample [R, I] and weights [O, I] are needed, got {sample.shape}, {weight.shape}")
    observed = minmax(sample)
    rows, counts = chosen_rows(sample)
    _, exponent = np.frexp(np.abs(weight).max(initial=0.0))
    matrix = np.ldexp(weight, -exponent).astype(np.float32)  # squares of any weights stay within float32
    unit = observed.magnitude or 1.0
    gram = matrix.T @ matrix if len(matrix) > matrix.shape[1] else None

    def error(range_: Range) -> float:
        rounded = rounded_to(rows, scale_of(range_, bits, is_symmetric), bits)
        difference = ((rounded - rows) / unit).astype(np.float32)
        squares = _squares(difference, matrix) if gram is None else _products(difference, gram)
        return float(counts @ squares)

    return search(observed, error, is_symmetric, FACTORS)


def _squares(difference: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    outputs = difference @ weight.T
    return np.einsum("ro,ro->r", outputs, outputs)


def _products(difference: NDArray[np.float32], gram: NDArray[np.float32]) -> NDArray[np.float32]:
    """The same by ``Wᵀ W``, which is smaller where there are more outputs than inputs."""
    return np.einsum("ri,ri->r", difference @ gram, difference)
