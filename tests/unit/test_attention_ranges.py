"""Ranges of q, k and v that are chosen by what attention returns."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from passes.fitting.attention_ranges import fit_attention_ranges
from passes.fitting.simulate import fake_quantize_heads
from passes.graph.evaluate import Tensor, attention
from passes.graph.nodes import AttentionNode, LinearNode, TokenSlice
from passes.graph.nodes import ImageNode as Source

HEADS, DEPTH, TOKENS, IMAGES = 2, 4, 9, 3
CHANNELS = HEADS * DEPTH
Ends = NDArray[np.float64]
Parts = tuple[Tensor, Tensor, Tensor]


def node_of() -> AttentionNode:
    image = Source(
        tokens=TOKENS, channels=CHANNELS, origin="test", height=3, width=3, centre=np.zeros(CHANNELS)
    )
    q, k, v = (
        LinearNode(
            tokens=TOKENS,
            channels=CHANNELS,
            origin="test",
            source=TokenSlice(image, 0, TOKENS),
            weight=np.eye(CHANNELS),
            bias=np.zeros(CHANNELS),
        )
        for _ in range(3)
    )
    return AttentionNode(
        tokens=TOKENS,
        channels=CHANNELS,
        origin="test",
        query=q,
        key=k,
        value=v,
        heads=HEADS,
        scale=0.5,
        scores=None,
    )


def parts_of(seed: int, outlier: float = 1.0) -> Parts:
    """q, k, v; one value of q and of k is ``outlier`` times the others."""
    rng = np.random.default_rng(seed)
    q, k, v = rng.normal(size=(3, IMAGES, TOKENS, CHANNELS)).astype(np.float32)
    q[0, 0, 0] *= outlier
    k[0, 1, 1] *= outlier
    return q, k, v


def error(node: AttentionNode, parts: Parts, ends: tuple[Ends, ...]) -> float:
    q, k, v = (fake_quantize_heads(part, end, 4) for part, end in zip(parts, ends, strict=True))
    return float(np.square(attention(node, q, k, v) - attention(node, *parts)).sum())


def ends_of(node: AttentionNode) -> tuple[Ends, ...]:
    """What was chosen, for each head."""
    found: list[Ends] = []
    for part in (node.query, node.key, node.value):
        assert part.channel_range is not None
        found.append(part.channel_range.magnitude.reshape(HEADS, DEPTH)[:, 0])
    return tuple(found)


@pytest.mark.parametrize("by_head", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_attention_is_nearer_than_with_the_whole_range(seed: int, by_head: bool) -> None:
    node, parts = node_of(), parts_of(seed, outlier=6.0)
    fit_attention_ranges(node, parts, 4, by_head)
    whole = tuple(np.full(HEADS, float(np.abs(part).max())) for part in parts)
    assert error(node, parts, ends_of(node)) < error(node, parts, whole)


def test_one_range_for_all_heads_unless_each_has_its_own() -> None:
    node, parts = node_of(), parts_of(0)
    parts[0][..., DEPTH:] *= 0.1
    fit_attention_ranges(node, parts, 4, False)
    assert all(len(set(end)) == 1 for end in ends_of(node))
    fit_attention_ranges(node, parts, 4, True)
    q, _, v = ends_of(node)
    assert q[1] < 0.5 * q[0]
    assert v[0] == v[1]


def test_zeros_keep_a_range() -> None:
    node, parts = node_of(), parts_of(0)
    zeros = np.zeros_like(parts[0])
    fit_attention_ranges(node, (zeros, zeros, parts[2]), 4, True)
    assert node.query.range is not None
    assert node.query.range.magnitude == 0.0
