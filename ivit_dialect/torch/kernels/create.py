"""Kernels of ops that make tensors, lists and numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from xdsl.ir import Operation

from ivit_dialect.torch import ops_constant as constant
from ivit_dialect.torch import ops_create as torch
from ivit_dialect.torch import ops_scalar as scalar
from ivit_dialect.torch.kernels.table import Array, KernelTable, Number, result_dtype

KERNELS = KernelTable()


@KERNELS.of(torch.AtenArangeOp)
def arange(op: Operation, end: Number, *options: Any) -> Array:
    return np.arange(end, dtype=result_dtype(op))


@KERNELS.of(torch.AtenArangeStartOp)
def arange_start(op: Operation, start: Number, end: Number, *options: Any) -> Array:
    return np.arange(start, end, dtype=result_dtype(op))


@KERNELS.of(torch.AtenArangeStartStepOp)
def arange_step(op: Operation, start: Number, end: Number, step: Number, *options: Any) -> Array:
    return np.arange(start, end, step, dtype=result_dtype(op))


@KERNELS.of(torch.AtenZerosOp, torch.AtenEmptyMemoryFormatOp)
def zeros(op: Operation, size: list[int], *options: Any) -> Array:
    return np.zeros(size, result_dtype(op))


@KERNELS.of(torch.AtenOnesOp)
def ones(op: Operation, size: list[int], *options: Any) -> Array:
    return np.ones(size, result_dtype(op))


@KERNELS.of(torch.AtenFullOp)
def full(op: Operation, size: list[int], value: Number, *options: Any) -> Array:
    return np.full(size, value, result_dtype(op))


@KERNELS.of(torch.AtenZerosLikeOp, torch.AtenEmptyLikeOp)
def zeros_like(op: Operation, x: Array, *options: Any) -> Array:
    return np.zeros(x.shape, result_dtype(op))


@KERNELS.of(torch.AtenOnesLikeOp)
def ones_like(op: Operation, x: Array, *options: Any) -> Array:
    return np.ones(x.shape, result_dtype(op))


@KERNELS.of(torch.AtenFullLikeOp)
def full_like(op: Operation, x: Array, value: Number, *options: Any) -> Array:
    return np.full(x.shape, value, result_dtype(op))


@KERNELS.of(torch.AtenNewZerosOp)
def new_zeros(op: Operation, x: Array, size: list[int], *options: Any) -> Array:
    return np.zeros(size, result_dtype(op))


@KERNELS.of(torch.AtenNewOnesOp)
def new_ones(op: Operation, x: Array, size: list[int], *options: Any) -> Array:
    return np.ones(size, result_dtype(op))


@KERNELS.of(torch.AtenNewFullOp)
def new_full(op: Operation, x: Array, size: list[int], value: Number, *options: Any) -> Array:
    return np.full(size, value, result_dtype(op))


@KERNELS.of(torch.AtenScalarTensorOp, scalar.PrimNumToTensorScalarOp)
def scalar_tensor(op: Operation, value: Number, *options: Any) -> Array:
    return np.asarray(value, result_dtype(op))


@KERNELS.of(
    constant.ConstantIntOp,
    constant.ConstantFloatOp,
    constant.ConstantBoolOp,
    constant.ConstantStrOp,
    constant.ConstantDeviceOp,
)
def scalar_constant(
    op: constant.ConstantIntOp | constant.ConstantFloatOp | constant.ConstantBoolOp | constant.ConstantTextOp,
) -> Number | str:
    return op.data


@KERNELS.of(constant.ConstantNoneOp, scalar.SymbolicIntOp)
def none(op: Operation) -> None:
    return None


@KERNELS.of(scalar.PrimListConstructOp, scalar.PrimTupleConstructOp)
def construct(op: Operation, *elements: Any) -> list[Any]:
    return list(elements)


@KERNELS.of(scalar.PrimListUnpackOp, scalar.PrimTupleUnpackOp)
def unpack(op: Operation, elements: list[Any]) -> tuple[Any, ...]:
    return tuple(elements)


@KERNELS.of(scalar.Aten__Getitem__TOp)
def getitem(op: Operation, elements: list[Any], index: int) -> Any:
    return elements[index]


@KERNELS.of(scalar.AtenSizeIntOp)
def size_int(op: Operation, x: Array, dim: int) -> int:
    return x.shape[dim]


@KERNELS.of(scalar.AtenSizeOp)
def size(op: Operation, x: Array) -> list[int]:
    return list(x.shape)


@KERNELS.of(scalar.AtenAddIntOp)
def add_int(op: Operation, a: int, b: int) -> int:
    return a + b


@KERNELS.of(scalar.AtenSubIntOp)
def sub_int(op: Operation, a: int, b: int) -> int:
    return a - b


@KERNELS.of(scalar.AtenMulIntOp)
def mul_int(op: Operation, a: int, b: int) -> int:
    return a * b


@KERNELS.of(scalar.AtenFloordivIntOp)
def floordiv_int(op: Operation, a: int, b: int) -> int:
    return a // b


@KERNELS.of(scalar.AtenRemainderIntOp)
def remainder_int(op: Operation, a: int, b: int) -> int:
    return a % b


@KERNELS.of(scalar.AtenNegIntOp)
def neg_int(op: Operation, a: int) -> int:
    return -a


@KERNELS.of(scalar.AtenFloatScalarOp)
def float_scalar(op: Operation, value: Number) -> float:
    return float(value)


@KERNELS.of(scalar.AtenItemOp)
def item(op: Operation, x: Array) -> Number:
    return x.item()


@KERNELS.of(scalar.TensorStaticInfoCastOp)
def static_info_cast(op: Operation, x: Array) -> Array:
    return x


@KERNELS.of(scalar.RuntimeAssertOp)
def runtime_assert(op: scalar.RuntimeAssertOp, condition: bool) -> tuple[()]:
    if not condition:
        raise ValueError(op.message.data)
    return ()


@KERNELS.of(scalar.BindSymbolicShapeOp)
def bind_symbolic_shape(op: Operation, x: Array, *symbols: None) -> tuple[()]:
    return ()
