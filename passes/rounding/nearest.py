"""Each weight to the nearest integer, half to even: what every other way of rounding is compared with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from passes.rounding.moments import output_errors
from passes.rounding.weight_steps import largest_code


def in_steps(weight: NDArray[np.float64], steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """``weight`` [O, I] over the step [O] of its row; rows of step 0 stay as they are (they are 0)."""
    return weight / np.where(steps > 0, steps, 1.0)[:, None]


def round_nearest(weight: NDArray[np.float64], steps: NDArray[np.float64], bits: int) -> NDArray[np.int8]:
    """int8 [O, I]; the error is at most half a step, more only where ``steps`` clip."""
    code = largest_code(bits)
    return np.clip(np.rint(in_steps(weight, steps)), -code, code).astype(np.int8)


def better_rows(
    weight: NDArray[np.float64],
    steps: NDArray[np.float64],
    gram: NDArray[np.float64],
    first: NDArray[np.int8],
    second: NDArray[np.int8],
) -> NDArray[np.int8]:
    """Row by row the one of two roundings with the smaller output error; ``second`` where they are equal."""
    changes = (codes * steps[:, None] - weight for codes in (first, second))
    one, other = (output_errors(change, gram) for change in changes)
    return np.where((one < other)[:, None], first, second)
