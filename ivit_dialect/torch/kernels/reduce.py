"""Kernels of the reductions, which accumulate in the result's element type."""

from __future__ import annotations

from typing import Any

import numpy as np
from xdsl.ir import Operation

from ivit_dialect.torch import ops_reduce as torch
from ivit_dialect.torch.kernels.table import Array, KernelTable, Number, result_dtype

KERNELS = KernelTable()


def _axes(x: Array, dims: list[int] | int | None) -> tuple[int, ...]:
    """The axes that ``dims`` names: all of them where it is None or empty."""
    if isinstance(dims, int):
        return (dims,)
    return tuple(dims) if dims else tuple(range(x.ndim))


@KERNELS.of(torch.AtenSumOp)
def total(op: Operation, x: Array, dtype: int | None) -> Array:
    return np.sum(x, dtype=result_dtype(op))


@KERNELS.of(torch.AtenSumDimIntListOp)
def sum_dim(op: Operation, x: Array, dim: list[int] | None, keepdim: bool, dtype: int | None) -> Array:
    return np.sum(x, axis=_axes(x, dim), keepdims=keepdim, dtype=result_dtype(op))


@KERNELS.of(torch.AtenMeanOp)
def mean(op: Operation, x: Array, dtype: int | None) -> Array:
    return np.mean(x, dtype=result_dtype(op))


@KERNELS.of(torch.AtenMeanDimOp)
def mean_dim(op: Operation, x: Array, dim: list[int] | None, keepdim: bool, dtype: int | None) -> Array:
    return np.mean(x, axis=_axes(x, dim), keepdims=keepdim, dtype=result_dtype(op))


@KERNELS.of(torch.AtenVarOp)
def variance(op: Operation, x: Array, unbiased: bool) -> Any:
    return np.var(x, ddof=int(unbiased))


@KERNELS.of(torch.AtenVarDimOp)
def variance_dim(op: Operation, x: Array, dim: list[int] | None, unbiased: bool, keepdim: bool) -> Array:
    return np.var(x, axis=_axes(x, dim), ddof=int(unbiased), keepdims=keepdim)


@KERNELS.of(torch.AtenVarCorrectionOp)
def variance_correction(
    op: Operation, x: Array, dim: list[int] | None, correction: Number | None, keepdim: bool
) -> Array:
    ddof = 1 if correction is None else correction
    return np.var(x, axis=_axes(x, dim), ddof=ddof, keepdims=keepdim)


@KERNELS.of(torch.AtenVarMeanCorrectionOp)
def variance_mean(
    op: Operation, x: Array, dim: list[int] | None, correction: Number | None, keepdim: bool
) -> tuple[Array, Array]:
    centre = np.mean(x, axis=_axes(x, dim), keepdims=keepdim)
    return variance_correction(op, x, dim, correction, keepdim), centre


@KERNELS.of(torch.AtenStdDimOp)
def deviation_dim(op: Operation, x: Array, dim: list[int] | None, unbiased: bool, keepdim: bool) -> Array:
    return np.sqrt(variance_dim(op, x, dim, unbiased, keepdim))


@KERNELS.of(torch.AtenStdCorrectionOp)
def deviation_correction(
    op: Operation, x: Array, dim: list[int] | None, correction: Number | None, keepdim: bool
) -> Array:
    return np.sqrt(variance_correction(op, x, dim, correction, keepdim))


@KERNELS.of(torch.AtenLinalgVectorNormOp)
def vector_norm(
    op: Operation, x: Array, order: Number, dim: list[int] | None, keepdim: bool, dtype: int | None
) -> Array:
    x, axes = np.abs(x.astype(result_dtype(op), copy=False)), _axes(x, dim)
    if order == 2:
        return np.sqrt(np.sum(x * x, axis=axes, keepdims=keepdim))
    if order == np.inf:
        return np.max(x, axis=axes, keepdims=keepdim)
    return np.sum(x**order, axis=axes, keepdims=keepdim) ** (1 / order)


@KERNELS.of(torch.AtenMaxOp)
def maximum(op: Operation, x: Array) -> Array:
    return np.max(x)


@KERNELS.of(torch.AtenMinOp)
def minimum(op: Operation, x: Array) -> Array:
    return np.min(x)


@KERNELS.of(torch.AtenMaxDimOp)
def max_dim(op: Operation, x: Array, dim: int, keepdim: bool) -> tuple[Array, Array]:
    return np.max(x, axis=dim, keepdims=keepdim), np.argmax(x, axis=dim, keepdims=keepdim)


@KERNELS.of(torch.AtenMinDimOp)
def min_dim(op: Operation, x: Array, dim: int, keepdim: bool) -> tuple[Array, Array]:
    return np.min(x, axis=dim, keepdims=keepdim), np.argmin(x, axis=dim, keepdims=keepdim)


@KERNELS.of(torch.AtenAmaxOp)
def amax(op: Operation, x: Array, dim: list[int], keepdim: bool) -> Array:
    return np.max(x, axis=_axes(x, dim), keepdims=keepdim)


@KERNELS.of(torch.AtenAminOp)
def amin(op: Operation, x: Array, dim: list[int], keepdim: bool) -> Array:
    return np.min(x, axis=_axes(x, dim), keepdims=keepdim)


@KERNELS.of(torch.AtenArgmaxOp)
def argmax(op: Operation, x: Array, dim: int | None, keepdim: bool) -> Any:
    return np.argmax(x, axis=dim, keepdims=keepdim)


@KERNELS.of(torch.AtenAnyDimOp)
def any_dim(op: Operation, x: Array, dim: int, keepdim: bool) -> Array:
    return np.any(x, axis=dim, keepdims=keepdim)


@KERNELS.of(torch.AtenAllOp)
def all_elements(op: Operation, x: Array) -> Any:
    return np.all(x)


@KERNELS.of(torch.AtenAllDimOp)
def all_dim(op: Operation, x: Array, dim: int, keepdim: bool) -> Array:
    return np.all(x, axis=dim, keepdims=keepdim)


@KERNELS.of(torch.AtenCumsumOp)
def cumsum(op: Operation, x: Array, dim: int, dtype: int | None) -> Array:
    return np.cumsum(x, axis=dim, dtype=result_dtype(op))
