"""Kernels of the two softmaxes outside fused attention: rows are split among the threads."""

from __future__ import annotations

from collections.abc import Callable

from ivit_dialect.ops.nonlinear import ShiftmaxOp, SoftmaxOp
from lowering.arithmetic_nonlinear import intdiv_factor, intdiv_scale
from lowering.kernels.attention_softmax import shiftexp_table
from lowering.kernels.base import KernelBuilder, KernelFamily, Launch
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
from lowering.kernels.signature import Config, Signature
from lowering.kernels.softmax_rows import (
    SCALED_BY,
    RowIndices,
    check_scaled_by,
    scaled_by,
    softmax_launch,
)
from lowering.targets import Target


def plan_softmax(op: SoftmaxOp, target: Target) -> Launch:
    """The shift is a scalar, and the multiplier unless each head has its own."""
    return softmax_launch("softmax", op, (op.table,), {})


def build_softmax(b: KernelBuilder) -> None:
    """Any int32 scores: a difference takes 33 bits, its product with the multiplier 63."""
    scores, codes, sums = rows_of(b, b.inputs[0]), rows_of(b, b.outputs[0]), flat(b, b.outputs[1])
    rows, columns = shape(scores)
    step = loop_step(b, columns, 16)
    table = ByteTable(b, b.inputs[1], b.target, signed=False)
    indices = RowIndices(b, scores, step)
    first, last = b.my_share(rows)
    with b.loop(first, last) as row:
        indices.begin(row.index)

        def code(i: Operand, lanes: int) -> list[Value]:
            x = table(indices(i, lanes))
            store(b, x, codes, [row.index, i])
            return [b.zero_extend(x, 32)]

        (total,) = reduce_lanes(b, columns, step, [Reduction(32)], code)
        b.store(total, sums, row.index)


def plan_shiftmax(op: ShiftmaxOp, target: Target) -> Launch:
    """``x0``, ``n`` and ``bits`` are scalars."""
    scalars = {"x0": op.x0.value.data, "n": op.n.value.data, "bits": op.bits.value.data}
    return Launch("shiftmax", (activation(op.input),), scalars=scalars)


def build_shiftmax(b: KernelBuilder) -> None:
    """Shiftexp's exponentials, ``intdiv`` for the quotient."""
    divided_rows(b, shiftexp_table(b, ENTRIES), intdiv_factor, intdiv_scale)


def divided_rows(
    b: KernelBuilder,
    table: Value,
    factor_of: Callable[[KernelBuilder, Value], Value],
    scale: Callable[[KernelBuilder, Value, Value, Value], Value],
) -> None:
    """Softmax of int8 rows to ``bits``: ``scale(exponential, factor_of(sum), bits)``.

    ``table`` holds the exponentials of all 256 differences from a maximum; each row looks them up twice.
    """
    source, target = rows_of(b, b.inputs[0]), rows_of(b, b.outputs[0])
    rows, columns = shape(source)
    step = loop_step(b, columns, 32)
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
        factor = factor_of(b, total)
        factors = {n: splat(b, factor, n) for n in (step, 0)}

        def probability(i: Operand, lanes: int) -> None:
            y = scale(b, exponential(i, lanes)[0], factors[lanes], bits[lanes])
            store(b, b.truncate(y, element_width(target)), target, [row.index, i])

        each_lane(b, columns, step, probability)


def _signature(config: Config) -> Signature:
    """A multiplier for each head comes last."""
    ins, scalars = scaled_by({"x": "...R C : i32", "table": "256 : ui8"}, config)
    return Signature(ins, {"codes": "...R C : ui8", "sums": "...R : i32"}, scalars)


SOFTMAX = KernelFamily(
    "softmax", build_softmax, _signature, {SoftmaxOp: plan_softmax}, SCALED_BY, check_scaled_by
)
SHIFTMAX = KernelFamily(
    "shiftmax",
    build_shiftmax,
    Signature({"x": "...R C : i2..i8"}, {"y": "...R C : i2..i16"}, ("x0", "n", "bits")),
    {ShiftmaxOp: plan_shiftmax},
)
FAMILIES = (SOFTMAX, SHIFTMAX)
