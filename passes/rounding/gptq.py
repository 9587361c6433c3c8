"""GPTQ (Frantar et al., arXiv 2210.17323): columns one after another, each taking up the errors before it.

Written in the equivalent form LDLQ of QuIP (arXiv 2307.13304, Theorem 6), which needs no inverse: with
``H = U D Uᵀ``, U unit upper triangular, column k is rounded at ``w_k + Σ_{j<k} (w_j - ŵ_j) U_jk``. Then
``tr((W - Ŵ) H (W - Ŵ)ᵀ) = Σ_k D_k r_k²`` exactly, r_k being what rounding (or clipping) did at column k.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from passes.rounding.nearest import better_rows, in_steps, round_nearest
from passes.rounding.weight_steps import largest_code

BLOCK = 128
"""Columns whose errors are passed on one at a time; to later blocks they go by one product (GPTQ, 3.3)."""


def gptq(
    weight: NDArray[np.float64],
    steps: NDArray[np.float64],
    bits: int,
    gram: NDArray[np.float64],
    damping: float = 0.01,
    ordered: bool = True,
) -> NDArray[np.int8]:
    """int8 [O, I] for weight [O, I], steps [O] and the inputs' Gram matrix [I, I].

    ``damping`` times the mean of the diagonal is added to it (GPTQ, 3.3); ``ordered`` takes columns of large
    diagonal first. A row that nearest rounding serves better, by output error, is rounded to
    nearest: no row is worse than that.
    """
    nearest = round_nearest(weight, steps, bits)
    mean = float(np.mean(np.diag(gram)))
    if mean <= 0.0:
        return nearest
    order = np.argsort(-np.diag(gram), kind="stable") if ordered else np.arange(len(gram))
    hessian = gram[np.ix_(order, order)]
    hessian[np.diag_indices_from(hessian)] += max(damping, 1e-9) * mean
    codes = np.empty_like(nearest)
    codes[:, order] = _feedback(in_steps(weight, steps)[:, order], _unit_upper(hessian), largest_code(bits))
    return better_rows(weight, steps, gram, codes, nearest)


def _unit_upper(hessian: NDArray[np.float64]) -> NDArray[np.float64]:
    """U of ``H = U D Uᵀ``: the Cholesky factor of H with rows and columns in reverse order."""
    factor = np.linalg.cholesky(hessian[::-1, ::-1])[::-1, ::-1]
    return factor / np.diag(factor)


def _feedback(target: NDArray[np.float64], upper: NDArray[np.float64], code: int) -> NDArray[np.int8]:
    """``target`` [O, I] in steps. Errors are kept transposed: a column of weights is contiguous."""
    outs, ins = target.shape
    weights = np.ascontiguousarray(target.T)
    codes, errors = np.empty((ins, outs)), np.empty((ins, outs))
    for start in range(0, ins, BLOCK):
        stop = min(start + BLOCK, ins)
        passed_on = upper[:start, start:stop].T @ errors[:start]
        for k in range(start, stop):
            wanted = weights[k] + passed_on[k - start] + upper[start:k, k] @ errors[start:k]
            codes[k] = np.clip(np.rint(wanted), -code, code)
            errors[k] = weights[k] - codes[k]
    return codes.T.astype(np.int8)
