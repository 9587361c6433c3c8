"""The float graph computes what the float model does, also after rewrites that keep its function."""

from __future__ import annotations

import weakref
from collections.abc import Callable

import numpy as np
import pytest
from graphs import Traced, rescale, seen, traced
from hf_models import SHAPE, Features, hugging_face
from numpy.typing import NDArray
from torch_exports import export, plain_text
from torch_models import PLAIN

from passes.calibration.images import IMAGENET
from passes.equalization.balance_attention import balance_attention
from passes.equalization.scale_gelu import FLOOR, scale_gelu
from passes.equalization.smooth_channels import channel_factors, smooth_channels
from passes.graph.evaluate import Tensor, last_readers, run_graph
from passes.graph.nodes import AttentionNode, GeluNode, Graph, LinearNode, Node, NormNode
from passes.graph.readers import linear_readers, readers_of
from passes.torch_entry import Normalisation

ERROR = 2e-5
"""Of float32 results of order 1, after sums of at most 64 terms of order 10 in another order."""
Rewrite = Callable[[Graph], int]
REWRITES: dict[str, Rewrite] = {
    "smooth 0": lambda graph: smooth_channels(graph, 0.0),
    "smooth 0.75": lambda graph: smooth_channels(graph, 0.75),
    "smooth 1": lambda graph: smooth_channels(graph, 1.0),
    "balance": balance_attention,
    "scale gelu": scale_gelu,
}
INPUTS: list[tuple[str, Normalisation | None]] = [
    *((name, None) for name in PLAIN),
    ("layer_scale", IMAGENET),
    ("avg_pool", IMAGENET),
]


def check_function(model: Traced) -> None:
    np.testing.assert_allclose(model.result(), model.expected, rtol=0, atol=ERROR)


@pytest.mark.parametrize(
    ("name", "pixels"), INPUTS, ids=[name + " of pixels" * bool(p) for name, p in INPUTS]
)
def test_the_graph_is_the_model(name: str, pixels: Normalisation | None) -> None:
    model = traced(plain_text(name, "high-level"), pixels)
    check_function(model)
    for rewrite in REWRITES.values():
        assert rewrite(model.graph) > 0
        check_function(model)


@pytest.mark.parametrize("name", ["vit features", "deit teacher", "dinov2 classifier", "dinov2 registers"])
def test_the_graph_is_the_transformers_model(name: str) -> None:
    model = traced(export(Features(hugging_face(name)), SHAPE, "high-level"), count=2)
    check_function(model)
    assert all(REWRITES[name](model.graph) > 0 for name in ("smooth 0.75", "balance", "scale gelu"))
    check_function(model)


@pytest.mark.parametrize("name", REWRITES)
def test_ranges_of_channels_stay_true(name: str) -> None:
    """Those of the rewritten tensors are what these tensors are seen to be on the same images."""
    model = traced(plain_text("no_qkv_bias", "high-level"))
    model.observe_channels()
    before = {node: node.channel_range for node in model.graph.live()}
    assert REWRITES[name](model.graph) > 0
    changed = {node for node in model.graph.live() if node.channel_range is not before[node]}
    assert changed
    for node, values in model.values().items():
        if node.channel_range is None:
            continue
        ends, range_ = seen(values), node.calibrated()
        if isinstance(node, GeluNode) and node in changed:
            # GELU's least value need not occur; the lower end stands for it.
            assert np.all(ends.low >= 0.0)
            assert np.all(node.channel_range.low == 0.0)
        else:
            np.testing.assert_allclose(node.channel_range.low, ends.low, rtol=0, atol=ERROR)
        np.testing.assert_allclose(node.channel_range.high, ends.high, rtol=0, atol=ERROR)
        assert (range_.low, range_.high) == (node.channel_range.low.min(), node.channel_range.high.max())


def spread(values: NDArray[np.float64]) -> float:
    return float(values.max() / values.min())


def only(model: Traced, kind: type[Node]) -> Node:
    """The first node of ``kind``."""
    return next(node for node in model.graph.live() if isinstance(node, kind))


def test_smoothing_takes_outliers_out() -> None:
    """Alpha 1 makes all channels equally large, alpha 0 all columns of the weights."""
    for alpha, of in ((1.0, "activations"), (0.0, "weights")):
        model = traced(plain_text("one_head", "high-level"))
        norm = only(model, NormNode)
        assert isinstance(norm, NormNode)
        rescale(model, norm, np.geomspace(1, 300, norm.channels))
        smooth_channels(model.graph, alpha)
        assert norm.channel_range is not None
        columns = np.max(
            [np.abs(each.weight).max(axis=0) for each in linear_readers(model.graph)[norm]], axis=0
        )
        assert spread(norm.channel_range.magnitude if of == "activations" else columns) < 1 + 1e-12
        check_function(model)


def test_balancing_makes_q_as_large_as_k_and_centres_k_and_v() -> None:
    model = traced(plain_text("vit", "high-level"))
    model.observe_channels()
    balance_attention(model.graph)
    for node in model.graph.live():
        if not isinstance(node, AttentionNode):
            continue
        q, k, v = (part.channel_range for part in (node.query, node.key, node.value))
        assert q is not None
        assert k is not None
        assert v is not None
        np.testing.assert_allclose(q.magnitude, k.magnitude, rtol=1e-12)
        for centred in (k, v):
            np.testing.assert_allclose(centred.low, -centred.high, rtol=1e-9)


