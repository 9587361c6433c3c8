"""A module of 4-bit weights and activations of 4 to 12 bits: as native code the interpreter's bits."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from kernel_harness import TARGETS as RUNNABLE
from numpy.typing import NDArray
from test_compile import call
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.passes import PassPipeline

from ivit_dialect.interpreter import run
from ivit_dialect.load import module_text, parse_module
from ivit_dialect.ops.attention import AttentionOp
from ivit_dialect.ops.elementwise import LookupOp, RequantOp
from ivit_dialect.store import StoreContext, WeightStore
from lowering.compile import compile_program
from lowering.targets import target_by_name
from passes.pipelines import DECOMPOSE, FUSE
from passes.registry import get_passes

C = 24
TOKENS = f"?x7x{C}x"
LINEAR = f"tensor<{C}x{C}xi4>, tensor<{C}xi32>"


def linear(name: str, x: str, kind: str, out: str, shift: int = 36) -> str:
    """``%name``: 4-bit weights, then a requant of each channel."""
    wide = f"tensor<{TOKENS}i32>"
    return f"""
  %{name}_acc = ivit.linear %{x}, %w, %b : (tensor<{TOKENS}{kind}>, {LINEAR}) -> {wide}
  %{name} = ivit.requant %{name}_acc channels(%m : tensor<{C}xi32>) shift {shift}
    : {wide} -> tensor<{TOKENS}{out}>"""


def split(name: str, kind: str) -> str:
    return f"""
  %{name}_h = ivit.split_heads %{name} : tensor<{TOKENS}{kind}> -> tensor<?x3x7x8x{kind}>"""


SOURCE = f"""
func.func @main(%image: tensor<{TOKENS}i8>) -> tensor<{TOKENS}i12> {{
  %w = ivit.constant "weight" : tensor<{C}x{C}xi4>
  %b = ivit.constant "bias" : tensor<{C}xi32>
  %m = ivit.constant "multipliers" : tensor<{C}xi32>
  %ns = ivit.constant "norm.scale" : tensor<{C}xi32>
  %no = ivit.constant "norm.offset" : tensor<{C}xi64>
  %exp = ivit.constant "exp.table" : tensor<256xui8>
  %gelu = ivit.constant "gelu.table" : tensor<1024xi4>
  %sign = ivit.constant "small.table" : tensor<16xi6>
  %x = ivit.requant %image * 1100000000 shift 27 : tensor<{TOKENS}i8> -> tensor<{TOKENS}i12>
  %n = ivit.layernorm %x * %ns + %no shift 40 epsilon 12
    : (tensor<{TOKENS}i12>, tensor<{C}xi32>, tensor<{C}xi64>) -> tensor<{TOKENS}i4>
{linear("q", "n", "i4", "i6")}{linear("k", "n", "i4", "i5")}{linear("v", "n", "i4", "i4")}
{split("q", "i6")}{split("k", "i5")}{split("v", "i4")}
  %s = ivit.matmul %q_h, %k_h transpose_b : (tensor<?x3x7x8xi6>, tensor<?x3x7x8xi5>) -> tensor<?x3x7x7xi32>
  %e, %total = ivit.softmax %s * 1717986918 shift 35 table %exp
    : (tensor<?x3x7x7xi32>, tensor<256xui8>) -> tensor<?x3x7x7xui8>, tensor<?x3x7x1xi32>
  %c = ivit.matmul %e, %v_h : (tensor<?x3x7x7xui8>, tensor<?x3x7x8xi4>) -> tensor<?x3x7x8xi32>
  %c9 = ivit.row_requant %c * 274877906944 / %total min 255 shift 32
    : (tensor<?x3x7x8xi32>, tensor<?x3x7x1xi32>) -> tensor<?x3x7x8xi9>
  %a = ivit.merge_heads %c9 : tensor<?x3x7x8xi9> -> tensor<{TOKENS}i9>
{linear("p", "a", "i9", "i32")}
  %y = ivit.add %p, %x * 1300000000 shift 30
    : (tensor<{TOKENS}i32>, tensor<{TOKENS}i12>) -> tensor<{TOKENS}i12>
{linear("f", "y", "i12", "i10")}
  %g = ivit.lookup %f, %gelu : (tensor<{TOKENS}i10>, tensor<1024xi4>) -> tensor<{TOKENS}i4>
  %g6 = ivit.lookup %g, %sign : (tensor<{TOKENS}i4>, tensor<16xi6>) -> tensor<{TOKENS}i6>
{linear("o", "g6", "i6", "i32", 32)}
  %z = ivit.add %o, %y : (tensor<{TOKENS}i32>, tensor<{TOKENS}i12>) -> tensor<{TOKENS}i12>
  func.return %z : tensor<{TOKENS}i12>
}}
"""

FORMS = {"unfused": "", "decomposed": DECOMPOSE.spec(), "fused": FUSE.spec()}


def weights() -> WeightStore:
    rng = np.random.default_rng(7)
    return WeightStore(
        {
            "weight": rng.integers(-8, 8, (C, C)).astype(np.int8),
            "bias": rng.integers(-99, 99, C).astype(np.int32),
            "multipliers": rng.integers(1 << 30, (1 << 31) - 1, C).astype(np.int32),
            "norm.scale": rng.integers(1 << 20, 1 << 21, C).astype(np.int32),
            "norm.offset": rng.integers(-(1 << 40), 1 << 40, C).astype(np.int64),
            "exp.table": np.rint(255 * np.exp(-np.arange(256) / 40)).astype(np.uint8),
            "gelu.table": rng.integers(-8, 8, 1024).astype(np.int8),
            "small.table": rng.integers(-32, 32, 16).astype(np.int8),
        }
    )


def in_form(pipeline: str) -> tuple[ModuleOp, StoreContext]:
    ctx = StoreContext(store=weights())
    module = parse_module(SOURCE, "test.mlir", ctx)
    if pipeline:
        PassPipeline.parse_spec(get_passes(), pipeline).apply(ctx, module)
    return module, ctx


@cache
def expected() -> tuple[NDArray[np.int8], NDArray[Any]]:
    module, ctx = in_form("")
    images = np.random.default_rng(3).integers(-128, 128, (3, 7, C)).astype(np.int8)
    result = run(module, ctx.store, images)
    assert result.dtype == np.int16
    assert result.min() < -1000
    assert result.max() > 1000
    assert len(np.unique(result)) > 100
    return images, result


def has(module: ModuleOp, kind: type[Operation]) -> bool:
    return any(isinstance(op, kind) for op in module.walk())


def test_fusion_of_every_width() -> None:
    """Attention of three widths, a table of 2^10 entries: all fuse, and the text of it reads back."""
    module, ctx = in_form(FORMS["fused"])
    assert has(module, AttentionOp)
    assert sum(isinstance(op, LookupOp) for op in module.walk()) == 1
    assert sum(isinstance(op, RequantOp) for op in module.walk()) == 1
    images, result = expected()
    again = parse_module(module_text(module), "again", ctx)
    np.testing.assert_array_equal(run(again, ctx.store, images), result)


CASES = [
    ("fused", "x86-64-avx512vbmi"),
    ("fused", "x86-64-avx2"),
    ("fused", "generic"),
    ("unfused", "x86-64-avx2"),
    ("decomposed", "generic"),
]


@pytest.mark.parametrize(("form", "target"), [case for case in CASES if case[1] in RUNNABLE])
def test_native_code_is_the_interpreter(form: str, target: str) -> None:
    images, result = expected()
    program = compile_program(*in_form(FORMS[form]), target_by_name(target))
    for threads in (1, 3):
        np.testing.assert_array_equal(call(program, images, threads), result)


def test_weights_of_4_bits_take_half_the_bytes() -> None:
    sizes: dict[str, int] = {}
    for kind in ("i4", "i5"):
        source = f"""
func.func @main(%x: tensor<?x1x512xi8>) -> tensor<?x1x512xi32> {{
  %w = ivit.constant "w" : tensor<512x512x{kind}>
  %b = ivit.constant "b" : tensor<512xi32>
  %y = ivit.linear %x, %w, %b
    : (tensor<?x1x512xi8>, tensor<512x512x{kind}>, tensor<512xi32>) -> tensor<?x1x512xi32>
  func.return %y : tensor<?x1x512xi32>
}}
"""
        rng = np.random.default_rng(0)
        weight = rng.integers(-8, 8, (512, 512)).astype(np.int8)
        store = WeightStore({"w": weight, "b": np.zeros(512, np.int32)})
        ctx = StoreContext(store=store)
        module = parse_module(source, "test.mlir", ctx)
        sizes[kind] = compile_program(module, ctx, target_by_name("generic")).weights.nbytes
    assert sizes == {"i4": 512 * 512 // 2 + 2048, "i5": 512 * 512 + 2048}
