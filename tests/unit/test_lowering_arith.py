"""Every arith op that kernels use, on scalars and vectors of every width: native against Python integers."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from native_loops import Native
from numpy.typing import NDArray

WIDTHS = (8, 16, 32, 64)
LANES = (0, 3, 16)
COUNT = 48  # a multiple of every lane count


def signed(value: int, width: int) -> int:
    """The low `width` bits as a two's complement number."""
    value &= (1 << width) - 1
    return value - (1 << width) if value >> (width - 1) else value


def unsigned(value: int, width: int) -> int:
    """The low `width` bits as a natural number."""
    return value & ((1 << width) - 1)


def truncated_quotient(a: int, b: int) -> int:
    """Division that rounds towards zero."""
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


Scalar = Callable[[int, int, int], int]

BINARY: dict[str, Scalar] = {
    "addi": lambda a, b, w: a + b,
    "subi": lambda a, b, w: a - b,
    "muli": lambda a, b, w: a * b,
    "andi": lambda a, b, w: a & b,
    "ori": lambda a, b, w: a | b,
    "xori": lambda a, b, w: a ^ b,
    "maxsi": lambda a, b, w: max(a, b),
    "minsi": lambda a, b, w: min(a, b),
    "maxui": lambda a, b, w: max(unsigned(a, w), unsigned(b, w)),
    "minui": lambda a, b, w: min(unsigned(a, w), unsigned(b, w)),
}

SHIFTS: dict[str, Scalar] = {
    "shli": lambda a, b, w: a << b,
    "shrsi": lambda a, b, w: a >> b,
    "shrui": lambda a, b, w: unsigned(a, w) >> b,
}

