"""Kernels of I-BERT's softmax, GELU and LayerNorm: rows (of GELU elements) are split among the threads."""

from __future__ import annotations

from ivit_dialect.ops.ibert import IbertGeluOp, IbertLayerNormOp, IbertSoftmaxOp
from lowering.arithmetic_ibert import IbertGelu, i_exp, layernorm_factor, softmax_factor, softmax_scale
from lowering.kernels.base import KernelBuilder, KernelFamily, Launch
from lowering.kernels.build import Operand, Value, shape
from lowering.kernels.elements import (
    FORM,
    Reduction,
    activation,
    each_lane,
    each_lane_shared,
    flat,
    load_wide,
    loop_step,
    reduce_lanes,
    splat,
    store,
)
from lowering.kernels.lookup import ENTRIES
from lowering.kernels.norm import INS, OUTS, NormRows, centred, norm_launch
from lowering.kernels.signature import Signature
from lowering.kernels.softmax import divided_rows
from lowering.targets import Target

POLYNOMIAL = ("x0", "b", "c", "n")
GELU_CONSTANTS = ("b", "c", "one", "shift")


def plan_softmax(op: IbertSoftmaxOp, target: Target) -> Launch:
    """All properties are scalars."""
    constants = (op.x0, op.b, op.c, op.n, op.bits)
    scalars = {name: prop.value.data for name, prop in zip((*POLYNOMIAL, "bits"), constants, strict=True)}
    return Launch("ibert_softmax", (activation(op.input),), scalars=scalars)


def build_softmax(b: KernelBuilder) -> None:
    """I-exp's exponentials, I-BERT's quotient."""
    divided_rows(b, i_exp_table(b), softmax_factor, softmax_scale)


def i_exp_table(b: KernelBuilder) -> Value:
    """``i_exp`` of every difference of two int8 in scratch, by the kernel's scalars ``POLYNOMIAL``."""
    table = b.alloca([ENTRIES], 32)
    constants = [b.truncate(b.scalars[name], 32) for name in POLYNOMIAL]
    with b.loop(0, ENTRIES) as loop:
        b.store(i_exp(b, b.from_index(loop.index, 32), *constants), table, loop.index)
    return table


def plan_gelu(op: IbertGeluOp, target: Target) -> Launch:
    """All properties are scalars."""
    constants = (op.b, op.c, op.one, op.shift)
    scalars = {name: prop.value.data for name, prop in zip(GELU_CONSTANTS, constants, strict=True)}
    return Launch("ibert_gelu", (activation(op.input),), scalars=scalars)


def build_gelu(b: KernelBuilder) -> None:
    """The tensor is one dimension."""
    source, target = flat(b, b.inputs[0]), flat(b, b.outputs[0])
    (count,) = shape(source)
    step = loop_step(b, count, 32)
    constants = [b.truncate(b.scalars[name], 32) for name in GELU_CONSTANTS]
    gelus = {n: IbertGelu(b, *constants, count=n) for n in (step, 0)}

    def body(i: Operand, lanes: int) -> None:
        store(b, gelus[lanes](load_wide(b, source, [i], lanes, 32)), target, [i])

    each_lane_shared(b, count, step, body)


def plan_layernorm(op: IbertLayerNormOp, target: Target) -> Launch:
    """Both shifts are scalars."""
    return norm_launch("ibert_layernorm", op, {"variance_shift": op.variance_shift.value.data})


def build_layernorm(b: KernelBuilder) -> None:
    """Rounded mean, sum of the squares of shifted differences, Newton's root, then the affine.

    A difference is below 2^16 in magnitude: its square fits 32 bits unsigned. Its product with the factor
    takes 33 bits.
    """
    rows = NormRows(b)
    channels = rows.channels
    counts = (rows.step, 0)
    variance_shift = b.scalars["variance_shift"]
    shifts = {n: splat(b, b.truncate(variance_shift, 32), n) for n in counts}
    first, last = b.my_share(rows.count)
    with b.loop(first, last) as row:
        difference = centred(b, rows, row.index)

        def squared(i: Operand, lanes: int) -> list[Value]:
            d = b.shr(difference(i, lanes), shifts[lanes])
            return [b.zero_extend(b.mul(d, d), 64)]

        (squares,) = reduce_lanes(b, channels, rows.step, [Reduction(64)], squared)
        factor = layernorm_factor(b, squares, variance_shift)
        factors = {n: splat(b, factor, n) for n in counts}

        def normalise(i: Operand, lanes: int) -> None:
            product = b.mul(b.sign_extend(difference(i, lanes), 64), factors[lanes])
            normalised = b.truncate(b.shr_unsigned(product, 1), 32)
            rows.finish(normalised, row.index, i, lanes)

        each_lane(b, channels, rows.step, normalise)


SOFTMAX = KernelFamily(
    "ibert_softmax",
    build_softmax,
    Signature({"x": "...R C : i2..i8"}, {"y": "...R C : i2..i16 ui2..ui16"}, (*POLYNOMIAL, "bits")),
    {IbertSoftmaxOp: plan_softmax},
)
GELU = KernelFamily(
    "ibert_gelu",
    build_gelu,
    Signature({"x": "...N : i2..i16"}, {"y": "...N : i32"}, GELU_CONSTANTS),
    {IbertGeluOp: plan_gelu},
)
LAYERNORM = KernelFamily(
    "ibert_layernorm",
    build_layernorm,
    Signature(INS, OUTS, ("shift", "variance_shift")),
    {IbertLayerNormOp: plan_layernorm},
    {"form": FORM},
)
FAMILIES = (SOFTMAX, GELU, LAYERNORM)
