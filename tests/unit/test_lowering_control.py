"""Structured control flow and calls: random programs, native against the same programs run by Python."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from native_loops import Native, compile_loops
from xdsl.utils.exceptions import PassFailedException

WORD = 1 << 32


def wrap(value: int) -> int:
    """As a 32-bit two's complement number."""
    value %= WORD
    return value - WORD if value >= WORD // 2 else value


OPERATIONS: dict[str, Callable[[int, int], int]] = {
    "addi": lambda a, b: wrap(a + b),
    "subi": lambda a, b: wrap(a - b),
    "muli": lambda a, b: wrap(a * b),
    "xori": lambda a, b: a ^ b,
    "maxsi": max,
}

Environment = dict[str, int]
Step = Callable[[Environment], None]


@dataclass
class Program:
    """Text of a region under construction, and the same steps in Python; names are i32 values in scope."""

    draw: st.DrawFn
    scope: list[str]
    counter: list[int] = field(default_factory=lambda: [0])
    text: list[str] = field(default_factory=list[str])
    steps: list[Step] = field(default_factory=list[Step])

    def fresh(self) -> str:
        self.counter[0] += 1
        return f"%t{self.counter[0]}"

    def pick(self) -> str:
        return self.draw(st.sampled_from(self.scope))

    def nested(self, *more: str) -> Program:
        return Program(self.draw, [*self.scope, *more], self.counter)

    def run(self, env: Environment) -> None:
        for step in self.steps:
            step(env)

    def fill(self, depth: int) -> None:
        """Some statements, nested ones where `depth` allows."""
        for _ in range(self.draw(st.integers(1, 3))):
            kinds = [self.add_operation]
            if depth:
                kinds += [self.add_for, self.add_if, self.add_while]
            self.draw(st.sampled_from(kinds))(depth - 1)

    def add_operation(self, _: int) -> None:
        op, a, b, r = self.draw(st.sampled_from(list(OPERATIONS))), self.pick(), self.pick(), self.fresh()
        self.text.append(f"{r} = arith.{op} {a}, {b} : i32")

        def step(env: Environment) -> None:
            env[r] = OPERATIONS[op](env[a], env[b])

        self.steps.append(step)
        self.scope.append(r)

    def add_for(self, depth: int) -> None:
        """A loop over an index range with two carried values."""
        lower, upper, stride = (self.draw(st.integers(*r)) for r in ((-3, 3), (-3, 9), (1, 3)))
        i, x, y, r = self.fresh(), self.fresh(), self.fresh(), self.fresh()
        narrowed, (a, b) = self.fresh(), (self.pick(), self.pick())
        body = self.nested(x, y, narrowed)
        body.fill(depth)
        u, v = body.pick(), body.pick()
        low, high, by = self.fresh(), self.fresh(), self.fresh()
        self.text += [
            f"{low} = arith.constant {lower} : index",
            f"{high} = arith.constant {upper} : index",
            f"{by} = arith.constant {stride} : index",
            f"{r}:2 = scf.for {i} = {low} to {high} step {by}"
            f" iter_args({x} = {a}, {y} = {b}) -> (i32, i32) {{",
            f"{narrowed} = arith.index_cast {i} : index to i32",
            *body.text,
            f"scf.yield {u}, {v} : i32, i32 }}",
        ]

        def step(env: Environment) -> None:
            p, q = env[a], env[b]
            for n in range(lower, upper, stride):
                inner = {**env, x: p, y: q, narrowed: n}
                body.run(inner)
                p, q = inner[u], inner[v]
            env[f"{r}#0"], env[f"{r}#1"] = p, q

        self.steps.append(step)
        self.scope += [f"{r}#0", f"{r}#1"]

    def add_if(self, depth: int) -> None:
        """Both branches, one result."""
        a, b, c, r = self.pick(), self.pick(), self.fresh(), self.fresh()
        yes, no = self.nested(), self.nested()
        yes.fill(depth)
        no.fill(depth)
        u, v = yes.pick(), no.pick()
        self.text += [
            f"{c} = arith.cmpi slt, {a}, {b} : i32",
            f"{r} = scf.if {c} -> (i32) {{",
            *yes.text,
            f"scf.yield {u} : i32 }} else {{",
            *no.text,
            f"scf.yield {v} : i32 }}",
        ]

        def step(env: Environment) -> None:
            branch, name = (yes, u) if env[a] < env[b] else (no, v)
            inner = dict(env)
            branch.run(inner)
            env[r] = inner[name]

        self.steps.append(step)
        self.scope.append(r)

    def add_while(self, depth: int) -> None:
        """A loop that runs a number of times, and carries one value."""
        times = self.draw(st.integers(0, 4))
        a, n, x, m, y, r = self.pick(), *(self.fresh() for _ in range(5))
        zero, one, start, go, less = (self.fresh() for _ in range(5))
        body = self.nested(y, m)
        body.fill(depth)
        u = body.pick()
        self.text += [
            f"{zero} = arith.constant 0 : i32",
            f"{one} = arith.constant 1 : i32",
            f"{start} = arith.constant {times} : i32",
            f"{r}:2 = scf.while ({n} = {start}, {x} = {a}) : (i32, i32) -> (i32, i32) {{",
            f"{go} = arith.cmpi sgt, {n}, {zero} : i32",
            f"scf.condition({go}) {n}, {x} : i32, i32 }} do {{",
            f"^bb0({m}: i32, {y}: i32):",
            *body.text,
            f"{less} = arith.subi {m}, {one} : i32",
            f"scf.yield {less}, {u} : i32, i32 }}",
        ]

        def step(env: Environment) -> None:
            value = env[a]
            for left in range(times, 0, -1):
                inner = {**env, y: value, m: left}
                body.run(inner)
                value = inner[u]
            env[f"{r}#1"] = value

        self.steps.append(step)
        self.scope.append(f"{r}#1")


