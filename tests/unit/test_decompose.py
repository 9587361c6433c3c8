"""Decomposed composites compute the same bits as the composites, in the interpreter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import PassPipeline

from ivit_dialect.dialect import Ivit
from ivit_dialect.interpreter import call
from ivit_dialect.load import parse_module
from ivit_dialect.ops.attention import AttentionOp
from ivit_dialect.ops.nonlinear import ILayerNormOp, LayerNormOp, ShiftGeluOp, ShiftmaxOp, SoftmaxOp
from ivit_dialect.ops.probabilities import NormalizedSoftmaxOp
from ivit_dialect.store import StoreContext, WeightStore
from passes.pipelines import DECOMPOSE
from passes.quantization.tables import exponential_table
from passes.registry import get_passes

COMPOSITES = (
    AttentionOp,
    SoftmaxOp,
    NormalizedSoftmaxOp,
    ShiftmaxOp,
    ShiftGeluOp,
    LayerNormOp,
    ILayerNormOp,
)
TABLE = np.rint(255 * np.exp(-np.arange(256) / 32)).astype(np.uint8)
INT8 = st.integers(-128, 127) | st.sampled_from([-128, -1, 0, 127])
INT16 = st.integers(-32768, 32767) | st.sampled_from([-32768, -1, 0, 32767])
INT32 = st.integers(-(2**25), 2**25) | st.integers(-300, 300)
OUT = st.sampled_from(["i4", "ui4", "i8", "ui8", "i12", "i16", "i32"])


def decomposed(text: str) -> tuple[ModuleOp, ModuleOp]:
    """The module, and its clone without composites."""
    ctx = StoreContext()
    ctx.load_dialect(Ivit)
    module = parse_module(text, "composite.mlir", ctx)
    primitives = module.clone()
    PassPipeline.parse_spec(get_passes(), DECOMPOSE.spec()).apply(ctx, primitives)
    primitives.verify()
    assert any(isinstance(op, COMPOSITES) for op in module.walk())
    assert not any(isinstance(op, COMPOSITES) for op in primitives.walk())
    return module, primitives


def check(text: str, *args: NDArray[Any]) -> None:
    """Both modules give the same results on ``args``."""
    module, primitives = decomposed(text)
    expected = call(module, WeightStore(), args)
    results = call(primitives, WeightStore(), args)
    for want, got in zip(expected, results, strict=True):
        assert want.dtype == got.dtype
        assert want.tolist() == got.tolist()


@st.composite
def batches(draw: st.DrawFn, dtype: str, values: st.SearchStrategy[int]) -> NDArray[Any]:
    """[N, T, C], with a row that repeats one value."""
    batch, tokens, channels = draw(st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(1, 9)))
    count = batch * tokens * channels
    array = np.array(draw(st.lists(values, min_size=count, max_size=count)), dtype)
    array = array.reshape(batch, tokens, channels)
    array[-1, -1, :] = draw(values)
    return array


def unary(op: str, x: NDArray[Any], element: str, out: str) -> str:
    shape = f"?x{x.shape[1]}x{x.shape[2]}"
    a, b = f"tensor<{shape}x{element}>", f"tensor<{shape}x{out}>"
    return f"func.func @main(%x: {a}) -> {b} {{\n%y = {op} : {a} -> {b}\nfunc.return %y : {b}\n}}"


@settings(max_examples=40, deadline=None)
@given(batches("int8", INT8), st.integers(1, 400), st.integers(0, 16), st.data())
def test_shiftmax(x: NDArray[Any], x0: int, n: int, data: st.DataObject) -> None:
    out = data.draw(st.sampled_from(["i8", "i16"]))
    bits = data.draw(st.integers(2, int(out[1:])))
    check(unary(f"ivit.shiftmax %x x0 {x0} n {n} bits {bits}", x, "i8", out), x)


@settings(max_examples=40, deadline=None)
@given(batches("int8", INT8), st.integers(1, 100), st.integers(0, 23))
def test_shiftgelu(x: NDArray[Any], x0: int, n: int) -> None:
    check(unary(f"ivit.shiftgelu %x x0 {x0} n {n}", x, "i8", "i16"), x)


@settings(max_examples=40, deadline=None)
@given(batches("int32", INT32), st.integers(1, 2**31 - 1), st.integers(1, 60))
def test_softmax(x: NDArray[Any], multiplier: int, shift: int) -> None:
    _, tokens, channels = x.shape
    a, e = f"tensor<?x{tokens}x{channels}xi32>", f"tensor<?x{tokens}x{channels}xui8>"
    s, t = f"tensor<?x{tokens}x1xi32>", "tensor<256xui8>"
    text = f"""func.func @main(%x: {a}, %t: {t}) -> ({e}, {s}) {{
      %e, %s = ivit.softmax %x * {multiplier} shift {shift} table %t : ({a}, {t}) -> {e}, {s}
      func.return %e, %s : {e}, {s}
    }}"""
    check(text, x, TABLE)


@settings(max_examples=40, deadline=None)
@given(
    batches("int32", INT32),
    st.integers(1, 2**31 - 1),
    st.integers(1, 60),
    st.sampled_from([(1, "ui4"), (15, "ui4"), (255, "ui8"), (256, "ui8"), (4095, "i16"), (32768, "i16")]),
    st.booleans(),
)
def test_normalized_softmax(
    x: NDArray[Any], multiplier: int, shift: int, code: tuple[int, str], by_head: bool
) -> None:
    """Rows of one image are heads; the multipliers of the others follow the first."""
    scores = x.reshape(1, -1, 1, x.shape[-1])
    heads, channels = scores.shape[1], scores.shape[-1]
    unit, out = code
    a, m, t = (f"tensor<{size}xi32>" for size in (f"?x{heads}x1x{channels}", f"1x{heads}x1x1", "256"))
    y = a.replace("i32", out)
    scale = f"heads(%m : {m})" if by_head else f"* {multiplier}"
    text = f"""func.func @main(%x: {a}, %t: {t}, %m: {m}) -> {y} {{
      %y = ivit.normalized_softmax %x {scale} shift {shift} table %t unit {unit} : ({a}, {t}) -> {y}
      func.return %y : {y}
    }}"""
    multipliers = np.array([multiplier >> i for i in range(heads)], np.int32).reshape(1, -1, 1, 1)
    check(text, scores, exponential_table(), multipliers)  # the last is unread where all share one


def norm(op: str, attributes: str, x: NDArray[Any], out: str, data: st.DataObject) -> None:
    _, tokens, channels = x.shape
    scale = data.draw(st.lists(st.integers(-(2**31), 2**31 - 1), min_size=channels, max_size=channels))
    offset = data.draw(st.lists(st.integers(-(2**61), 2**61), min_size=channels, max_size=channels))
    a, y = f"tensor<?x{tokens}x{channels}xi16>", f"tensor<?x{tokens}x{channels}x{out}>"
    m, b = f"tensor<{channels}xi32>", f"tensor<{channels}xi64>"
    text = f"""func.func @main(%x: {a}, %m: {m}, %b: {b}) -> {y} {{
      %y = {op} %x * %m + %b {attributes} : ({a}, {m}, {b}) -> {y}
      func.return %y : {y}
    }}"""
    check(text, x, np.array(scale, np.int32), np.array(offset, np.int64))


@settings(max_examples=40, deadline=None)
@given(batches("int16", INT16), st.integers(1, 62), st.integers(1, 2**56 - 1), OUT, st.data())
def test_layernorm(x: NDArray[Any], shift: int, epsilon: int, out: str, data: st.DataObject) -> None:
    norm("ivit.layernorm", f"shift {shift} epsilon {epsilon}", x, out, data)


@settings(max_examples=40, deadline=None)
@given(batches("int16", INT16), st.integers(1, 62), OUT, st.data())
def test_i_layernorm(x: NDArray[Any], shift: int, out: str, data: st.DataObject) -> None:
    norm("ivit.i_layernorm", f"shift {shift}", x, out, data)


DELTA = "#ivit.delta_softmax<multiplier = {}, shift = {}, dividend = {}, context_shift = {}>"
SHIFTMAX = (
    "#ivit.shiftmax_softmax<multiplier = {}, shift = {}, x0 = {}, n = 15, bits = {},"
    " context_multiplier = {}, context_shift = {}>"
)
POSITIVE, SHIFT = st.integers(1, 2**31 - 1), st.integers(20, 62)
SOFTMAX = st.one_of(
    st.builds(DELTA.format, POSITIVE, st.integers(20, 50), st.integers(255, (255 << 31) - 1), SHIFT),
    st.builds(SHIFTMAX.format, POSITIVE, SHIFT, st.integers(1, 300), st.integers(2, 16), POSITIVE, SHIFT),
)


@settings(max_examples=40, deadline=None)
@given(SOFTMAX, st.integers(1, 3), st.integers(1, 4), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_attention(softmax: str, heads: int, tokens: int, depth: int, seed: int) -> None:
    x, t = f"tensor<?x{tokens}x{heads * depth}xi8>", "tensor<256xui8>"
    table = f" table(%t : {t})" if "delta" in softmax else ""
    text = f"""func.func @main(%q: {x}, %k: {x}, %v: {x}, %t: {t}) -> {x} {{
      %y = ivit.attention %q, %k, %v heads {heads} softmax {softmax}{table} : ({x}, {x}, {x}) -> {x}
      func.return %y : {x}
    }}"""
    rng = np.random.default_rng(seed)
    q, k, v = rng.integers(-128, 128, (3, 2, tokens, heads * depth)).astype(np.int8)
    check(text, q, k, v, TABLE)


@pytest.mark.parametrize("channels", [1, 2, 197, 768, 2048])
@pytest.mark.parametrize("op", ["ivit.layernorm", "ivit.i_layernorm"])
def test_norms_at_the_edges_of_int16(op: str, channels: int) -> None:
    alternating = np.where(np.arange(channels) % 2, 32767, -32768)
    rows = [alternating, np.full(channels, -32768), np.full(channels, 32767), np.zeros(channels)]
    x = np.stack(rows).astype(np.int16)[:, None]
    a, m, b = f"tensor<?x1x{channels}xi16>", f"tensor<{channels}xi32>", f"tensor<{channels}xi64>"
    epsilon = "epsilon 1" if op == "ivit.layernorm" else ""
    text = f"""func.func @main(%x: {a}, %m: {m}, %b: {b}) -> {a} {{
      %y = {op} %x * %m + %b shift 20 {epsilon} : ({a}, {m}, {b}) -> {a}
      func.return %y : {a}
    }}"""
    check(text, x, np.full(channels, -(2**31), np.int32), np.full(channels, 2**61))


@pytest.mark.parametrize("tokens", [1, 197])
def test_widest_shiftmax(tokens: int) -> None:
    """The sum reaches 2^31: the decomposition sums in 64 bits and narrows."""
    n = max(n for n in range(31) if tokens * 332 << n < 1 << 31)
    x = np.zeros((1, 1, tokens), np.int8)
    check(unary(f"ivit.shiftmax %x x0 332 n {n} bits 16", x, "i8", "i16"), x)
