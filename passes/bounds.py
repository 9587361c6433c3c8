"""How large the integers can get: static bounds on accumulators and requants, from the weights themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import SSAValue

from ivit_dialect.ops.elementwise import ConstantOp
from ivit_dialect.ops.linear import Conv2dOp, LinearOp
from ivit_dialect.store import WeightStore
from ivit_dialect.types import integer_range, tensor_types

Bound = tuple[int, int]
"""The smallest and the largest value that can occur."""


def type_bound(value: SSAValue) -> Bound:
    """All values of the element type."""
    (type_,) = tensor_types(value)
    return integer_range(type_.element_type)


def stored(value: SSAValue, store: WeightStore) -> NDArray[Any] | None:
    """The array behind an ``ivit.constant``, or None where it is computed or its weights are not at hand."""
    if isinstance(value.owner, ConstantOp) and value.owner.key.data in store:
        return store[value.owner.key.data]
    return None


def accumulator_bounds(op: LinearOp | Conv2dOp, store: WeightStore) -> tuple[NDArray[Any], NDArray[Any]]:
    """Per output channel, the least and greatest accumulator over all inputs (methods.md 11): int64 arrays.

    From the weights where the store has them (sums of positive and of negative weights), else from the types.
    """
    weight, bias = stored(op.weight, store), stored(op.bias, store)
    low, high = type_bound(op.input)
    (weight_type,) = tensor_types(op.weight)
    shape = weight_type.get_shape()
    if weight is None or bias is None:
        terms = int(np.prod(shape[1:]))
        most = np.full(shape[0], terms * max(abs(low), abs(high)) * 128, np.int64)
        return -most, most
    matrix = weight.reshape(shape[0], -1).astype(np.int64)
    positive, negative = np.maximum(matrix, 0).sum(1), np.minimum(matrix, 0).sum(1)
    offset = bias.astype(np.int64)
    return offset + low * positive + high * negative, offset + high * positive + low * negative


def requant_bound(bound: Bound, multiplier: int, shift: int) -> Bound:
    """The range of ``(x * multiplier + 2^(shift-1)) >> shift`` before any clamp; exact, monotone in x."""
    ends = [(x * multiplier + (1 << (shift - 1))) >> shift for x in bound]
    return min(ends), max(ends)


def channels_bound(low: NDArray[Any], high: NDArray[Any], multipliers: NDArray[Any], shift: int) -> Bound:
    """As ``requant_bound``, over channels with their own accumulator bounds and multipliers."""
    pairs = zip(low.tolist(), high.tolist(), np.broadcast_to(multipliers, low.shape).tolist(), strict=True)
    bounds = [requant_bound((a, b), m, shift) for a, b, m in pairs]
    return min(b[0] for b in bounds), max(b[1] for b in bounds)


def fits(bound: Bound, value: SSAValue) -> bool:
    """Whether a clamp to ``value``'s element type would never act."""
    low, high = type_bound(value)
    return low <= bound[0] and bound[1] <= high
