"""Quotients of 64 by 32 bits without division, which a GPU does by a call of some hundred instructions.

The number is that of ``lowering.arithmetic_nonlinear.row_multiplier``.
"""

from __future__ import annotations

from xdsl.dialects.builtin import i1, i32

from lowering.cuda.build import CudaBuilder
from lowering.kernels.build import Value

START = (0x87C1FCCF, 0xBA2EA446, 0x52BF6573)
"""``c0 - c1 Z + c2 Z^2`` is ``1 / Z`` for Z in [1/2, 1), in units of 2^-29, off by at most 1.1 %."""

STEPS = 2
"""Each makes ``e^2`` of a relative error ``e``: 1.1 %, 1.2e-4, and 1.5e-8."""

DROPPED = 8
"""Low bits of a remainder below 2^38, so that its product with the reciprocal fits 64 bits."""


def quotient(b: CudaBuilder, dividend: Value, divisor: Value) -> Value:
    """``floor(dividend / divisor)`` in i32, of i64 ``n >= 0`` and i32 ``d > 0``; it must be below 2^31.

    Both go left until ``2^31 <= D < 2^32``; ``y = (1 + e) 2^62 / D`` with ``|e| < 2^-25`` gives a quotient
    that is off by less than 2^6. Its remainder times ``y / 2^62`` is what it is off by, to within 2^-16;
    rounded down, it is one too small to one too large, as the sign of the next remainders tells. These wrap
    with the products, and are small.
    """
    zeros = b.zero_extend(b.intrinsic("llvm.ctlz", [divisor, b.constant(1, i1)], i32), 64)
    d = b.shl(b.zero_extend(divisor, 64), zeros)
    n = b.shl(dividend, zeros)
    y = b.zero_extend(_reciprocal(b, b.truncate(d, 32)), 64)
    q = b.shr(b.mul(b.shr(n, 32), y), 30)
    remainder = b.sub(n, b.mul(q, d))
    q = b.add(q, b.shr(b.mul(b.shr(remainder, DROPPED), y), 62 - DROPPED))
    q = b.add(q, 1)
    for _ in range(2):
        too_large = b.compare("slt", b.sub(n, b.mul(q, d)), 0)
        q = b.add(q, b.sign_extend(too_large, 64))
    return b.truncate(q, 32)


def _reciprocal(b: CudaBuilder, d: Value) -> Value:
    """``2^62 / d`` of ``d`` >= 2^31, both unsigned 32-bit: ``y <- y (2 - Z y)`` (Newton)."""
    c0, c1, c2 = (unsigned(b, value) for value in START)
    inner = b.sub(c1, high_unsigned(b, d, c2))
    y = b.shl(b.sub(c0, high_unsigned(b, d, inner)), 1)
    for _ in range(STEPS):
        rest = b.sub(unsigned(b, 1 << 31), high_unsigned(b, d, y))
        y = b.shl(high_unsigned(b, y, b.shl(rest, 1)), 1)
    return y


def high_unsigned(b: CudaBuilder, x: Value, y: Value) -> Value:
    """The high 32 bits of the product, unsigned."""
    return b.intrinsic("llvm.nvvm.mulhi.ui", [x, y], i32)


def unsigned(b: CudaBuilder, value: int) -> Value:
    """An unsigned 32-bit constant."""
    return b.constant(value - (value >> 31 << 32), i32)
