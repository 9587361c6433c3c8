"""What passes keep: places in the source, attributes that they do not know, names of values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, ModuleOp, UnitAttr, UnknownLoc
from xdsl.ir import Operation
from xdsl.passes import PassPipeline
from xdsl.utils.exceptions import PassFailedException

from ivit_dialect.load import location_text, parse_module
from ivit_dialect.ops.attention import AttentionOp
from ivit_dialect.ops.elementwise import AddOp, ConstantOp
from ivit_dialect.ops.linear import LinearOp, MatmulOp
from ivit_dialect.store import StoreContext
from ivit_dialect.torch.entry import main_function
from passes.registry import get_passes

ONE_BLOCK = Path(__file__).parents[1] / "filecheck" / "passes" / "quantize" / "quantize.mlir"
FAMILIES = ["quantize", "quantize{softmax=ivit gelu=ivit layernorm=ivit mean=0.5 std=0.25}"]
FUSING = "slice-early,conv2d-to-linear,fuse-requant,fuse-attention"


def run_passes(text: str, spec: str, name: str = "in.mlir") -> tuple[ModuleOp, StoreContext]:
    ctx = StoreContext()
    module = parse_module(text, name, ctx, weights_required=False)
    PassPipeline.parse_spec(get_passes(), spec).apply(ctx, module)
    module.verify()
    return module, ctx


def inner_ops(module: ModuleOp) -> list[Operation]:
    return [op for op in module.walk() if op is not module]


def only(module: ModuleOp, kind: type[Any]) -> Any:
    (op,) = (op for op in module.walk() if isinstance(op, kind))
    return op


def line_of(text: str, part: str) -> int:
    (line,) = (number for number, row in enumerate(text.splitlines(), 1) if part in row)
    return line


@pytest.mark.parametrize("family", FAMILIES, ids=["exact", "ivit"])
@pytest.mark.parametrize("fusing", ["", f",{FUSING}"], ids=["quantize", "fuse"])
def test_every_op_of_a_torch_module_has_a_place_and_a_name(family: str, fusing: str) -> None:
    text = ONE_BLOCK.read_text(encoding="utf-8")
    module, _ = run_passes(text, family + fusing)
    assert [str(op) for op in inner_ops(module) if isinstance(op.location, UnknownLoc)] == []
    assert not isinstance(main_function(module).body.block.args[0].location, UnknownLoc)
    unnamed = [str(op) for op in inner_ops(module) if any(not result.name_hint for result in op.results)]
    assert unnamed == []
    places = {op.weight.name_hint: location_text(op) for op in module.walk() if isinstance(op, LinearOp)}
    assert places["block0_fc1_weight"] == f"in.mlir:{line_of(text, '%10 = torch.aten.linear')}"
    assert places["head_weight"] == f"in.mlir:{line_of(text, '%15 = torch.aten.linear')}"


def test_a_ratio_that_has_no_integers_is_refused_with_its_place() -> None:
    text = ONE_BLOCK.read_text(encoding="utf-8").replace("[-6.0, 6.0]", "[-1.0e-12, 1.0e-12]")
    line = line_of(text, "%10 = torch.aten.linear")
    with pytest.raises(ValueError, match=rf"^torch.aten.linear at in.mlir:{line}: .* ratio .* too large"):
        run_passes(text, "quantize")


def test_quantize_keeps_the_attributes_of_the_function() -> None:
    before = (
        "func.func @main(%image: !torch.vtensor<[?,1,4,4],f32>) -> !torch.vtensor<[?,3],f32> attributes {"
    )
    after = (
        "func.func @forward(%image: !torch.vtensor<[?,1,4,4],f32> {my.note = 1 : i64, torch.bound = 2 : i64})"
        " -> (!torch.vtensor<[?,3],f32> {torch.note}) attributes {my.flag, torch.strict, "
    )
    text = ONE_BLOCK.read_text(encoding="utf-8")
    assert before in text
    module, _ = run_passes(text.replace(before, after), "quantize")
    function = main_function(module)
    assert function.sym_name.data == "main"
    assert set(function.attributes) == {"my.flag", "ivit.input", "ivit.output"}
    assert isinstance(function.arg_attrs, ArrayAttr)
    assert [set(each.data) for each in function.arg_attrs if isinstance(each, DictionaryAttr)] == [
        {"my.note"}
    ]
    assert function.res_attrs is None


LINEAR = """
func.func @main(%x: tensor<?x5x2xi8>, %r: tensor<?x5x2xi16>) -> tensor<?x5x2xi16> {
  %w = ivit.constant "w" : tensor<2x2xi8>
  %b = ivit.constant "b" : tensor<2xi32>
  %a = ivit.linear %x, %w, %b {my.linear, ivit.accumulator = array<i64: -9, 9>}
    : (tensor<?x5x2xi8>, tensor<2x2xi8>, tensor<2xi32>) -> tensor<?x5x2xi32>
  %q = ivit.requant %a * 1073741824 shift 40 {my.requant} : tensor<?x5x2xi32> -> tensor<?x5x2xi32>
  %s = ivit.requant %r * 1100000000 shift 31 {my.stream} : tensor<?x5x2xi16> -> tensor<?x5x2xi32>
  %y = ivit.add %q, %s {my.add} : (tensor<?x5x2xi32>, tensor<?x5x2xi32>) -> tensor<?x5x2xi16>
  func.return %y : tensor<?x5x2xi16>
}
"""


def test_fuse_requant_keeps_attributes_and_the_place_of_the_linear() -> None:
    text = LINEAR
    module, _ = run_passes(text, "fuse-requant")
    linear = only(module, LinearOp)
    assert set(linear.attributes) == {"my.linear", "my.requant", "my.stream", "my.add", "ivit.accumulator"}
    assert location_text(linear) == f"in.mlir:{line_of(text, 'ivit.linear')}"
    assert all(not isinstance(op.location, UnknownLoc) for op in inner_ops(module))


def test_an_add_stays_where_it_is() -> None:
    text = LINEAR.replace("shift 40", "shift 3")
    module, _ = run_passes(text, "fuse-requant")
    add = only(module, AddOp)
    assert set(add.attributes) == {"my.add", "my.stream"}
    assert location_text(add) == f"in.mlir:{line_of(text, 'ivit.add')}"


def test_a_multiplier_does_not_take_the_key_of_another() -> None:
    ctx = StoreContext()
    text = LINEAR.replace('"w"', '"multiplier.1073741824"')
    module = parse_module(text, "in.mlir", ctx, weights_required=False)
    ctx.store["multiplier.1073741824"] = np.array([[1, 2], [3, 4]], np.int8)
    ctx.store["b"] = np.zeros(2, np.int32)
    PassPipeline.parse_spec(get_passes(), "fuse-requant").apply(ctx, module)
    assert ctx.store["multiplier.1073741824"].tolist() == [[1, 2], [3, 4]]
    keys = {op.key.data for op in module.walk() if isinstance(op, ConstantOp)}
    assert keys == {"multiplier.1073741824", "multiplier.1073741824_1", "b"}
    assert ctx.store["multiplier.1073741824_1"].tolist() == [1073741824]


SLICED = """
func.func @main(%x: tensor<?x5x2xi32>) -> (tensor<?x1x2xi8>, tensor<?x2x2xi8>) {
  %q = ivit.requant %x * 1500000000 shift 38 {my.requant} : tensor<?x5x2xi32> -> tensor<?x5x2xi8>
  %a = ivit.slice_tokens %q[1, 1] {my.narrow} : tensor<?x5x2xi8> -> tensor<?x1x2xi8>
  %b = ivit.slice_tokens %q[1, 2] {my.wide} : tensor<?x5x2xi8> -> tensor<?x2x2xi8>
  func.return %a, %b : tensor<?x1x2xi8>, tensor<?x2x2xi8>
}
"""


def test_slice_early_keeps_attributes_and_places() -> None:
    module, _ = run_passes(SLICED, "slice-early")
    moved, requant, narrow = inner_ops(module)[1:4]
    assert [set(op.attributes) for op in (moved, requant, narrow)] == [
        {"my.wide"},
        {"my.requant"},
        {"my.narrow"},
    ]
    lines = [line_of(SLICED, part) for part in ("my.wide", "my.requant", "my.narrow")]
    assert [location_text(op) for op in (moved, requant, narrow)] == [f"in.mlir:{line}" for line in lines]
    assert [op.results[0].name_hint for op in (moved, requant, narrow)] == ["x_slice", "q", "a"]


CONVOLUTION = """
func.func @main(%x: tensor<?x4x4x1xui8>) -> tensor<?x4x2xi8> {
  %w = ivit.constant "w" : tensor<2x2x2x1xi8>
  %b = ivit.constant "b" : tensor<2xi32>
  %c = ivit.conv2d %x, %w, %b {my.conv, ivit.accumulator = array<i64: -9, 9>}
    : (tensor<?x4x4x1xui8>, tensor<2x2x2x1xi8>, tensor<2xi32>) -> tensor<?x2x2x2xi32>
  %t = "tensor.collapse_shape"(%c) <{reassociation = [[0], [1, 2], [3]]}> {my.collapse}
    : (tensor<?x2x2x2xi32>) -> tensor<?x4x2xi32>
  %y = ivit.requant %t * 1500000000 shift 38 {my.requant} : tensor<?x4x2xi32> -> tensor<?x4x2xi8>
  func.return %y : tensor<?x4x2xi8>
}
"""


@pytest.mark.parametrize("order", ["conv2d-to-linear,fuse-requant", "fuse-requant,conv2d-to-linear"])
def test_a_convolution_keeps_its_attributes_but_for_what_is_recomputed(order: str) -> None:
    ctx = StoreContext()
    module = parse_module(CONVOLUTION, "in.mlir", ctx, weights_required=False)
    ctx.store.update({"w": np.ones((2, 2, 2, 1), np.int8), "b": np.zeros(2, np.int32)})
    PassPipeline.parse_spec(get_passes(), order).apply(ctx, module)
    linear = only(module, LinearOp)
    assert set(linear.attributes) == {"my.conv", "my.collapse", "my.requant"}
    assert location_text(linear) == f"in.mlir:{line_of(CONVOLUTION, 'ivit.conv2d')}"


def test_the_bias_of_a_convolution_is_refused_with_its_place() -> None:
    ctx = StoreContext()
    module = parse_module(CONVOLUTION, "in.mlir", ctx, weights_required=False)
    ctx.store.update({"w": np.ones((2, 2, 2, 1), np.int8), "b": np.full(2, (1 << 31) - 1, np.int32)})
    line = line_of(CONVOLUTION, "ivit.conv2d")
    with pytest.raises(PassFailedException, match=f"^in.mlir:{line}: ivit.conv2d %c: the recentred bias 'b'"):
        PassPipeline.parse_spec(get_passes(), "conv2d-to-linear").apply(ctx, module)


ATTENTION = """
func.func @main(%q: tensor<?x5x16xi8>, %t: tensor<256xui8>) -> tensor<?x1x16xi8> {
  %h = ivit.split_heads %q {my.split} : tensor<?x5x16xi8> -> tensor<?x2x5x8xi8>
  %s = ivit.matmul %h, %h transpose_b {my.scores}
    : (tensor<?x2x5x8xi8>, tensor<?x2x5x8xi8>) -> tensor<?x2x5x5xi32>
  %e, %sum = ivit.softmax %s * 1717986918 shift 42 table %t {my.softmax}
    : (tensor<?x2x5x5xi32>, tensor<256xui8>) -> tensor<?x2x5x5xui8>, tensor<?x2x5x1xi32>
  %c = ivit.matmul %e, %h {my.context} : (tensor<?x2x5x5xui8>, tensor<?x2x5x8xi8>) -> tensor<?x2x5x8xi32>
  %c8 = ivit.row_requant %c * 274877906944 / %sum min 255 shift 38 {my.rescale}
    : (tensor<?x2x5x8xi32>, tensor<?x2x5x1xi32>) -> tensor<?x2x5x8xi8>
  %m = ivit.merge_heads %c8 {my.merge, my.split = 1 : i64} : tensor<?x2x5x8xi8> -> tensor<?x5x16xi8>
  %y = ivit.slice_tokens %m[0, 1] : tensor<?x5x16xi8> -> tensor<?x1x16xi8>
  func.return %y : tensor<?x1x16xi8>
}
"""


def test_fuse_attention_keeps_attributes_and_the_place_of_the_softmax() -> None:
    module, _ = run_passes(ATTENTION, "fuse-attention")
    attention = only(module, AttentionOp)
    names = {"split", "scores", "softmax", "context", "rescale", "merge"}
    assert set(attention.attributes) == {f"my.{name}" for name in names}
    assert attention.attributes["my.split"] != UnitAttr()  # of the op that is replaced
    assert location_text(attention) == f"in.mlir:{line_of(ATTENTION, 'ivit.softmax')}"
    assert not any(isinstance(op, MatmulOp) for op in module.walk())
