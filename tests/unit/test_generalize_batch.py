"""generalize-batch: one exported image becomes any number of them, each treated as before."""

from __future__ import annotations

import numpy as np
import pytest
from hf_models import SHAPE, Features, hugging_face
from torch_exports import FORMS, Form, export, images, outputs, parse, plain_text, spelling
from torch_models import PLAIN, plain
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import PassFailedException

from ivit_dialect.store import StoreContext
from passes.generalize_batch import GeneralizeBatchPass
from passes.raise_torch import RaiseTorchPass


def generalized(text: str) -> tuple[ModuleOp, StoreContext]:
    module, ctx = parse(text)
    RaiseTorchPass().apply(ctx, module)
    GeneralizeBatchPass().apply(ctx, module)
    module.verify()
    return module, ctx


def check_batch(text: str, shape: tuple[int, int, int]) -> ModuleOp:
    """Three images at once give what the exported graph gives for each of them."""
    x = images(3, shape)
    exported = parse(text)
    apart = np.concatenate([outputs(*exported, x[index : index + 1]) for index in range(len(x))])
    module, ctx = generalized(text)
    np.testing.assert_allclose(outputs(module, ctx, x), apart, rtol=1e-5, atol=1e-5)
    return module


@pytest.mark.parametrize("name", PLAIN)
def test_plain_models_take_any_batch(name: str) -> None:
    size = plain(name).image_size
    check_batch(plain_text(name, "high-level"), (3, size, size))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["explicit", "deit_distilled"])
def test_static_and_dynamic_exports_end_in_the_same_form(name: str, form: Form) -> None:
    static = check_batch(plain_text(name, form), (3, 32, 32))
    dynamic, _ = generalized(plain_text(name, form, dynamic=True))
    assert spelling(static) == spelling(dynamic)


@pytest.mark.parametrize("name", ["deit teacher", "dinov2 classifier"])
def test_hugging_face_models_take_any_batch(name: str) -> None:
    check_batch(export(Features(hugging_face(name)), SHAPE, "decomposed"), SHAPE)


IMAGE = "!torch.vtensor<[1,4,8],f32>"
REFUSALS = {
    "mean over the batch": (
        """%true = torch.constant.bool true
  %none = torch.constant.none
  %int0 = torch.constant.int 0
  %l = torch.prim.ListConstruct %int0 : (!torch.int) -> !torch.list<int>
  %r = torch.aten.mean.dim %x, %l, %true, %none : !torch.vtensor<[1,4,8],f32>, !torch.list<int>, \
!torch.bool, !torch.none -> !torch.vtensor<[1,4,8],f32>""",
        "!torch.vtensor<[1,4,8],f32>",
        "model.mlir:6: torch.aten.mean.dim: the batch cannot be generalised:"
        " it mixes the images of the batch",
    ),
    "one image": (
        """%int0 = torch.constant.int 0
  %r = torch.aten.select.int %x, %int0, %int0 : !torch.vtensor<[1,4,8],f32>, !torch.int, !torch.int -> \
!torch.vtensor<[4,8],f32>""",
        "!torch.vtensor<[4,8],f32>",
        "model.mlir:3: torch.aten.select.int: the batch cannot be generalised: "
        "it takes one image out of the batch",
    ),
    "images behind one another": (
        """%int0 = torch.constant.int 0
  %l = torch.prim.ListConstruct %x, %x : (!torch.vtensor<[1,4,8],f32>, !torch.vtensor<[1,4,8],f32>) -> \
!torch.list<vtensor>
  %r = torch.aten.cat %l, %int0 : !torch.list<vtensor>, !torch.int -> !torch.vtensor<[2,4,8],f32>""",
        "!torch.vtensor<[2,4,8],f32>",
        "model.mlir:4: torch.aten.cat: the batch cannot be generalised: it puts images behind one another",
    ),
    "batch merged": (
        """%int4 = torch.constant.int 4
  %int8 = torch.constant.int 8
  %l = torch.prim.ListConstruct %int4, %int8 : (!torch.int, !torch.int) -> !torch.list<int>
  %r = torch.aten.view %x, %l : !torch.vtensor<[1,4,8],f32>, !torch.list<int> -> !torch.vtensor<[4,8],f32>""",
        "!torch.vtensor<[4,8],f32>",
        "model.mlir:5: torch.aten.view: the batch cannot be generalised: "
        "it merges the batch with another dimension",
    ),
    "op without a rule": (
        """%int1 = torch.constant.int 1
  %r = torch.aten.cumsum %x, %int1, %int1 : !torch.vtensor<[1,4,8],f32>, !torch.int, !torch.int -> \
!torch.vtensor<[1,4,8],f32>""",
        "!torch.vtensor<[1,4,8],f32>",
        "torch.aten.cumsum at model.mlir:3: this op on activations has no integer form here; "
        "express it by linear, layer_norm, gelu, scaled_dot_product_attention, add, "
        "a product with a constant, mean or shape ops",
    ),
    "batch not first in the result": (
        """%int1 = torch.constant.int 1
  %int0 = torch.constant.int 0
  %int2 = torch.constant.int 2
  %l = torch.prim.ListConstruct %int1, %int0, %int2 : (!torch.int, !torch.int, !torch.int) -> !torch.list<int>
  %r = torch.aten.permute %x, %l : !torch.vtensor<[1,4,8],f32>, !torch.list<int> -> \
!torch.vtensor<[4,1,8],f32>""",
        "!torch.vtensor<[4,1,8],f32>",
        "model.mlir:7: func.return: the batch cannot be generalised: "
        "result 0 is with the batch in dimension 1, not in dimension 0",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_mixes_images_is_refused(name: str) -> None:
    body, result, message = REFUSALS[name]
    module, ctx = parse(f"func.func @main(%x: {IMAGE}) -> {result} {{\n  {body}\n  return %r : {result}\n}}")
    with pytest.raises(PassFailedException) as refusal:
        GeneralizeBatchPass().apply(ctx, module)
    assert str(refusal.value) == message


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("!torch.vtensor<[4,3,8,8],f32>", "exported for 4 images: export it for 1, or with a dynamic batch"),
        ("!torch.vtensor<[1,3,?,8],f32>", "only the batch may be dynamic"),
        ("!torch.vtensor<[],f32>", "the argument has no batch dimension"),
    ],
)
def test_other_arguments_are_refused(argument: str, message: str) -> None:
    module, ctx = parse(f"func.func @main(%x: {argument}) -> {argument} {{\n  return %x : {argument}\n}}")
    with pytest.raises(PassFailedException, match=message):
        GeneralizeBatchPass().apply(ctx, module)
