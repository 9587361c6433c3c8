"""Kernels of the two LayerNorms: rows are split among the threads, each is read twice or thrice.

Neither divides by the number of channels nor keeps a normalised row in memory.
"""

from __future__ import annotations

from collections.abc import Callable

from ivit_dialect.ops.nonlinear import (
    INT32_MAX,
    LAYERNORM_FRACTION_BITS,
    ILayerNormOp,
    LayerNormOp,
    NormOp,
)
from lowering.arithmetic import requant_form
from lowering.arithmetic_nonlinear import (
    Affine,
    BiasedRoundingShift,
    floor_div,
    newton_sqrt,
    rsqrt,
)
from lowering.kernels.base import KernelBuilder, KernelFamily, Launch, Packed
from lowering.kernels.build import Operand, Value, shape
from lowering.kernels.elements import (
    FORM,
    Reduction,
    activation,
    config_text,
    each_lane,
    load,
    load_wide,
    loop_step,
    output_element,
    reduce_lanes,
    rows_of,
    splat,
    store_saturated,
)
from lowering.kernels.signature import Signature
from lowering.targets import Target


def norm_launch(kernel: str, op: NormOp, scalars: dict[str, int]) -> Launch:
    """Rows, scale and offset; the affine's shift is a scalar."""
    shift = op.shift.value.data
    inputs = (activation(op.input), Packed((op.scale,)), Packed((op.offset,)))
    return Launch(kernel, inputs, {"form": requant_form(shift)}, {"shift": shift, **scalars})


def plan_layernorm(op: LayerNormOp, target: Target) -> Launch:
    """The shift and epsilon are scalars."""
    return norm_launch("layernorm", op, {"epsilon": op.epsilon.value.data})


def plan_i_layernorm(op: ILayerNormOp, target: Target) -> Launch:
    """The shift is a scalar."""
    return norm_launch("i_layernorm", op, {})


class NormRows:
    """What kernels of LayerNorms have: rows of at most 16 bits, and the affine that ends them."""

    def __init__(self, b: KernelBuilder) -> None:
        self._b = b
        self.source, self._target = rows_of(b, b.inputs[0]), rows_of(b, b.outputs[0])
        self._scale, self._offset = b.inputs[1:]
        self.count, self.channels = shape(self.source)
        self.step = loop_step(b, self.channels, 32)
        form, shift = config_text(b, "form"), b.scalars["shift"]
        self._affines = {n: Affine(b, form, shift, count=n) for n in (self.step, 0)}

    def finish(self, normalised: Value, row: Value, i: Operand, lanes: int) -> None:
        """``clamp(affine(h))`` into the output."""
        b = self._b
        scale, offset = (load(b, source, [i], lanes) for source in (self._scale, self._offset))
        y = self._affines[lanes](normalised, scale, offset)
        store_saturated(b, y, self._target, [row, i], output_element(b))


def build_layernorm(b: KernelBuilder) -> None:
    """Sum and sum of squares, then ``(C*x - s) * f`` shifted to Q20 and its affine.

    ``f`` may be 2^31, one more than i32 holds; ``-f`` fits: the product is of ``s - C*x`` and ``-f``.
    """
    rows = NormRows(b)
    first, last = b.my_share(rows.count)
    with b.loop(first, last) as row:

        def moments(i: Operand, lanes: int) -> list[Value]:
            x = load_wide(b, rows.source, [row.index, i], lanes, 32)
            return [x, b.zero_extend(b.mul(x, x), 64)]

        total, squares = reduce_lanes(b, rows.channels, rows.step, [Reduction(32), Reduction(64)], moments)
        wide = b.sign_extend(total, 64)
        variance = b.sub(b.mul(squares, rows.channels), b.mul(wide, wide))
        mantissa, exponent = rsqrt(b, b.add(variance, b.scalars["epsilon"]))
        factor = b.truncate(b.sub(0, mantissa), 32)
        shift = b.sub(exponent, LAYERNORM_FRACTION_BITS)
        counts = (rows.step, 0)
        totals = {n: splat(b, total, n) for n in counts}
        factors = {n: b.sign_extend(splat(b, factor, n), 64) for n in counts}
        shifts = {n: BiasedRoundingShift(b, shift, count=n) for n in counts}

        def normalise(i: Operand, lanes: int) -> None:
            x = load_wide(b, rows.source, [row.index, i], lanes, 32)
            centred = b.sub(totals[lanes], b.mul(x, rows.channels))
            product = b.mul(b.sign_extend(centred, 64), factors[lanes])
            rows.finish(shifts[lanes](product), row.index, i, lanes)

        each_lane(b, rows.channels, rows.step, normalise)


def centred(b: KernelBuilder, rows: NormRows, row: Value) -> Callable[[Operand, int], Value]:
    """``x - u`` of a row's elements, by index and lanes, in i32; ``u`` is their mean, rounded half up."""

    def values(i: Operand, lanes: int) -> list[Value]:
        return [load_wide(b, rows.source, [row, i], lanes, 32)]

    (total,) = reduce_lanes(b, rows.channels, rows.step, [Reduction(32)], values)
    doubled = b.add(b.mul(total, 2), rows.channels)
    mean = floor_div(b, doubled, b.value(2 * rows.channels, doubled.type))
    means = {n: splat(b, mean, n) for n in (rows.step, 0)}
    return lambda i, lanes: b.sub(load_wide(b, rows.source, [row, i], lanes, 32), means[lanes])


def build_i_layernorm(b: KernelBuilder) -> None:
    """Rounded mean, sum of squared differences, Newton's root, then the affine (I-ViT Sec. 3.5).

    A difference is below 2^16 in magnitude: its square fits 32 bits unsigned.
    """
    rows = NormRows(b)
    channels = rows.channels
    first, last = b.my_share(rows.count)
    with b.loop(first, last) as row:
        difference = centred(b, rows, row.index)

        def squared(i: Operand, lanes: int) -> list[Value]:
            d = difference(i, lanes)
            return [b.zero_extend(b.mul(d, d), 64)]

        (squares,) = reduce_lanes(b, channels, rows.step, [Reduction(64)], squared)
        root = newton_sqrt(b, squares)
        factor = b.truncate(b.div_unsigned(b.constant(INT32_MAX, root.type), root), 32)
        factors = {n: splat(b, factor, n) for n in (rows.step, 0)}

        def normalise(i: Operand, lanes: int) -> None:
            normalised = b.shr(b.mul(difference(i, lanes), factors[lanes]), 1)
            rows.finish(normalised, row.index, i, lanes)

        each_lane(b, channels, rows.step, normalise)


INS, OUTS = {"x": "...R C : i2..i16", "scale": "C : i32", "offset": "C : i64"}, {"y": "...R C"}
LAYERNORM = KernelFamily(
    "layernorm",
    build_layernorm,
    Signature(INS, OUTS, ("shift", "epsilon")),
    {LayerNormOp: plan_layernorm},
    {"form": FORM},
)
I_LAYERNORM = KernelFamily(
    "i_layernorm",
    build_i_layernorm,
    Signature(INS, OUTS, ("shift",)),
    {ILayerNormOp: plan_i_layernorm},
    {"form": FORM},
)
FAMILIES = (LAYERNORM, I_LAYERNORM)