def test_scores_stay_what_they_were_where_keys_are_not_centred() -> None:
    model = traced(plain_text("one_head", "high-level"))
    node = only(model, AttentionNode)
    assert isinstance(node, AttentionNode)
    model.observe_channels()

    def scores() -> Tensor:
        values = model.values_of(node.query, node.key)
        return values[0] @ values[1].swapaxes(1, 2)

    before = scores()
    balance_attention(model.graph, centre_keys=False)
    np.testing.assert_allclose(scores(), before, rtol=0, atol=ERROR * float(np.abs(before).max()))
    model.observe_channels()
    balance_attention(model.graph)
    assert np.abs(scores() - before).max() > 100 * ERROR


def test_scaled_channels_of_a_gelu_begin_at_their_lowest_code() -> None:
    model = traced(plain_text("gelu_tanh", "high-level"))
    model.observe_channels()
    highs = {node: node.channel_range.high for node in model.graph.live() if node.channel_range is not None}
    scale_gelu(model.graph)
    node = only(model, GeluNode)
    assert isinstance(node, GeluNode)
    assert node.floor == FLOOR
    assert node.factors is not None
    assert node.channel_range is not None
    np.testing.assert_allclose(np.exp(np.log(node.factors).mean()), 1.0, rtol=1e-12)
    np.testing.assert_allclose(node.channel_range.high * node.factors + FLOOR, highs[node])
    assert node.calibrated().low == 0.0


@pytest.mark.parametrize("gamma", [0.0, -1.5])
def test_awkward_norms(gamma: float) -> None:
    """A dead channel, one of negative gamma, one whose beta is huge, one that no weight reads."""
    model = traced(plain_text("one_head", "high-level"))
    norm = only(model, NormNode)
    assert isinstance(norm, NormNode)
    norm.gamma[:2], norm.beta[0], norm.beta[2] = gamma, 0.0, 300.0
    for linear in linear_readers(model.graph)[norm]:
        linear.weight[:, 3] = 0.0
    model.observe_channels()
    before = model.result()
    assert smooth_channels(model.graph, 0.75) > 0
    assert balance_attention(model.graph) > 0
    assert np.all(np.isfinite(norm.gamma) & np.isfinite(norm.beta))
    # beta went to float32 biases and back: 300 is known to 2e-5, times weights and 16 channels.
    np.testing.assert_allclose(model.result(), before, rtol=0, atol=50 * ERROR)


def test_dead_channels_of_q_keep_their_scale() -> None:
    model = traced(plain_text("one_head", "high-level"))
    node = only(model, AttentionNode)
    assert isinstance(node, AttentionNode)
    node.query.weight[1], node.query.bias[1] = 0.0, 0.0
    model.observe_channels()
    before, k = model.result(), node.key.weight[1].copy()
    balance_attention(model.graph)
    assert node.key.weight[1].tolist() == k.tolist()
    np.testing.assert_allclose(model.result(), before, rtol=0, atol=ERROR)


def test_factors() -> None:
    """SmoothQuant, Eq. 4, but for a common factor."""
    a, w = np.array([4.0, 1.0, 0.0, 9.0, 2.0]), np.array([1.0, 2.0, 5.0, 0.0, 0.5])
    for alpha in (0.0, 0.5, 0.75, 1.0):
        s = channel_factors(a, w, alpha)
        alive = np.array([0, 1, 4])
        wanted = a[alive] ** alpha / w[alive] ** (1 - alpha)
        np.testing.assert_allclose(s[alive] / s[0], wanted / wanted[0])
        np.testing.assert_allclose(np.prod(s[alive]), 1.0)
        assert s[[2, 3]].tolist() == [1.0, 1.0]
    assert channel_factors(np.zeros(3), np.ones(3), 0.5).tolist() == [1.0] * 3


@pytest.mark.parametrize("alpha", [-0.1, 1.1, float("nan")])
def test_alpha_is_checked(alpha: float) -> None:
    model = traced(plain_text("one_head", "high-level"))
    with pytest.raises(ValueError, match=rf"smoothing={alpha} is not in \[0, 1\]"):
        smooth_channels(model.graph, alpha)


def test_nothing_is_rewritten_without_ranges_of_channels() -> None:
    model = traced(plain_text("one_head", "high-level"))
    for node in model.graph.nodes:
        node.channel_range = None
    assert [rewrite(model.graph) for rewrite in REWRITES.values()] == [0] * len(REWRITES)


def test_only_what_linears_read_is_scaled() -> None:
    """DeiT's two heads share a norm; what a sum or the caller takes stays as it is."""
    model = traced(plain_text("deit_distilled", "high-level"))
    linears, readers = linear_readers(model.graph), readers_of(model.graph)
    assert all(readers[node] == list(found) for node, found in linears.items())
    last = [node for node in model.graph.live() if isinstance(node, NormNode)][-1]
    assert len(linears[last]) == 2
    mixed = [node for node in readers if node not in linears]
    assert {type(reader) for node in mixed for reader in readers[node]} - {LinearNode}
    result = model.graph.result
    assert result is not None
    assert result.node not in linears
    features = traced(export(Features(hugging_face("dinov2")), SHAPE, "high-level"), count=1)
    final = [node for node in features.graph.live() if isinstance(node, NormNode)][-1]
    assert final not in linear_readers(features.graph)


def test_values_are_dropped_after_their_last_reader() -> None:
    model = traced(plain_text("vit", "high-level"), count=1)
    nodes = model.graph.live()
    last = last_readers(nodes)
    kept: dict[Node, weakref.ref[Tensor]] = {}
    for node, value in run_graph(model.graph, model.images):
        assert (value.dtype, value.shape) == (np.float32, (1, node.tokens, node.channels))
        kept[node] = weakref.ref(value)
        done = nodes[: nodes.index(node)]
        for earlier in done:
            assert (kept[earlier]() is None) == (earlier not in last or last[earlier] in done)
    assert list(kept) == nodes
