"""Kernels of element-wise arithmetic, comparison, selection and conversion.

Operands are brought to the result's element type first: the IR has already resolved promotion.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from xdsl.ir import Operation

from ivit_dialect.torch import ops_pointwise as torch
from ivit_dialect.torch import ops_select as select
from ivit_dialect.torch.kernels import floating
from ivit_dialect.torch.kernels.table import Array, Kernel, KernelTable, Number, result_dtype

KERNELS = KernelTable()

Operand: TypeAlias = Array | Number


def _cast(op: Operation, *values: Operand) -> tuple[Any, ...]:
    """Arrays in the result's element type; numbers stay numbers, which NumPy does not promote by."""
    dtype = result_dtype(op)
    return tuple(
        value.astype(dtype, copy=False) if isinstance(value, np.ndarray) else value for value in values
    )


@KERNELS.of(torch.AtenAddTensorOp, torch.AtenAddScalarOp)
def add(op: Operation, x: Array, y: Operand, alpha: Number) -> Array:
    x, y = _cast(op, x, y)
    return x + y if alpha == 1 else x + y * alpha


@KERNELS.of(torch.AtenSubTensorOp, torch.AtenSubScalarOp)
def sub(op: Operation, x: Array, y: Operand, alpha: Number) -> Array:
    x, y = _cast(op, x, y)
    return x - y if alpha == 1 else x - y * alpha


@KERNELS.of(torch.AtenRsubScalarOp)
def rsub(op: Operation, x: Array, y: Number, alpha: Number) -> Array:
    (x,) = _cast(op, x)
    return y - x * alpha


@KERNELS.of(torch.AtenMulTensorOp, torch.AtenMulScalarOp)
def mul(op: Operation, x: Array, y: Operand) -> Array:
    x, y = _cast(op, x, y)
    return x * y


@KERNELS.of(torch.AtenDivTensorOp, torch.AtenDivScalarOp)
def div(op: Operation, x: Array, y: Operand) -> Array:
    x, y = _cast(op, x, y)
    return x / y


@KERNELS.of(torch.AtenDivTensorModeOp, torch.AtenDivScalarModeOp)
def div_mode(op: Operation, x: Array, y: Operand, mode: str | None) -> Array:
    x, y = _cast(op, x, y)
    if mode == "floor":
        return np.floor_divide(x, y)
    return np.trunc(x / y) if mode == "trunc" else x / y


@KERNELS.of(torch.AtenAddcmulOp)
def addcmul(op: Operation, x: Array, a: Array, b: Array, value: Number) -> Array:
    x, a, b = _cast(op, x, a, b)
    return x + value * a * b


@KERNELS.of(torch.AtenPowTensorScalarOp, torch.AtenPowTensorTensorOp)
def power(op: Operation, x: Array, exponent: Operand) -> Array:
    x, exponent = _cast(op, x, exponent)
    return x**exponent


@KERNELS.of(torch.AtenPowScalarOp)
def scalar_power(op: Operation, base: Number, exponent: Array) -> Array:
    (exponent,) = _cast(op, exponent)
    return base**exponent


@KERNELS.of(torch.AtenRsqrtOp)
def rsqrt(op: Operation, x: Array) -> Array:
    (x,) = _cast(op, x)
    return 1 / np.sqrt(x)


@KERNELS.of(torch.AtenReciprocalOp)
def reciprocal(op: Operation, x: Array) -> Array:
    (x,) = _cast(op, x)
    return 1 / x


@KERNELS.of(torch.AtenErfOp)
def erf(op: Operation, x: Array) -> Array:
    (x,) = _cast(op, x)
    return floating.erf(x)


@KERNELS.of(torch.AtenMaximumOp)
def maximum(op: Operation, x: Array, y: Array) -> Array:
    return np.maximum(*_cast(op, x, y))


@KERNELS.of(torch.AtenMinimumOp)
def minimum(op: Operation, x: Array, y: Array) -> Array:
    return np.minimum(*_cast(op, x, y))


@KERNELS.of(torch.AtenClampOp)
def clamp(op: Operation, x: Array, low: Number | None, high: Number | None) -> Array:
    (x,) = _cast(op, x)
    return clamp_max(op, x if low is None else np.maximum(x, low), high)


@KERNELS.of(torch.AtenClampMinOp)
def clamp_min(op: Operation, x: Array, low: Number) -> Array:
    return np.maximum(x, low)


@KERNELS.of(torch.AtenClampMaxOp)
def clamp_max(op: Operation, x: Array, high: Number | None) -> Array:
    return x if high is None else np.minimum(x, high)


def _function(function: Callable[[Any], Any]) -> Kernel:
    def kernel(op: Operation, x: Array) -> Array:
        (x,) = _cast(op, x)
        return function(x)

    return kernel


def _predicate(function: Callable[..., Any]) -> Kernel:
    def kernel(op: Operation, *operands: Operand) -> Array:
        return function(*operands)

    return kernel


KERNELS.update(
    {
        torch.AtenNegOp: _function(np.negative),
        torch.AtenAbsOp: _function(np.abs),
        torch.AtenSqrtOp: _function(np.sqrt),
        torch.AtenExpOp: _function(np.exp),
        torch.AtenLogOp: _function(np.log),
        torch.AtenTanhOp: _function(np.tanh),
        torch.AtenFloorOp: _function(np.floor),
        torch.AtenCeilOp: _function(np.ceil),
        select.AtenEqTensorOp: _predicate(operator.eq),
        select.AtenEqScalarOp: _predicate(operator.eq),
        select.AtenNeTensorOp: _predicate(operator.ne),
        select.AtenNeScalarOp: _predicate(operator.ne),
        select.AtenLtTensorOp: _predicate(operator.lt),
        select.AtenLtScalarOp: _predicate(operator.lt),
        select.AtenLeTensorOp: _predicate(operator.le),
        select.AtenLeScalarOp: _predicate(operator.le),
        select.AtenGtTensorOp: _predicate(operator.gt),
        select.AtenGtScalarOp: _predicate(operator.gt),
        select.AtenGeTensorOp: _predicate(operator.ge),
        select.AtenGeScalarOp: _predicate(operator.ge),
        select.AtenLogicalAndOp: _predicate(np.logical_and),
        select.AtenLogicalNotOp: _predicate(np.logical_not),
        select.AtenBitwiseAndTensorOp: _predicate(np.bitwise_and),
        select.AtenBitwiseOrTensorOp: _predicate(np.bitwise_or),
        select.AtenIsnanOp: _predicate(np.isnan),
    }
)


@KERNELS.of(select.AtenWhereSelfOp, select.AtenWhereScalarSelfOp, select.AtenWhereScalarOtherOp)
def where(op: Operation, condition: Array, x: Operand, y: Operand) -> Array:
    x, y = _cast(op, x, y)
    return np.where(condition, x, y)


@KERNELS.of(select.AtenMaskedFillScalarOp)
def masked_fill(op: Operation, x: Array, mask: Array, value: Number) -> Array:
    return np.where(mask, value, x)


@KERNELS.of(select.AtenToDtypeOp, select.AtenToDtypeLayoutOp, select.Aten_ToCopyOp, select.AtenTypeAsOp)
def convert(op: Operation, x: Array, *options: Any) -> Array:
    return x.astype(result_dtype(op), copy=False)
