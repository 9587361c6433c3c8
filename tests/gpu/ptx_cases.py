"""What each integer instruction of PTX computes, in Python's unbounded integers: the tests' reference."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, TypeAlias

Number: TypeAlias = Callable[[int, int], int]
"""(bits, width) -> the number that they are: :func:`s` or :func:`u`."""


def s(value: int, bits: int) -> int:
    """The low ``bits`` as a signed number."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def u(value: int, bits: int) -> int:
    """The low ``bits`` as an unsigned number."""
    return value & ((1 << bits) - 1)


SIGNS: tuple[tuple[str, Number], ...] = (("s", s), ("u", u))


@dataclass(frozen=True)
class Case:
    """``instructions`` on inputs a, b, c, d of some bits give q: ``reference`` of unsigned integers."""

    instructions: str
    inputs: tuple[int, ...]
    output: int
    reference: Callable[..., int]

    def __str__(self) -> str:
        return self.instructions.replace("\n", " ")


def one(text: str, bits: int, output: int, reference: Callable[[int], int]) -> Case:
    return Case(text, (bits,), output, reference)


def two(text: str, bits: tuple[int, int], output: int, reference: Callable[[int, int], int]) -> Case:
    return Case(text, bits, output, reference)


def three(
    text: str, bits: tuple[int, int, int], output: int, reference: Callable[[int, int, int], int]
) -> Case:
    return Case(text, bits, output, reference)


def four(
    text: str, bits: tuple[int, int, int, int], output: int, reference: Callable[[int, int, int, int], int]
) -> Case:
    return Case(text, bits, output, reference)


def clamp(value: int, lowest: int, highest: int) -> int:
    return max(lowest, min(highest, value))


def toward_zero(a: int, b: int) -> int:
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def bounds(kind: str) -> tuple[int, int]:
    """The least and greatest value of ``s16``, ``u8`` and so on."""
    bits = int(kind[1:])
    return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if kind[0] == "s" else (0, (1 << bits) - 1)


def products(n: int, sign: str, f: Number) -> Iterator[Case]:
    """Sums and products of ``n``-bit numbers."""
    kind, pair, triple = f"{sign}{n}", (n, n), (n, n, n)
    yield two(f"add.{kind} q, a, b;", pair, n, lambda a, b: a + b)
    yield two(f"sub.{kind} q, a, b;", pair, n, lambda a, b: a - b)
    yield two(f"min.{kind} q, a, b;", pair, n, lambda a, b: min(f(a, n), f(b, n)))
    yield two(f"max.{kind} q, a, b;", pair, n, lambda a, b: max(f(a, n), f(b, n)))
    yield two(f"mul.lo.{kind} q, a, b;", pair, n, lambda a, b: a * b)
    yield two(f"mul.hi.{kind} q, a, b;", pair, n, lambda a, b: f(a, n) * f(b, n) >> n)
    yield three(f"mad.lo.{kind} q, a, b, c;", triple, n, lambda a, b, c: a * b + c)
    yield three(f"mad.hi.{kind} q, a, b, c;", triple, n, lambda a, b, c: (f(a, n) * f(b, n) >> n) + c)
    yield three(f"sad.{kind} q, a, b, c;", triple, n, lambda a, b, c: c + abs(f(a, n) - f(b, n)))
    # never by 0: that has no value
    divisor = f"or.b{n} b, b, 1; "
    yield two(f"{divisor}div.{kind} q, a, b;", pair, n, lambda a, b: toward_zero(f(a, n), f(b | 1, n)))
    yield two(
        f"{divisor}rem.{kind} q, a, b;",
        pair,
        n,
        lambda a, b: f(a, n) - toward_zero(f(a, n), f(b | 1, n)) * f(b | 1, n),
    )
    if n < 64:
        yield two(f"mul.wide.{kind} q, a, b;", pair, 2 * n, lambda a, b: f(a, n) * f(b, n))
        wide = (n, n, 2 * n)
        yield three(f"mad.wide.{kind} q, a, b, c;", wide, 2 * n, lambda a, b, c: f(a, n) * f(b, n) + c)


