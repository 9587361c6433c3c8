"""The float interpreter on whole models gives what torch gives, in every form of export."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F
from torch_exports import FORMS, Form, export, images, parse, plain_text
from torch_models import IMAGE, PLAIN, plain
from transformers import (
    DeiTConfig,
    DeiTForImageClassificationWithTeacher,
    Dinov2Config,
    Dinov2Model,
    ViTConfig,
    ViTForImageClassification,
)
from xdsl.ir import Operation

from ivit_dialect.load import module_text
from ivit_dialect.store import WeightStore
from ivit_dialect.torch.interpreter import run
from ivit_dialect.torch.kernels.floating import erf, gelu
from ivit_dialect.torch.ops_nn import AtenLinearOp

SMALL: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "image_size": IMAGE,
    "patch_size": 8,
}
EAGER: dict[str, Any] = SMALL | {"attn_implementation": "eager"}


class _Output(nn.Module):
    """A transformers model as a function of its pixels alone."""

    def __init__(self, model: nn.Module, field: str) -> None:
        super().__init__()
        self.model, self.field = model, field

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return getattr(self.model(pixels), self.field)


class _EncoderLayer(nn.Module):
    """torch's own encoder layer behind a patch embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.patch_embed = nn.Conv2d(3, 16, 8, 8)
        self.layer = nn.TransformerEncoderLayer(
            16, 2, 32, activation="gelu", batch_first=True, norm_first=True
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.layer(self.patch_embed(x).flatten(2).transpose(1, 2))
        left, right = x.chunk(2, dim=-1)
        return F.normalize(torch.cat([right, left.mean(dim=1, keepdim=True).expand_as(left)], dim=-1), dim=-1)


MODELS: dict[str, Callable[[], nn.Module]] = {
    "vit-sdpa": lambda: _Output(ViTForImageClassification(ViTConfig(**SMALL)), "logits"),
    "vit-eager": lambda: _Output(ViTForImageClassification(ViTConfig(**EAGER)), "logits"),
    "deit-teacher": lambda: _Output(DeiTForImageClassificationWithTeacher(DeiTConfig(**SMALL)), "logits"),
    "dinov2": lambda: _Output(Dinov2Model(Dinov2Config(**SMALL, mlp_ratio=2)), "last_hidden_state"),
    "dinov2-swiglu": lambda: _Output(
        Dinov2Model(Dinov2Config(**SMALL, mlp_ratio=2, use_swiglu_ffn=True)), "pooler_output"
    ),
    "encoder-layer": _EncoderLayer,
}


def _assert_close(actual: NDArray[Any], expected: torch.Tensor) -> None:
    wanted = expected.numpy()
    assert actual.dtype == wanted.dtype
    np.testing.assert_allclose(actual, wanted, rtol=0, atol=3e-6 * max(1.0, float(np.abs(wanted).max())))


def _compare(model: nn.Module, text: str, batch: int) -> None:
    module, ctx = parse(text)
    x = images(batch, (3, *_image_sizes(module_text(module))))
    with torch.no_grad():
        expected = model(torch.tensor(x))
    (actual,) = run(module, ctx.store, x)
    _assert_close(actual, expected)


def _image_sizes(text: str) -> tuple[int, int]:
    height, width = text.split("!torch.vtensor<[", 1)[1].split("]", 1)[0].split(",")[2:]
    return int(height), int(width)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", sorted(PLAIN))
def test_plain_model(name: str, form: Form) -> None:
    _compare(plain(name), plain_text(name, form), batch=1)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["avg_pool", "layer_scale"])
def test_dynamic_batch(name: str, form: Form) -> None:
    _compare(plain(name), plain_text(name, form, dynamic=True), batch=3)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", sorted(MODELS))
def test_library_model(name: str, form: Form) -> None:
    torch.default_generator.manual_seed(0)
    model = MODELS[name]().eval()
    _compare(model, export(model, (3, IMAGE, IMAGE), form), batch=1)


def test_interpolated_position_embedding() -> None:
    torch.default_generator.manual_seed(0)
    larger: dict[str, Any] = SMALL | {"image_size": 2 * IMAGE}
    model = _Output(Dinov2Model(Dinov2Config(**larger, mlp_ratio=2)), "last_hidden_state").eval()
    _compare(model, export(model, (3, IMAGE, IMAGE), "decomposed"), batch=1)


X, W = "!torch.vtensor<[?,2],f32>", "!torch.vtensor<[2,2],f32>"


def _two_linears(result: str = X) -> str:
    return f"""func.func @main(%x: {X}) -> {result} {{
  %none = torch.constant.none
  %w = torch.vtensor.literal(dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>) : {W}
  %0 = torch.aten.linear %x, %w, %none : {X}, {W}, !torch.none -> {X}
  %1 = torch.aten.linear %0, %w, %none : {X}, {W}, !torch.none -> {result}
  return %1 : {result}
}}
"""


