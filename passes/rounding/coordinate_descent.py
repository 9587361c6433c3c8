"""Integers improved one column at a time, all others held (CDQuant, arXiv 2406.17542; columns in turn).

For one weight the output error is a parabola with its minimum at ``q - (E G)_k / (G_kk step)``: the code next
to that is the best one. No visit raises the error, so a result is never worse than the start; it ends where
no single code can be changed for the better.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from passes.rounding.gptq import BLOCK
from passes.rounding.nearest import in_steps
from passes.rounding.weight_steps import largest_code


def improve(
    weight: NDArray[np.float64],
    steps: NDArray[np.float64],
    bits: int,
    gram: NDArray[np.float64],
    codes: NDArray[np.int8],
    sweeps: int = 4,
) -> NDArray[np.int8]:
    """int8 [O, I] from ``codes`` [O, I], after at most ``sweeps`` visits of every column."""
    code = largest_code(bits)
    integers = np.ascontiguousarray(codes.T.astype(np.float64))
    errors = integers - in_steps(weight, steps).T
    for _ in range(sweeps):
        if not _sweep(integers, errors, gram, code):
            break
    return integers.T.astype(np.int8)


def _sweep(
    integers: NDArray[np.float64], errors: NDArray[np.float64], gram: NDArray[np.float64], code: int
) -> bool:
    """One visit of every column, in place ([I, O]); whether anything changed.

    The gradient of a block is one product; within the block it follows each change.
    """
    changed = False
    for start in range(0, len(gram), BLOCK):
        block = slice(start, start + BLOCK)
        gradient = gram[block] @ errors
        inner = gram[block, block]
        for k, row in enumerate(range(start, min(start + BLOCK, len(gram)))):
            if inner[k, k] <= 0.0:
                continue
            best = np.clip(np.rint(integers[row] - gradient[k] / inner[k, k]), -code, code)
            moves = best - integers[row]
            if not moves.any():
                continue
            changed = True
            gradient[k + 1 :] += inner[k + 1 :, k, None] * moves
            integers[row] = best
            errors[row] += moves
    return changed
