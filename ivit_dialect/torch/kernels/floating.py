"""Float functions that NumPy lacks."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# erf(x) = x + x·P(x²) up to _ERF_SPLIT, then 1 - e^(-x + x·Q(x)): minimax polynomials, highest power
# first, to one float32 ulp (N. Juffa, "Accelerated error function", 2016).
_ERF_SPLIT = 0.927734375
_ERF_NEAR = (-5.96761703e-4, 4.99119423e-3, -2.67681349e-2, 1.12819925e-1, -3.76125336e-1, 1.28379166e-1)
_ERF_FAR = (
    *(-1.72853470e-5, 3.83197126e-4, -3.88396438e-3, 2.42546219e-2),
    *(-1.06777877e-1, -6.34846687e-1, -1.28717512e-1),
)
# ln Φ(-t) on [0, _TAIL_END], fitted so that t·Φ(-t) is right to 1e-8; beyond, t·Φ(-t) < 6e-9 is 0.
_TAIL_END = 6.0
_LOG_TAIL = (
    *(-1.2677767244895222e-06, 1.8727478163782507e-05, -8.69521390995942e-05, -0.00020139251137152314),
    *(0.005044557154178619, -0.03650129586458206, -0.31825435161590576, -0.7978928089141846),
    -0.693146824836731,
)
_BLOCK = 1 << 15
_exact_erf = np.frompyfunc(math.erf, 1, 1)


def erf(x: Array) -> Array:
    """The error function: float32 to 1.2e-7 absolute, any other float type as libm has it."""
    if x.dtype != np.float32:
        return np.asarray(_exact_erf(x), dtype=x.dtype)
    return _blockwise(_erf_block, x)


def gelu(x: Array) -> Array:
    """``x·Φ(x)`` with the exact normal distribution function: float32 to 1e-7 absolute.

    As ``max(x, 0) - |x|·Φ(-|x|)``, which does not cancel as ``x·(1 + erf)`` does.
    """
    if x.dtype != np.float32:
        half = x.dtype.type(0.5)
        return half * x * (1 + erf(x * np.sqrt(half)))
    return _blockwise(_gelu_block, x)


def _blockwise(function: Callable[[Array, Array], None], x: Array) -> Array:
    """``function(block, out)`` over blocks that stay in the cache."""
    flat = np.ascontiguousarray(x).reshape(-1)
    out = np.empty_like(flat)
    for start in range(0, flat.size, _BLOCK):
        function(flat[start : start + _BLOCK], out[start : start + _BLOCK])
    return out.reshape(x.shape)


def _horner(x: Array, coefficients: tuple[float, ...]) -> Array:
    result = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        result *= x
        result += np.float32(coefficient)
    return result


def _erf_block(x: Array, out: Array) -> None:
    size = np.abs(x)
    near = _horner(x * x, _ERF_NEAR)
    near *= x
    near += x
    far = _horner(size, _ERF_FAR)
    far *= size
    far -= size
    np.exp(far, out=far)
    np.subtract(1, far, out=far)
    out[...] = np.where(size > np.float32(_ERF_SPLIT), np.copysign(far, x), near)


def _gelu_block(x: Array, out: Array) -> None:
    size = np.minimum(np.abs(x), np.float32(_TAIL_END))
    tail = _horner(size, _LOG_TAIL)
    np.exp(tail, out=tail)
    tail *= np.where(size < np.float32(_TAIL_END), size, np.float32(0))
    np.maximum(x, 0, out=out)
    out -= tail


def gelu_tanh(x: Array) -> Array:
    """The tanh approximation of GELU (arXiv 1606.08415, section 2)."""
    inner = x.dtype.type(math.sqrt(2 / math.pi)) * (x + x.dtype.type(0.044715) * x * x * x)
    return x.dtype.type(0.5) * x * (1 + np.tanh(inner))


def sigmoid(x: Array) -> Array:
    """``1 / (1 + e^-x)`` without overflow."""
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + small), small / (1 + small))


def softmax(x: Array, axis: int) -> Array:
    """``e^(x - max) / Σ e^(x - max)`` along ``axis``; a row of -inf only gives NaN, as in torch."""
    result = x - np.max(x, axis=axis, keepdims=True)
    np.exp(result, out=result)
    result /= np.sum(result, axis=axis, keepdims=True)
    return result


def normalize(x: Array, rank: int, eps: float) -> tuple[Array, Array, Array]:
    """LayerNorm without affine over the last ``rank`` dimensions: the result, the mean, 1/σ."""
    axes = tuple(range(x.ndim - rank, x.ndim))
    mean = np.mean(x, axis=axes, keepdims=True)
    centred = x - mean
    variance = np.mean(centred * centred, axis=axes, keepdims=True)
    inverse = 1 / np.sqrt(variance + x.dtype.type(eps))
    centred *= inverse
    return centred, mean, inverse


def convolution(
    x: Array, weight: Array, stride: list[int], padding: list[int], dilation: list[int], groups: int
) -> Array:
    """2-D convolution, [N,C,H,W] × [O,C/groups,KH,KW] -> [N,O,OH,OW], as patches × weights."""
    if x.ndim != 4 or weight.ndim != 4:
        raise ValueError(f"a convolution needs 4-dimensional operands, got {x.shape} and {weight.shape}")
    (pad_h, pad_w), (step_h, step_w), (dil_h, dil_w) = padding, stride, dilation
    x = np.pad(x, ((0, 0), (0, 0), (pad_h, pad_h), (pad_w, pad_w))) if pad_h or pad_w else x
    out_channels, in_channels, kernel_h, kernel_w = weight.shape
    span = (dil_h * (kernel_h - 1) + 1, dil_w * (kernel_w - 1) + 1)
    if (
        x.shape[1] != in_channels * groups
        or out_channels % groups
        or x.shape[2] < span[0]
        or x.shape[3] < span[1]
    ):
        raise ValueError(f"convolution of {x.shape} by {weight.shape} in {groups} groups does not fit")
    windows = np.lib.stride_tricks.sliding_window_view(x, span, axis=(2, 3))
    windows = windows[:, :, ::step_h, ::step_w, ::dil_h, ::dil_w]
    batch, _, out_h, out_w = windows.shape[:4]
    patches = windows.transpose(0, 2, 3, 1, 4, 5).reshape(batch * out_h * out_w, groups, -1)
    filters = weight.reshape(groups, out_channels // groups, -1)
    result = np.concatenate([patches[:, g] @ filters[g].T for g in range(groups)], axis=1)
    return result.reshape(batch, out_h, out_w, out_channels).transpose(0, 3, 1, 2)


def matmul(a: Array, b: Array) -> Array:
    """``a @ b`` in one BLAS call where ``b`` is a matrix; NumPy would loop over the batch."""
    if b.ndim == 2 and a.ndim > 2:
        return (np.ascontiguousarray(a).reshape(-1, a.shape[-1]) @ b).reshape(*a.shape[:-1], b.shape[1])
    if a.ndim > 2 or b.ndim > 2:
        # operands whose last two dimensions are both strided would miss BLAS
        a, b = np.ascontiguousarray(a), np.ascontiguousarray(b)
    return a @ b


def attention(
    query: Array, key: Array, value: Array, mask: Array | None, is_causal: bool, scale: float | None
) -> Array:
    """softmax(q·kᵀ·scale + mask)·v over the last two dimensions; ``scale`` defaults to 1/√D.

    A boolean mask keeps where it is true; a causal one keeps the lower triangle.
    """
    factor = query.dtype.type(1 / math.sqrt(query.shape[-1]) if scale is None else scale)
    scores = matmul(query * factor, key.swapaxes(-1, -2))
    if is_causal:
        mask = np.tri(scores.shape[-2], scores.shape[-1], dtype=np.bool_)
    if mask is not None:
        scores = np.where(mask, scores, -np.inf) if mask.dtype == np.bool_ else scores + mask
    return matmul(softmax(scores.astype(query.dtype, copy=False), -1), value)
