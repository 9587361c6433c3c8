"""The fusing passes: every module computes the same bits before and after."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.passes import PassPipeline
from xdsl.utils.exceptions import PassFailedException

from ivit_dialect.dialect import Ivit
from ivit_dialect.interpreter import call, run
from ivit_dialect.load import parse_module
from ivit_dialect.ops.attention import AttentionOp
from ivit_dialect.ops.elementwise import AddOp, ConstantOp, LookupOp, RequantOp
from ivit_dialect.ops.linear import Conv2dOp, LinearOp, MatmulOp, PatchifyOp
from ivit_dialect.store import StoreContext
from ivit_dialect.types import tensor_types
from passes.pipelines import FUSE
from passes.registry import get_passes

NUMPY = {"i8": np.int8, "ui8": np.uint8, "i16": np.int16, "i32": np.int32, "i64": np.int64}

BLOCK = """
func.func @main(%image: tensor<?x8x8x3x{pixel}>) -> tensor<?x5x16xi16> {{
  %pw = ivit.constant "patch.weight" : tensor<16x4x4x3xi8>
  %pb = ivit.constant "patch.bias" : tensor<16xi32>
  %pm = ivit.constant "patch.multipliers" : tensor<16xi32>
  %pos = ivit.constant "positions" : tensor<1x4x16xi16>
  %cls = ivit.constant "prefix" : tensor<1x1x16xi16>
  %w = ivit.constant "weight" : tensor<16x16xi8>
  %b = ivit.constant "bias" : tensor<16xi32>
  %m = ivit.constant "multipliers" : tensor<16xi32>
  %ns = ivit.constant "norm.scale" : tensor<16xi32>
  %no = ivit.constant "norm.offset" : tensor<16xi64>
  %gelu = ivit.constant "gelu" : tensor<256xi8>
  %exp = ivit.constant "exp" : tensor<256xui8>
  %pa = ivit.conv2d %image, %pw, %pb
    : (tensor<?x8x8x3x{pixel}>, tensor<16x4x4x3xi8>, tensor<16xi32>) -> tensor<?x2x2x16xi32>
  %pt = tensor.collapse_shape %pa [[0], [1, 2], [3]] : tensor<?x2x2x16xi32> into tensor<?x4x16xi32>
  %pr = ivit.requant %pt channels(%pm : tensor<16xi32>) shift 34 : tensor<?x4x16xi32> -> tensor<?x4x16xi32>
  %patches = ivit.add %pr, %pos : (tensor<?x4x16xi32>, tensor<1x4x16xi16>) -> tensor<?x4x16xi16>
  %x = ivit.prepend_tokens %cls, %patches : (tensor<1x1x16xi16>, tensor<?x4x16xi16>) -> tensor<?x5x16xi16>
  %n = ivit.layernorm %x * %ns + %no shift 46 epsilon 12
    : (tensor<?x5x16xi16>, tensor<16xi32>, tensor<16xi64>) -> tensor<?x5x16xi8>
  %qa = ivit.linear %n, %w, %b
    : (tensor<?x5x16xi8>, tensor<16x16xi8>, tensor<16xi32>) -> tensor<?x5x16xi32>
  %q = ivit.requant %qa channels(%m : tensor<16xi32>) shift 38 : tensor<?x5x16xi32> -> tensor<?x5x16xi8>
  %h = ivit.split_heads %q : tensor<?x5x16xi8> -> tensor<?x2x5x8xi8>
  %s = ivit.matmul %h, %h transpose_b
    : (tensor<?x2x5x8xi8>, tensor<?x2x5x8xi8>) -> tensor<?x2x5x5xi32>
  {softmax}
  %cm = ivit.merge_heads %c8 : tensor<?x2x5x8xi8> -> tensor<?x5x16xi8>
  %pj = ivit.linear %cm, %w, %b
    : (tensor<?x5x16xi8>, tensor<16x16xi8>, tensor<16xi32>) -> tensor<?x5x16xi32>
  %r = ivit.requant %pj channels(%m : tensor<16xi32>) shift {branch}
    : tensor<?x5x16xi32> -> tensor<?x5x16xi32>
  %rs = ivit.requant %x * 1500000000 shift 31 : tensor<?x5x16xi16> -> tensor<?x5x16xi32>
  %x1 = ivit.add {sum} : (tensor<?x5x16xi32>, tensor<?x5x16xi32>) -> tensor<?x5x16xi16>
  %same = ivit.requant %x1 * 1073741824 shift 30 : tensor<?x5x16xi16> -> tensor<?x5x16xi16>
  %f = ivit.requant %same * 1073741824 shift 37 : tensor<?x5x16xi16> -> tensor<?x5x16xi8>
  %f1 = ivit.linear %f, %w, %b
    : (tensor<?x5x16xi8>, tensor<16x16xi8>, tensor<16xi32>) -> tensor<?x5x16xi32>
  %f8 = ivit.requant %f1 * 1900000000 shift 38 zero_point -91 : tensor<?x5x16xi32> -> tensor<?x5x16xi8>
  %g = ivit.lookup %f8, %gelu : (tensor<?x5x16xi8>, tensor<256xi8>) -> tensor<?x5x16xi8>
  %g1 = ivit.linear %g, %w, %b
    : (tensor<?x5x16xi8>, tensor<16x16xi8>, tensor<16xi32>) -> tensor<?x5x16xi32>
  %g2 = ivit.requant %g1 channels(%m : tensor<16xi32>) shift 32 : tensor<?x5x16xi32> -> tensor<?x5x16xi32>
  %x2 = ivit.add %same, %g2 : (tensor<?x5x16xi16>, tensor<?x5x16xi32>) -> tensor<?x5x16xi16>
  func.return %x2 : tensor<?x5x16xi16>
}}
"""
EXACT = """
  %e, %sum = ivit.softmax %s * 1717986918 shift 40 table %exp
    : (tensor<?x2x5x5xi32>, tensor<256xui8>) -> tensor<?x2x5x5xui8>, tensor<?x2x5x1xi32>
  %c = ivit.matmul %e, %h : (tensor<?x2x5x5xui8>, tensor<?x2x5x8xi8>) -> tensor<?x2x5x8xi32>
  %c8 = ivit.row_requant %c * 274877906944 / %sum min 255 shift 38
    : (tensor<?x2x5x8xi32>, tensor<?x2x5x1xi32>) -> tensor<?x2x5x8xi8>"""
SHIFT = """
  %s8 = ivit.requant %s * 1717986918 shift 40 : tensor<?x2x5x5xi32> -> tensor<?x2x5x5xi8>
  %e = ivit.shiftmax %s8 x0 20 n 15 bits 16 : tensor<?x2x5x5xi8> -> tensor<?x2x5x5xi16>
  %c = ivit.matmul %e, %h : (tensor<?x2x5x5xi16>, tensor<?x2x5x8xi8>) -> tensor<?x2x5x8xi32>
  %c8 = ivit.requant %c * 1073741824 shift 45 : tensor<?x2x5x8xi32> -> tensor<?x2x5x8xi8>"""


def random_store(module: ModuleOp, rng: np.random.Generator, ctx: StoreContext) -> None:
    """Full-range weights; positive multipliers in [2^30, 2^31); an exponential table."""
    for op in module.walk():
        if not isinstance(op, ConstantOp):
            continue
        (type_,) = tensor_types(op.output)
        dtype = NUMPY[str(type_.element_type)]
        info = np.iinfo(dtype)
        array: NDArray[Any] = rng.integers(info.min, info.max, type_.get_shape(), dtype, endpoint=True)
        key = op.key.data
        if key.endswith("multipliers"):
            array = rng.integers(1 << 30, (1 << 31) - 1, type_.get_shape(), np.int32)
        if key.endswith("bias"):
            array = rng.integers(-(1 << 20), 1 << 20, type_.get_shape(), np.int32)
        if key == "norm.offset":
            array = rng.integers(-(1 << 40), 1 << 40, type_.get_shape(), np.int64)
        if key == "exp":
            array = np.rint(255 * np.exp(-np.arange(256) / 32)).astype(np.uint8)
        ctx.store[key] = array


def block(pixel: str, softmax: str, branch: int = 34, swapped: bool = False) -> tuple[ModuleOp, StoreContext]:
    ctx = StoreContext()
    text = BLOCK.format(pixel=pixel, softmax=softmax, branch=branch, sum="%rs, %r" if swapped else "%r, %rs")
    return parse_module(text, "block", ctx, weights_required=False), ctx


def apply(module: ModuleOp, ctx: StoreContext, pipeline: str) -> None:
    PassPipeline.parse_spec(get_passes(), pipeline).apply(ctx, module)
    module.verify()


def count(module: ModuleOp, kind: type[Any]) -> int:
    return sum(isinstance(op, kind) for op in module.walk())


def image(pixel: str, rng: np.random.Generator, batch: int) -> NDArray[Any]:
    info = np.iinfo(NUMPY[pixel])
    return rng.integers(info.min, info.max, (batch, 8, 8, 3), NUMPY[pixel], endpoint=True)


@pytest.mark.parametrize("softmax", [EXACT, SHIFT], ids=["exact", "ivit"])
@pytest.mark.parametrize(
    "pipeline",
    [
        FUSE.spec(),
        "conv2d-to-linear",
        "fuse-requant",
        "fuse-attention",
        "fuse-requant,fuse-attention",
        "fuse-attention,fuse-requant,conv2d-to-linear",
    ],
)
@settings(max_examples=5, deadline=None)
@given(
    seed=st.integers(0, 1 << 32),
    pixel=st.sampled_from(["ui8", "i8"]),
    batch=st.integers(1, 3),
    branch=st.integers(20, 40),
    swapped=st.booleans(),
)
def test_every_pipeline_keeps_the_bits(
    softmax: str, pipeline: str, seed: int, pixel: str, batch: int, branch: int, swapped: bool
) -> None:
    module, ctx = block(pixel, softmax, branch, swapped)
    rng = np.random.default_rng(seed)
    random_store(module, rng, ctx)
    x = image(pixel, rng, batch)
    before = run(module, ctx.store, x)
    apply(module, ctx, pipeline)
    np.testing.assert_array_equal(run(module, ctx.store, x), before)


@pytest.mark.parametrize("softmax", [EXACT, SHIFT], ids=["exact", "ivit"])
def test_the_fused_form(softmax: str) -> None:
    module, ctx = block("ui8", softmax)
    random_store(module, np.random.default_rng(0), ctx)
    apply(module, ctx, FUSE.spec())
    assert count(module, AttentionOp) == 1
    for gone in (AddOp, LookupOp, MatmulOp, Conv2dOp):
        assert count(module, gone) == 0, gone.name
    assert count(module, PatchifyOp) == 1
    # what is left has no producer that could take it: the residual stream to int8
    assert count(module, RequantOp) == 1
    assert all(op.attributes.get("ivit.accumulator") for op in module.walk() if isinstance(op, LinearOp))


def test_a_branch_that_may_clamp_is_left_alone() -> None:
    module, ctx = block("ui8", EXACT, branch=12)
    random_store(module, np.random.default_rng(0), ctx)
    apply(module, ctx, "fuse-requant")
    assert count(module, AddOp) == 2  # this one, and the positions behind the convolution


ANY_BIAS = """
func.func @main(%x: tensor<1x1xi8>, %w: tensor<1x1xi8>, %b: tensor<1xi32>, %r: tensor<1x1xi32>)
    -> tensor<1x1xi16> {
  %a = ivit.linear %x, %w, %b : (tensor<1x1xi8>, tensor<1x1xi8>, tensor<1xi32>) -> tensor<1x1xi32>
  %v = ivit.requant %a * 1073741824 shift SHIFT : tensor<1x1xi32> -> tensor<1x1xi32>
  %y = ivit.add %v, %r : (tensor<1x1xi32>, tensor<1x1xi32>) -> tensor<1x1xi16>
  func.return %y : tensor<1x1xi16>
}
"""


@pytest.mark.parametrize(("shift", "adds"), [(20, 1), (29, 1), (31, 0)])
@pytest.mark.parametrize("bias", [1 << 24, -(1 << 24), (1 << 31) - 2, 1 - (1 << 31), 0])
def test_a_bias_that_is_not_known_may_be_any(shift: int, adds: int, bias: int) -> None:
    """Only a branch that int32 holds for every accumulator joins its add."""
    ctx = StoreContext()
    module = parse_module(ANY_BIAS.replace("SHIFT", str(shift)), "bias", ctx, weights_required=False)
    one = np.ones((1, 1), np.int8)
    far = [np.full((1, 1), end, np.int32) for end in (-(1 << 31), (1 << 31) - 1)]
    before = [call(module, ctx.store, (one, one, np.array([bias], np.int32), r)) for r in far]
    apply(module, ctx, "fuse-requant")
    assert count(module, AddOp) == adds
    after = [call(module, ctx.store, (one, one, np.array([bias], np.int32), r)) for r in far]
    np.testing.assert_array_equal(after, before)


def test_overflow_is_refused_by_channel() -> None:
    module, ctx = block("ui8", EXACT)
    random_store(module, np.random.default_rng(0), ctx)
    ctx.store["bias"][3] = (1 << 31) - 1
    ctx.store["weight"][3] = 127
    with pytest.raises(PassFailedException, match="output channel 3 can reach"):
        apply(module, ctx, "prove-no-overflow")


def test_affine_overflow_is_refused() -> None:
    module, ctx = block("ui8", EXACT)
    random_store(module, np.random.default_rng(0), ctx)
    ctx.store["norm.offset"][0] = (1 << 63) - 1
    with pytest.raises(PassFailedException, match=r"ivit\.layernorm %n: scale .* can wrap 64 bits"):
        apply(module, ctx, "prove-no-overflow")


@pytest.mark.parametrize("key", ["norm.offset", "bias"])
def test_nothing_is_proven_from_values_that_are_not_there(key: str) -> None:
    module, ctx = block("ui8", EXACT)
    random_store(module, np.random.default_rng(0), ctx)
    del ctx.store[key]
    with pytest.raises(PassFailedException, match=rf"its {key.split('.')[-1]} are not known here"):
        apply(module, ctx, "prove-no-overflow")


def test_the_dialect_of_the_result_is_ivit() -> None:
    module, ctx = block("ui8", EXACT)
    random_store(module, np.random.default_rng(0), ctx)
    apply(module, ctx, "conv2d-to-linear,fuse-requant,fuse-attention")
    names = {op.name.split(".")[0] for op in module.walk()}
    assert names == {"builtin", "func", Ivit.name}
    assert all(isinstance(v.type, TensorType) for op in module.walk() for v in op.results)
