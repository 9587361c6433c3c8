"""Non-linear kernels on every input that int8 has, over a grid of scales, against the NumPy reference."""

from __future__ import annotations

import numpy as np
import pytest
from kernel_harness import Array, Operands, check, integers
from kernel_strategies import ON_EVERY_TARGET, result

from ivit_dialect.ops.elementwise import AddOp, LookupOp, RequantOp
from ivit_dialect.ops.linear import LinearOp
from ivit_dialect.ops.nonlinear import ShiftExpOp, ShiftGeluOp, ShiftmaxOp, SoftmaxOp
from ivit_dialect.reference import elementwise
from ivit_dialect.reference.gelu import shiftgelu
from ivit_dialect.reference.linear import linear, linear_epilogue
from ivit_dialect.reference.softmax import shiftexp, shiftmax, softmax
from ivit_dialect.types import i64_attr

INT8 = np.arange(-128, 128)
SCALES = [1.7**-i for i in range(14)]
"""From 1 to below 1/1000, as activations have them."""


def dyadic(scale: float) -> tuple[int, int]:
    """``multiplier * 2^-shift`` nearest to ``scale``, the multiplier in [2^30, 2^31)."""
    mantissa, exponent = np.frexp(scale)
    return min(round(mantissa * 2**31), 2**31 - 1), 31 - int(exponent)


def reciprocal(scale: float) -> int:
    """``x0`` of a scale."""
    return max(int(1 / scale), 1)


def largest_n(terms: int, x0: int) -> int:
    """The most fraction bits that ``terms`` exponentials have room for."""
    return max(n for n in range(31) if terms * x0 << n < 2**31)


@ON_EVERY_TARGET
def test_shiftexp(target: str) -> None:
    x = -np.arange(256).astype(np.int32)
    for scale in SCALES:
        x0 = reciprocal(scale)
        for n in (0, largest_n(1, x0)):
            operands = Operands()
            op = ShiftExpOp(operands.activation(x), x0, n, result(x.shape, np.int32))
            check(op, operands, target, 1, shiftexp(x, x0, n))


@ON_EVERY_TARGET
def test_shiftgelu_below_every_maximum(target: str) -> None:
    x = np.minimum(INT8[None, :], INT8[:, None]).astype(np.int8)
    for scale in SCALES:
        # The sigmoid's argument is 1.702 times the input.
        x0 = reciprocal(scale * 1.702)
        for n in {min(n, largest_n(2, x0)) for n in (4, 23, 30)}:
            operands = Operands()
            op = ShiftGeluOp(operands.activation(x), x0, n, result(x.shape, np.int16))
            check(op, operands, target, 3, shiftgelu(x, x0, n))


@ON_EVERY_TARGET
def test_shiftmax_of_every_difference(target: str) -> None:
    """Row i holds a maximum and a value i below it."""
    x = np.stack([np.full(256, 127), 127 - np.arange(256)], axis=-1).astype(np.int8)
    for scale in SCALES:
        x0 = reciprocal(scale)
        for bits in (2, 8, 16):
            operands = Operands()
            n = largest_n(2, x0)
            op = ShiftmaxOp(operands.activation(x), x0, n, bits, result(x.shape, np.int16))
            check(op, operands, target, 3, shiftmax(x, x0, n, bits, np.int16))


@ON_EVERY_TARGET
def test_softmax_around_every_index(target: str) -> None:
    """Differences at which the table's index changes, and their neighbours."""
    table = np.rint(255 * np.exp(-np.arange(256) / 40)).astype(np.uint8)
    for scale in SCALES:
        multiplier, shift = dyadic(scale)
        edges = np.rint((np.arange(256) + 0.5) / scale).astype(np.int64)
        below = np.clip(np.concatenate([edges - 1, edges, edges + 1]), 0, None)
        x = np.stack([np.zeros_like(below), -below], axis=-1).astype(np.int32)
        operands = Operands()
        op = SoftmaxOp(operands.activation(x), operands.constant(table), multiplier, shift)
        check(op, operands, target, 3, *softmax(x, table, multiplier, shift))


@ON_EVERY_TARGET
@pytest.mark.parametrize("y_type", [np.int8, np.int16, np.int32])
def test_requant_and_add(target: str, y_type: type[np.signedinteger]) -> None:
    x, other = INT8.astype(np.int8), INT8[::-1].astype(np.int8)
    for scale in (*SCALES, *(1 / s for s in SCALES)):
        multiplier, shift = dyadic(scale)
        operands = Operands()
        op = RequantOp(operands.activation(x), multiplier, shift, result(x.shape, y_type), 5)
        check(op, operands, target, 3, elementwise.requant(x, multiplier, shift, y_type, 5))
        operands = Operands()
        lhs, rhs = operands.activation(x), operands.activation(other)
        scales = {"lhs_scale": (multiplier, shift), "rhs_scale": dyadic(1 / scale)}
        added = AddOp(lhs, rhs, result(x.shape, np.int16), **scales)
        expected = elementwise.add(x, other, np.int16, **scales)
        check(added, operands, target, 3, expected)


def _every_lane(values: Array) -> Array:
    """Every value in every lane of the widest register, and a tail."""
    return np.concatenate([np.roll(values, i) for i in range(65)])[:-5]


@ON_EVERY_TARGET
@pytest.mark.parametrize("x_type", [np.int8, np.uint8])
@pytest.mark.parametrize("y_type", [np.int8, np.uint8, np.int16, np.int32])
def test_lookup(target: str, x_type: type[np.integer], y_type: type[np.integer]) -> None:
    low, high = int(np.iinfo(x_type).min), int(np.iinfo(x_type).max)
    x = _every_lane(np.arange(low, high + 1)).astype(x_type)
    table = integers(np.random.default_rng(0), (256,), y_type, spread=False)
    operands = Operands()
    op = LookupOp(operands.activation(x), operands.constant(table), result(x.shape, y_type))
    check(op, operands, target, 3, elementwise.lookup(x, table))


@ON_EVERY_TARGET
@pytest.mark.parametrize("out", [np.int8, np.int16])
def test_lookup_in_the_epilogue_of_a_linear(target: str, out: type[np.signedinteger]) -> None:
    """Every index in every column, clamped ones included: the accumulator is twice the activation."""
    columns = 70
    x = INT8.astype(np.int8)[:, None]
    weight, bias = np.full((columns, 1), 2, np.int8), np.arange(columns).astype(np.int32)
    table = integers(np.random.default_rng(1), (256,), out, spread=False)
    for scale in (1.0, 0.5, 0.25, 1 / 3):
        multiplier, shift = dyadic(scale)
        numerators = np.full(columns, multiplier, np.int32)
        operands = Operands()
        op = LinearOp(
            operands.activation(x),
            operands.constant(weight),
            operands.constant(bias),
            result((256, columns), out),
            multipliers=operands.constant(numerators),
            shift=i64_attr(shift),
            table=operands.constant(table),
        )
        acc = linear(x, weight, bias)
        check(op, operands, target, 3, linear_epilogue(acc, numerators, shift, out, table=table))
