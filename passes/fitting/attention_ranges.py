"""Ranges of q, k and v by what attention makes of them: the error of its result, head by head.

A tensor's own error says little of q and k: what they are cut to shows in the scores, and most of the scores'
errors vanish in the softmax.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from passes.fitting.simulate import fake_quantize_heads
from passes.graph.evaluate import Tensor, attention
from passes.graph.nodes import AttentionNode, LinearNode
from passes.quantization.scales import ChannelRange

FACTORS = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4)
"""Of the largest magnitude that was seen."""
ROUNDS = 2
IMAGES = 6
"""Looked at, evenly spread: every trial is an attention."""
Heads: TypeAlias = NDArray[np.float64]
"""One number for each head, [H]."""


def fit_attention_ranges(
    node: AttentionNode, parts: tuple[Tensor, Tensor, Tensor], bits: int, by_head: bool
) -> None:
    """Set the ranges of q, k and v, whose values [N, T, H * D] are ``parts``, for symmetric codes of
    ``bits``.

    Factors of q and k are searched in turns, each with the other's best, then that of v on the float scores.
    With ``by_head`` each head of q and k has its own.
    """
    chosen = np.linspace(0, len(parts[0]) - 1, min(IMAGES, len(parts[0]))).round().astype(int)
    q, k, v = parts
    search = _Search(node, (q[chosen], k[chosen], v[chosen]), _ends(node, parts, by_head), bits)
    ones = np.ones(node.heads)
    factors: list[Heads | None] = [ones, ones, None]
    for index in (0, 1) * ROUNDS:
        factors[index] = search.best(factors, index, by_head)
    factors = [*factors[:2], search.best([None, None, ones], 2, False)]
    for part, end, factor in zip((node.query, node.key, node.value), search.ends, factors, strict=True):
        assert factor is not None
        _set_range(part, end * factor)


def _ends(
    node: AttentionNode, parts: tuple[Tensor, Tensor, Tensor], by_head: bool
) -> tuple[Heads, Heads, Heads]:
    """The largest magnitudes of q, k and v in each head, or everywhere."""

    def end(part: Tensor, own: bool) -> Heads:
        magnitude = np.abs(part).max(axis=(0, 1)).reshape(node.heads, -1).max(axis=1).astype(np.float64)
        return magnitude if own else np.full(node.heads, magnitude.max())

    q, k, v = parts
    return end(q, by_head), end(k, by_head), end(v, False)


@dataclass
class _Search:
    node: AttentionNode
    parts: tuple[Tensor, Tensor, Tensor]
    ends: tuple[Heads, Heads, Heads]
    bits: int

    def __post_init__(self) -> None:
        q, k, v = self.parts
        self._wanted = attention(self.node, q, k, v)

    def best(self, factors: list[Heads | None], index: int, by_head: bool) -> Heads:
        """The factors of part ``index`` of least error, the others held; a part of None is not quantised."""
        errors: list[Heads] = []
        for factor in FACTORS:
            tried = list(factors)
            tried[index] = np.full(self.node.heads, factor)
            errors.append(self._errors(tried))
        table = np.array(errors)
        if not by_head:
            table = np.repeat(table.sum(axis=1, keepdims=True), self.node.heads, axis=1)
        return np.array(FACTORS)[table.argmin(axis=0)]

    def _errors(self, factors: list[Heads | None]) -> Heads:
        """Σ of the squares of what the result of each head is off by."""
        q, k, v = (
            part if factor is None else fake_quantize_heads(part, end * factor, self.bits)
            for part, end, factor in zip(self.parts, self.ends, factors, strict=True)
        )
        difference = attention(self.node, q, k, v) - self._wanted
        by_channel = np.square(difference).sum(axis=(0, 1), dtype=np.float64)
        return by_channel.reshape(self.node.heads, -1).sum(axis=1)


def _set_range(part: LinearNode, ends: Heads) -> None:
    """``[-end, end]`` of each head, on all of its channels."""
    by_channel = np.repeat(ends, part.channels // len(ends))
    part.channel_range = ChannelRange(-by_channel, by_channel)
    part.range = part.channel_range.whole()
