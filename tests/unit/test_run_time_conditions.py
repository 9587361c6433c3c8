"""The conditions (R1), (R2), … of ``spec.md``: the interpreter raises where a value breaks one."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from xdsl.dialects import get_all_dialects

from ivit_dialect.dialect import Ivit
from ivit_dialect.interpreter import call
from ivit_dialect.load import parse_module
from ivit_dialect.store import StoreContext, WeightStore

Array = NDArray[Any]

I8, U8, I16, I32, I64 = np.int8, np.uint8, np.int16, np.int32, np.int64
MIN64, MAX64 = np.iinfo(I64).min, np.iinfo(I64).max
RAMP = np.arange(255, -1, -1).astype(U8)
RAMP_Q16 = (65536 - np.arange(256)).astype(I32)
ONE_SCORE = np.ones((1, 1, 1, 1), I32)
NEGATIVE_MULTIPLIER = np.full((1, 1, 1, 1), -1, I32)


def row(dtype: type[np.integer[Any]], *values: int) -> Array:
    return np.array([values], dtype)


@dataclass(frozen=True)
class Condition:
    """``line`` computes on ``%0``, ``%1``, …, the types of which follow from ``args``."""

    op: str
    tag: str
    line: str
    message: str
    args: tuple[Array, ...] = field(default=(), repr=False)
    error: type[Exception] = OverflowError


def binary(op: str, tag: str, lhs: Array, rhs: Array, out: str, message: str) -> Condition:
    types = f"({tensor(lhs)}, {tensor(rhs)}) -> tensor<1x1x{out}>"
    return Condition(op, tag, f"{op} %0, %1 : {types}", message, (lhs, rhs))


def tensor(array: Array) -> str:
    element = array.dtype.name.replace("uint", "ui").replace("int", "i")
    return f"tensor<{'x'.join(map(str, array.shape))}x{element}>"


NORM = (row(I16, 5, 6), np.array([1 << 30, 1 << 30], I32), np.array([MAX64, MAX64], I64))
NORM_TYPES = "(tensor<1x2xi16>, tensor<2xi32>, tensor<2xi64>) -> tensor<1x2xi8>"

PTF_LINE = (
    "ivit.ptf_layernorm %0 factors %1 * %2 + %3 shift 1 zero_point 0 epsilon 1"
    " : (tensor<1x2xi8>, tensor<2xi8>, tensor<2xi32>, tensor<2xi64>) -> tensor<1x2xi8>"
)

CONDITIONS = [
    Condition(
        "ivit.linear",
        "R1",
        "ivit.linear %0, %1, %2 : (tensor<1x1xi8>, tensor<1x1xi8>, tensor<1xi32>) -> tensor<1x1xi32>",
        "linear: accumulator: [2147483648, 2147483648] leaves [-2147483648, 2147483647]",
        (row(I8, 1), row(I8, 1), np.array([(1 << 31) - 1], I32)),
    ),
    Condition(
        "ivit.conv2d",
        "R1",
        "ivit.conv2d %0, %1, %2"
        " : (tensor<1x1x1x1xui8>, tensor<1x1x1x1xi8>, tensor<1xi32>) -> tensor<1x1x1x1xi32>",
        "accumulator: [-2147483649, -2147483649] leaves",
        (np.array([[[[1]]]], U8), np.array([[[[-1]]]], I8), np.array([-(1 << 31)], I32)),
    ),
    Condition(
        "ivit.matmul",
        "R1",
        "ivit.matmul %0, %1 : (tensor<1x1x1x1024xi16>, tensor<1x1x1024x1xi8>) -> tensor<1x1x1x1xi32>",
        "matmul: accumulator: [4261282816, 4261282816] leaves",
        (np.full((1, 1, 1, 1024), 32767, I16), np.full((1, 1, 1024, 1), 127, I8)),
    ),
    *(
        Condition(
            "ivit.shift_matmul",
            tag,
            "ivit.shift_matmul %0, %1 shifts %2"
            " : (tensor<1x1x1x513xui8>, tensor<1x1x513x1xi8>, tensor<1xi8>) -> tensor<1x1x1x1xi32>",
            f"shift_matmul: {message}",
            (np.full((1, 1, 1, 513), code, U8), np.full((1, 1, 513, 1), -128, I8), np.array([shift], I8)),
        )
        for tag, code, shift, message in (
            ("R1", 1, 0, "codes: [1, 1] leaves [0, 0]"),
            ("R2", 0, 16, "shifts: [16, 16] leaves [-1, 15]"),
            ("R2", 0, -2, "shifts: [-2, -2] leaves [-1, 15]"),
            ("R3", 0, 15, "accumulator: [-2151677952, -2151677952] leaves"),
        )
    ),
    Condition(
        "ivit.constant",
        "R1",
        'ivit.constant "absent" : tensor<1xi8>',
        "ivit.constant: the weight store has no tensor 'absent'",
        error=ValueError,
    ),
    Condition(
        "ivit.row_requant",
        "R1",
        "ivit.row_requant %0 * 1024 / %1 min 255 shift 8"
        " : (tensor<1x1xi32>, tensor<1x1xi32>) -> tensor<1x1xi8>",
        "row_requant: divisor: [254, 254] leaves [255, 2147483647]",
        (row(I32, 1), row(I32, 254)),
    ),
    Condition(
        "ivit.affine",
        "R1",
        "ivit.affine %0 * %1 + %2 shift 1"
        " : (tensor<1x1xi32>, tensor<1xi32>, tensor<1xi64>) -> tensor<1x1xi8>",
        "affine: a sum leaves 64 bits",
        (row(I32, 1), np.array([1], I32), np.array([MAX64], I64)),
    ),
    binary("ivit.addi", "R1", row(I8, 100), row(I8, 28), "i8", "addi: [128, 128] leaves [-128, 127]"),
    binary("ivit.addi", "R1", row(I64, MAX64), row(I64, 1), "i64", "addi: a sum leaves 64 bits"),
    binary("ivit.subi", "R1", row(I8, -100), row(I8, 29), "i8", "subi: [-129, -129] leaves"),
    binary("ivit.subi", "R1", row(I64, 0), row(I64, MIN64), "i64", "subi: a difference leaves 64 bits"),
    binary("ivit.muli", "R1", row(I8, -128), row(I8, -1), "i8", "muli: [128, 128] leaves"),
    binary("ivit.muli", "R1", row(I64, 1 << 32), row(I64, 1 << 31), "i64", "muli: a product leaves 64 bits"),
    binary("ivit.maxi", "R1", row(I8, -3), row(I16, 300), "i8", "maxi: [300, 300] leaves"),
    binary("ivit.shift_right", "R1", row(I16, -258), row(I8, 1), "i8", "shift_right: [-129, -129] leaves"),
    binary("ivit.shift_right", "R2", row(I8, 1), row(I8, 64), "i8", "rhs: [64, 64] leaves [0, 63]"),
    binary("ivit.shift_right", "R2", row(I8, 1), row(I8, -1), "i8", "rhs: [-1, -1] leaves [0, 63]"),
    binary(
        "ivit.rounding_shift_right",
        "R1",
        row(I16, 255),
        row(I8, 1),
        "i8",
        "rounding_shift_right: [128, 128] leaves [-128, 127]",
    ),
    binary("ivit.rounding_shift_right", "R2", row(I8, 1), row(I8, 0), "i8", "shift: [0, 0] leaves [1, 62]"),
    binary(
        "ivit.rounding_shift_right", "R2", row(I8, 1), row(I8, 63), "i8", "shift: [63, 63] leaves [1, 62]"
    ),
    binary(
        "ivit.rounding_shift_right",
        "R3",
        row(I64, MAX64),
        row(I8, 1),
        "i64",
        "rounding_shift_right: a sum leaves 64 bits",
    ),
    binary("ivit.floor_div", "R1", row(I16, 256), row(I8, 2), "i8", "floor_div: [128, 128] leaves"),
    binary("ivit.floor_div", "R2", row(I8, 1), row(I8, 0), "i8", "floor_div: rhs: [0, 0] leaves [1,"),
    Condition(
        "ivit.reduce",
        "R1",
        "ivit.reduce sum %0 dim 1 : tensor<1x2xi64> -> tensor<1x1xi64>",
        "reduce sum: upper half",
        (row(I64, MAX64, 1),),
    ),
    Condition(
        "ivit.reduce",
        "R1",
        "ivit.reduce max %0 dim 1 : tensor<1x2xi16> -> tensor<1x1xi8>",
        "reduce max: [128, 128] leaves [-128, 127]",
        (row(I16, 5, 128),),
    ),
    Condition(
        "ivit.shiftexp",
        "R1",
        "ivit.shiftexp %0 x0 4 n 2 : tensor<1x1xi32> -> tensor<1x1xi32>",
        "shiftexp: input: [1, 1] leaves [-2147483648, 0]",
        (row(I32, 1),),
    ),
    *(
        Condition(
            "ivit.intdiv",
            "R1",
            "ivit.intdiv %0, %1 bits 8 : (tensor<1x1xi32>, tensor<1x1xi32>) -> tensor<1x1xi32>",
            message,
            (row(I32, dividend), row(I32, divisor)),
        )
        for dividend, divisor, message in (
            (0, 0, "intdiv: divisor: [0, 0]"),
            (-1, 5, "intdiv: dividend: [-1, -1]"),
            (6, 5, "intdiv: divisor - dividend: [-1, -1]"),
        )
    ),
    Condition(
        "ivit.isqrt",
        "R1",
        "ivit.isqrt %0 : tensor<1x1xi64> -> tensor<1x1xi64>",
        "isqrt: input: [-1, -1] leaves [0, 9223372036854775807]",
        (row(I64, -1),),
    ),
    *(
        Condition(
            "ivit.newton_sqrt",
            "R1",
            "ivit.newton_sqrt %0 : tensor<1x1xi64> -> tensor<1x1xi64>",
            f"newton_sqrt: input: [{x}, {x}] leaves [0, 2199023255551]",
            (row(I64, x),),
        )
        for x in (-1, 1 << 41)
    ),
    *(
        Condition(
            "ivit.rsqrt",
            "R1",
            "ivit.rsqrt %0 : tensor<1x1xi64> -> tensor<1x1xi64>, tensor<1x1xi64>",
            f"rsqrt: input: [{x}, {x}] leaves [1, 4611686018427387903]",
            (row(I64, x),),
        )
        for x in (0, 1 << 62)
    ),
    Condition(
        "ivit.softmax",
        "R1",
        "ivit.softmax %0 * 1 shift 1 table %1"
        " : (tensor<1x1xi32>, tensor<256xui8>) -> tensor<1x1xui8>, tensor<1x1xi32>",
        "softmax: table[0] must be 255, got 254",
        (row(I32, 1), np.minimum(RAMP, 254)),
        ValueError,
    ),
    Condition(
        "ivit.softmax",
        "R2",
        "ivit.softmax %0 * 2147483647 shift 62 table %1"
        " : (tensor<1x2xi32>, tensor<256xui8>) -> tensor<1x2xui8>, tensor<1x1xi32>",
        "softmax: a sum leaves 64 bits",
        (row(I32, -(1 << 31), (1 << 31) - 1), RAMP),
    ),
    Condition(
        "ivit.softmax",
        "R3",
        "ivit.softmax %0 heads(%2 : tensor<1x1x1x1xi32>) shift 1 table %1"
        " : (tensor<1x1x1x1xi32>, tensor<256xui8>) -> tensor<1x1x1x1xui8>, tensor<1x1x1x1xi32>",
        "softmax: multiplier: [-1, -1] leaves [0, 2147483647]",
        (ONE_SCORE, RAMP, NEGATIVE_MULTIPLIER),
    ),
    *(
        Condition(
            f"ivit.{name}_softmax",
            "R1",
            f"ivit.{name}_softmax %0 * 1 shift 1 table %1 {last} : ({types}) -> tensor<1x1x1x1xui8>",
            f"{name}_softmax: table must begin with 65536 and go on in [0, 65536)",
            (ONE_SCORE, table, *more),
            ValueError,
        )
        for name, types, last, more in (
            ("normalized", "tensor<1x1x1x1xi32>, tensor<256xi32>", "unit 255", ()),
            (
                "threshold",
                "tensor<1x1x1x1xi32>, tensor<256xi32>, tensor<1xi32>",
                "thresholds %2",
                (np.array([5], I32),),
            ),
        )
        for table in (RAMP_Q16 - 1, RAMP_Q16 * np.where(RAMP, 1, -1).astype(I32), np.maximum(RAMP_Q16, 65536))
    ),
    *(
        Condition(
            f"ivit.{name}_softmax",
            "R2",
            f"ivit.{name}_softmax %0 * 2147483647 shift 62 table %1 {last}",
            f"{name}_softmax: a sum leaves 64 bits",
            (row(I32, -(1 << 31), (1 << 31) - 1), RAMP_Q16, *more),
        )
        for name, last, more in (
            (
                "normalized",
                "unit 255 : (tensor<1x2xi32>, tensor<256xi32>) -> tensor<1x2xui8>",
                (),
            ),
            (
                "threshold",
                "thresholds %2 : (tensor<1x2xi32>, tensor<256xi32>, tensor<1xi32>) -> tensor<1x2xui8>",
                (np.array([5], I32),),
            ),
        )
    ),
    Condition(
        "ivit.normalized_softmax",
        "R3",
        "ivit.normalized_softmax %0 heads(%2 : tensor<1x1x1x1xi32>) shift 1 table %1 unit 255"
        " : (tensor<1x1x1x1xi32>, tensor<256xi32>) -> tensor<1x1x1x1xui8>",
        "normalized_softmax: multiplier: [-1, -1] leaves [0, 2147483647]",
        (ONE_SCORE, RAMP_Q16, NEGATIVE_MULTIPLIER),
    ),
    Condition(
        "ivit.threshold_softmax",
        "R3",
        "ivit.threshold_softmax %0 heads(%2 : tensor<1x1x1x1xi32>) shift 1 table %1 thresholds %3"
        " : (tensor<1x1x1x1xi32>, tensor<256xi32>, tensor<1xi32>) -> tensor<1x1x1x1xui8>",
        "threshold_softmax: multiplier: [-1, -1] leaves [0, 2147483647]",
        (ONE_SCORE, RAMP_Q16, NEGATIVE_MULTIPLIER, np.array([5], I32)),
    ),
    *(
        Condition(
            "ivit.threshold_softmax",
            "R4",
            "ivit.threshold_softmax %0 * 1 shift 1 table %1 thresholds %2"
            " : (tensor<1x1xi32>, tensor<256xi32>, tensor<1xi32>) -> tensor<1x1xui8>",
            f"threshold_softmax: thresholds: [{value}, {value}] leaves [-1073741824, 1073741824]",
            (row(I32, 1), RAMP_Q16, np.array([value], I32)),
        )
        for value in ((1 << 30) + 1, -(1 << 30) - 1)
    ),
    Condition(
        "ivit.layernorm",
        "R1",
        f"ivit.layernorm %0 * %1 + %2 shift 1 epsilon 1 : {NORM_TYPES}",
        "affine: a sum leaves 64 bits",
        NORM,
    ),
    Condition(
        "ivit.i_layernorm",
        "R1",
        f"ivit.i_layernorm %0 * %1 + %2 shift 1 : {NORM_TYPES}",
        "affine: a sum leaves 64 bits",
        (row(I16, 0, 6), *NORM[1:]),
    ),
    Condition(
        "ivit.ibert_layernorm",
        "R1",
        f"ivit.ibert_layernorm %0 * %1 + %2 shift 1 variance_shift 0 : {NORM_TYPES}",
        "affine: a sum leaves 64 bits",
        (row(I16, 0, 6), *NORM[1:]),
    ),
    Condition(
        "ivit.l1_layernorm",
        "R1",
        f"ivit.l1_layernorm %0 * %1 + %2 shift 1 : {NORM_TYPES}",
        "affine: a sum leaves 64 bits",
        (row(I16, 0, 6), *NORM[1:]),
    ),
    Condition(
        "ivit.attention",
        "R2",
        "ivit.attention %0, %0, %0 heads 1 softmax #ivit.delta_softmax<multiplier = 0, shift = 1,"
        " dividend = 1024, context_shift = 1> table(%1 : tensor<256xui8>)"
        " multipliers(%2 : tensor<1x1x1x1xi32>)"
        " : (tensor<1x1x1xi8>, tensor<1x1x1xi8>, tensor<1x1x1xi8>) -> tensor<1x1x1xi8>",
        "softmax: multiplier: [-1, -1] leaves [0, 2147483647]",
        (np.array([[[1]]], I8), RAMP, NEGATIVE_MULTIPLIER),
    ),
    Condition(
        "ivit.ptf_layernorm",
        "R1",
        PTF_LINE,
        "ptf_layernorm: factors: [0, 4] leaves [0, 3]",
        (row(I8, 5, 6), np.array([0, 4], I8), np.array([1, 1], I32), np.array([0, 0], I64)),
    ),
    Condition(
        "ivit.ptf_layernorm",
        "R2",
        PTF_LINE,
        "ptf_layernorm: offset: a sum leaves 64 bits",
        (row(I8, 5, 6), np.array([0, 0], I8), np.array([1, 1], I32), np.array([0, MAX64], I64)),
    ),
    Condition(
        "ivit.attention",
        "R1",
        "ivit.attention %0, %0, %0 heads 1 softmax #ivit.delta_softmax<multiplier = 1, shift = 1,"
        " dividend = 1024, context_shift = 1> table(%1 : tensor<256xui8>)"
        " : (tensor<1x1x1xi8>, tensor<1x1x1xi8>, tensor<1x1x1xi8>) -> tensor<1x1x1xi8>",
        "softmax: table[0] must be 255, got 0",
        (np.array([[[1]]], I8), RAMP[::-1].copy()),
        ValueError,
    ),
]


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda c: f"{c.op}-{c.tag}")
def test_broken_condition_raises(condition: Condition) -> None:
    ctx = StoreContext()
    for name, factory in get_all_dialects().items():
        ctx.register_dialect(name, factory)
    ctx.load_dialect(Ivit)
    arguments = ", ".join(f"%{i}: {tensor(value)}" for i, value in enumerate(condition.args))
    results = ", ".join(f"%r{i}" for i in range(condition.line.split(" -> ")[-1].count("tensor")))
    text = f"func.func @main({arguments}) {{\n{results or '%r'} = {condition.line}\nfunc.return\n}}"
    module = parse_module(text, condition.op, ctx, weights_required=False)
    with pytest.raises(condition.error, match=f"^{condition.op}:2: .*{re.escape(condition.message)}"):
        call(module, WeightStore(), condition.args)
