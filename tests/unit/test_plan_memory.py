"""Plans of random graphs: memory that is shared never mixes values, in whatever order threads get to run."""

from __future__ import annotations

import random
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue
from xdsl.utils.exceptions import PassFailedException

from ivit_dialect.load import module_text, parse_module
from ivit_dialect.store import StoreContext
from lowering import plan
from lowering.launches import independent_groups
from lowering.plan_memory import PlanMemoryPass

CHANNELS = 6
Memory: TypeAlias = dict[tuple[SSAValue | str, int], int]
"""A label for each byte of each memory that has been written."""


def parse(text: str) -> tuple[ModuleOp, StoreContext]:
    ctx = StoreContext()
    ctx.load_dialect(plan.Plan)
    return parse_module(text, "test.mlir", ctx, weights_required=False), ctx


def planned(text: str) -> plan.ProgramOp:
    module, ctx = parse(text)
    PlanMemoryPass("generic").apply(ctx, module)
    module.verify()
    (program,) = module.ops
    assert isinstance(program, plan.ProgramOp)
    return program


class Graph:
    """Random ops on values [N, T, C] of int8, as text."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._tokens = {"%image": 4}
        self._lines: list[str] = []

    def add(self) -> None:
        x = self._rng.choice(list(self._tokens))
        y = f"%v{len(self._tokens)}"
        make = self._rng.choice([self._linear, self._linear, self._residual, self._prepend, self._slice])
        self._tokens[y] = make(x, y, self._tokens[x])

    def kind(self, tokens: int) -> str:
        return f"tensor<?x{tokens}x{CHANNELS}xi8>"

    def _weights(self, y: str) -> str:
        c, key = CHANNELS, y[1:]
        self._lines += [
            f'{y}w = ivit.constant "{key}.weight" : tensor<{c}x{c}xi8>',
            f'{y}b = ivit.constant "{key}.bias" : tensor<{c}xi32>',
            f'{y}m = ivit.constant "{key}.multipliers" : tensor<1xi32>',
        ]
        return f"{y}w, {y}b requant({y}m shift 40 : tensor<1xi32>)"

    def _linear(self, x: str, y: str, tokens: int, extra: str = "") -> int:
        kind = self.kind(tokens)
        weights = self._weights(y)
        types = f"({kind}, tensor<{CHANNELS}x{CHANNELS}xi8>, tensor<{CHANNELS}xi32>) -> {kind}"
        self._lines.append(f"{y} = ivit.linear {x}, {weights}{extra} : {types}")
        return tokens

    def _residual(self, x: str, y: str, tokens: int) -> int:
        other = self._rng.choice([v for v, t in self._tokens.items() if t == tokens])
        return self._linear(x, y, tokens, f" residual({other} * 1234567 shift 36 : {self.kind(tokens)})")

    def _prepend(self, x: str, y: str, tokens: int) -> int:
        prefix = self._rng.randint(1, 2)
        self._lines += [
            f'{y}p = ivit.constant "{y[1:]}.prefix" : tensor<1x{prefix}x{CHANNELS}xi8>',
            f"{y} = ivit.prepend_tokens {y}p, {x} : (tensor<1x{prefix}x{CHANNELS}xi8>, {self.kind(tokens)})"
            f" -> {self.kind(tokens + prefix)}",
        ]
        return tokens + prefix

    def _slice(self, x: str, y: str, tokens: int) -> int:
        first = self._rng.randrange(tokens)
        size = self._rng.randint(1, tokens - first)
        self._lines += [
            f"{y} = ivit.slice_tokens {x} [{first}, {size}] : {self.kind(tokens)} -> {self.kind(size)}",
        ]
        return size

    def text(self) -> str:
        result = self._rng.choice(list(self._tokens))
        kind = self.kind(self._tokens[result])
        body = "\n".join([*self._lines, f"func.return {result} : {kind}"])
        return f"func.func @main(%image: {self.kind(4)}) -> {kind} {{\n{body}\n}}"


def cells(value: SSAValue, *, apart: bool) -> list[tuple[SSAValue | str, int]]:
    """The bytes that a memref stands for; ``apart`` gives every buffer a memory of its own."""
    size, offset = plan.byte_size(value.type), 0
    while isinstance(value.owner, plan.ViewOp):
        offset += value.owner.offset.value.data
        value = value.owner.source
    memory: SSAValue | str = value
    if isinstance(value.owner, plan.SliceOp) and not apart:
        memory, offset = "arena", offset + value.owner.first_byte
    return [(memory, offset + i) for i in range(size)]


def execute(program: plan.ProgramOp, *, apart: bool, order: random.Random | None = None) -> list[int]:
    """Labels of the output's bytes: what each one was computed from, through all launches."""
    memory: Memory = {cell: hash((i, "image")) for i, cell in enumerate(cells(program.image, apart=apart))}
    for op in program.body.block.ops:
        if isinstance(op, plan.WeightOp):
            keys = tuple(key.data for key in op.keys)
            memory |= {cell: hash((keys, i)) for i, cell in enumerate(cells(op.output, apart=apart))}
    launches = [op for op in program.body.block.ops if isinstance(op, plan.LaunchOp)]
    for group in independent_groups(launches):
        ordered = order.sample(group, len(group)) if order is not None else group
        for launch in ordered:
            read = [memory[cell] for value in launch.ins for cell in cells(value, apart=apart)]
            (out,) = launch.outs
            is_copy = launch.kernel.data == "copy"
            for i, cell in enumerate(cells(out, apart=apart)):
                memory[cell] = read[i] if is_copy else hash((tuple(read), i))
    return [memory[cell] for cell in cells(program.output, apart=apart)]


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), ops=st.integers(0, 30))
def test_sharing_the_arena_changes_nothing(seed: int, ops: int) -> None:
    rng = random.Random(seed)
    graph = Graph(rng)
    for _ in range(ops):
        graph.add()
    program = planned(graph.text())
    apart = execute(program, apart=True)
    assert execute(program, apart=False) == apart
    assert execute(program, apart=False, order=rng) == apart


