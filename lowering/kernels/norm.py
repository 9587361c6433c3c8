"""Kernels of the two LayerNorms: rows are split among the threads, each is read twice or thrice.

Neither divides by the number of channels nor keeps a normalised row in memory.
"""

from __future__ import annotations

from collections.abc import Callable

from xdsl.dialects.builtin import i64

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
    low_half,
    newton_sqrt,
    rsqrt,
)
from lowering.kernels.base import KernelBuilder, KernelFamily, Launch, Packed
from lowering.kernels.build import Operand, Value, shape, vector_type
from lowering.kernels.dot import dot
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

STATISTICS = 16
"""Rows whose statistics are kept before they are normalised."""

LOW_HALF = (1 << 32) - 1


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
        # What saves a shift of 64-bit lanes costs more where there is an instruction for it.
        form = "wide" if b.target.shifts_wide else config_text(b, "form")
        shift = b.scalars["shift"]
        self._affines = {n: Affine(b, form, shift, count=n) for n in (self.step, 0)}

    def finish(self, normalised: Value, row: Value, i: Operand, lanes: int) -> None:
        """``clamp(affine(h))`` into the output."""
        b = self._b
        scale, offset = (load(b, source, [i], lanes) for source in (self._scale, self._offset))
        y = self._affines[lanes](normalised, scale, offset)
        store_saturated(b, y, self._target, [row, i], output_element(b))


def build_layernorm(b: KernelBuilder) -> None:
    """Sum and sum of squares, then ``(C*x - s) * f`` shifted to Q20 and its affine.

    ``f`` may be 2^31, one more than i32 holds; ``-f`` fits: the product is of ``s - C*x`` and ``-f``. The
    statistics of some rows are computed one after the other, so that the divisions of one row go on while the
    next is summed.
    """
    rows = NormRows(b)
    totals, factors, shifts = (b.alloca([STATISTICS], 64) for _ in range(3))
    first, last = b.my_share(rows.count)
    with b.loop(first, last, STATISTICS) as block:
        end = b.min(last, b.add(block.index, STATISTICS))
        with b.loop(block.index, end) as row:
            total, squares = moments(b, rows, row.index)
            variance = b.sub(b.mul(squares, rows.channels), b.mul(total, total))
            mantissa, exponent = rsqrt(b, b.add(variance, b.scalars["epsilon"]))
            place = b.sub(row.index, block.index)
            b.store(total, totals, place)
            b.store(b.sub(0, mantissa), factors, place)
            b.store(b.sub(exponent, LAYERNORM_FRACTION_BITS), shifts, place)
        with b.loop(block.index, end) as row:
            place = b.sub(row.index, block.index)
            total, factor, shift = (b.load(x, place) for x in (totals, factors, shifts))
            _normalise(b, rows, row.index, total, factor, shift)


def moments(b: KernelBuilder, rows: NormRows, row: Value) -> tuple[Value, Value]:
    """Sum and sum of squares of a row's elements, i64. The sum fits 32 bits, as do two squares, unsigned."""
    pairs = b.target.pair_dot
    step = b.target.lanes(16)
    whole = rows.channels - rows.channels % step
    total, squares = b.constant(0, i64), b.constant(0, i64)
    if whole:
        zero, ones = (
            b.constant(n, vector_type(*kind)) for n, kind in ((0, (step // 2, 32)), (1, (step, 16)))
        )
        with b.loop(0, whole, step, carried=[zero, b.constant(0, vector_type(step // 4, 64))]) as loop:
            sums, sums_of_squares = loop.carried
            x = load_wide(b, rows.source, [row, loop.index], step, 16)
            squared = b.bitcast(dot(b, pairs, zero, x, x), 64)
            even = b.add(sums_of_squares, b.and_(squared, LOW_HALF))
            loop.carry(dot(b, pairs, sums, x, ones), b.add(even, b.shr_unsigned(squared, 32)))
        total = b.sign_extend(Reduction(32).across(b, loop.results[0]), 64)
        squares = Reduction(64).across(b, loop.results[1])
    if whole < rows.channels:
        with b.loop(whole, rows.channels, carried=[total, squares]) as loop:
            x = load_wide(b, rows.source, [row, loop.index], 0, 64)
            loop.carry(b.add(loop.carried[0], x), b.add(loop.carried[1], b.mul(x, x)))
        total, squares = loop.results
    return total, squares


def _normalise(
    b: KernelBuilder, rows: NormRows, row: Value, total: Value, factor: Value, shift: Value
) -> None:
    """A row by its sum, ``-f`` and the shift of the product, in i64."""
    counts = (rows.step, 0)
    totals, factors = ({n: splat(b, x, n) for n in counts} for x in (total, low_half(b, factor)))
    shifts = {n: BiasedRoundingShift(b, shift, count=n, bias=not b.target.shifts_wide) for n in counts}

    def normalise(i: Operand, lanes: int) -> None:
        x = load_wide(b, rows.source, [row, i], lanes, 64)
        difference = b.sub(totals[lanes], b.mul(x, rows.channels))
        product = b.mul(low_half(b, difference), factors[lanes])
        rows.finish(shifts[lanes](product), row, i, lanes)

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
