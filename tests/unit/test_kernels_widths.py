"""Kernels over integers of 2 to 16 bits, against the NumPy reference, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_harness import TARGETS, Array, Operands, batched, check, integers
from kernel_strategies import ANY_WIDTH, CHANNELS, MULTIPLIERS, NARROW, ON_EVERY_TARGET, SEEDS, SHIFTS, SIGNED
from xdsl.dialects.builtin import IntegerType, Signedness, i8, i32

from ivit_dialect import reference
from ivit_dialect.element_types import element_format
from ivit_dialect.ops.arithmetic import MuliOp, ReduceKind, ReduceOp
from ivit_dialect.ops.attention import AttentionOp, DeltaSoftmaxAttr
from ivit_dialect.ops.elementwise import AddOp, LookupOp, RequantOp
from ivit_dialect.ops.linear import LinearOp, MatmulOp
from ivit_dialect.ops.nonlinear import LayerNormOp
from ivit_dialect.ops.shape import SplitHeadsOp
from ivit_dialect.types import i64_attr
from lowering.packing import PACKINGS

ON_WIDTHS = pytest.mark.parametrize(
    "target", [t for t in TARGETS if t in ("x86-64-avx512vbmi", "x86-64-avx2", "generic")]
)
"""A target of each width of registers."""

SOME = settings(max_examples=3, deadline=None, derandomize=True)


def result(expected: Array, kind: IntegerType) -> Any:
    return batched(expected, kind)


@ON_WIDTHS
@SOME
@given(SEEDS, CHANNELS, ANY_WIDTH, ANY_WIDTH, MULTIPLIERS, SHIFTS)
def test_requant(
    target: str,
    seed: int,
    channels: int,
    x_type: IntegerType,
    y_type: IntegerType,
    multiplier: int,
    shift: int,
) -> None:
    x = integers(np.random.default_rng(seed), (3, channels), x_type)
    out = element_format(y_type)
    expected = reference.requant(x, multiplier, shift, out, out.high)
    operands = Operands()
    op = RequantOp(operands.activation(x, x_type), multiplier, shift, result(expected, y_type), out.high)
    check(op, operands, target, 2, expected)


@ON_WIDTHS
@SOME
@given(SEEDS, CHANNELS, SIGNED, ANY_WIDTH, ANY_WIDTH)
def test_add(
    target: str, seed: int, channels: int, a_type: IntegerType, b_type: IntegerType, y_type: IntegerType
) -> None:
    rng = np.random.default_rng(seed)
    a, b = integers(rng, (3, channels), a_type), integers(rng, (3, channels), b_type)
    scale = 3 << 29, 30
    expected = reference.add(a, b, element_format(y_type), lhs_scale=scale)
    operands = Operands()
    sides = operands.activation(a, a_type), operands.activation(b, b_type)
    op = AddOp(*sides, result(expected, y_type), lhs_scale=scale)
    check(op, operands, target, 2, expected)


@ON_EVERY_TARGET
@pytest.mark.parametrize(
    ("bits", "unsigned", "out"),
    [
        (2, False, IntegerType(4)),
        (7, False, IntegerType(12)),
        (4, True, IntegerType(8)),
        (9, False, IntegerType(4)),
        (12, False, IntegerType(12)),
        (12, True, IntegerType(8)),
    ],
)
def test_lookup_of_every_index(target: str, bits: int, unsigned: bool, out: IntegerType) -> None:
    kind = IntegerType(bits, Signedness.UNSIGNED if unsigned else Signedness.SIGNLESS)
    held = element_format(kind)
    x = np.arange(held.low, held.high + 1).astype(held.dtype)[np.newaxis]
    table = integers(np.random.default_rng(bits), (1 << bits,), out, spread=False)
    operands = Operands()
    op = LookupOp(operands.activation(x, kind), operands.constant(table, out), batched(x, out))
    check(op, operands, target, 2, reference.lookup(x, table))


@ON_EVERY_TARGET
@settings(max_examples=4, deadline=None, derandomize=True)
@given(
    SEEDS,
    st.sampled_from([1, 6, 13]),
    st.sampled_from([1, 10, 16, 33, 64, 70, 130]),
    st.sampled_from([1, 3, 33, 64, 147]),
    SIGNED,
    NARROW,
    SIGNED,
    st.sampled_from([None, 4, 7, 10]),
    st.integers(1, 3),
)
def test_linear(
    target: str,
    seed: int,
    rows: int,
    columns: int,
    inner: int,
    x_type: IntegerType,
    w_type: IntegerType,
    y_type: IntegerType,
    index_bits: int | None,
    threads: int,
) -> None:
    rng = np.random.default_rng(seed)
    x, weight = integers(rng, (rows, inner), x_type), integers(rng, (columns, inner), w_type, spread=False)
    bias = rng.integers(-999, 999, columns, dtype=np.int32)
    multipliers = rng.integers(1 << 29, 1 << 31, columns, dtype=np.int32)
    shift = 40 + x_type.width.data // 2
    operands = Operands()
    table = None if index_bits is None else integers(rng, (1 << index_bits,), y_type)
    expected = reference.linear_epilogue(
        reference.linear(x, weight, bias),
        multipliers,
        shift,
        element_format(y_type),
        zero_point=1,
        table=table,
    )
    op = LinearOp(
        operands.activation(x, x_type),
        operands.constant(weight, w_type),
        operands.constant(bias),
        result(expected, y_type),
        multipliers=operands.constant(multipliers),
        shift=i64_attr(shift),
        zero_point=i64_attr(1),
        table=None if table is None else operands.constant(table, y_type),
    )
    check(op, operands, target, threads, expected)


@ON_EVERY_TARGET
@pytest.mark.parametrize("end", ["low", "high"])
@pytest.mark.parametrize(
    ("x_bits", "w_bits"), [(16, 8), (16, 4), (12, 8), (8, 8), (8, 7), (8, 5), (8, 4), (4, 4), (2, 2)]
)
def test_extreme_products(target: str, x_bits: int, w_bits: int, end: str) -> None:
    """All activations at one end, weights at both, where sums are largest; all columns, and a short panel."""
    x_type, w_type = IntegerType(x_bits), IntegerType(w_bits)
    x = np.full((7, 400), getattr(element_format(x_type), end), element_format(x_type).dtype)
    weight = np.full((70, 400), element_format(w_type).low, np.int8)
    weight[1::2] = element_format(w_type).high
    bias = np.arange(70, dtype=np.int32)
    expected = reference.linear(x, weight, bias)
    operands = Operands()
    op = LinearOp(
        operands.activation(x, x_type),
        operands.constant(weight, w_type),
        operands.constant(bias),
        result(expected, i32),
    )
    check(op, operands, target, 2, expected)


@ON_WIDTHS
@SOME
@given(SEEDS, st.one_of(SIGNED, st.sampled_from([IntegerType(4, Signedness.UNSIGNED)])), NARROW, SIGNED)
def test_matmul(
    target: str, seed: int, a_type: IntegerType, b_type: IntegerType, y_type: IntegerType
) -> None:
    rng = np.random.default_rng(seed)
    a, b = integers(rng, (2, 7, 19), a_type), integers(rng, (2, 19, 21), b_type)
    product = reference.matmul(a[np.newaxis], b[np.newaxis])[0]
    expected = reference.requant(product, 1 << 30, 36, element_format(y_type))
    operands = Operands()
    sides = operands.activation(a, a_type), operands.activation(b, b_type)
    op = MatmulOp(*sides, result(expected, y_type), multiplier=i64_attr(1 << 30), shift=i64_attr(36))
    check(op, operands, target, 2, expected)


@ON_WIDTHS
@SOME
@given(SEEDS, NARROW, NARROW, NARROW, SIGNED)
def test_attention(
    target: str, seed: int, q_type: IntegerType, k_type: IntegerType, v_type: IntegerType, y_type: IntegerType
) -> None:
    rng = np.random.default_rng(seed)
    kinds = (q_type, k_type, v_type)
    q, k, v = (integers(rng, (9, 24), kind, spread=False) for kind in kinds)
    table = np.rint(255 * np.exp(-np.arange(256) / 50)).astype(np.uint8)
    softmax = reference.DeltaSoftmax(table, 1 << 30, 31, 1 << 30, 22)
    batch = q[np.newaxis], k[np.newaxis], v[np.newaxis]
    expected = reference.attention(batch[0], batch[1], batch[2], 2, softmax, element_format(y_type))[0]
    operands = Operands()
    op = AttentionOp(
        *(operands.activation(x, kind) for x, kind in zip((q, k, v), kinds, strict=True)),
        heads=2,
        softmax=DeltaSoftmaxAttr(*(i64_attr(n) for n in (1 << 30, 31, 1 << 30, 22))),
        result_type=result(expected, y_type),
        table=operands.constant(table),
    )
    check(op, operands, target, 2, expected)


@ON_WIDTHS
@SOME
@given(SEEDS, CHANNELS, SIGNED, SIGNED)
def test_layernorm(target: str, seed: int, channels: int, x_type: IntegerType, y_type: IntegerType) -> None:
    rng = np.random.default_rng(seed)
    x = integers(rng, (3, channels), x_type)
    scale = rng.integers(-(1 << 25), 1 << 25, channels, dtype=np.int32)
    offset = rng.integers(-(1 << 40), 1 << 40, channels, dtype=np.int64)
    expected = reference.layernorm(x, scale, offset, 40, 7, element_format(y_type))
    operands = Operands()
    op = LayerNormOp(
        operands.activation(x, x_type),
        operands.constant(scale),
        operands.constant(offset),
        40,
        7,
        result(expected, y_type),
    )
    check(op, operands, target, 2, expected)


@given(
    outs=st.integers(1, 40),
    ins=st.integers(1, 20),
    columns=st.sampled_from([8, 16, 64]),
    depth=st.sampled_from([2, 4]),
)
def test_nibbles_hold_each_weight_once(outs: int, ins: int, columns: int, depth: int) -> None:
    weight = integers(np.random.default_rng(outs * ins), (outs, ins), IntegerType(4))
    packing = PACKINGS["nibbles"]
    packed = packing.pack([weight], (columns, depth))
    assert packed.shape == packing.shape([weight.shape], (columns, depth))
    assert packed.dtype == np.uint8
    whole = (np.concatenate([packed & 15, packed >> 4], axis=2) ^ 8).astype(np.int8) - 8
    np.testing.assert_array_equal(whole, PACKINGS["panels"].pack([weight], (columns, depth)))


def test_nibbles_hold_4_bits_alone() -> None:
    with pytest.raises(ValueError, match=r"^weights of 4 bits must lie in \[-8, 7\], got .*\[-8, 8\]$"):
        PACKINGS["nibbles"].pack([np.array([[8, -8]], np.int8)], (8, 2))


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("bits", [2, 4, 7])
def test_packed_tables_clamp_their_index(bits: int, signed: bool) -> None:
    table = np.arange(1 << bits).astype(np.int16) * 7
    packed = PACKINGS["table"].pack([table], (int(signed),))
    kind = IntegerType(bits, Signedness.SIGNLESS if signed else Signedness.UNSIGNED)
    limits = element_format(kind)
    least = -128 if signed else 0
    for index in range(256):
        entry = min(max(index + least, limits.low), limits.high) - limits.low
        assert packed[index] == table[entry]


def test_i8_is_packed_as_it_was() -> None:
    """Weights of 5 to 8 bits are bytes."""
    weight = integers(np.random.default_rng(0), (3, 5), i8)
    assert PACKINGS["panels"].pack([weight], (8, 2)).dtype == np.int8


@pytest.mark.parametrize("kind", [ReduceKind.SUM, ReduceKind.MAX])
@pytest.mark.parametrize("dimension", [1, 2])
def test_reduce(kind: ReduceKind, dimension: int) -> None:
    x_type, out = IntegerType(5), IntegerType(9 if kind is ReduceKind.SUM else 5)
    x = integers(np.random.default_rng(0), (13, 15), x_type, spread=False)
    function = reference.reduce_sum if kind is ReduceKind.SUM else reference.reduce_max
    expected = function(x, dimension - 1, element_format(out))
    operands = Operands()
    op = ReduceOp(kind, operands.activation(x, x_type), dimension, result(expected, out))
    check(op, operands, "generic", 2, expected)


def test_products_of_6_bits_take_12() -> None:
    six, twelve = IntegerType(6), IntegerType(12)
    x = np.arange(-32, 32, dtype=np.int8)[np.newaxis]
    y = x.T.copy()[np.newaxis]
    expected = reference.muli(x, y[0], element_format(twelve))
    operands = Operands()
    sides = operands.activation(x, six), operands.constant(y, six)
    check(MuliOp(*sides, result(expected, twelve)), operands, "generic", 2, expected)


@pytest.mark.parametrize("kind", [IntegerType(4), IntegerType(12), IntegerType(4, Signedness.UNSIGNED)])
def test_heads(kind: IntegerType) -> None:
    x = integers(np.random.default_rng(1), (5, 12), kind)
    expected = reference.split_heads(x[np.newaxis], 3)[0]
    operands = Operands()
    check(
        SplitHeadsOp(operands.activation(x, kind), result(expected, kind)), operands, "generic", 2, expected
    )
