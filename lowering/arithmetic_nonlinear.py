"""The integer bodies of the non-linear primitives: one definition for scalars and vectors, CPU and GPU.

Every function emits arith-level ops through a builder and returns the value; bits equal
``ivit_dialect.reference``. None of them branches, and loops have a fixed number of steps, so that all lanes
of a vector, and all threads of a warp, go the same way.
"""

from __future__ import annotations

from xdsl.dialects import arith
from xdsl.dialects.builtin import i1

from ivit_dialect.ops.nonlinear import INT32_MAX, NEWTON_START, NEWTON_STEPS
from lowering.kernels.build import LoopBuilder, Operand, Value, element_width

ROOT_START = 3 << 29
ROOT_STEPS = 4
"""Newton's, for a root in [2^30, 2^31): each is off by at most 8 %, 0.4 %, 2^-17 and then 2^-36."""

SHIFT_BIAS = 1 << 62


def isqrt(b: LoopBuilder, x: Value) -> Value:
    """``floor(sqrt(x))`` of i64 ``x >= 0``, exact.

    Digit by digit in base 2, 32 steps of shift, compare and subtract: no product, no division.
    """
    zero, top = b.constant(0, x.type), b.constant(1 << 62, x.type)
    with b.loop(0, 32, carried=[x, zero, top]) as step:
        rest, root, bit = step.carried
        trial = b.add(root, bit)
        fits = b.compare("sge", rest, trial)
        halved = b.shr_unsigned(root, 1)
        step.carry(
            b.select(fits, b.sub(rest, trial), rest),
            b.select(fits, b.add(halved, bit), halved),
            b.shr_unsigned(bit, 2),
        )
    return step.results[1]


def newton_sqrt(b: LoopBuilder, x: Value) -> Value:
    """Ten steps ``k <- (k + floor(x / k)) >> 1`` from 2^16 of i64 ``0 <= x < 2^41`` (I-ViT Eq. 19)."""
    with b.loop(0, NEWTON_STEPS, carried=[b.constant(NEWTON_START, x.type)]) as step:
        (root,) = step.carried
        step.carry(b.shr_unsigned(b.add(root, b.div_unsigned(x, root)), 1))
    return step.results[0]


def normalised_root(b: LoopBuilder, x: Value) -> Value:
    """``floor(sqrt(x))`` of i64 ``2^60 <= x < 2^62``, exact.

    A step of Newton, rounded down, is never below the root rounded down; the last is at most one above it.
    """
    root = b.constant(ROOT_START, x.type)
    for _ in range(ROOT_STEPS):
        root = b.shr_unsigned(b.add(root, b.div_unsigned(x, root)), 1)
    above = b.compare("sgt", b.mul(root, root), x)
    return b.select(above, b.sub(root, 1), root)


def rsqrt(b: LoopBuilder, x: Value) -> tuple[Value, Value]:
    """Mantissa in (2^30, 2^31] and exponent in [31, 61] of ``1 / sqrt(x)``, for i64 ``1 <= x < 2^62``.

    ``x << 2h`` lies in [2^60, 2^62) for ``h = (ctlz(x) - 2) >> 1``.
    """
    zeros = b.intrinsic("llvm.ctlz", [x, b.constant(1, i1)], x.type)
    twice = b.and_(b.sub(zeros, 2), -2)
    root = normalised_root(b, b.shl(x, twice))
    mantissa = b.div_unsigned(b.constant(1 << 61, x.type), root)
    return mantissa, b.sub(61, b.shr_unsigned(twice, 1))


def floor_div(b: LoopBuilder, x: Value, divisor: Value) -> Value:
    """``floor(x / d)`` of signed ``x`` and ``d`` > 0."""
    return b.insert(arith.FloorDivSIOp(x, divisor)).result


def shiftexp(b: LoopBuilder, x: Value, x0: Operand, n: Operand) -> Value:
    """ShiftExp (I-ViT Algorithm 1) of i32 ``x <= 0``: ``((r >> 1) + x0) << (n - q)``.

    ``x0`` and ``n`` are Python integers or values of the type of ``x``. ``x`` is clamped before ``p`` is
    formed: ``p <= x``, hence the same result, and no sum leaves 32 bits. As ``x0 << n`` fits 31 bits, the
    last shift may be ``<< n`` and then ``>> q``, exact: one amount for all lanes goes left, where processors
    that shift left lane by lane only through floating point (SSE2) do without it.
    """
    x0, n = b.value(x0, x.type), b.value(n, x.type)
    least = b.sub(0, b.mul(n, x0))
    x = b.max(x, least)
    p = b.max(b.sub(b.add(x, b.shr(x, 1)), b.shr(x, 4)), least)
    q = b.div_unsigned(b.sub(0, p), x0)
    r = b.add(p, b.mul(q, x0))
    return b.shr_unsigned(b.shl(b.add(b.shr(r, 1), x0), n), q)