@st.composite
def programs(draw: st.DrawFn) -> tuple[str, Callable[[list[int]], int]]:
    """A function of four numbers, as text and in Python."""
    arguments = [f"%a{i}" for i in range(4)]
    program = Program(draw, list(arguments))
    program.fill(3)
    result = program.pick()
    loads = "\n".join(
        f"%k{i} = arith.constant {i} : index\n%a{i} = memref.load %m[%k{i}] : memref<4xi32>" for i in range(4)
    )
    body = "\n".join(program.text)
    text = f"""
    func.func @f(%m: memref<4xi32>) {{
      {loads}
      {body}
      memref.store {result}, %m[%k0] : memref<4xi32>
      func.return
    }}"""

    def reference(values: list[int]) -> int:
        env = dict(zip(arguments, values, strict=True))
        program.run(env)
        return env[result]

    return text, reference


@settings(max_examples=40, deadline=None)
@given(program=programs(), seed=st.integers(0, 2**32 - 1), opt_level=st.sampled_from([0, 3]))
def test_random_programs(program: tuple[str, Callable[[list[int]], int]], seed: int, opt_level: int) -> None:
    """Nested for, if and while with carried values: the same number, optimised or not."""
    text, reference = program
    native = Native(text, "f", opt_level=opt_level)
    values = np.random.default_rng(seed).integers(-(2**31), 2**31 - 1, 4, dtype=np.int32, endpoint=True)
    expected = reference([int(v) for v in values])
    memory = values.copy()
    native("f", memory)
    assert int(memory[0]) == expected


@pytest.mark.parametrize("value", range(-1, 6))
def test_index_switch(value: int) -> None:
    native = Native(
        """
        func.func @f(%o: memref<1xi32>, %i: index) {
          %c0 = arith.constant 0 : index
          %r = scf.index_switch %i -> i32
          case 0 { %a = arith.constant 10 : i32  scf.yield %a : i32 }
          case 2 { %b = arith.constant 20 : i32  scf.yield %b : i32 }
          case 5 { %c = arith.constant 30 : i32  scf.yield %c : i32 }
          default { %d = arith.constant 40 : i32  scf.yield %d : i32 }
          memref.store %r, %o[%c0] : memref<1xi32>
          func.return
        }""",
        "f",
    )
    out = np.zeros(1, np.int32)
    native("f", out, value)
    assert out[0] == {0: 10, 2: 20, 5: 30}.get(value, 40)


def test_branch_to_one_block_with_different_values() -> None:
    """LLVM's phi has one value per predecessor, so such a branch needs a select."""
    native = Native(
        """
        func.func @f(%o: memref<1xi64>, %i: index) {
          %c0 = arith.constant 0 : index
          %c7 = arith.constant 7 : index
          %c9 = arith.constant 9 : index
          %b = arith.cmpi slt, %i, %c0 : index
          cf.cond_br %b, ^bb1(%c7 : index), ^bb1(%c9 : index)
        ^bb1(%r: index):
          %w = arith.index_cast %r : index to i64
          memref.store %w, %o[%c0] : memref<1xi64>
          func.return
        }""",
        "f",
    )
    for value, expected in ((-3, 7), (3, 9)):
        out = np.zeros(1, np.int64)
        native("f", out, value)
        assert out[0] == expected


def test_several_results_and_memrefs_through_calls_and_blocks() -> None:
    """Two results travel as a struct; a memref chosen by a branch is a pointer chosen by a branch."""
    native = Native(
        """
        func.func private @both(%i: index, %m: memref<2xi64>) -> (index, memref<2xi64>, i1) {
          %c1 = arith.constant 1 : index
          %n = arith.addi %i, %c1 : index
          %b = arith.cmpi slt, %i, %c1 : index
          func.return %n, %m, %b : index, memref<2xi64>, i1
        }
        func.func @f(%x: memref<2xi64>, %y: memref<2xi64>, %i: index) {
          %c0 = arith.constant 0 : index
          %n, %m, %b = func.call @both(%i, %x) : (index, memref<2xi64>) -> (index, memref<2xi64>, i1)
          %t = scf.if %b -> (memref<2xi64>) {
            scf.yield %m : memref<2xi64>
          } else {
            scf.yield %y : memref<2xi64>
          }
          %s = arith.select %b, %y, %m : memref<2xi64>
          %w = arith.index_cast %n : index to i64
          memref.store %w, %t[%c0] : memref<2xi64>
          %c1 = arith.constant 1 : index
          memref.store %w, %s[%c1] : memref<2xi64>
          func.return
        }""",
        "f",
    )
    for i, expected in ((0, [[1, 0], [0, 1]]), (5, [[0, 6], [6, 0]])):
        x, y = np.zeros(2, np.int64), np.zeros(2, np.int64)
        native("f", x, y, i)
        assert [x.tolist(), y.tolist()] == expected


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('%b = arith.constant true\n cf.assert %b, "x"', "no run-time assertions"),
        (
            "%x = arith.constant 1.0 : f32\n%y = arith.addf %x, %x : f32",
            "arith.constant in @f: floating point",
        ),
        ("%m = memref.alloca() : memref<4xui8>", "ui8 has a sign"),
    ],
)
def test_refusals(body: str, message: str) -> None:
    text = f"func.func @f() {{ {body}\n func.return }}"
    with pytest.raises(PassFailedException, match=message):
        compile_loops(text)
