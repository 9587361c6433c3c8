"""The integer bodies of I-BERT's ops: one definition for scalars and vectors, CPU and GPU.

Every function emits arith-level ops through a builder and returns the value; bits equal
``ivit_dialect.reference``. None of them branches, and the loop has a fixed number of steps.
"""

from __future__ import annotations

from xdsl.dialects.builtin import i1

from ivit_dialect.ops.ibert import LAYERNORM_DIVIDEND, MOST_OCTAVES, UINT32_MAX
from lowering.kernels.build import LoopBuilder, Operand, Value

NEWTON_STEPS = 6
"""Newton's steps from at most twice the root of a number below ``2^62`` down to it: the excess over the root
falls as 1, 1/4, 1/40, 1/3280, 2^-24, 2^-49, and the root is below ``2^31``."""


def i_exp(b: LoopBuilder, below: Value, x0: Operand, linear: Operand, constant: Operand, n: Operand) -> Value:
    """i-exp (I-BERT Algorithm 3) of i32 ``d >= 0``: ``((r*(r + b) + c) << n) >> min(q, 31)``.

    ``q = floor(d / x0); r = q*x0 - d``. ``x0``, ``b`` (``linear``), ``c`` (``constant``) and ``n`` are Python
    integers or values of the type of ``d``.
    """
    kind = below.type
    q = b.div_unsigned(below, b.value(x0, kind))
    r = b.sub(b.mul(q, b.value(x0, kind)), below)
    polynomial = b.add(b.mul(r, b.add(r, b.value(linear, kind))), b.value(constant, kind))
    return b.shr_unsigned(b.shl(polynomial, b.value(n, kind)), b.min(q, MOST_OCTAVES))


def softmax_factor(b: LoopBuilder, total: Value) -> Value:
    """``floor((2^32 - 1) / sum)`` of an i32 sum in [1, 2^31), unsigned."""
    return b.div_unsigned(b.constant(UINT32_MAX - (1 << 32), total.type), total)


def softmax_scale(b: LoopBuilder, x: Value, factor: Value, bits: Operand) -> Value:
    """``(x * factor) >> (32 - bits)`` of i32 ``0 <= x <= sum``: the product is below 2^32, unsigned."""
    return b.shr_unsigned(b.mul(x, factor), b.sub(32, b.value(bits, x.type)))


class IbertGelu:
    """``x * (((sign(x) * ((min(|x|, -b) + b)^2 + c)) >> shift) + one)`` (I-BERT Algorithm 2), i32.

    The constants are i32 scalars; their splats in ``count`` lanes (0: scalars) are made where the object is.
    """

    def __init__(
        self, b: LoopBuilder, linear: Value, constant: Value, one: Value, shift: Value, *, count: int = 0
    ) -> None:
        self._b = b
        self._linear, self._limit, self._constant, self._one, self._shift = (
            b.broadcast(v, count) if count else v for v in (linear, b.sub(0, linear), constant, one, shift)
        )

    def __call__(self, x: Value) -> Value:
        """i32 lanes, or a scalar. For 0 the sign does not matter: the result is a multiple of ``x``."""
        b = self._b
        sign = b.shr(x, 31)
        magnitude = b.sub(b.xor(x, sign), sign)
        clipped = b.add(b.min(magnitude, self._limit), self._linear)
        erf = b.add(b.mul(clipped, clipped), self._constant)
        signed = b.sub(b.xor(erf, sign), sign)
        return b.mul(x, b.add(b.shr(signed, self._shift), self._one))


def newton_floor_sqrt(b: LoopBuilder, x: Value) -> Value:
    """``floor(sqrt(x))`` of i64 ``0 <= x < 2^62`` (I-BERT Algorithm 4), but 1 for 0.

    From ``2^ceil(bits / 2)``, ``k <- min(k, (k + floor(x / k)) >> 1)``: below the first value that does not
    fall none follows.
    """
    positive = b.max(x, 1)
    zeros = b.intrinsic("llvm.ctlz", [positive, b.constant(1, i1)], x.type)
    half = b.shr_unsigned(b.sub(65, zeros), 1)
    start = b.shl(b.constant(1, x.type), half)
    with b.loop(0, NEWTON_STEPS, carried=[start]) as step:
        (root,) = step.carried
        following = b.shr_unsigned(b.add(root, b.div_unsigned(positive, root)), 1)
        step.carry(b.min(root, following))
    return step.results[0]


def layernorm_factor(b: LoopBuilder, squares: Value, variance_shift: Value) -> Value:
    """``floor(2^31 / (max(1, floor(sqrt(squares))) << variance_shift))`` in i64: up to 2^31."""
    deviation = b.shl(newton_floor_sqrt(b, squares), variance_shift)
    return b.div_unsigned(b.constant(LAYERNORM_DIVIDEND, squares.type), deviation)
