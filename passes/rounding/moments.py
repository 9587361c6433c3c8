"""What the rounding of a layer needs to know of its inputs: second moments, and means image by image.

The error that a change E [O, I] of the weights makes in the outputs is ``‖X Eᵀ‖² = tr(E G Eᵀ)`` with
``G = Xᵀ X`` (AdaRound, arXiv 2004.10568, Eq. 13), so the rows themselves need not be kept.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ORDINARY_EXPONENT = 40
"""Squares of values within 2^-40 and 2^40 have sums that float32 holds."""


@dataclass(frozen=True)
class InputMoments:
    """Of the inputs of one linear layer; batches are joined by ``+``.

    ``gram``, ``cross`` float64 [I, I]: Σ x xᵀ and Σ x x'ᵀ over ``rows`` rows, x quantised and x' float;
    ``means``, ``float_means`` float64 [N, I]: the mean row of each image.
    """

    gram: NDArray[np.float64]
    cross: NDArray[np.float64]
    rows: int
    means: NDArray[np.float64]
    float_means: NDArray[np.float64]

    def __add__(self, other: InputMoments) -> InputMoments:
        return InputMoments(
            self.gram + other.gram,
            self.cross + other.cross,
            self.rows + other.rows,
            np.concatenate([self.means, other.means]),
            np.concatenate([self.float_means, other.float_means]),
        )

    def centred(self) -> InputMoments:
        """About the means: what is left for the weights where the bias takes the mean error."""
        mean, float_mean = self.means.mean(axis=0), self.float_means.mean(axis=0)
        return InputMoments(
            self.gram - self.rows * np.outer(mean, mean),
            self.cross - self.rows * np.outer(mean, float_mean),
            self.rows,
            self.means - mean,
            self.float_means - float_mean,
        )


def input_moments(quantised: NDArray[np.float32], reference: NDArray[np.float32]) -> InputMoments:
    """The moments of inputs [N, T, I] of N images, as quantised and as the float model has them.

    Products are summed in float32 within one call (relative error about 1e-6), in float64 between calls.
    ValueError for shapes that differ, no rows, NaN and infinities.
    """
    if quantised.ndim != 3 or quantised.shape != reference.shape or quantised.size == 0:
        raise ValueError(f"inputs of a layer must be [N, T, I], got {quantised.shape} and {reference.shape}")
    channels = quantised.shape[-1]
    rows, float_rows = quantised.reshape(-1, channels), reference.reshape(-1, channels)
    if not (_is_finite(rows) and _is_finite(float_rows)):
        raise ValueError("the inputs of a layer hold NaN or infinity")
    gram = product(rows, rows)
    cross = gram.copy() if rows is float_rows else product(rows, float_rows)
    means = quantised.mean(axis=1, dtype=np.float64), reference.mean(axis=1, dtype=np.float64)
    return InputMoments(gram, cross, len(rows), *means)


def product(lhs: NDArray[np.float32], rhs: NDArray[np.float32]) -> NDArray[np.float64]:
    """``lhsᵀ rhs`` [I, J] of finite rows [R, I] and [R, J], summed in float32.

    Rows of extreme size are multiplied by a power of two first: sums neither overflow nor vanish.
    """
    exponents = [_excess(rows) for rows in (lhs, rhs)]
    left, right = (
        np.ldexp(rows, -exponent) if exponent else rows
        for rows, exponent in zip((lhs, rhs), exponents, strict=True)
    )
    return np.ldexp((left.T @ right).astype(np.float64), sum(exponents))


def _excess(rows: NDArray[np.float32]) -> int:
    """The binary exponent of the largest magnitude, 0 where it is an ordinary one."""
    _, exponent = math.frexp(max(abs(float(rows.min())), abs(float(rows.max()))))
    return exponent if abs(exponent) > ORDINARY_EXPONENT else 0


def _is_finite(rows: NDArray[np.float32]) -> bool:
    return math.isfinite(float(rows.min())) and math.isfinite(float(rows.max()))


@dataclass(frozen=True)
class StreamError:
    """How far the quantised residual stream is off, seen from the linear whose result is added to it.

    ``cross`` float64 [I, O]: Σ x eᵀ over the rows, x the linear's quantised input and e = quantised stream -
    float stream; ``mean`` float64 [O]: the mean of e.
    """

    cross: NDArray[np.float64]
    mean: NDArray[np.float64]


def stream_error(inputs: NDArray[np.float32], error: NDArray[np.float32]) -> StreamError:
    """Of quantised inputs [N, T, I] and errors [N, T, O] of the same rows."""
    rows, errors = inputs.reshape(-1, inputs.shape[-1]), error.reshape(-1, error.shape[-1])
    return StreamError(product(rows, errors), errors.mean(axis=0, dtype=np.float64))


def output_errors(change: NDArray[np.float64], gram: NDArray[np.float64]) -> NDArray[np.float64]:
    """``‖X e‖²`` of each row e of ``change`` [O, I]: float64 [O], never below 0."""
    return np.maximum(np.einsum("oi,oi->o", change @ gram, change), 0.0)
