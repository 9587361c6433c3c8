"""Every integer function again, one number at a time, on Python's unbounded integers and fractions.

Written from the papers and ``spec.md`` without a look at ``ivit_dialect.reference``: rounding is said in
rationals, roots and logarithms by search, so that a shared slip is unlikely.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

HALF = Fraction(1, 2)
LIMITS = {
    "int8": (-128, 127),
    "uint8": (0, 255),
    "int16": (-32768, 32767),
    "int32": (-(2**31), 2**31 - 1),
    "int64": (-(2**63), 2**63 - 1),
}


def clamp(value: int, dtype: str) -> int:
    low, high = LIMITS[dtype]
    return min(max(value, low), high)


def dyadic(x: int, multiplier: int, shift: int) -> int:
    """Round half up of ``x * multiplier / 2^shift``."""
    return math.floor(Fraction(x * multiplier, 2**shift) + HALF)


def requant(x: int, multiplier: int, shift: int, dtype: str, zero_point: int = 0) -> int:
    return clamp(dyadic(x, multiplier, shift) + zero_point, dtype)


def shiftexp(x: int, x0: int, n: int) -> int:
    p = x + math.floor(Fraction(x, 2)) - math.floor(Fraction(x, 16))
    p = max(p, -n * x0)
    halvings = math.floor(Fraction(-p, x0))
    rest = p + halvings * x0
    assert -x0 < rest <= 0 <= halvings <= n
    return (math.floor(Fraction(rest, 2)) + x0) * 2 ** (n - halvings)


def intdiv(x: int, divisor: int, bits: int) -> int:
    factor = math.floor(Fraction(2**31 - 1, divisor))
    return math.floor(Fraction(factor * x, 2 ** (32 - bits)))


def shiftmax(row: Sequence[int], x0: int, n: int, bits: int) -> list[int]:
    exponentials = [shiftexp(x - max(row), x0, n) for x in row]
    return [intdiv(e, sum(exponentials), bits) for e in exponentials]


def softmax(row: Sequence[int], table: Sequence[int], multiplier: int, shift: int) -> tuple[list[int], int]:
    codes = [table[min(255, dyadic(max(row) - x, multiplier, shift))] for x in row]
    return codes, sum(codes)


def shiftgelu(row: Sequence[int], x0: int, n: int) -> list[int]:
    scaled = [x + sum(math.floor(Fraction(x, d)) for d in (2, 8, 16)) for x in row]
    top = max([0, *scaled])
    result: list[int] = []
    for x, p in zip(row, scaled, strict=True):
        e = shiftexp(p - top, x0, n)
        result.append(x * intdiv(e, e + shiftexp(-top, x0, n), 8))
    return result


def newton_sqrt(x: int) -> int:
    k = 2**16
    for _ in range(10):
        k = math.floor(Fraction(k + math.floor(Fraction(x, k)), 2))
    return k


def rsqrt(x: int) -> tuple[int, int]:
    h = 0
    while x * 4 ** (h + 1) < 2**62:
        h += 1
    return math.floor(Fraction(2**61, math.isqrt(x * 4**h))), 61 - h


def affine(x: int, scale: int, offset: int, shift: int, dtype: str) -> int:
    return clamp(math.floor(Fraction(x * scale + offset, 2**shift)), dtype)


def normalised(row: Sequence[int], epsilon: int) -> list[int]:
    """The Q20 values of ``ivit.layernorm`` before its affine."""
    channels, total = len(row), sum(row)
    variance = channels * sum(x * x for x in row) - total**2 + epsilon
    mantissa, exponent = rsqrt(variance)
    return [math.floor(Fraction((channels * x - total) * mantissa, 2 ** (exponent - 20)) + HALF) for x in row]


def i_normalised(row: Sequence[int]) -> list[int]:
    """The values of ``ivit.i_layernorm`` before its affine."""
    mean = math.floor(Fraction(sum(row), len(row)) + HALF)
    root = newton_sqrt(sum((x - mean) ** 2 for x in row))
    return [math.floor(Fraction((x - mean) * ((2**31 - 1) // root), 2)) for x in row]


def normalized_softmax(
    row: Sequence[int], table: Sequence[int], multiplier: int, shift: int, unit: int, dtype: str
) -> list[int]:
    """Of the step ``1 / unit``; the row's quotient has 31 bits."""
    exponentials, total = softmax(row, table, multiplier, shift)
    bits = len(f"{unit:b}")
    quotient = math.floor(Fraction(unit * 2 ** (47 - bits), total))
    return [clamp(math.floor(Fraction(e * quotient, 2 ** (47 - bits)) + HALF), dtype) for e in exponentials]


def threshold_softmax(
    row: Sequence[int], table: Sequence[int], thresholds: Sequence[int], multiplier: int, shift: int
) -> list[int]:
    exponentials, total = softmax(row, table, multiplier, shift)
    limits = [math.floor(Fraction(t, 2**30) * total) for t in thresholds]
    return [sum(limit >= e for limit in limits) for e in exponentials]
