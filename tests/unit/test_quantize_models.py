"""Whole small models: integers against the float model, in every architecture, family and form of export."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import transformers
from numpy.typing import NDArray
from torch import nn
from torch_exports import FORMS, Form, export, parse, plain_text
from torch_models import IMAGE, PLAIN
from xdsl.dialects.builtin import DenseArrayBase, DictionaryAttr, FloatAttr, ModuleOp, UnknownLoc, f64
from xdsl.dialects.func import FuncOp
from xdsl.passes import PassPipeline

from ivit_dialect.interpreter import run
from ivit_dialect.load import module_text, parse_module
from ivit_dialect.ops.elementwise import ConstantOp
from ivit_dialect.store import StoreContext
from ivit_dialect.torch.entry import main_function
from ivit_dialect.torch.interpreter import run as run_float
from passes.calibration.generated import generated_images
from passes.calibration.images import IMAGENET, normalise
from passes.lower_to_int import LowerToIntOptions, lower_to_int
from passes.pipelines import FUSE
from passes.registry import get_passes
from passes.torch_entry import image_sizes

EXACT = LowerToIntOptions(mean=IMAGENET.mean, std=IMAGENET.std)
PAPER = replace(EXACT, softmax="ivit", gelu="ivit", layernorm="ivit")
CONFIG: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": IMAGE,
    "patch_size": 8,
}


class Output(nn.Module):
    """One field of what a transformers model returns."""

    def __init__(self, model: nn.Module, field: str) -> None:
        super().__init__()
        self.model, self.field = model, field

    def forward(self, images: Any) -> Any:
        return getattr(self.model(images), self.field)


def _five_classes(config: Any) -> Any:
    config.num_labels = 5
    return config


TRANSFORMERS: dict[str, Callable[[], nn.Module]] = {
    "vit": lambda: Output(
        transformers.ViTForImageClassification(_five_classes(transformers.ViTConfig(**CONFIG))), "logits"
    ),
    "vit tokens": lambda: Output(
        transformers.ViTModel(transformers.ViTConfig(**CONFIG), add_pooling_layer=False), "last_hidden_state"
    ),
    "deit with teacher": lambda: Output(
        transformers.DeiTForImageClassificationWithTeacher(_five_classes(transformers.DeiTConfig(**CONFIG))),
        "logits",
    ),
    "dinov2": lambda: Output(transformers.Dinov2Model(transformers.Dinov2Config(**CONFIG)), "pooler_output"),
    "dinov2 with registers": lambda: Output(
        transformers.Dinov2WithRegistersModel(
            transformers.Dinov2WithRegistersConfig(**CONFIG, num_register_tokens=2)
        ),
        "pooler_output",
    ),
    "dinov2 classifier": lambda: Output(
        transformers.Dinov2ForImageClassification(_five_classes(transformers.Dinov2Config(**CONFIG))),
        "logits",
    ),
}


@dataclass(frozen=True)
class Lowered:
    module: ModuleOp
    ctx: StoreContext
    pixels: NDArray[np.uint8]
    expected: NDArray[np.float64]

    @property
    def function(self) -> FuncOp:
        return main_function(self.module)

    def boundary(self, name: str) -> DictionaryAttr:
        attribute = self.function.attributes[name]
        assert isinstance(attribute, DictionaryAttr)
        return attribute

    def number(self, name: str) -> float:
        scale = self.boundary(name).data["scale"]
        assert isinstance(scale, FloatAttr)
        return scale.value.data

    def integers(self) -> NDArray[Any]:
        return run(self.module, self.ctx.store, self.image())

    def image(self) -> NDArray[Any]:
        if self.function.function_type.inputs.data[0] != self.function.body.block.args[0].type:
            raise AssertionError("the function's type and its block disagree")
        if "mean" in self.boundary("ivit.input").data:
            return self.pixels
        x = normalise(self.pixels, IMAGENET).transpose(0, 2, 3, 1)
        return np.clip(np.rint(x / self.number("ivit.input")), -127, 127).astype(np.int8)

    def cosine(self) -> float:
        """Of all results together, as one vector."""
        got = (self.integers() * self.number("ivit.output")).reshape(-1)
        want = self.expected.reshape(-1)
        return float(got @ want / np.linalg.norm(got) / np.linalg.norm(want))


def lower(text: str, options: LowerToIntOptions = EXACT) -> Lowered:
    """``text`` calibrated on 12 natural-like images; four others and their float results."""
    module, ctx = parse(text)
    _, channels, height, width = image_sizes(main_function(module))
    pixels = generated_images(16, height, width, channels)
    x = normalise(pixels, IMAGENET)
    batch = image_sizes(main_function(module))[0] or 4
    parts = [run_float(module, ctx.store, x[i : i + batch])[0] for i in range(12, 16, batch)]
    lower_to_int(module, ctx, options, x[:12])
    return Lowered(module, ctx, pixels[12:], np.concatenate(parts).astype(np.float64))


@pytest.mark.parametrize("name", PLAIN)
def test_exact_family(name: str) -> None:
    assert lower(plain_text(name, "high-level")).cosine() > 0.997  # 16 channels average little noise away


@pytest.mark.parametrize("name", PLAIN)
def test_paper_family(name: str) -> None:
    lowered = lower(plain_text(name, "high-level"), PAPER)
    assert lowered.cosine() > 0.99
    for op in ("ivit.shiftmax", "ivit.shiftgelu", "ivit.i_layernorm"):
        assert op in module_text(lowered.module)


@pytest.mark.parametrize("kind", ["softmax", "gelu", "layernorm"])
def test_mixtures_of_families(kind: str) -> None:
    for base, other in ((EXACT, "ivit"), (PAPER, "exact")):
        options = replace(base, **{kind: other})
        assert lower(plain_text("vit", "high-level"), options).cosine() > 0.99


@pytest.mark.parametrize("name", TRANSFORMERS)
@pytest.mark.parametrize("options", [EXACT, PAPER], ids=["exact", "ivit"])
def test_transformers_models(name: str, options: LowerToIntOptions) -> None:
    transformers.set_seed(0)
    model = TRANSFORMERS[name]()
    assert lower(export(model, (3, IMAGE, IMAGE), "high-level"), options).cosine() > 0.99


@pytest.mark.parametrize("name", ["vit", "deit_distilled", "avg_pool", "layer_scale", "explicit"])
def test_all_forms_give_the_same_integers(name: str) -> None:
    texts = [plain_text(name, form) for form in FORMS]
    if name in ("vit", "explicit"):
        texts.append(plain_text(name, "decomposed", dynamic=True))
    first, *others = [lower(text) for text in texts]
    want = first.integers()
    for lowered in (first, *others):
        ops = [op for op in lowered.module.walk() if op is not lowered.module]
        assert [op.name for op in ops if isinstance(op.location, UnknownLoc)] == []
    for other in others:
        assert other.integers().tolist() == want.tolist()
        assert module_text(other.module) == module_text(first.module)
        assert list(other.ctx.store) == list(first.ctx.store)
        for key, array in first.ctx.store.items():
            assert np.array_equal(array, other.ctx.store[key]), key


@pytest.mark.parametrize("form", FORMS)
def test_without_mean_and_std_the_input_is_int8(form: Form) -> None:
    lowered = lower(plain_text("vit", form), LowerToIntOptions())
    assert lowered.function.function_type.inputs.data[0] == lowered.function.body.block.args[0].type
    assert "tensor<?x32x32x3xi8>" in module_text(lowered.module)
    assert lowered.cosine() > 0.999


def test_mean_and_std_of_the_module_are_taken() -> None:
    module, ctx = parse(plain_text("vit", "high-level"))
    module.attributes["ivit.mean"] = DenseArrayBase.from_list(f64, IMAGENET.mean)
    module.attributes["ivit.std"] = DenseArrayBase.from_list(f64, IMAGENET.std)
    lower_to_int(module, ctx, LowerToIntOptions(), generated_images(4, IMAGE, IMAGE, 3))
    assert "tensor<?x32x32x3xui8>" in module_text(module)
    assert not module.attributes


def test_any_batch_gives_each_image_its_own_integers() -> None:
    lowered = lower(plain_text("deit_distilled", "high-level"))
    together = lowered.integers()
    for image, want in zip(lowered.pixels, together, strict=True):
        assert run(lowered.module, lowered.ctx.store, image[None]).tolist() == [want.tolist()]


@pytest.mark.parametrize("options", [EXACT, PAPER], ids=["exact", "ivit"])
@pytest.mark.parametrize("name", ["deit_distilled", "avg_pool"])
def test_fusing_keeps_the_integers(name: str, options: LowerToIntOptions) -> None:
    lowered = lower(plain_text(name, "high-level"), options)
    want = lowered.integers()
    PassPipeline.parse_spec(get_passes(), FUSE.spec()).apply(lowered.ctx, lowered.module)
    assert lowered.integers().tolist() == want.tolist()


def test_text_restarts() -> None:
    lowered = lower(plain_text("vit", "high-level"))
    ctx = StoreContext(store=lowered.ctx.store)
    again = parse_module(module_text(lowered.module), "int.mlir", ctx)
    assert run(again, ctx.store, lowered.pixels).tolist() == lowered.integers().tolist()


def test_the_store_holds_what_the_module_names() -> None:
    lowered = lower(plain_text("vit", "high-level"))
    named = [op.key.data for op in lowered.module.walk() if isinstance(op, ConstantOp)]
    assert sorted(named) == sorted(lowered.ctx.store)
    assert {"patch_embed.weight", "block1.q.weight", "block0.fc2.bias", "head.multipliers"} <= set(named)
    assert all(np.issubdtype(array.dtype, np.integer) for array in lowered.ctx.store.values())