def test_a_plan_restarts_from_its_text() -> None:
    graph = Graph(random.Random(3))
    for _ in range(12):
        graph.add()
    module = planned(graph.text()).parent_op()
    assert isinstance(module, ModuleOp)
    again, _ = parse(module_text(module))
    assert module_text(again) == module_text(module)


def test_reused_memory_is_waited_for() -> None:
    """%c is independent of %b, but lies where %b still reads %a."""
    kind = f"tensor<?x4x{CHANNELS}xi8>"
    types = f"({kind}, tensor<6x6xi8>, tensor<6xi32>) -> {kind}"
    program = planned(f"""
        func.func @main(%image: {kind}) -> {kind} {{
          %w = ivit.constant "w" : tensor<6x6xi8>
          %n = ivit.constant "b" : tensor<6xi32>
          %m = ivit.constant "m" : tensor<1xi32>
          %a = ivit.linear %image, %w, %n requant(%m shift 40 : tensor<1xi32>) : {types}
          %b = ivit.linear %a, %w, %n requant(%m shift 40 : tensor<1xi32>) : {types}
          %c = ivit.linear %image, %w, %n requant(%m shift 40 : tensor<1xi32>) : {types}
          %y = ivit.linear %c, %w, %n requant(%m shift 40 : tensor<1xi32>)
            residual(%b * 1 shift 1 : {kind}) : {types}
          func.return %y : {kind}
        }}""")
    launches = [op for op in program.body.block.ops if isinstance(op, plan.LaunchOp)]
    a, _, c, _ = (launch.outs[0] for launch in launches)
    assert cells(a, apart=False) == cells(c, apart=False)
    assert independent_groups(launches) == [[launch] for launch in launches]


