"""Appends ``ivit`` ops to a block: shapes follow from operands, arrays go to the store by readable keys."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import (
    UNKNOWN_LOC,
    ArrayAttr,
    IntegerType,
    LocationAttr,
    TensorType,
    i8,
    i16,
    i32,
    i64,
)
from xdsl.dialects.tensor import CollapseShapeOp
from xdsl.ir import Block, Operation, SSAValue

from ivit_dialect.ops.elementwise import AddOp, ConstantOp, RequantOp
from ivit_dialect.ops.linear import LinearOp
from ivit_dialect.ops.shape import PrependTokensOp, SliceTokensOp
from ivit_dialect.store import WeightStore
from ivit_dialect.types import IntegerTensor, i64_attr, ui8
from passes.graph.nodes import Node
from passes.quantization.dyadic import NumberError, channel_dyadics, nearest_dyadic

ELEMENT_TYPES: dict[str, IntegerType] = {"int8": i8, "uint8": ui8, "int16": i16, "int32": i32, "int64": i64}


def type_of(value: SSAValue) -> IntegerTensor:
    """The type of ``value``, a tensor of integers."""
    return cast(IntegerTensor, value.type)


class IntegerBuilder:
    """Appends to ``block`` and fills ``store``."""

    def __init__(self, block: Block, store: WeightStore) -> None:
        self.block = block
        self.store = store
        self._constants: dict[str, SSAValue] = {}
        self._location: LocationAttr = UNKNOWN_LOC

    @contextmanager
    def at(self, node: Node) -> Generator[None]:
        """Inside, ops get ``node``'s location, and a NumberError becomes a ValueError that names it."""
        outer, self._location = self._location, node.location
        try:
            yield
        except NumberError as error:
            raise ValueError(f"{node.origin}: {error}") from error
        finally:
            self._location = outer

    def append(self, op: Operation, name: str) -> SSAValue:
        """Append ``op``; its first result, called ``name`` in the text."""
        op.location = self._location
        self.block.add_op(op)
        if name:
            op.results[0].name_hint = name.replace(".", "_")
        return op.results[0]

    def tensor(self, like: SSAValue, element: IntegerType, channels: int | None = None) -> IntegerTensor:
        """The type of ``like`` with another element type, and with another last dimension if given."""
        shape = type_of(like).get_shape()
        return TensorType(element, shape if channels is None else (*shape[:-1], channels))

    def constant(self, key: str, array: NDArray[Any], element: IntegerType | None = None) -> SSAValue:
        """A new constant under ``key``, or a variation of it where that is taken.

        Its element type is the array's, unless ``element`` is a narrower one.
        """
        unique = self.store.unique_key(key)
        self.store[unique] = array
        element = element or ELEMENT_TYPES[array.dtype.name]
        return self.append(ConstantOp(unique, TensorType(element, array.shape)), unique)

    def shared(self, key: str, array: NDArray[Any]) -> SSAValue:
        """A constant that all callers share under ``key``."""
        if key not in self._constants:
            self._constants[key] = self.constant(key, array)
        return self._constants[key]

    def linear(
        self, x: SSAValue, weight: NDArray[np.int8], bias: NDArray[np.int32], bits: int, name: str
    ) -> SSAValue:
        """The int32 accumulator of ``x`` [..., I], weight [O, I] of ``bits``, bias [O]."""
        weights = self.constant(f"{name}.weight", weight, IntegerType(bits))
        biases = self.constant(f"{name}.bias", bias)
        return self.append(LinearOp(x, weights, biases, self.tensor(x, i32, len(weight))), f"{name}.acc")

    def requant(
        self, x: SSAValue, ratio: float, element: IntegerType, zero_point: int, name: str
    ) -> SSAValue:
        """``x * ratio + zero_point``, rounded and clamped to ``element``."""
        dyadic = nearest_dyadic(ratio)
        op = RequantOp(x, dyadic.multiplier, dyadic.shift, self.tensor(x, element), zero_point)
        return self.append(op, name)

    def requant_channels(
        self, x: SSAValue, ratios: NDArray[np.float64], element: IntegerType, zero_point: int, name: str
    ) -> SSAValue:
        """The same with a ratio for each channel of the last dimension."""
        multipliers, shift = channel_dyadics(ratios)
        operand = self.constant(f"{name}.multipliers", multipliers)
        return self.append(RequantOp(x, operand, shift, self.tensor(x, element), zero_point), name)

    def add(self, lhs: SSAValue, rhs: SSAValue, element: IntegerType, name: str) -> SSAValue:
        """The exact sum, clamped to ``element``."""
        return self.append(AddOp(lhs, rhs, self.tensor(lhs, element)), name)

    def prepend_tokens(self, prefix: SSAValue, x: SSAValue, name: str) -> SSAValue:
        """Constant tokens [1, P, C] before those of ``x`` [N, T, C]."""
        type_ = type_of(x)
        batch, tokens, channels = type_.get_shape()
        count = type_of(prefix).get_shape()[1]
        result = TensorType(type_.element_type, (batch, count + tokens, channels))
        return self.append(PrependTokensOp(prefix, x, result), name)

    def slice_tokens(self, x: SSAValue, start: int, count: int) -> SSAValue:
        """``count`` tokens of [N, T, C] from ``start`` on; ``x`` itself where that is all."""
        type_ = type_of(x)
        shape = type_.get_shape()
        if len(shape) != 3 or (start, count) == (0, shape[1]):
            return x
        result = TensorType(type_.element_type, (shape[0], count, shape[2]))
        return self.append(SliceTokensOp(x, start, count, result), _named_after(x, "slice"))

    def drop_token_dimension(self, x: SSAValue) -> SSAValue:
        """[N, 1, C] -> [N, C]; [N, C] as it is."""
        shape = type_of(x).get_shape()
        if len(shape) == 2:
            return x
        name = _named_after(x, "flat")
        return self.collapse(x, [[0], [1, 2]], (shape[0], shape[1] * shape[2]), name)

    def collapse(self, x: SSAValue, groups: list[list[int]], shape: tuple[int, ...], name: str) -> SSAValue:
        """``tensor.collapse_shape``: each group of dimensions becomes one of ``shape``."""
        result = TensorType(type_of(x).element_type, shape)
        op = CollapseShapeOp(
            operands=[x],
            properties={"reassociation": ArrayAttr([ArrayAttr(map(i64_attr, group)) for group in groups])},
            result_types=[result],
        )
        return self.append(op, name)


def _named_after(x: SSAValue, suffix: str) -> str:
    """A name for what is made of ``x``; none where ``x`` has none."""
    return f"{x.name_hint}.{suffix}" if x.name_hint else ""
