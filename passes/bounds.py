"""How large the integers can get: static bounds on accumulators and requants, from the weights themselves."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import I64, IntegerAttr
from xdsl.ir import SSAValue

from ivit_dialect.ops.elementwise import ConstantOp
from ivit_dialect.ops.fqvit import LogIntSoftmaxOp
from ivit_dialect.ops.ibert import IbertSoftmaxOp
from ivit_dialect.ops.linear import Conv2dOp, LinearOp, MatmulOp
from ivit_dialect.ops.nonlinear import ShiftmaxOp
from ivit_dialect.ops.probabilities import THRESHOLD_BITS, NormalizedSoftmaxOp, ThresholdSoftmaxOp
from ivit_dialect.ops.shift_matmul import MOST_SHIFT, ShiftMatmulOp
from ivit_dialect.reference.shift_matmul import shift_weights
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


def product_bound(a: Bound, b: Bound) -> Bound:
    """The range of ``x * y`` for x in ``a`` and y in ``b``."""
    corners = [x * y for x in a for y in b]
    return min(corners), max(corners)


def accumulator_bounds(op: LinearOp | Conv2dOp, store: WeightStore) -> tuple[NDArray[Any], NDArray[Any]]:
    """Per output channel, the least and greatest accumulator over all inputs (methods.md 11): int64 arrays.

    Weights and bias apart: what the store has counts as it is (sums of positive and of negative weights),
    what it does not have as all values of its type. With an unknown bias the bounds may leave int32.
    """
    low, high = type_bound(op.input)
    weight, bias = stored(op.weight, store), stored(op.bias, store)
    (weight_type,) = tensor_types(op.weight)
    channels, *rest = weight_type.get_shape()
    if weight is None:
        least, greatest = product_bound((low, high), type_bound(op.weight))
        terms = math.prod(rest)
        sums = np.full(channels, terms * least, np.int64), np.full(channels, terms * greatest, np.int64)
    else:
        matrix = weight.reshape(channels, -1).astype(np.int64)
        positive, negative = np.maximum(matrix, 0).sum(1), np.minimum(matrix, 0).sum(1)
        sums = low * positive + high * negative, high * positive + low * negative
    offsets = type_bound(op.bias) if bias is None else (bias.astype(np.int64), bias.astype(np.int64))
    return sums[0] + offsets[0], sums[1] + offsets[1]


def matmul_bound(op: MatmulOp) -> Bound:
    """All accumulators of a product, from the types; of probabilities, from the sum of their row."""
    rhs = type_bound(op.rhs)
    total = _row_sum(op.lhs)
    if total is not None:
        return total * rhs[0], total * rhs[1]
    (lhs_type,) = tensor_types(op.lhs)
    least, greatest = product_bound(type_bound(op.lhs), rhs)
    terms = lhs_type.get_shape()[-1]
    return terms * least, terms * greatest


def _row_sum(probabilities: SSAValue) -> int | None:
    """What a row of probabilities sums to at most; None for other values."""
    match probabilities.owner:
        case ShiftmaxOp() as op:
            return 1 << (op.bits.value.data - 1)
        case IbertSoftmaxOp() as op:
            return 1 << op.bits.value.data
        case NormalizedSoftmaxOp() as op:
            # Each code exceeds its share of the unit by at most one half.
            (type_,) = tensor_types(op.output)
            return op.unit.value.data + type_.get_shape()[-1] // 2
        case _:
            return None


def largest_multiplier(
    multiplier: IntegerAttr[I64] | None, multipliers: SSAValue | None, store: WeightStore
) -> int:
    """Of a softmax: the one, or the largest of the heads' (2^31 - 1 where these are not at hand)."""
    if multipliers is None:
        assert multiplier is not None, "the verifier asks for one of the two"
        return multiplier.value.data
    values = stored(multipliers, store)
    return (1 << 31) - 1 if values is None else int(values.max())


def shift_matmul_bound(op: ShiftMatmulOp, store: WeightStore) -> Bound:
    """All accumulators of a product with codes, from the shifts; OverflowError where these leave [-1, 15].

    Shifts that the store does not have may be any in that range.
    """
    eta, shifts = 0 if op.eta is None else op.eta.value.data, stored(op.shifts, store)
    weights = np.array([-eta, (1 << MOST_SHIFT) - eta]) if shifts is None else shift_weights(shifts, eta)
    least, greatest = product_bound((int(weights.min()), int(weights.max())), type_bound(op.rhs))
    (codes_type,) = tensor_types(op.lhs)
    terms = codes_type.get_shape()[-1]
    if isinstance(op.lhs.owner, LogIntSoftmaxOp) and _is_plain(shifts, eta):
        # The code k of a share p of the row has 2^-k < 1.5 p: a row sums to less than 1.5.
        values, total = type_bound(op.rhs), 3 << (MOST_SHIFT - 1)
        return total * values[0], total * values[1]
    if isinstance(op.lhs.owner, ThresholdSoftmaxOp):
        thresholds = stored(op.lhs.owner.thresholds, store)
        if thresholds is not None and shifts is not None:
            within = _threshold_rows_bound(thresholds.astype(np.int64), weights, terms, type_bound(op.rhs))
            return max(terms * least, within[0]), min(terms * greatest, within[1])
    return terms * least, terms * greatest


def _threshold_rows_bound(
    thresholds: NDArray[np.int64], weights: NDArray[np.int64], terms: int, values: Bound
) -> Bound:
    """From the shares of a row, which sum to 1: the code k means a share above ``thresholds[k] / 2^30``.

    Codes of which the thresholds say no such thing may be those of all ``terms``; codes beyond the thresholds
    do not occur.
    """
    weights = weights[: len(thresholds) + 1]
    lowest = np.append(thresholds, 0)[: len(weights)]
    known = (lowest > 0) & bool(np.all(np.diff(thresholds) <= 0))
    positive = np.maximum(weights, 0)
    shares = (positive[known] << THRESHOLD_BITS) // lowest[known] + 1
    most = int(shares.max(initial=0)) + terms * int(positive[~known].max(initial=0))
    least = terms * int(np.maximum(-weights, 0).max())
    low, high = values
    return most * low - least * high, most * high - least * low


def _is_plain(shifts: NDArray[Any] | None, eta: int) -> bool:
    """Whether the code k weighs at most ``2^(15-k)``."""
    if shifts is None or eta:
        return False
    powers = (1 << MOST_SHIFT) >> np.minimum(np.arange(len(shifts)), MOST_SHIFT + 1)
    return bool(np.all(shift_weights(shifts) <= powers))


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
