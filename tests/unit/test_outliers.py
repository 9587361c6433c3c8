"""The outlier transform: the same function, and really harder to quantise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch_models import PLAIN, plain

from benchmarks.outliers import OutlierOptions, write_outliers
from benchmarks.parameters import Parameters
from ivit_dialect.load import load_module, save_module
from ivit_dialect.store import StoreContext, WeightStore
from ivit_dialect.torch.entry import main_function
from passes.graph.derived import float64
from passes.graph.nodes import AttentionNode, Graph, NormNode
from passes.graph.trace import trace
from passes.graph.trace_ops import HANDLERS
from passes.import_model import import_module
from passes.raise_torch import RaiseTorchPass

DEMO = Path(__file__).parents[2] / "ivit" / "demo" / "model.mlir"


def graph_of(path: Path) -> Graph:
    ctx = StoreContext()
    module = load_module(path, ctx)
    RaiseTorchPass().apply(ctx, module)
    return trace(module, main_function(module), ctx.store, HANDLERS)


def spread(array: np.ndarray) -> float:
    """The largest magnitude over the median one."""
    sizes = np.abs(array)
    return float(sizes.max() / np.median(sizes))


def test_demo_keeps_its_function_and_gets_outliers(tmp_path: Path) -> None:
    target = tmp_path / "outliers.mlir"
    assert write_outliers(DEMO, target, OutlierOptions()) < 1e-5
    for before, after in zip(graph_of(DEMO).live(), graph_of(target).live(), strict=True):
        if isinstance(before, NormNode) and isinstance(after, NormNode):
            assert spread(after.gamma) > 20 * spread(before.gamma)
            assert spread(after.beta) > 5 * spread(before.beta)
        if isinstance(before, AttentionNode) and isinstance(after, AttentionNode):
            for part, times in (("key", 3), ("value", 20)):
                old, new = getattr(before, part), getattr(after, part)
                assert spread(np.linalg.norm(new.weight, axis=1)) > times * spread(
                    np.linalg.norm(old.weight, axis=1)
                )
            assert spread(after.key.bias) > 2 * spread(before.key.bias)


def test_a_seed_gives_one_model(tmp_path: Path) -> None:
    files = [tmp_path / f"{name}.mlir" for name in ("a", "b", "c")]
    for path, seed in zip(files, (1, 1, 2), strict=True):
        write_outliers(DEMO, path, OutlierOptions(seed=seed))
    first, again, other = (path.with_suffix(".safetensors").read_bytes() for path in files)
    assert first == again
    assert first != other


@pytest.mark.parametrize("name", sorted(PLAIN))
def test_every_spelling_keeps_its_function(name: str, tmp_path: Path) -> None:
    torch.default_generator.manual_seed(0)
    model = plain(name)
    size = model.image_size
    ctx = StoreContext()
    source = tmp_path / "source.mlir"
    save_module(import_module(model, torch.zeros(1, 3, size, size), ctx), ctx.store, source)
    assert write_outliers(source, tmp_path / "target.mlir", OutlierOptions()) < 1e-5


def test_parameters_refuse_what_has_no_one_place() -> None:
    store = WeightStore({"a": np.ones(2, np.float32), "b": np.full(2, 3, np.float32)})
    parameters = Parameters(store)
    a, b = (float64(parameters.leaves()[key]) for key in ("a", "b"))
    parameters.multiply(a[::-1], np.array([2.0, 4.0]))
    assert parameters.value(a).tolist() == [4.0, 2.0]
    parameters.add(np.zeros(2), np.ones(2))
    parameters.multiply(np.zeros(2), np.ones(2))
    with pytest.raises(ValueError, match="several parameters"):
        parameters.multiply(a * b, np.ones(2))
    parameters.write(store)
    assert store["a"].tolist() == [4.0, 2.0]
    assert store["b"].tolist() == [3.0, 3.0]
