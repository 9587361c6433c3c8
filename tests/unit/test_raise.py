"""raise-torch: both of torch-mlir's forms become one, with the same weights and the same function."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hf_models import SHAPE, Features, hugging_face
from numpy.typing import NDArray
from torch import nn
from torch_exports import (
    FORMS,
    Form,
    export,
    images,
    in_both_forms,
    literals,
    op_names,
    outputs,
    parse,
    plain_text,
    spelling,
)
from torch_models import PLAIN, plain
from xdsl.dialects.builtin import ModuleOp

from ivit_dialect.store import StoreContext
from passes.importers.extras import require
from passes.raise_torch import RaiseTorchPass

CANONICAL = {
    "add.Tensor",
    "cat",
    "convolution",
    "div.Scalar",
    "gelu",
    "layer_norm",
    "linear",
    "mean.dim",
    "mul.Tensor",
    "permute",
    "scaled_dot_product_attention",
    "select.int",
    "slice.Tensor",
    "view",
}
DYNAMIC = {"broadcast_to", "size.int"}


def check_forms_agree(texts: dict[Form, str], allowed: set[str], shape: tuple[int, int, int]) -> None:
    x = images(1, shape)
    raised = {form: parse(text) for form, text in texts.items()}
    results: list[NDArray[np.float32]] = []
    for form in FORMS:
        module, ctx = raised[form]
        before = outputs(module, ctx, x)
        RaiseTorchPass().apply(ctx, module)
        module.verify()
        results.append(outputs(module, ctx, x))
        np.testing.assert_allclose(results[-1], before, rtol=1e-5, atol=1e-5)
        assert op_names(module) <= allowed
    first, second = (raised[form] for form in FORMS)
    assert spelling(first[0]) == spelling(second[0])
    weights = [literals(*first), literals(*second)]
    assert all(np.array_equal(a, b) for a, b in zip(*weights, strict=True))
    assert np.array_equal(results[0], results[1])


@pytest.mark.parametrize("name", PLAIN)
def test_both_forms_of_a_plain_model_become_one(name: str) -> None:
    size = plain(name).image_size
    check_forms_agree({form: plain_text(name, form) for form in FORMS}, CANONICAL, (3, size, size))


@pytest.mark.parametrize("name", ["deit_distilled", "explicit"])
def test_both_forms_of_a_dynamic_batch_become_one(name: str) -> None:
    texts: dict[Form, str] = {form: plain_text(name, form, dynamic=True) for form in FORMS}
    check_forms_agree(texts, CANONICAL | DYNAMIC, (3, 32, 32))


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("name", ["vit", "deit teacher", "dinov2 classifier"])
def test_both_forms_of_a_hugging_face_model_become_one(name: str, attention: str) -> None:
    model = Features(hugging_face(name, attn_implementation=attention))
    check_forms_agree(in_both_forms(model, SHAPE), CANONICAL, SHAPE)


def test_masks_of_a_dynamic_batch_go() -> None:
    model = Features(hugging_face("vit", attn_implementation="eager"))
    check_forms_agree(in_both_forms(model, SHAPE, dynamic=True), CANONICAL | DYNAMIC, SHAPE)


def test_interpolated_position_embeddings_become_a_literal() -> None:
    model = Features(hugging_face("dinov2", image_size=56))
    module, ctx = parse(export(model, (3, 28, 42), "decomposed"))
    x = images(1, (3, 28, 42))
    RaiseTorchPass().apply(ctx, module)
    assert op_names(module) <= CANONICAL
    assert [array.shape for array in literals(module, ctx) if array.ndim == 3] == [(1, 1, 16), (1, 7, 16)]
    with torch.no_grad():
        wanted = model(torch.tensor(x)).numpy()
    np.testing.assert_allclose(outputs(module, ctx, x), wanted, rtol=1e-4, atol=1e-5)


class Split(nn.Module):
    """q, k and v as three parts of one projection, taken by ``unbind``, ``chunk`` or ``split``."""

    def __init__(self, parts: Callable[[torch.Tensor], Sequence[torch.Tensor]]) -> None:
        super().__init__()
        self.patches, self.qkv, self.parts = nn.Conv2d(3, 8, 8, 8), nn.Linear(8, 24), parts

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows = self.patches(x).flatten(2).transpose(1, 2)
        q, k, v = self.parts(self.qkv(rows))
        return rows + nn.functional.scaled_dot_product_attention(q[:, None], k[:, None], v[:, None])[:, 0]


PARTS: dict[str, Callable[[torch.Tensor], Sequence[torch.Tensor]]] = {
    "unbind": lambda x: x.reshape(*x.shape[:2], 3, 8).unbind(-2),
    "chunk": lambda x: x.chunk(3, -1),
    "split": lambda x: torch.functional.split(x, 8, -1),
    "split with sizes": lambda x: torch.functional.split(x, [8, 8, 8], -1),
}
EXPORTS: dict[str, dict[str, Any]] = {
    "nothing decomposed before torch-mlir": {"decomposition_table": {}},
    "torch-mlir's pipeline not run": {"output_type": "raw"},
    "nothing decomposed at all": {"output_type": "raw", "decomposition_table": {}},
}
"""Other ways to call ``torch_mlir.fx.export_and_import``."""


def exported(model: Any, size: int, batch: int = 1, **options: Any) -> tuple[ModuleOp, StoreContext]:
    example = torch.zeros(batch, 3, size, size)
    options = {"output_type": "torch"} | options
    return parse(str(require("torch_mlir.fx").export_and_import(model, example, **options)))


def raised(module: ModuleOp, ctx: StoreContext) -> str:
    RaiseTorchPass().apply(ctx, module)
    module.verify()
    return spelling(module)


@pytest.mark.parametrize("name", PARTS)
def test_parts_of_a_projection(name: str) -> None:
    torch.default_generator.manual_seed(0)
    module, ctx = exported(Split(PARTS[name]).eval(), 16, **EXPORTS["nothing decomposed at all"])
    x = images(1, (3, 16, 16))
    before = outputs(module, ctx, x)
    raised(module, ctx)
    assert op_names(module) <= CANONICAL
    np.testing.assert_allclose(outputs(module, ctx, x), before, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["deit_distilled", "explicit"])
def test_every_way_of_exporting_gives_the_same_text(name: str) -> None:
    model = plain(name)
    program: Any = torch.export.export(model, (torch.zeros(1, 3, 32, 32),))
    texts = {raised(*exported(model, 32, **options)) for options in EXPORTS.values()}
    texts.add(raised(*exported(program.run_decompositions(), 32)))
    assert texts == {raised(*parse(plain_text(name, "high-level")))}


@pytest.mark.parametrize("table", [{}, {"decomposition_table": {}}], ids=["decomposed", "whole"])
def test_a_dynamic_batch_of_raw_text(table: dict[str, Any]) -> None:
    shapes = ({0: torch.export.Dim("n", min=1, max=64)},)
    text = raised(*exported(plain("vit"), 32, 2, dynamic_shapes=shapes, output_type="raw", **table))
    assert text == raised(*parse(plain_text("vit", "high-level", dynamic=True)))


def test_weights_keep_their_keys() -> None:
    module, ctx = parse(plain_text("vit", "decomposed"))
    keys = set(ctx.store)
    RaiseTorchPass().apply(ctx, module)
    assert set(ctx.store) == keys


def test_raising_twice_changes_nothing() -> None:
    module, ctx = parse(plain_text("deit_distilled", "decomposed"))
    RaiseTorchPass().apply(ctx, module)
    once = spelling(module)
    RaiseTorchPass().apply(ctx, module)
    assert spelling(module) == once


class MultiheadBlock(nn.Module):
    """nn.MultiheadAttention, which works on [T, N, C] and merges batch and heads."""

    def __init__(self, need_weights: bool) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 8, 8)
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
        self.need_weights = need_weights

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        return x + self.attention(x, x, x, need_weights=self.need_weights)[0]


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("need_weights", [False, True])
def test_multihead_attention_works_on_the_batch_first(need_weights: bool, dynamic: bool) -> None:
    torch.default_generator.manual_seed(0)
    texts = in_both_forms(MultiheadBlock(need_weights), (3, 16, 16), dynamic)
    check_forms_agree(texts, CANONICAL | (DYNAMIC if dynamic else set()), (3, 16, 16))


class Written(nn.Module):
    """A function of rows, written out in elementary operations."""

    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(x)


def gelu_erf(x: torch.Tensor) -> torch.Tensor:
    return x * 0.5 * (1.0 + torch.erf(x / math.sqrt(2.0)))


def gelu_tanh(x: torch.Tensor) -> torch.Tensor:
    return 0.5 * x * (1.0 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * torch.pow(x, 3))))


def layer_norm_by_hand(x: torch.Tensor) -> torch.Tensor:
    mean = x.mean(-1, keepdim=True)
    variance = (x - mean).pow(2).mean(-1, keepdim=True)
    return (x - mean) / torch.sqrt(variance + 1e-5)


def layer_norm_by_var(x: torch.Tensor) -> torch.Tensor:
    return (x - x.mean(-1, keepdim=True)) * torch.rsqrt(x.var(-1, unbiased=False, keepdim=True) + 1e-5)


def softmax_by_hand(x: torch.Tensor) -> torch.Tensor:
    exp = torch.exp(x - x.amax(-1, keepdim=True))
    return exp / exp.sum(-1, keepdim=True)


WRITTEN: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], str]] = {
    "gelu by erf": (gelu_erf, "gelu"),
    "gelu by tanh": (gelu_tanh, "gelu"),
    "layer norm by hand": (layer_norm_by_hand, "layer_norm"),
    "layer norm by var": (layer_norm_by_var, "layer_norm"),
    "softmax by hand": (softmax_by_hand, "softmax.int"),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", WRITTEN)
def test_written_out_functions_are_recognised(name: str, form: Form) -> None:
    function, op = WRITTEN[name]
    module, ctx = parse(export(Written(function), (3, 4, 8), form))
    x = 3 * images(1, (3, 4, 8))
    before = outputs(module, ctx, x)
    RaiseTorchPass().apply(ctx, module)
    assert op_names(module) == {op}
    np.testing.assert_allclose(outputs(module, ctx, x), before, rtol=1e-5, atol=1e-5)


def test_other_functions_are_left_alone() -> None:
    module, ctx = parse(export(Written(lambda x: 0.4 * x * (1 + torch.erf(x))), (3, 4, 8), "high-level"))
    RaiseTorchPass().apply(ctx, module)
    assert "gelu" not in op_names(module)


def test_refusals_point_into_the_source() -> None:
    f32 = "!torch.vtensor<[3],f32>"
    text = f"""func.func @main(%x: {f32}) -> {f32} {{
  %w = torch.vtensor.literal(dense<1.0> : tensor<3xf32>) : {f32}
  %int9 = torch.constant.int 9
  %0 = torch.aten.select.int %w, %int9, %int9 : {f32}, !torch.int, !torch.int -> !torch.vtensor<[],f32>
  %1 = torch.aten.mul.Tensor %x, %0 : {f32}, !torch.vtensor<[],f32> -> {f32}
  return %1 : {f32}
}}"""
    module, ctx = parse(text)
    with pytest.raises(ValueError, match=r"model\.mlir:4: torch\.aten\.select\.int: cannot be folded"):
        RaiseTorchPass().apply(ctx, module)
