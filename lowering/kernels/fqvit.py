"""Kernels of FQ-ViT's ops: rows are split among the threads."""

from __future__ import annotations

from xdsl.dialects.builtin import i1

from ivit_dialect.ops.fqvit import (
    MEAN_BITS,
    MOST_CODE_BITS,
    MOST_EXPONENT,
    MOST_FACTOR,
    MOST_MULTIPLIER,
    OFFSET_BITS,
    LogIntSoftmaxOp,
    PtfLayerNormOp,
)
from lowering.arithmetic_nonlinear import floor_div, rsqrt
from lowering.kernels.base import KernelBuilder, KernelFamily, Launch, Packed
from lowering.kernels.build import Operand, Value, shape
from lowering.kernels.elements import (
    Reduction,
    activation,
    each_lane,
    load,
    load_wide,
    loop_step,
    output_element,
    reduce_lanes,
    rows_of,
    splat,
    store,
    store_saturated,
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
    Signature({"x": "...R C : i2..i8"}, {"codes": "...R C : ui8"}, (*POLYNOMIAL, "bits")),
    {LogIntSoftmaxOp: plan_log_int_softmax},
)


def plan_ptf_layernorm(op: PtfLayerNormOp, target: Target) -> Launch:
    """Shift, zero point and epsilon are scalars."""
    inputs = (activation(op.input), Packed((op.factors,)), Packed((op.scale,)), Packed((op.offset,)))
    scalars = {
        "shift": op.shift.value.data,
        "zero_point": op.zero_point.value.data,
        "epsilon": op.epsilon.value.data,
    }
    return Launch("ptf_layernorm", inputs, scalars=scalars)


class _PtfRows:
    """Rows of 8 bits, as multiples of the smallest scale."""

    def __init__(self, b: KernelBuilder) -> None:
        self._b = b
        self._source, self._factors = rows_of(b, b.inputs[0]), b.inputs[1]
        self.count, self.channels = shape(self._source)
        self.step = loop_step(b, self.channels, 64)
        self.counts = (self.step, 0)
        self._zero_points = self.splats(b.truncate(b.scalars["zero_point"], 32))

    def splats(self, x: Value) -> dict[int, Value]:
        """A scalar in as many lanes as the loops over a row have."""
        return {n: splat(self._b, x, n) for n in self.counts}

    def value(self, row: Value, i: Operand, lanes: int) -> Value:
        """``(x - zero_point) << factor`` in i32."""
        b = self._b
        x = b.sub(load_wide(b, self._source, [row, i], lanes, 32), self._zero_points[lanes])
        factor = load_wide(b, self._factors, [i], lanes, 32)
        # SSE2 shifts lanes left by amounts of their own through floating point, but not to the right.
        power = b.shr_unsigned(b.value(1 << MOST_FACTOR, x.type), b.sub(b.value(MOST_FACTOR, x.type), factor))
        return b.mul(x, power)


def build_ptf_layernorm(b: KernelBuilder) -> None:
    """Sums, a reciprocal root and a mean a row; 8 leading bits of a product for each channel of it."""
    rows = _PtfRows(b)
    target, scales, offsets = rows_of(b, b.outputs[0]), *b.inputs[2:]
    channels, element = rows.channels, output_element(b)
    first, last = b.my_share(rows.count)
    with b.loop(first, last) as row:

        def moments(i: Operand, lanes: int) -> list[Value]:
            x = rows.value(row.index, i, lanes)
            return [x, b.zero_extend(b.mul(x, x), 64)]

        total, squares = reduce_lanes(b, channels, rows.step, [Reduction(32), Reduction(64)], moments)
        wide = b.sign_extend(total, 64)
        variance = b.sub(b.mul(squares, channels), b.mul(wide, wide))
        mantissa, exponent = rsqrt(b, b.add(variance, b.scalars["epsilon"]))
        doubled = b.add(b.shl(wide, MEAN_BITS + 1), channels)
        means = rows.splats(b.truncate(floor_div(b, doubled, b.value(2 * channels, doubled.type)), 32))
        mantissas, shifts = rows.splats(mantissa), rows.splats(b.add(exponent, b.scalars["shift"]))

        def normalise(i: Operand, lanes: int) -> None:
            scale = load(b, scales, [i], lanes)
            sign = b.shr(scale, 31)
            magnitude = b.zero_extend(b.sub(b.xor(scale, sign), sign), 64)
            multiplier, bits = _leading_bits(b, b.mul(magnitude, mantissas[lanes]), shifts[lanes])
            centred = b.sub(b.shl(rows.value(row.index, i, lanes), MEAN_BITS), means[lanes])
            product = b.mul(b.truncate(multiplier, 32), centred)
            signed = b.sign_extend(b.sub(b.xor(product, sign), sign), 64)
            offset = load(b, offsets, [i], lanes)
            start = _rounding_shift(b, offset, b.sub(b.value(OFFSET_BITS - MEAN_BITS, bits.type), bits))
            y = _rounding_shift(b, b.add(signed, start), b.add(bits, MEAN_BITS))
            store_saturated(b, y, target, [row.index, i], element)

        each_lane(b, channels, rows.step, normalise)


def _leading_bits(b: KernelBuilder, product: Value, shift: Value) -> tuple[Value, Value]:
    """``M`` and ``N`` of ``product / 2^shift``, for i64 ``0 <= product < 2^63``; of 0, M = 0."""
    zeros = b.intrinsic("llvm.ctlz", [b.max(product, 1), b.constant(1, i1)], product.type)
    bits = b.sub(b.add(shift, 8), b.sub(b.value(64, zeros.type), zeros))
    bits = b.min(b.max(bits, 0), MOST_EXPONENT)
    kept = b.shr_unsigned(product, b.min(b.sub(shift, bits), 63))
    return b.min(kept, MOST_MULTIPLIER), bits


def _rounding_shift(b: KernelBuilder, x: Value, shift: Value) -> Value:
    """``(x + 2^(shift-1)) >> shift`` of i64, each lane by its own shift of at least 1."""
    half = b.shr_unsigned(b.value(1 << 62, x.type), b.sub(b.value(63, shift.type), shift))
    return b.shr(b.add(x, half), shift)


PTF_LAYERNORM = KernelFamily(
    "ptf_layernorm",
    build_ptf_layernorm,
    Signature(
        {"x": "...R C : i2..i8", "factors": "C : i8", "scale": "C : i32", "offset": "C : i64"},
        {"y": "...R C"},
        ("shift", "zero_point", "epsilon"),
    ),
    {PtfLayerNormOp: plan_ptf_layernorm},
)
FAMILIES = (LOG_INT_SOFTMAX, PTF_LAYERNORM)