def test_results_are_written_in_place() -> None:
    """Reshapes, the tokens after a prefix and the slice leave the linear's result where it is."""
    program = planned("""
        func.func @main(%image: tensor<?x4x6xi8>) -> tensor<?x3x6xi32> {
          %w = ivit.constant "w" : tensor<6x6xi8>
          %b = ivit.constant "b" : tensor<6xi32>
          %p = ivit.constant "p" : tensor<1x1x6xi32>
          %y = ivit.linear %image, %w, %b
            : (tensor<?x4x6xi8>, tensor<6x6xi8>, tensor<6xi32>) -> tensor<?x4x6xi32>
          %z = ivit.prepend_tokens %p, %y : (tensor<1x1x6xi32>, tensor<?x4x6xi32>) -> tensor<?x5x6xi32>
          %flat = tensor.collapse_shape %z [[0], [1, 2]] : tensor<?x5x6xi32> into tensor<?x30xi32>
          %wide = tensor.expand_shape %flat [[0], [1, 2]] output_shape [1, 5, 6]
            : tensor<?x30xi32> into tensor<?x5x6xi32>
          %s = ivit.slice_tokens %wide [0, 3] : tensor<?x5x6xi32> -> tensor<?x3x6xi32>
          func.return %s : tensor<?x3x6xi32>
        }""")
    kernels = [op.kernel.data for op in program.body.block.ops if isinstance(op, plan.LaunchOp)]
    assert kernels == ["linear", "copy", "copy"]
    assert program.arena.value.data == program.live.value.data == 128


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("builtin.module {}", "a module needs one function, got 0"),
        (
            "func.func @main(%image: tensor<?x4x6xi8>, %x: tensor<?x4x6xi8>) -> tensor<?x4x6xi8> {"
            " func.return %x : tensor<?x4x6xi8> }",
            "test.mlir:1: @main must take one image in one block",
        ),
        (
            "func.func @main(%image: tensor<?x4x6xi8>) { func.return }",
            "test.mlir:1: @main must return one tensor",
        ),
        (
            "func.func @main(%image: tensor<?x4x6xi8>) -> tensor<1xi8> {"
            ' %c = ivit.constant "c" : tensor<1xi8>'
            " func.return %c : tensor<1xi8> }",
            "test.mlir:1: %c : tensor<1xi8> is a constant where an activation is needed",
        ),
        (
            "func.func @main(%image: tensor<1x4x6xi8>) -> tensor<1x8x6xi8> {"
            " %y = ivit.prepend_tokens %image, %image"
            " : (tensor<1x4x6xi8>, tensor<1x4x6xi8>) -> tensor<1x8x6xi8> func.return %y : tensor<1x8x6xi8> }",
            "test.mlir:1: %image : tensor<1x4x6xi8> must be a constant, as the prefix of ivit.prepend_tokens",
        ),
        (
            'func.func @main(%image: tensor<?x4x4x1xi8>) -> tensor<?x2x2x1xi32> { %w = ivit.constant "w"'
            ' : tensor<1x2x2x1xi8> %b = ivit.constant "b" : tensor<1xi32> %y = ivit.conv2d %image, %w, %b'
            " : (tensor<?x4x4x1xi8>, tensor<1x2x2x1xi8>, tensor<1xi32>) -> tensor<?x2x2x1xi32>"
            " func.return %y : tensor<?x2x2x1xi32> }",
            "ivit.conv2d %y: no kernel computes ivit.conv2d; run --conv2d-to-linear",
        ),
    ],
)
def test_refusals(text: str, message: str) -> None:
    module, ctx = parse(text)
    with pytest.raises(PassFailedException, match=message):
        PlanMemoryPass("generic").apply(ctx, module)


def test_an_unknown_target_is_refused() -> None:
    module, ctx = parse(Graph(random.Random(0)).text())
    with pytest.raises(PassFailedException, match="unknown target 'z80', expected host or one of x86-64-"):
        PlanMemoryPass("z80").apply(ctx, module)
