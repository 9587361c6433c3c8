"""Kernels of the primitives that composites decompose into: roots, ShiftExp, IntDiv."""

from __future__ import annotations

from ivit_dialect.ops.nonlinear import IntDivOp, IsqrtOp, NewtonSqrtOp, RsqrtOp, ShiftExpOp
from lowering.arithmetic_nonlinear import intdiv, isqrt, newton_sqrt, rsqrt, shiftexp
from lowering.kernels.base import KernelBuilder, KernelFamily, KernelSpec, Launch
from lowering.kernels.build import Operand, Value, shape
from lowering.kernels.elements import (
    activation,
    each_lane,
    each_lane_shared,
    flat,
    load,
    loop_step,
    row_shape,
    rows_of,
    splat,
    store,
)
from lowering.kernels.signature import Signature, require_shape
from lowering.targets import Target


def _build_root(b: KernelBuilder) -> None:
    """Any of the three roots of flat i64, after the kernel's name."""
    source, targets = flat(b, b.inputs[0]), [flat(b, output) for output in b.outputs]
    (count,) = shape(source)

    def body(i: Operand, lanes: int) -> None:
        x = load(b, source, [i], lanes)
        for y, target in zip(_roots(b, x), targets, strict=True):
            store(b, y, target, [i])

    each_lane_shared(b, count, loop_step(b, count, 64), body)


def _roots(b: KernelBuilder, x: Value) -> tuple[Value, ...]:
    if b.spec.kernel == "isqrt":
        return (isqrt(b, x),)
    if b.spec.kernel == "newton_sqrt":
        return (newton_sqrt(b, x),)
    return rsqrt(b, x)


def plan_isqrt(op: IsqrtOp, target: Target) -> Launch:
    """No options."""
    return Launch("isqrt", (activation(op.input),))


def plan_newton_sqrt(op: NewtonSqrtOp, target: Target) -> Launch:
    """No options."""
    return Launch("newton_sqrt", (activation(op.input),))


def plan_rsqrt(op: RsqrtOp, target: Target) -> Launch:
    """No options; mantissa and exponent are the outputs."""
    return Launch("rsqrt", (activation(op.input),))


def plan_shiftexp(op: ShiftExpOp, target: Target) -> Launch:
    """``x0`` and ``n`` are scalars."""
    scalars = {"x0": op.x0.value.data, "n": op.n.value.data}
    return Launch("shiftexp", (activation(op.input),), scalars=scalars)


def build_shiftexp(b: KernelBuilder) -> None:
    """The tensor is one dimension."""
    source, target = flat(b, b.inputs[0]), flat(b, b.outputs[0])
    (count,) = shape(source)
    step = loop_step(b, count, 32)
    x0, n = ({k: splat(b, b.truncate(b.scalars[name], 32), k) for k in (step, 0)} for name in ("x0", "n"))

    def body(i: Operand, lanes: int) -> None:
        store(b, shiftexp(b, load(b, source, [i], lanes), x0[lanes], n[lanes]), target, [i])

    each_lane_shared(b, count, step, body)


def plan_intdiv(op: IntDivOp, target: Target) -> Launch:
    """``bits`` is a scalar; the divisor has the dividend's shape or one value a row."""
    inputs = (activation(op.dividend), activation(op.divisor))
    return Launch("intdiv", inputs, scalars={"bits": op.bits.value.data})


def build_intdiv(b: KernelBuilder) -> None:
    """Rows are split among the threads."""
    dividends, divisors = rows_of(b, b.inputs[0]), rows_of(b, b.inputs[1])
    target = rows_of(b, b.outputs[0])
    rows, columns = shape(dividends)
    by_row = row_shape(shape(divisors))[1] == 1
    step = loop_step(b, columns, 32)
    bits = {n: splat(b, b.truncate(b.scalars["bits"], 32), n) for n in (step, 0)}
    first, last = b.my_share(rows)
    with b.loop(first, last) as row:
        shared = b.load(divisors, row.index, 0)

        def body(i: Operand, lanes: int) -> None:
            at = [row.index, i]
            divisor = splat(b, shared, lanes) if by_row else load(b, divisors, at, lanes)
            store(b, intdiv(b, load(b, dividends, at, lanes), divisor, bits[lanes]), target, at)

        each_lane(b, columns, step, body)


def _check_intdiv(spec: KernelSpec, target: Target) -> None:
    """A divisor an element, or one a row."""
    (dividend, divisor), _ = spec.shapes()
    if divisor[-1] != 1:
        require_shape("divisor", divisor, dividend)


FLAT = Signature({"x": "...N : i64"}, {"y": "...N : i64"})
ISQRT = KernelFamily("isqrt", _build_root, FLAT, {IsqrtOp: plan_isqrt})
NEWTON_SQRT = KernelFamily("newton_sqrt", _build_root, FLAT, {NewtonSqrtOp: plan_newton_sqrt})
RSQRT = KernelFamily(
    "rsqrt",
    _build_root,
    Signature({"x": "...N : i64"}, {"mantissa": "...N : i64", "exponent": "...N : i64"}),
    {RsqrtOp: plan_rsqrt},
)
SHIFTEXP = KernelFamily(
    "shiftexp",
    build_shiftexp,
    Signature({"x": "...N : i32"}, {"y": "...N : i32"}, ("x0", "n")),
    {ShiftExpOp: plan_shiftexp},
)
INTDIV = KernelFamily(
    "intdiv",
    build_intdiv,
    Signature({"dividend": "...R C : i32", "divisor": "...R D : i32"}, {"y": "...R C : i32"}, ("bits",)),
    {IntDivOp: plan_intdiv},
    further=_check_intdiv,
)
FAMILIES = (ISQRT, NEWTON_SQRT, RSQRT, SHIFTEXP, INTDIV)
