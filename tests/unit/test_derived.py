"""Arrays that remember how they follow from a model's parameters."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hf_models import Features, hugging_face
from numpy.typing import NDArray
from torch_models import PLAIN, PlainViT, plain

from ivit_dialect.store import StoreContext, WeightStore
from ivit_dialect.torch.entry import main_function
from passes.generalize_batch import GeneralizeBatchPass
from passes.graph.derived import float64, leaf, leaves_of, recipe_of, replay
from passes.graph.nodes import Graph
from passes.graph.trace import trace
from passes.graph.trace_ops import HANDLERS
from passes.import_model import import_module
from passes.raise_torch import RaiseTorchPass

Arrays = dict[str, NDArray[np.float32]]


def random_model(name: str) -> Features | PlainViT:
    """The model called ``name``, with parameters of which none is 0, 1 or the same throughout."""
    torch.default_generator.manual_seed(0)
    model = copy.deepcopy(plain(name)) if name in PLAIN else Features(hugging_face(name))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter))
    return model


def graph_and_leaves(model: Features | PlainViT) -> tuple[Graph, Arrays]:
    size = 28 if isinstance(model, Features) else model.image_size
    ctx = StoreContext()
    module = import_module(model, torch.zeros(1, 3, size, size), ctx)
    for step in (RaiseTorchPass(), GeneralizeBatchPass()):
        step.apply(ctx, module)
    leaves = dict(ctx.store.items())
    derived = WeightStore({key: leaf(key, array) for key, array in leaves.items()})
    return trace(module, main_function(module), derived, HANDLERS), leaves


def arrays_of(graph: Graph) -> Iterator[NDArray[np.float64]]:
    for node in graph.live():
        for name in ("weight", "bias", "gamma", "beta", "constant", "prefix"):
            array = getattr(node, name, None)
            if array is not None:
                yield array


@pytest.mark.parametrize(
    "name",
    ["deit_distilled", "avg_pool", "layer_scale", "no_qkv_bias", "vit features", "deit teacher", "dinov2"],
)
def test_every_array_of_a_graph_follows_from_the_parameters(name: str) -> None:
    model = random_model(name)
    graph, leaves = graph_and_leaves(model)
    used: set[str] = set()
    for array in arrays_of(graph):
        recipe = recipe_of(array)
        if recipe is None:
            assert not array.any()  # a bias that the model does not have
            continue
        np.testing.assert_array_equal(np.asarray(replay(recipe, leaves)), np.asarray(array))
        used |= leaves_of(recipe)
    unused = {key for key, _ in model.named_parameters()} - used
    assert all("mask_token" in key or "pooler" in key for key in unused), unused


def test_steps_are_repeated_on_other_values() -> None:
    weight, scale = np.arange(6, dtype=np.float32).reshape(2, 3), np.array([2, 4], np.float32)
    first, second = float64(leaf("w", weight)), float64(leaf("s", scale))
    made = np.concatenate([first * second[:, None], np.ones((1, 3)) - first[:1]])[::2].transpose() @ np.eye(2)
    recipe = recipe_of(made)
    assert recipe is not None
    assert leaves_of(recipe) == {"w", "s"}
    w, s = weight + 1, scale * 3
    expected = np.concatenate([w * s[:, None], np.ones((1, 3)) - w[:1]])[::2].T
    np.testing.assert_array_equal(replay(recipe, {"w": w, "s": s}), expected)


@pytest.mark.parametrize("what", ["assigned", "added in place", "function"])
def test_a_change_that_is_not_noted_takes_the_recipe(what: str) -> None:
    array = float64(leaf("w", np.ones(3, np.float32)))
    if what == "assigned":
        array[0] = 2.0
    elif what == "added in place":
        array += 1.0
    else:
        array = np.abs(array)
    assert recipe_of(array) is None