DIVISIONS: dict[str, Scalar] = {
    "divsi": lambda a, b, w: truncated_quotient(a, b),
    "remsi": lambda a, b, w: a - b * truncated_quotient(a, b),
    "floordivsi": lambda a, b, w: a // b,
    "ceildivsi": lambda a, b, w: -(-a // b),
    "divui": lambda a, b, w: unsigned(a, w) // unsigned(b, w),
    "remui": lambda a, b, w: unsigned(a, w) % unsigned(b, w),
    "ceildivui": lambda a, b, w: -(-unsigned(a, w) // unsigned(b, w)),
}

PREDICATES: dict[str, Callable[[int, int, int], bool]] = {
    "eq": lambda a, b, w: a == b,
    "ne": lambda a, b, w: a != b,
    "slt": lambda a, b, w: a < b,
    "sle": lambda a, b, w: a <= b,
    "sgt": lambda a, b, w: a > b,
    "sge": lambda a, b, w: a >= b,
    "ult": lambda a, b, w: unsigned(a, w) < unsigned(b, w),
    "ule": lambda a, b, w: unsigned(a, w) <= unsigned(b, w),
    "ugt": lambda a, b, w: unsigned(a, w) > unsigned(b, w),
    "uge": lambda a, b, w: unsigned(a, w) >= unsigned(b, w),
}


def kind(width: int, lanes: int) -> str:
    """The type of a value."""
    return f"vector<{lanes}xi{width}>" if lanes else f"i{width}"


def load(name: str, memory: str, width: int, lanes: int) -> str:
    """One value from the memref `memory` at %i."""
    where = f"{memory}[%i] : memref<{COUNT}xi{width}>"
    return (
        f"%{name} = vector.load {where}, {kind(width, lanes)}" if lanes else f"%{name} = memref.load {where}"
    )


def store(value: str, memory: str, width: int, lanes: int) -> str:
    """One value to the memref `memory` at %i."""
    where = f"{memory}[%i] : memref<{COUNT}xi{width}>"
    return (
        f"vector.store {value}, {where}, {kind(width, lanes)}" if lanes else f"memref.store {value}, {where}"
    )


def elementwise(symbol: str, in_width: int, out_width: int, lanes: int, body: str) -> str:
    """A function that applies `body` (%x, %y to %r) to COUNT elements."""
    return f"""
    func.func @{symbol}(%a: memref<{COUNT}xi{in_width}>, %b: memref<{COUNT}xi{in_width}>,
                        %o: memref<{COUNT}xi{out_width}>) {{
      %first = arith.constant 0 : index
      %last = arith.constant {COUNT} : index
      %step = arith.constant {max(lanes, 1)} : index
      scf.for %i = %first to %last step %step {{
        {load("x", "%a", in_width, lanes)}
        {load("y", "%b", in_width, lanes)}
        {body}
        {store("%r", "%o", out_width, lanes)}
      }}
      func.return
    }}"""


def binary_body(op: str, width: int, lanes: int) -> str:
    """One binary op; division as index where the width is 64, so that index is covered too."""
    return f"%r = arith.{op} %x, %y : {kind(width, lanes)}"


def compare_body(predicate: str, width: int, lanes: int) -> str:
    """A comparison that chooses: y if it holds, else x."""
    t = kind(width, lanes)
    if lanes:
        mask = kind(1, lanes)
        return f"""%m = arith_ext.cmpi {predicate}, %x, %y : {t}
                   %r = arith_ext.select %m, %y, %x : {mask}, {t}"""
    return f"""%m = arith.cmpi {predicate}, %x, %y : {t}
               %r = arith.select %m, %y, %x : {t}"""


def index_body(op: str) -> str:
    """The op on `index`."""
    return f"""%xi = arith.index_cast %x : i64 to index
               %yi = arith.index_cast %y : i64 to index
               %ri = arith.{op} %xi, %yi : index
               %r = arith.index_cast %ri : index to i64"""


@cache
def binaries(op: str) -> Native:
    """The op on every width and lane count, and on index."""
    cases = {
        f"f{w}_{n}": elementwise(f"f{w}_{n}", w, w, n, binary_body(op, w, n)) for w in WIDTHS for n in LANES
    }
    cases["index"] = elementwise("index", 64, 64, 0, index_body(op))
    return Native("\n".join(cases.values()), *cases, opt_level=1)


@cache
def comparisons(predicate: str) -> Native:
    """The comparison on every width and lane count."""
    cases = {
        f"f{w}_{n}": elementwise(f"f{w}_{n}", w, w, n, compare_body(predicate, w, n))
        for w in WIDTHS
        for n in LANES
    }
    return Native("\n".join(cases.values()), *cases, opt_level=1)


def numbers(random: np.random.Generator, width: int) -> list[int]:
    """COUNT numbers of the full range, a third of them at its ends and its middle."""
    low, high = -(1 << (width - 1)), (1 << (width - 1)) - 1
    values = random.integers(low, high, COUNT, dtype=np.int64, endpoint=True)
    edges = random.choice([low, low + 1, -1, 0, 1, high - 1, high], COUNT)
    return np.where(random.random(COUNT) < 1 / 3, edges, values).tolist()


@st.composite
def operands(draw: st.DrawFn) -> tuple[int, int, list[int], list[int]]:
    """A width, a lane count, and two lists of numbers of that width."""
    width, lanes = draw(st.sampled_from(WIDTHS)), draw(st.sampled_from(LANES))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return width, lanes, numbers(random, width), numbers(random, width)


def run(native: Native, symbol: str, a: list[int], b: list[int], in_width: int, out_width: int) -> list[int]:
    """The function's results as Python integers."""
    x, y = (np.array(v, dtype=f"int{in_width}") for v in (a, b))
    out: NDArray[np.generic] = np.zeros(COUNT, dtype=f"int{out_width}")
    native(symbol, x, y, out)
    return [int(v) for v in out]


def check(native: Native, reference: Scalar, width: int, lanes: int, a: list[int], b: list[int]) -> None:
    """Native equals reference, on the vector case and, at 64 bits, on index."""
    expected = [signed(reference(x, y, width), width) for x, y in zip(a, b, strict=True)]
    assert run(native, f"f{width}_{lanes}", a, b, width, width) == expected
    if width == 64:
        assert run(native, "index", a, b, 64, 64) == expected


@pytest.mark.parametrize("op", BINARY)
@settings(max_examples=20, deadline=None)
@given(case=operands())
def test_binary(op: str, case: tuple[int, int, list[int], list[int]]) -> None:
    check(binaries(op), BINARY[op], *case)


@pytest.mark.parametrize("op", SHIFTS)
@settings(max_examples=20, deadline=None)
@given(case=operands())
def test_shift(op: str, case: tuple[int, int, list[int], list[int]]) -> None:
    width, lanes, a, b = case
    check(binaries(op), SHIFTS[op], width, lanes, a, [v % width for v in b])


@pytest.mark.parametrize("op", DIVISIONS)
@settings(max_examples=20, deadline=None)
@given(case=operands())
def test_division(op: str, case: tuple[int, int, list[int], list[int]]) -> None:
    """Divisors 0, and -1 under the least number, have no defined quotient."""
    width, lanes, a, b = case
    least = -(1 << (width - 1))
    divisors = [2 if y == 0 or (x == least and y == -1) else y for x, y in zip(a, b, strict=True)]
    check(binaries(op), DIVISIONS[op], width, lanes, a, divisors)


@pytest.mark.parametrize("predicate", PREDICATES)
@settings(max_examples=20, deadline=None)
@given(case=operands())
def test_comparison(predicate: str, case: tuple[int, int, list[int], list[int]]) -> None:
    width, lanes, a, b = case
    holds = PREDICATES[predicate]
    expected = [y if holds(x, y, width) else x for x, y in zip(a, b, strict=True)]
    assert run(comparisons(predicate), f"f{width}_{lanes}", a, b, width, width) == expected


CASTS: dict[str, Callable[[int, int], int]] = {
    "extsi": lambda a, w: a,
    "extui": lambda a, w: unsigned(a, w),
    "trunci": lambda a, w: a,
}


@cache
def casts(op: str) -> Native:
    """The cast between every pair of widths that it takes."""
    cases: dict[str, str] = {}
    for a in WIDTHS:
        for b in WIDTHS:
            if (a > b) == (op == "trunci") and a != b:
                for n in LANES:
                    dialect = "arith_ext" if n else "arith"
                    body = f"%r = {dialect}.{op} %x : {kind(a, n)} to {kind(b, n)}"
                    cases[f"f{a}_{b}_{n}"] = elementwise(f"f{a}_{b}_{n}", a, b, n, body)
    return Native("\n".join(cases.values()), *cases, opt_level=1)


@pytest.mark.parametrize("op", CASTS)
@settings(max_examples=30, deadline=None)
@given(case=operands(), other=st.sampled_from(WIDTHS))
def test_cast(op: str, case: tuple[int, int, list[int], list[int]], other: int) -> None:
    width, lanes, a, b = case
    if width == other:
        return
    narrow, wide = sorted((width, other))
    source, target = (wide, narrow) if op == "trunci" else (narrow, wide)
    a = [signed(v, source) for v in a]
    b = [signed(v, source) for v in b]
    expected = [signed(CASTS[op](v, source), target) for v in a]
    assert run(casts(op), f"f{source}_{target}_{lanes}", a, b, source, target) == expected


@cache
def extended(op: str, half: int) -> Native:
    """One of the two results of an op that has two."""
    cases: dict[str, str] = {}
    for w in WIDTHS:
        for n in LANES:
            t = kind(w, n)
            if op == "addui_extended":
                flag = kind(1, n)
                widen = f"{'arith_ext' if n else 'arith'}.extui %p1 : {flag} to {t}"
                body = f"%p0, %p1 = arith.{op} %x, %y : {t}, {flag}\n%w = {widen}"
            else:
                body = f"%p0, %p1 = arith.{op} %x, %y : {t}"
            result = "%w" if op == "addui_extended" and half else f"%p{half}"
            zero = f"%z = arith.constant {f'dense<0> : {t}' if n else f'0 : {t}'}"
            body += f"\n{zero}\n%r = arith.addi {result}, %z : {t}"
            cases[f"f{w}_{n}"] = elementwise(f"f{w}_{n}", w, w, n, body)
    return Native("\n".join(cases.values()), *cases, opt_level=1)


EXTENDED: dict[str, Scalar] = {
    "mulsi_extended": lambda a, b, w: a * b,
    "mului_extended": lambda a, b, w: unsigned(a, w) * unsigned(b, w),
    "addui_extended": lambda a, b, w: unsigned(a, w) + unsigned(b, w),
}


@pytest.mark.parametrize("half", [0, 1])
@pytest.mark.parametrize("op", EXTENDED)
@settings(max_examples=15, deadline=None)
@given(case=operands())
def test_extended(op: str, half: int, case: tuple[int, int, list[int], list[int]]) -> None:
    """The low half and the high half of the exact result."""
    width, lanes, a, b = case
    exact = [EXTENDED[op](x, y, width) for x, y in zip(a, b, strict=True)]
    expected = [signed(v >> (half * width), width) for v in exact]
    assert run(extended(op, half), f"f{width}_{lanes}", a, b, width, width) == expected


@settings(max_examples=20, deadline=None)
@given(
    values=st.lists(st.integers(-128, 127), min_size=16, max_size=16), splat=st.integers(-(2**63), 2**63 - 1)
)
def test_constants(values: list[int], splat: int) -> None:
    """Scalars, splats and vectors of different lanes keep their values; a boolean is 0 or 1."""
    native = Native(
        f"""
        func.func @f(%o: memref<16xi8>, %p: memref<8xi64>, %q: memref<4xi64>) {{
          %c0 = arith.constant 0 : index
          %c1 = arith.constant 1 : index
          %c2 = arith.constant 2 : index
          %v = arith.constant dense<{values}> : vector<16xi8>
          %s = arith.constant dense<{splat}> : vector<8xi64>
          %n = arith.constant {splat} : i64
          %t = arith.constant true
          %tw = arith.extui %t : i1 to i64
          %i = arith.constant {splat} : index
          %iw = arith.index_cast %i : index to i64
          %c3 = arith.constant 3 : index
          %lanes = arith.constant dense<[false, true, true]> : vector<3xi1>
          %lane = vector.extract %lanes[2] : i1 from vector<3xi1>
          %lw = arith.extui %lane : i1 to i64
          vector.store %v, %o[%c0] : memref<16xi8>, vector<16xi8>
          vector.store %s, %p[%c0] : memref<8xi64>, vector<8xi64>
          memref.store %n, %q[%c0] : memref<4xi64>
          memref.store %tw, %q[%c1] : memref<4xi64>
          memref.store %iw, %q[%c2] : memref<4xi64>
          memref.store %lw, %q[%c3] : memref<4xi64>
          func.return
        }}""",
        "f",
        opt_level=1,
    )
    o, p, q = np.zeros(16, np.int8), np.zeros(8, np.int64), np.zeros(4, np.int64)
    native("f", o, p, q)
    assert o.tolist() == values
    assert p.tolist() == [splat] * 8
    assert q.tolist() == [splat, 1, splat, 1]
