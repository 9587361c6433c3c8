"""Square roots without division: a GPU divides 64 bits by a call of some hundred instructions.

The numbers are those of ``lowering.arithmetic_nonlinear``. For a reciprocal root, an estimate by Newton's
steps in 32 bits (``y <- y (3 - Z y^2) / 2``) gives root and mantissa up to some thousand units; what each is
off by is found from its exact 64-bit remainder, to within one, and the last unit by comparing products.
"""

from __future__ import annotations

from collections.abc import Callable

from xdsl.dialects.builtin import i1, i32

from ivit_dialect.ops.nonlinear import NEWTON_START, NEWTON_STEPS
from lowering.cuda.build import CudaBuilder
from lowering.cuda.division import high_unsigned, quotient, unsigned
from lowering.kernels.build import Value

START = (0xAAEF22ED, 0xD243AD3D, 0x68DE7AAA)
"""``c0 - c1 Z + c2 Z^2`` is ``1 / sqrt(Z)`` for Z in [1/4, 1), in units of 2^-30, off by at most 2.5 %."""

STEPS = 2
"""Each makes ``1.5 e^2`` of a relative error ``e``: 2.5 %, 9.4e-4, 1.4e-6, and 2^-27 by rounding."""

DROPPED = 14
"""Low bits of a remainder below 2^44, so that its product with the estimate fits 64 bits."""

BIT_60 = 1 << 60


def rsqrt(b: CudaBuilder, x: Value) -> tuple[Value, Value]:
    """Mantissa in (2^30, 2^31] and exponent in [31, 61] of ``1 / sqrt(x)``, for i64 ``1 <= x < 2^62``.

    ``X = x << 2h`` lies in [2^60, 2^62); with ``s = sqrt(X)``, ``y = (1 + e) 2^61 / s`` and ``|e| < 2^-19``.
    A root ``r = s - d`` has ``X - r^2 = d (2s - d)``, so that ``(X - r^2) y / 2^62 = d (1 + e) (1 - d / 2s)``
    is ``d`` to within 2^-6, as ``|d| < 2^12``; rounded down, it makes ``r`` one of ``floor(s) - 1`` to
    ``floor(s) + 1``. The same holds for the mantissa and ``(2^61 - m r) y / 2^61``.
    """
    zeros = b.intrinsic("llvm.ctlz", [x, b.constant(1, i1)], x.type)
    twice = b.and_(b.sub(zeros, 2), -2)
    normalised = b.shl(x, twice)
    z = b.truncate(b.shr_unsigned(normalised, 30), 32)
    y = _estimate(b, z)
    wide = b.zero_extend(y, 64)

    root = b.shl(b.zero_extend(high_unsigned(b, z, y), 64), 1)
    root = b.add(root, _quotient(b, b.sub(normalised, b.mul(root, root)), wide, 62))
    root = _settled(b, root, lambda r: b.mul(r, r), normalised)

    whole = b.constant(2 * BIT_60, x.type)
    mantissa = b.add(wide, _quotient(b, b.sub(whole, b.mul(wide, root)), wide, 61))
    mantissa = _settled(b, mantissa, lambda m: b.mul(m, root), whole)
    return mantissa, b.sub(61, b.shr_unsigned(twice, 1))


def newton_sqrt(b: CudaBuilder, x: Value) -> Value:
    """Ten steps ``k <- (k + floor(x / k)) >> 1`` from 2^16 of i64 ``0 <= x < 2^41`` (I-ViT Eq. 19), in i32.

    No quotient is above 2^25, that of the first step: after it ``k`` is at least the root.
    """
    root = b.constant(NEWTON_START, i32)
    with b.loop(0, NEWTON_STEPS, carried=[root]) as step:
        (root,) = step.carried
        step.carry(b.shr_unsigned(b.add(root, quotient(b, x, root)), 1))
    return step.results[0]


def _estimate(b: CudaBuilder, z: Value) -> Value:
    """``2^30 / sqrt(Z)`` of ``z = 2^32 Z`` >= 2^30, all unsigned 32-bit."""
    c0, c1, c2 = (unsigned(b, value) for value in START)
    y = b.sub(c0, high_unsigned(b, z, b.sub(c1, high_unsigned(b, z, c2))))
    for _ in range(STEPS):
        # Units of 2^-28: Z y^2 is about 1, what it is taken from is 3.
        product = high_unsigned(b, z, high_unsigned(b, y, y))
        y = b.shl(high_unsigned(b, y, b.shl(b.sub(3 << 28, product), 2)), 1)
    return y


def _quotient(b: CudaBuilder, remainder: Value, y: Value, shift: int) -> Value:
    """``remainder * y >> shift``."""
    return b.shr(b.mul(b.shr(remainder, DROPPED), y), shift - DROPPED)


def _settled(b: CudaBuilder, x: Value, product: Callable[[Value], Value], most: Value) -> Value:
    """The largest of ``x - 1`` to ``x + 1`` whose product is at most ``most``."""
    x = b.add(x, 1)
    for _ in range(2):
        x = b.add(x, b.sign_extend(b.compare("sgt", product(x), most), 64))
    return x