def intdiv_factor(b: LoopBuilder, divisor: Value) -> Value:
    """``floor((2^31 - 1) / d)`` of i32 ``d >= 1``: the factor of IntDiv (I-ViT Eq. 16, M = 31)."""
    return b.div_unsigned(b.constant(INT32_MAX, divisor.type), divisor)


def intdiv_scale(b: LoopBuilder, x: Value, factor: Value, bits: Operand) -> Value:
    """``(factor * x) >> (32 - bits)`` of i32 ``0 <= x <= d``: the product is at most ``2^31 - 1``."""
    return b.shr_unsigned(b.mul(x, factor), b.sub(32, b.value(bits, x.type)))


def intdiv(b: LoopBuilder, x: Value, divisor: Value, bits: Operand) -> Value:
    """IntDiv (I-ViT Eq. 16): ``(floor((2^31 - 1) / d) * x) >> (32 - bits)`` of i32 ``0 <= x <= d``."""
    return intdiv_scale(b, x, intdiv_factor(b, divisor), bits)


def row_multiplier(b: LoopBuilder, dividend: Value, divisor: Value) -> Value:
    """``floor(dividend / divisor)`` in i32, of an i64 dividend >= 0 and an i32 divisor > 0.

    The quotient fits 31 bits, by the verifier of ``ivit.row_requant``.
    """
    return b.truncate(b.div_unsigned(dividend, b.zero_extend(divisor, 64)), 32)


def shiftgelu_argument(b: LoopBuilder, x: Value) -> Value:
    """``1.6875 x`` by shifts: ``x + (x >> 1) + (x >> 3) + (x >> 4)`` (I-ViT Algorithm 2), i32."""
    return b.add(b.add(b.add(x, b.shr(x, 1)), b.shr(x, 3)), b.shr(x, 4))


def low_half(b: LoopBuilder, x: Value) -> Value:
    """i64 lanes whose values fit 32 bits, said so that processors multiply their low halves alone."""
    return b.shr(b.shl(x, 32), 32)


class BiasedRoundingShift:
    """``(x + 2^(shift-1)) >> shift`` of i64 ``|x| < 2^61``, the result fitting i32; ``shift`` in [1, 61].

    Processors without a 64-bit arithmetic shift of vectors get a logical one: ``x`` is lifted above 0 by
    2^62, a multiple of ``2^shift``, and the result lowered by ``2^(62-shift)``. Others need no ``bias``.
    ``shift`` is one i64 scalar; its splats in ``count`` lanes (0: scalars) are made where the object is.
    """

    def __init__(self, b: LoopBuilder, shift: Value, *, count: int = 0, bias: bool = True) -> None:
        self._b = b
        half = b.shl(b.constant(1, shift.type), b.sub(shift, 1))
        lift = b.add(half, SHIFT_BIAS) if bias else half
        self._lift, self._shift = (b.broadcast(v, count) if count else v for v in (lift, shift))
        self._lower: Value | None = None
        if bias:
            lower = b.shr_unsigned(b.constant(SHIFT_BIAS, shift.type), shift)
            self._lower = b.broadcast(lower, count) if count else lower

    def __call__(self, x: Value) -> Value:
        """The shifted value, in i64."""
        b = self._b
        lifted = b.add(x, self._lift)
        if self._lower is None:
            return b.shr(lifted, self._shift)
        return b.sub(b.shr_unsigned(lifted, self._shift), self._lower)


class Affine:
    """``(x * scale + offset) >> shift`` of i32 ``scale``, i64 ``offset``: floor, not yet clamped.

    ``x`` is i32, or i64 of values that fit i32.

    ``form`` ``mulhi`` (shift >= 33) needs only the high half of the sum and gives i32; ``wide`` gives i64.
    The splat of the i64 scalar ``shift`` in ``count`` lanes (0: a scalar) is made where the object is.
    """

    def __init__(self, b: LoopBuilder, form: str, shift: Value, *, count: int = 0) -> None:
        self._b = b
        self._wide = form == "wide"
        amount = shift if self._wide else b.truncate(b.sub(shift, 32), 32)
        self._shift = b.broadcast(amount, count) if count else amount

    def __call__(self, x: Value, scale: Value, offset: Value) -> Value:
        """All three of the same number of lanes."""
        b = self._b
        wide = low_half(b, x) if element_width(x) == 64 else b.sign_extend(x, 64)
        total = b.add(b.mul(wide, b.sign_extend(scale, 64)), offset)
        if not self._wide:
            total = b.truncate(b.shr_unsigned(total, 32), 32)
        return b.shr(total, self._shift)