def logic(n: int) -> Iterator[Case]:
    """Logic and shifts of ``n`` bits."""
    pair = (n, n)
    yield one(f"neg.s{n} q, a;", n, n, lambda a: -a)
    yield one(f"abs.s{n} q, a;", n, n, lambda a: abs(s(a, n)))
    yield one(f"not.b{n} q, a;", n, n, lambda a: ~a)
    yield one(f"cnot.b{n} q, a;", n, n, lambda a: int(a == 0))
    yield two(f"and.b{n} q, a, b;", pair, n, lambda a, b: a & b)
    yield two(f"or.b{n} q, a, b;", pair, n, lambda a, b: a | b)
    yield two(f"xor.b{n} q, a, b;", pair, n, lambda a, b: a ^ b)
    yield two(f"shl.b{n} q, a, b;", (n, 32), n, lambda a, b: a << b if b < n else 0)
    yield two(f"shr.u{n} q, a, b;", (n, 32), n, lambda a, b: a >> b)
    yield two(f"shr.s{n} q, a, b;", (n, 32), n, lambda a, b: s(a, n) >> min(b, n))


def fields(n: int) -> Iterator[Case]:
    """Single bits and fields of 32 or 64 bits."""
    yield one(f"popc.b{n} q, a;", n, 32, lambda a: a.bit_count())
    yield one(f"clz.b{n} q, a;", n, 32, lambda a: n - a.bit_length())
    yield one(f"brev.b{n} q, a;", n, n, lambda a: int(f"{a:0{n}b}"[::-1], 2))
    yield one(f"bfind.u{n} q, a;", n, 32, lambda a: a.bit_length() - 1)
    yield one(f"bfind.s{n} q, a;", n, 32, lambda a: (a if s(a, n) >= 0 else u(~a, n)).bit_length() - 1)
    bits = (n, 32, 32)
    yield three(f"bfe.u{n} q, a, b, c;", bits, n, lambda a, b, c: u(a >> (b & 255), c & 255))
    yield three(f"bfe.s{n} q, a, b, c;", bits, n, lambda a, b, c: signed_field(a, b & 255, c & 255, n))
    yield four(
        f"bfi.b{n} q, a, b, c, d;", (n, n, 32, 32), n, lambda a, b, c, d: inserted(a, b, c & 255, d & 255, n)
    )


def signed_field(a: int, start: int, length: int, bits: int) -> int:
    """PTX ISA, bfe: bits past the top are copies of bit ``min(start + length - 1, bits - 1)``."""
    if length == 0:
        return 0
    sign = a >> min(start + length - 1, bits - 1) & 1
    inside = [i < length and start + i < bits for i in range(bits)]
    return s(sum((a >> (start + i) & 1 if inside[i] else sign) << i for i in range(bits)), bits)


def inserted(a: int, b: int, start: int, length: int, bits: int) -> int:
    """PTX ISA, bfi."""
    for i in range(min(length, bits - start) if start < bits else 0):
        b = b & ~(1 << (start + i)) | (a >> i & 1) << (start + i)
    return b


def dots(x: str, f: Number, y: str, g: Number) -> Iterator[Case]:
    """Dot products of bytes."""
    bits = (32, 32, 32)

    def four_bytes(a: int, b: int, c: int) -> int:
        return c + sum(f(a >> 8 * i, 8) * g(b >> 8 * i, 8) for i in range(4))

    def low_half(a: int, b: int, c: int) -> int:
        return c + sum(f(a >> 16 * i, 16) * g(b >> 8 * i, 8) for i in range(2))

    yield three(f"dp4a.{x}32.{y}32 q, a, b, c;", bits, 32, four_bytes)
    yield three(f"dp2a.lo.{x}32.{y}32 q, a, b, c;", bits, 32, low_half)
    yield three(f"dp2a.hi.{x}32.{y}32 q, a, b, c;", bits, 32, lambda a, b, c: low_half(a, b >> 16, c))


def permuted(a: int, b: int, selector: int) -> int:
    """PTX ISA, prmt."""
    data = (b << 32 | a).to_bytes(8, "little")
    result = 0
    for place in range(4):
        nibble = selector >> 4 * place & 15
        byte = data[nibble & 7]
        result |= ((255 if byte & 128 else 0) if nibble & 8 else byte) << 8 * place
    return result


def per_half(function: Callable[[int, int], int]) -> Callable[[int, int], int]:
    """A function of 16 bits, of both halves of 32."""
    return lambda a, b: u(function(a & 0xFFFF, b & 0xFFFF), 16) | u(function(a >> 16, b >> 16), 16) << 16


