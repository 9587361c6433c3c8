"""Kernels of the two softmaxes outside fused attention: rows are split among the threads."""

from __future__ import annotations

from ivit_dialect.ops.nonlinear import ShiftmaxOp, SoftmaxOp
from lowering.arithmetic_nonlinear import intdiv_factor, intdiv_scale
from lowering.kernels.attention_softmax import INDEX_MAX, shiftexp_table
from lowering.kernels.base import KernelBuilder, KernelFamily, Launch, Packed
from lowering.kernels.build import Operand, Value, element_width, shape
from lowering.kernels.elements import (
    Reduction,
    activation,
    each_lane,
    flat,
    load_wide,
    loop_step,
    reduce_lanes,
    rows_of,
    splat,
    store,
)
from lowering.kernels.lookup import ENTRIES, ByteTable, lookup_each
from lowering.kernels.signature import Signature
from lowering.targets import Target


def plan_softmax(op: SoftmaxOp, target: Target) -> Launch:
    """Multiplier and shift are scalars."""
    scalars = {"multiplier": op.multiplier.value.data, "shift": op.shift.value.data}
    return Launch("softmax", (activation(op.input), Packed((op.table,))), scalars=scalars)


def build_softmax(b: KernelBuilder) -> None:
    """Any int32 scores: a difference takes 33 bits, its product with the multiplier 63."""
    scores, codes, sums = rows_of(b, b.inputs[0]), rows_of(b, b.outputs[0]), flat(b, b.outputs[1])
    rows, columns = shape(scores)
    step = loop_step(b, columns, 16)
    table = ByteTable(b, b.inputs[1], b.target, signed=False)
    shift = b.scalars["shift"]
    half = b.shl(b.constant(1, shift.type), b.sub(shift, 1))
    counts = (step, 0)
    multipliers, halves, shifts = (
        {n: splat(b, x, n) for n in counts} for x in (b.scalars["multiplier"], half, shift)
    )
    first, last = b.my_share(rows)
    with b.loop(first, last) as row:

        def score(i: Operand, lanes: int) -> list[Value]:
            return [load_wide(b, scores, [row.index, i], lanes, 32)]

        (top,) = reduce_lanes(b, columns, step, [Reduction(32, is_maximum=True)], score)
        tops = {n: splat(b, b.sign_extend(top, 64), n) for n in counts}

        def code(i: Operand, lanes: int) -> list[Value]:
            below = b.sub(tops[lanes], load_wide(b, scores, [row.index, i], lanes, 64))
            scaled = b.add(b.mul(below, multipliers[lanes]), halves[lanes])
            index = b.truncate(b.min(b.shr_unsigned(scaled, shifts[lanes]), INDEX_MAX), 8)
            x = table(index)
            store(b, x, codes, [row.index, i])
            return [b.zero_extend(x, 32)]

        (total,) = reduce_lanes(b, columns, step, [Reduction(32)], code)
        b.store(total, sums, row.index)


def plan_shiftmax(op: ShiftmaxOp, target: Target) -> Launch:
    """``x0``, ``n`` and ``bits`` are scalars."""
    scalars = {"x0": op.x0.value.data, "n": op.n.value.data, "bits": op.bits.value.data}
    return Launch("shiftmax", (activation(op.input),), scalars=scalars)


def build_shiftmax(b: KernelBuilder) -> None:
    """Exponentials of all 256 differences are made once; each row looks them up twice."""
    source, target = rows_of(b, b.inputs[0]), rows_of(b, b.outputs[0])
    rows, columns = shape(source)
    step = loop_step(b, columns, 32)
    table = shiftexp_table(b, ENTRIES)
    bits = {n: splat(b, b.truncate(b.scalars["bits"], 32), n) for n in (step, 0)}
    first, last = b.my_share(rows)
    with b.loop(first, last) as row:

        def value(i: Operand, lanes: int) -> list[Value]:
            return [load_wide(b, source, [row.index, i], lanes, 32)]

        (top,) = reduce_lanes(b, columns, step, [Reduction(32, is_maximum=True)], value)
        tops = {n: splat(b, top, n) for n in (step, 0)}

        def exponential(i: Operand, lanes: int) -> list[Value]:
            below = b.truncate(b.sub(tops[lanes], value(i, lanes)[0]), 8)
            return [lookup_each(b, table, below, signed=False)]

        (total,) = reduce_lanes(b, columns, step, [Reduction(32)], exponential)
        factor = intdiv_factor(b, total)
        factors = {n: splat(b, factor, n) for n in (step, 0)}

        def probability(i: Operand, lanes: int) -> None:
            y = intdiv_scale(b, exponential(i, lanes)[0], factors[lanes], bits[lanes])
            store(b, b.truncate(y, element_width(target)), target, [row.index, i])

        each_lane(b, columns, step, probability)


SOFTMAX = KernelFamily(
    "softmax",
    build_softmax,
    Signature(
        {"x": "...R C : i32", "table": "256 : ui8"},
        {"codes": "...R C : ui8", "sums": "...R : i32"},
        ("multiplier", "shift"),
    ),
    {SoftmaxOp: plan_softmax},
)
SHIFTMAX = KernelFamily(
    "shiftmax",
    build_shiftmax,
    Signature({"x": "...R C : i8"}, {"y": "...R C : i8 i16"}, ("x0", "n", "bits")),
    {ShiftmaxOp: plan_shiftmax},
)
FAMILIES = (SOFTMAX, SHIFTMAX)
