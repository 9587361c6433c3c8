"""The integer bodies of requantisation: one definition for scalars and vectors of any length, CPU and GPU.

Every function emits arith-level ops through a builder and returns the value; bits equal those of
``ivit_dialect.reference``.
"""

from __future__ import annotations

from lowering.kernels.build import LoopBuilder, Operand, Value, element_width, lanes

MULHI_SHIFT = 33
"""The least shift for which a requant needs only the high half of the product."""

LIFT = 16
"""How far integers of 16 bits go left in 32, for the high half of their product to hold more of it."""


def clamp(b: LoopBuilder, x: Value, low: int, high: int) -> Value:
    """``min(max(x, low), high)``."""
    return b.min(b.max(x, low), high)


def saturate(
    b: LoopBuilder, x: Value, width: int, *, bits: int | None = None, unsigned: bool = False
) -> Value:
    """Signed ``x`` clamped to integers of ``bits`` or ``width``, signed or ``unsigned``, in ``width``."""
    kept = width if bits is None else bits
    if element_width(x) <= kept:
        # No value is too large, and only the unsigned have any that is too small.
        return b.zero_extend(b.max(x, 0), width) if unsigned else b.sign_extend(x, width)
    low, high = (0, (1 << kept) - 1) if unsigned else (-(1 << (kept - 1)), (1 << (kept - 1)) - 1)
    y = clamp(b, x, low, high)
    return b.truncate(y, width) if element_width(y) >= width else b.sign_extend(y, width)


def rounding_shift_right(b: LoopBuilder, x: Value, shift: Operand) -> Value:
    """``(x + 2^(shift-1)) >> shift``, arithmetic: round half up; ``shift`` >= 1 and of the type of ``x``."""
    if isinstance(shift, int):
        return b.shr(b.add(x, 1 << (shift - 1)), shift)
    half = b.shl(b.value(1, x.type), b.sub(shift, 1))
    return b.shr(b.add(x, half), shift)


def mulhi(b: LoopBuilder, x: Value, y: Value) -> Value:
    """The high 32 bits of the signed 64-bit product of i32 lanes.

    Vectors of even length take even and odd lanes apart, each in place as the low half of a 64-bit lane:
    that is the form in which processors multiply 32 by 32 bits.
    """
    count = lanes(x)
    if count < 2 or count % 2:
        return b.high_product(x, y)
    even = b.mul(_even_lanes(b, x), _even_lanes(b, y))
    odd = b.mul(_odd_lanes(b, x), _odd_lanes(b, y))
    halves = b.bitcast(even, 32), b.bitcast(odd, 32)
    # Lane 2i+1 of each product is its high half (little-endian lanes).
    mask = [lane + count * (i % 2) for i in range(count) for lane in [i - i % 2 + 1]]
    return b.shuffle(*halves, mask)


def _even_lanes(b: LoopBuilder, x: Value) -> Value:
    return b.shr(b.shl(b.bitcast(x, 64), 32), 32)


def _odd_lanes(b: LoopBuilder, x: Value) -> Value:
    return b.shr(b.bitcast(x, 64), 32)


def requant_form(shift: int) -> str:
    """``mulhi`` or ``wide``: the cheapest form that is exact for ``shift``; part of a kernel's config."""
    return "mulhi" if shift >= MULHI_SHIFT else "wide"


def short_requant_form(shift: int) -> str:
    """The same, where what is rescaled are signed integers of at most 16 bits: perhaps ``lifted``.

    Its shift of 32-bit lanes, by ``shift - 16``, must be one that these have.
    """
    return "lifted" if MULHI_SHIFT - LIFT <= shift < MULHI_SHIFT - 1 + LIFT else requant_form(shift)


class Requant:
    """``(x * b + 2^(c-1)) >> c`` with ``c``, and perhaps ``b``, known at run time only.

    ``form`` is ``requant_form`` or ``short_requant_form`` of the shift. For ``mulhi`` results are i32, by
    nested floors ``(mulhi(x, b) + 2^(c-33)) >> (c-32)``; ``lifted`` is that of ``x << 16`` and ``c + 16``,
    which is the same number; for ``wide`` they are i64. Make it, and ``prepare`` it for the numbers of lanes
    that it meets, outside the loops.
    """

    def __init__(self, b: LoopBuilder, form: str, shift: Value, multiplier: Value | None = None) -> None:
        self._b = b
        self.wide = form == "wide"
        self._lift = LIFT if form == "lifted" else 0
        self._shift = shift if self.wide else b.truncate(b.sub(shift, 32 - self._lift), 32)
        self._half = b.shl(b.value(1, self._shift.type), b.sub(self._shift, 1))
        self._multiplier = None if multiplier is None else b.truncate(multiplier, 32)
        self._splats: dict[int, tuple[Value, Value, Value | None]] = {}

    def prepare(self, count: int) -> None:
        """Compute here what vectors of ``count`` lanes (0: scalars) need at every call."""
        multiplier = None if self._multiplier is None else self._splat(self._multiplier, count)
        self._splats[count] = self._splat(self._half, count), self._splat(self._shift, count), multiplier

    def _splat(self, x: Value, count: int) -> Value:
        return self._b.broadcast(x, count) if count else x

    def __call__(self, x: Value, multiplier: Value | None = None) -> Value:
        """Requantise lanes of at most 32 bits; ``multiplier`` (i32 lanes) where it is per channel."""
        b = self._b
        half, shift, shared = self._splats[lanes(x)]
        factor = shared if multiplier is None else multiplier
        assert factor is not None, "a requant needs a multiplier"
        x = b.sign_extend(x, 32)
        x = b.shl(x, self._lift) if self._lift else x
        high = b.mul(b.sign_extend(x, 64), b.sign_extend(factor, 64)) if self.wide else mulhi(b, x, factor)
        return b.shr(b.add(high, half), shift)