def words() -> Iterator[Case]:
    """What there is for 32 bits only."""
    pair, triple, limits = (32, 32), (32, 32, 32), bounds("s32")
    yield three("prmt.b32 q, a, b, c;", triple, 32, permuted)
    yield two("prmt.b32 q, a, b, 0x5410U;", pair, 32, lambda a, b: permuted(a, b, 0x5410))
    yield one("prmt.b32 q, a, 0, 0xaaa2;", 32, 32, lambda a: permuted(a, 0, 0xAAA2))
    yield three("shf.l.wrap.b32 q, a, b, c;", triple, 32, lambda a, b, c: (b << 32 | a) << (c & 31) >> 32)
    yield three("shf.r.wrap.b32 q, a, b, c;", triple, 32, lambda a, b, c: (b << 32 | a) >> (c & 31))
    yield three("shf.l.clamp.b32 q, a, b, c;", triple, 32, lambda a, b, c: (b << 32 | a) << min(c, 32) >> 32)
    yield three("shf.r.clamp.b32 q, a, b, c;", triple, 32, lambda a, b, c: (b << 32 | a) >> min(c, 32))
    yield three("lop3.b32 q, a, b, c, 0x96;", triple, 32, lambda a, b, c: a ^ b ^ c)
    yield three("lop3.b32 q, a, b, c, 0xca;", triple, 32, lambda a, b, c: a & b | ~a & c)
    yield three("lop3.b32 q, a, b, c, 0xE8;", triple, 32, lambda a, b, c: a & b | a & c | b & c)
    yield three("lop3.b32 q, a, b, c, 0x01;", triple, 32, lambda a, b, c: ~(a | b | c))
    yield two("bmsk.clamp.b32 q, a, b;", pair, 32, lambda a, b: ((1 << min(b, 32)) - 1) << a if a < 32 else 0)
    yield two("add.s16x2 q, a, b;", pair, 32, per_half(lambda a, b: a + b))
    yield two("min.s16x2 q, a, b;", pair, 32, per_half(lambda a, b: min(s(a, 16), s(b, 16))))
    yield two("max.s16x2 q, a, b;", pair, 32, per_half(lambda a, b: max(s(a, 16), s(b, 16))))
    yield two("max.u16x2 q, a, b;", pair, 32, per_half(max))
    yield two("add.sat.s32 q, a, b;", pair, 32, lambda a, b: clamp(s(a, 32) + s(b, 32), *limits))
    yield two("sub.sat.s32 q, a, b;", pair, 32, lambda a, b: clamp(s(a, 32) - s(b, 32), *limits))
    yield two("max.relu.s32 q, a, b;", pair, 32, lambda a, b: max(s(a, 32), s(b, 32), 0))
    yield three("slct.b32.s32 q, a, b, c;", triple, 32, lambda a, b, c: a if s(c, 32) >= 0 else b)


def conversion(target: str, source: str) -> Iterator[Case]:
    """Between integers of 16 bits and more: the low bits, or the nearest value."""
    n, m = int(source[1:]), int(target[1:])
    f = s if source[0] == "s" else u
    lowest, highest = bounds(target)
    yield one(f"cvt.{target}.{source} q, a;", n, m, lambda a: f(a, n))
    from_lowest, from_highest = bounds(source)
    if from_lowest < lowest or from_highest > highest:  # elsewhere PTX has no .sat
        yield one(f"cvt.sat.{target}.{source} q, a;", n, m, lambda a: clamp(f(a, n), lowest, highest))


def to_byte(target: str, source: str) -> Iterator[Case]:
    """A result of 8 bits fills its wider register with copies of its sign, or zeros."""
    n, f = int(source[1:]), s if target[0] == "s" else u
    yield one(f"cvt.{target}.{source} q, a;", n, 32, lambda a: f(a, 8))
    yield one(f"cvt.{target}.{source} %rs1, a; cvt.s32.s16 q, %rs1;", n, 32, lambda a: f(a, 8))


def packing(kind: str) -> Case:
    """``cvt.pack.sat`` of two 32-bit numbers."""
    bits, (lowest, highest) = int(kind[1:]), bounds(kind)

    def pair(a: int, b: int) -> int:
        low, high = (u(clamp(s(value, 32), lowest, highest), bits) for value in (b, a))
        return high << bits | low

    if bits == 16:
        return two(f"cvt.pack.sat.{kind}.s32 q, a, b;", (32, 32), 32, pair)
    text = f"cvt.pack.sat.{kind}.s32.b32 q, a, b, c;"
    return three(text, (32, 32, 32), 32, lambda a, b, c: c << 16 | pair(a, b))


