"""Kernels of FQ-ViT's ops: rows are split among the threads."""

from __future__ import annotations

from ivit_dialect.ops.fqvit import MOST_CODE_BITS, LogIntSoftmaxOp
from lowering.kernels.base import KernelBuilder, KernelFamily, Launch
from lowering.kernels.build import Operand, Value, shape
from lowering.kernels.elements import (
    Reduction,
    activation,
    each_lane,
    load_wide,
    loop_step,
    reduce_lanes,
    rows_of,
    splat,
    store,
)
from lowering.kernels.ibert import POLYNOMIAL, i_exp_table
from lowering.kernels.lookup import lookup_each
from lowering.kernels.signature import Signature
from lowering.targets import Target


def plan_log_int_softmax(op: LogIntSoftmaxOp, target: Target) -> Launch:
    """The constants of i-exp are scalars."""
    constants = (op.x0, op.b, op.c, op.n, op.bits)
    scalars = {name: prop.value.data for name, prop in zip((*POLYNOMIAL, "bits"), constants, strict=True)}
    return Launch("log_int_softmax", (activation(op.input),), scalars=scalars)


def build_log_int_softmax(b: KernelBuilder) -> None:
    """No division but by constants, a few a row: a code is the number of limits that ``e`` does not exceed.

    ``t >= T`` is ``2 * sum >= (2T - 1) * e``, and a code is at least ``k`` from ``T = ceil(3 * 2^(k-2))`` on.
    Exponentials of all 256 differences are made once; each row looks them up twice.
    """
    source, codes = rows_of(b, b.inputs[0]), rows_of(b, b.outputs[0])
    rows, columns = shape(source)
    step = loop_step(b, columns, 32)
    table = i_exp_table(b)
    zero_level = b.shl(b.constant(1, b.scalars["bits"].type), b.scalars["bits"])
    levels = {n: splat(b, b.truncate(zero_level, 32), n) for n in (step, 0)}
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
        doubled = b.shl(total, 1)
        limits = [b.div_unsigned(doubled, 2 * _least_quotient(k) - 1) for k in range(1, _MOST_CODE + 1)]
        splats = {n: [splat(b, limit, n) for limit in limits] for n in (step, 0)}

        def code(i: Operand, lanes: int) -> None:
            (e,) = exponential(i, lanes)
            y = b.constant(0, e.type)
            for limit in splats[lanes]:
                y = b.add(y, b.zero_extend(b.compare("sle", e, limit), 32))
            store(b, b.truncate(b.min(y, levels[lanes]), 8), codes, [row.index, i])

        each_lane(b, columns, step, code)


_MOST_CODE = 1 << MOST_CODE_BITS


def _least_quotient(code: int) -> int:
    """The smallest ``t`` whose code is at least ``code``."""
    return (3 << code) + 3 >> 2


LOG_INT_SOFTMAX = KernelFamily(
    "log_int_softmax",
    build_log_int_softmax,
    Signature({"x": "...R C : i8"}, {"codes": "...R C : ui8"}, (*POLYNOMIAL, "bits")),
    {LogIntSoftmaxOp: plan_log_int_softmax},
)
FAMILIES = (LOG_INT_SOFTMAX,)