class TestRun:
    def test_observer_sees_every_op_in_order(self) -> None:
        module, ctx = parse(_two_linears())
        seen: list[tuple[str, Any]] = []

        def observe(op: Operation, results: tuple[Any, ...]) -> None:
            seen.append((op.name, results[0]))

        (result,) = run(module, ctx.store, np.array([[1, 1]], np.float32), observe=observe)
        names = ["torch.constant.none", "torch.vtensor.literal", "torch.aten.linear", "torch.aten.linear"]
        assert [name for name, _ in seen] == names
        np.testing.assert_array_equal(seen[2][1], [[3, 7]])
        np.testing.assert_array_equal(seen[3][1], result)

    def test_values_are_freed_after_their_last_use(self) -> None:
        module, ctx = parse(_two_linears())
        alive: list[weakref.ref[Any]] = []
        counts: list[int] = []

        def observe(op: Operation, results: tuple[Any, ...]) -> None:
            counts.append(sum(reference() is not None for reference in alive))
            if isinstance(op, AtenLinearOp):
                alive.append(weakref.ref(results[0]))

        (result,) = run(module, ctx.store, np.ones((1, 2), np.float32), observe=observe)
        del result
        assert counts == [0, 0, 0, 1]
        assert [reference() for reference in alive] == [None, None]

    @pytest.mark.parametrize("batch", [1, 2, 7])
    def test_any_batch_where_the_ir_leaves_it_open(self, batch: int) -> None:
        module, ctx = parse(_two_linears())
        (result,) = run(module, ctx.store, np.ones((batch, 2), np.float32))
        assert result.shape == (batch, 2)

    def test_inputs_take_the_element_type_of_the_ir(self) -> None:
        module, ctx = parse(_two_linears())
        (result,) = run(module, ctx.store, np.ones((1, 2), np.float64))
        assert result.dtype == np.float32

    @pytest.mark.parametrize(
        ("inputs", "message"),
        [
            (
                [np.ones((1, 3), np.float32)],
                r"input 0 has the sizes \[1, 3\], expected !torch.vtensor<\[\?,2\],f32>",
            ),
            ([np.ones(2, np.float32)], "input 0 has the sizes"),
            ([], "@main takes 1 inputs, got 0"),
        ],
    )
    def test_inputs_must_fit(self, inputs: list[NDArray[Any]], message: str) -> None:
        module, ctx = parse(_two_linears())
        with pytest.raises(ValueError, match=message):
            run(module, ctx.store, *inputs)

    def test_sizes_that_the_ir_gets_wrong(self) -> None:
        module, ctx = parse(_two_linears(result="!torch.vtensor<[?,3],f32>"))
        with pytest.raises(
            ValueError, match=r"model\.mlir:5: torch\.aten\.linear: computed sizes \[1, 2\] where"
        ):
            run(module, ctx.store, np.ones((1, 2), np.float32))

    def test_the_only_function_is_the_model_whatever_its_name(self) -> None:
        x = np.ones((1, 2), np.float32)
        module, ctx = parse(_two_linears())
        renamed, other = parse(_two_linears().replace("@main", "@forward"))
        assert np.array_equal(run(module, ctx.store, x)[0], run(renamed, other.store, x)[0])

    def test_missing_function(self) -> None:
        two = _two_linears().replace("@main", "@first") + _two_linears().replace("@main", "@second")
        module, ctx = parse(two)
        with pytest.raises(ValueError, match=r"no function @main \(functions with a body: @first, @second\)"):
            run(module, ctx.store, np.ones((1, 2), np.float32))

    def test_missing_weight(self) -> None:
        module, _ = parse(plain_text("one_head", "high-level"))
        with pytest.raises(ValueError, match=r"model\.mlir:\d+: torch\.vtensor\.literal: "):
            run(module, WeightStore(), images(1, (3, IMAGE, IMAGE)))


class TestSpecialFunctions:
    def test_erf_is_right_to_float32(self) -> None:
        x = np.concatenate([np.linspace(-6, 6, 200_001), np.logspace(-30, 30, 4001)]).astype(np.float32)
        expected = np.array([math.erf(float(value)) for value in x])
        with np.errstate(all="ignore"):
            assert np.abs(erf(x) - expected).max() < 1.2e-7

    def test_gelu_is_right_to_float32(self) -> None:
        x = np.linspace(-20, 20, 200_001).astype(np.float32)
        exact = np.array([0.5 * float(v) * math.erfc(-float(v) / math.sqrt(2)) for v in x])
        assert np.all(np.abs(gelu(x) - exact) <= 1e-7 + 1e-7 * np.abs(exact))

    def test_float64_is_right_to_float64(self) -> None:
        x = np.linspace(-8, 8, 1001)
        exact = np.array([0.5 * v * math.erfc(-v / math.sqrt(2)) for v in x])
        np.testing.assert_allclose(gelu(x), exact, rtol=0, atol=1e-15 * 8)
        np.testing.assert_array_equal(erf(x), [math.erf(v) for v in x])
