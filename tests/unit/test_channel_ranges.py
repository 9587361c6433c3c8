"""Ranges of channels as calibration records them, and the widths and scales that rules make of ranges."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from graphs import Traced, seen, traced
from hypothesis import given
from hypothesis import strategies as st
from torch_exports import plain_text

from passes.calibrate import calibrate
from passes.calibration.images import IMAGENET, normalise
from passes.calibration.inputs import GENERATED, calibration_inputs
from passes.calibration.observer import ENOUGH_ROWS, widened
from passes.graph.nodes import AttentionNode, GeluNode, LinearNode, Node, NormNode
from passes.quantization.activations import ActivationRules
from passes.quantization.options import QuantizeOptions
from passes.quantization.recipes import DEFAULT, PAPER, resolve
from passes.quantization.scales import ChannelRange

EXACTLY = (LinearNode, NormNode, AttentionNode, GeluNode)
"""Nodes that are a tensor of the model, each; others are parts of one."""
ROUNDED = 2.0**-11
"""Twelve significant bits, upwards."""


def test_channels_are_those_of_the_graph() -> None:
    """Of q, k and v too, whose channels are [head, depth]; rounded outwards, widened for so few rows."""
    model = traced(plain_text("deit_distilled", "high-level"), count=11)
    found = 0
    for node, values in model.values().items():
        if node.channel_range is None or not isinstance(node, EXACTLY):
            continue
        ends = widened(seen(values), values.shape[0] * values.shape[1])
        margin = ROUNDED * ends.magnitude + 1e-6
        assert np.all(np.abs(node.channel_range.low - ends.low) <= margin), node.name
        assert np.all(np.abs(node.channel_range.high - ends.high) <= margin), node.name
        assert np.all(node.channel_range.low <= seen(values).low + 1e-6)
        assert np.all(node.channel_range.high >= seen(values).high - 1e-6)
        found += 1
    assert found == 2 * 7 + 1  # norms, q, k, v, attention, GELU of each block; the last norm


def recorded(model: Traced) -> dict[str, bytes]:
    return {key: model.ctx.store[key].tobytes() for key in model.ctx.store if key.startswith("calibration")}


def test_new_images_replace_the_ranges_and_none_keep_them() -> None:
    model = traced(plain_text("one_head", "high-level"))
    first, store = recorded(model), model.ctx.store
    calibrate(model.module, store)
    assert recorded(model) == first
    x = np.random.default_rng(5).standard_normal((9, 3, 32, 32)).astype(np.float32)
    calibrate(model.module, store, x)
    second = recorded(model)
    assert len(second) == len(first)
    assert second != first
    calibrate(model.module, store, x[::-1].copy())
    assert sorted(recorded(model).values()) == sorted(second.values())


ends_of_channels = st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(0, 1e3)), min_size=1, max_size=6).map(
    lambda pairs: ChannelRange(np.array([a for a, _ in pairs]), np.array([a + b for a, b in pairs]))
)


@given(ends_of_channels, st.integers(1, 10**6))
def test_widened(ends: ChannelRange, rows: int) -> None:
    """No narrower than seen, no wider than all channels together; as seen where rows are enough."""
    wide = widened(ends, rows)
    slack = 1e-9 * (1.0 + ends.magnitude)
    assert np.all(wide.low <= ends.low + slack)
    assert np.all(wide.high >= ends.high - slack)
    assert wide.low.min() >= ends.low.min() - slack.max()
    assert wide.high.max() <= ends.high.max() + slack.max()
    if rows >= ENOUGH_ROWS:
        np.testing.assert_allclose([wide.low, wide.high], [ends.low, ends.high], atol=1e-9)


def test_widened_by_the_growth_of_the_largest_of_normal_values() -> None:
    """64 rows show half the logarithm of 4096, the widest channel bounds the others."""
    ends = ChannelRange(np.array([-10.0, 1.0, -8.0]), np.array([10.0, 3.0, 8.0]))
    wide = widened(ends, 64)
    half = np.sqrt(2.0)
    np.testing.assert_allclose(wide.low, [-10.0, 2.0 - half, -10.0])
    np.testing.assert_allclose(wide.high, [10.0, 2.0 + half, 10.0])


def test_images_are_checked_or_generated_with_a_notice(capsys: pytest.CaptureFixture[str]) -> None:
    module = traced(plain_text("layer_scale", "high-level"), count=1).module
    pixels = np.random.default_rng(0).integers(0, 256, (3, 28, 28, 3)).astype(np.uint8)
    inputs = calibration_inputs(module, pixels, IMAGENET, "fit", "all")
    np.testing.assert_array_equal(inputs, normalise(pixels, IMAGENET))
    assert capsys.readouterr().err == ""
    made = calibration_inputs(module, None, None, "fit", "all")
    assert (made.shape, made.dtype) == ((GENERATED, 3, 28, 28), np.float32)
    assert capsys.readouterr().err == (
        "fit: no images given: all come from 16 generated ones; real images give better accuracy\n"
    )
    with pytest.raises(ValueError, match=r"calibration images have shape \[3, 28, 28, 4\]"):
        calibration_inputs(module, np.zeros((3, 28, 28, 4), np.uint8), IMAGENET, "fit", "all")


@pytest.fixture(scope="module")
def model() -> Traced:
    made = traced(plain_text("vit", "high-level"))
    made.observe_channels()
    return made


def named(model: Traced, name: str) -> Node:
    return next(node for node in model.graph.live() if node.name == name)


def test_widths(model: Traced) -> None:
    """Each by what a node is and who reads it; what the head takes has 8 bits at least."""
    recipe = replace(
        DEFAULT,
        norm_bits=5,
        context_bits=6,
        gelu_bits=7,
        attention_weight_bits=2,
        mlp_weight_bits=3,
        patch_weight_bits=4,
        head_weight_bits=5,
    )
    rules = ActivationRules(recipe)
    widths = {
        node.role: rules.input_bits(node.source.node, node)
        for node in model.graph.live()
        if isinstance(node, LinearNode)
    }
    assert widths == {"q": 5, "k": 5, "v": 5, "proj": 6, "fc1": 5, "fc2": 7, "head": 8}
    head = next(node for node in model.graph.live() if isinstance(node, LinearNode) and node.role == "head")
    assert ActivationRules(replace(recipe, norm_bits=12)).input_bits(head.source.node, head) == 12
    weights = {
        node.role: rules.weight_bits(node)
        for node in model.graph.live()
        if isinstance(node, LinearNode) or node.role == "patch_embed"
    }
    assert weights == {
        "patch_embed": 4,
        **dict.fromkeys(("q", "k", "v", "proj"), 2),
        "fc1": 3,
        "fc2": 3,
        "head": 5,
    }


def test_one_scale_or_one_for_each_of_q_k_and_v(model: Traced) -> None:
    node = named(model, "block0.attention")
    assert isinstance(node, AttentionNode)
    parts = (node.query, node.key, node.value)
    each, one = ActivationRules(DEFAULT), ActivationRules(PAPER)
    assert [each.part_range(node, part) for part in parts] == [part.range for part in parts]
    whole = {one.part_range(node, part) for part in parts}
    assert len(whole) == 1
    assert whole.pop().low == min(part.calibrated().low for part in parts)


def test_steps_of_heads(model: Traced) -> None:
    """A head's largest value has its largest code; a head of zeros takes part of the range of all."""
    node = named(model, "block1.attention")
    assert isinstance(node, AttentionNode)
    rules = ActivationRules(resolve(QuantizeOptions(qkv_scales="per_head")))
    assert rules.head_steps(node, node.value) is None
    assert ActivationRules(DEFAULT).head_steps(node, node.query) is None
    ends = node.query.channel_range
    assert ends is not None
    steps = rules.head_steps(node, node.query)
    assert steps is not None
    np.testing.assert_allclose(steps * 127, ends.magnitude.reshape(node.heads, -1).max(axis=1))
    narrow = replace(node.query, channel_range=ends.times(np.where(np.arange(16) < 8, 1.0, 0.0)))
    steps = rules.head_steps(replace(node, query=narrow), narrow)
    assert steps is not None
    assert steps[1] == steps[0] * 2.0**-8
    unknown = replace(node.query, channel_range=None)
    with pytest.raises(ValueError, match="qkv_scales=per_head needs the ranges of channels: calibrate again"):
        rules.head_steps(replace(node, query=unknown), unknown)


def test_symmetric_recipes_have_no_zero_points(model: Traced) -> None:
    for node in model.graph.live():
        if node.range is not None:
            assert ActivationRules(PAPER).input_scale(node, 8).zero_point == 0
    norm = next(node for node in model.graph.live() if isinstance(node, NormNode))
    asymmetric, paper_norm = ActivationRules(DEFAULT), ActivationRules(replace(DEFAULT, layernorm="ivit"))
    assert asymmetric.input_scale(norm, 8).zero_point != 0
    assert paper_norm.input_scale(norm, 8).zero_point == 0
