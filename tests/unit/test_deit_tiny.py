"""A model of DeiT-Tiny's size (192 wide, 12 deep, 224x224 in patches of 16) from both torch-mlir forms."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch_exports import FORMS, Form, export, parse
from torch_models import PlainViT

import ivit
from ivit_dialect.load import module_text
from ivit_dialect.torch.interpreter import run
from passes.calibration.generated import generated_images
from passes.calibration.images import IMAGENET, normalise
from passes.generalize_batch import GeneralizeBatchPass
from passes.lower_to_int import LowerToIntOptions, lower_to_int
from passes.raise_torch import RaiseTorchPass
from passes.verify_integer_only import VerifyIntegerOnlyPass

SIZE = 224
OPTIONS = LowerToIntOptions(mean=IMAGENET.mean, std=IMAGENET.std)
PIXELS = generated_images(3, SIZE, SIZE, 3)


@cache
def text(form: Form) -> str:
    """Random weights with some spread between the channels, as training leaves it."""
    torch.default_generator.manual_seed(0)
    model = PlainViT(width=192, depth=12, heads=3, patch=16, image=SIZE, classes=1000)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name:
                parameter.add_(0.3 * torch.randn_like(parameter))
            elif name.endswith(("qkv.weight", "fc1.weight")):
                parameter.mul_(1 + torch.rand(len(parameter), 1))
    return export(model, (3, SIZE, SIZE), form)


def test_both_forms_give_the_same_integers() -> None:
    first, second = (parse(text(form)) for form in FORMS)
    for module, ctx in (first, second):
        lower_to_int(module, ctx, OPTIONS, PIXELS[:1])
        VerifyIntegerOnlyPass().apply(ctx, module)
    assert module_text(first[0]) == module_text(second[0])
    assert list(first[1].store) == list(second[1].store)
    for key, array in first[1].store.items():
        assert array.dtype == second[1].store[key].dtype
        assert np.array_equal(array, second[1].store[key]), key


def test_native_code_is_the_interpreter_and_near_the_float_model() -> None:
    module, ctx = parse(text("decomposed"))
    RaiseTorchPass().apply(ctx, module)
    GeneralizeBatchPass().apply(ctx, module)
    (want,) = run(module, ctx.store, normalise(PIXELS[1:], IMAGENET))
    lower_to_int(module, ctx, OPTIONS, PIXELS[:1])
    model = ivit.compile(module, weights=ctx.store)
    integers, scale = model.integers(PIXELS[1:])
    assert np.array_equal(integers[:1], model.interpret(PIXELS[1:2])[0])
    for got, expected in zip(integers * scale, want.astype(np.float64), strict=True):
        assert got @ expected / np.linalg.norm(got) / np.linalg.norm(expected) > 0.99