def moves() -> Iterator[Case]:
    """Registers put together and taken apart."""
    yield one("cvt.s32.s8 q, a;", 32, 32, lambda a: s(a, 8))
    yield one("cvt.u64.u8 q, a;", 32, 64, lambda a: u(a, 8))
    yield two("mov.b64 q, {a, b};", (32, 32), 64, lambda a, b: b << 32 | a)
    yield two("mov.b32 q, {a, b};", (16, 16), 32, lambda a, b: b << 16 | a)
    all_four = (16, 16, 16, 16)
    yield four("mov.b64 q, {a, b, c, d};", all_four, 64, lambda a, b, c, d: d << 48 | c << 32 | b << 16 | a)
    yield one("mov.b64 {%r1, %r2}, a; xor.b32 q, %r1, %r2;", 64, 32, lambda a: a ^ a >> 32)
    yield one("mov.b32 {%rs1, %rs2}, a; cvt.s32.s16 q, %rs2;", 32, 32, lambda a: s(a >> 16, 16))
    yield one("mov.b32 {%rs1, %rs2}, a; mov.b32 q, {%rs2, %rs1};", 32, 32, lambda a: a >> 16 | a << 16)


COMPARISONS: tuple[tuple[str, Callable[[int, int], bool]], ...] = (
    ("eq", int.__eq__),
    ("ne", int.__ne__),
    ("lt", int.__lt__),
    ("le", int.__le__),
    ("gt", int.__gt__),
    ("ge", int.__ge__),
)


def comparison(name: str, compare: Callable[[int, int], bool], kind: str) -> Case:
    """One ``setp``."""
    n, f = int(kind[1:]), s if kind[0] == "s" else u
    text = f"setp.{name}.{kind} %p1, a, b; selp.b32 q, 1, 0, %p1;"
    return two(text, (n, n), 32, lambda a, b: int(compare(f(a, n), f(b, n))))


def predicates() -> Iterator[Case]:
    """Predicates combined, and instructions under them."""
    pair, triple = (32, 32), (32, 32, 32)

    def less(a: int, b: int) -> bool:
        return s(a, 32) < s(b, 32)

    yield two("setp.hi.u32 %p1, a, b; selp.b32 q, a, b, %p1;", pair, 32, max)
    yield two("setp.ls.u32 %p1, a, b; selp.b32 q, a, b, %p1;", pair, 32, min)
    yield three(
        "setp.lt.s32 %p1, a, c; setp.gt.and.u32 %p2, a, b, %p1; selp.b32 q, a, b, %p2;",
        triple,
        32,
        lambda a, b, c: a if a > b and less(a, c) else b,
    )
    yield three(
        "setp.lt.s32 %p1, a, c; setp.gt.xor.u32 %p2|%p3, a, b, !%p1; not.pred %p4, %p3;"
        " selp.b32 q, a, b, %p4;",
        triple,
        32,
        lambda a, b, c: b if (a <= b) != (not less(a, c)) else a,
    )
    yield three(
        "setp.lt.s32 %p1, a, b; setp.eq.b32 %p2, a, c; or.pred %p3, %p1, %p2; selp.b32 q, a, b, %p3;",
        triple,
        32,
        lambda a, b, c: a if less(a, b) or a == c else b,
    )
    yield two(
        "setp.lt.s32 %p1, a, b; mov.b32 q, 7; @%p1 add.s32 q, a, 1; @!%p1 sub.s32 q, b, 1;",
        pair,
        32,
        lambda a, b: a + 1 if less(a, b) else b - 1,
    )


def every_case() -> list[Case]:
    """All cases."""
    kinds = ("s16", "u16", "s32", "u32", "s64", "u64")
    groups: list[Any] = [products(n, *sign) for n, sign in product((16, 32, 64), SIGNS)]
    groups += [logic(n) for n in (16, 32, 64)]
    groups += [fields(n) for n in (32, 64)]
    groups += [dots(*first, *second) for first, second in product(SIGNS, SIGNS)]
    groups += [words(), moves(), predicates()]
    groups += [conversion(target, source) for target, source in product(kinds, kinds)]
    groups += [to_byte(target, source) for target, source in product(("s8", "u8"), kinds)]
    cases: list[Case] = [case for group in groups for case in group]
    cases += [packing(kind) for kind in ("s8", "u8", "s16", "u16")]
    return cases + [comparison(*each, kind) for each, kind in product(COMPARISONS, kinds)]
