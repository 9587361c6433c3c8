"""Kernel of ShiftGELU: 256 sigmoids for each row, by the row's maximum, then a product an element."""

from __future__ import annotations

from ivit_dialect.ops.nonlinear import ShiftGeluOp
from lowering.arithmetic_nonlinear import intdiv, shiftgelu_argument
from lowering.kernels.attention_softmax import shiftexp_table
from lowering.kernels.base import KernelBuilder, KernelFamily, Launch
from lowering.kernels.build import Operand, Value, shape
from lowering.kernels.elements import (
    Reduction,
    activation,
    each_lane,
    load,
    load_wide,
    loop_step,
    reduce_lanes,
    rows_of,
    store,
)
from lowering.kernels.lookup import ENTRIES, SIGN_BIT, ByteTable
from lowering.kernels.signature import Signature
from lowering.targets import Target

SIGMOID_BITS = 8
ARGUMENT_SPAN = 429
"""``m - p(x)`` lies in [0, 428]: ``p`` is in [-216, 212], ``m`` in [0, 212]."""


def plan_shiftgelu(op: ShiftGeluOp, target: Target) -> Launch:
    """``x0`` and ``n`` are scalars."""
    scalars = {"x0": op.x0.value.data, "n": op.n.value.data}
    return Launch("shiftgelu", (activation(op.input),), scalars=scalars)


def build_shiftgelu(b: KernelBuilder) -> None:
    """Rows are split among the threads. ``p`` is monotone: a row's largest is that of its largest ``x``."""
    source, target = rows_of(b, b.inputs[0]), rows_of(b, b.outputs[0])
    rows, channels = shape(source)
    step = loop_step(b, channels, 8)
    exponentials = shiftexp_table(b, ARGUMENT_SPAN)
    sigmoids = b.alloca([ENTRIES], 8)
    first, last = b.my_share(rows)
    with b.loop(first, last) as row:

        def value(i: Operand, lanes: int) -> list[Value]:
            return [load_wide(b, source, [row.index, i], lanes, 32)]

        (top,) = reduce_lanes(b, channels, step, [Reduction(32, is_maximum=True)], value)
        most = b.max(shiftgelu_argument(b, top), 0)
        _fill_sigmoids(b, sigmoids, exponentials, most)
        table = ByteTable(b, sigmoids, b.target, signed=True)

        def gelu(i: Operand, lanes: int) -> None:
            x = load(b, source, [row.index, i], lanes)
            sigmoid = b.zero_extend(table(x), 16)
            store(b, b.mul(b.sign_extend(x, 16), sigmoid), target, [row.index, i])

        each_lane(b, channels, step, gelu)


def _fill_sigmoids(b: KernelBuilder, sigmoids: Value, exponentials: Value, most: Value) -> None:
    """``sigmoids[x + 128] = intdiv(e, e + shiftexp(-m))``, ``e = shiftexp(p(x) - m)``, for all ``x``."""
    least = b.load(exponentials, b.to_index(most))
    with b.loop(0, ENTRIES) as entry:
        x = b.sub(b.from_index(entry.index, 32), SIGN_BIT)
        below = b.sub(most, shiftgelu_argument(b, x))
        # An x above the row's maximum is never looked up; its difference would be negative.
        e = b.load(exponentials, b.to_index(b.max(below, 0)))
        b.store(b.truncate(intdiv(b, e, b.add(e, least), SIGMOID_BITS), 8), sigmoids, entry.index)


SHIFTGELU = KernelFamily(
    "shiftgelu",
    build_shiftgelu,
    Signature({"x": "...R C : i2..i8"}, {"y": "...R C : i16"}, ("x0", "n")),
    {ShiftGeluOp: plan_shiftgelu},
)
FAMILIES = (SHIFTGELU,)
