"""An order of channels that leaves few pairs of weights in danger of saturating 16 bits.

Which channels stand side by side is free where the layer before can give its outputs in any order. Pairs are
made at random and mended: two pairs change partners wherever that leaves fewer registers in danger.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lowering.pairs.split import PAIR_LIMIT

ROUNDS = 8
"""How often every pair may change partners: arrangements (``lowering/pairs/arrange``) do the rest."""

MOST_OUTPUTS = 384
"""By how many outputs an order is judged: the others are much like them, and it takes time."""


class _Danger:
    """Counts, for pairs of channels, the registers of ``lanes`` outputs of which a further step is needed."""

    def __init__(self, weights: NDArray[np.int8], lanes: int) -> None:
        outs, _ = weights.shape
        wide = np.pad(weights.astype(np.int16), ((0, -outs % lanes), (0, 0))).T
        self._above = np.maximum(wide, 0).astype(np.uint8)
        self._below = np.maximum(-wide, 0).astype(np.uint8)
        self._lanes = lanes

    def count(self, pairs: NDArray[np.intp]) -> NDArray[np.intp]:
        """``[..., 2]`` channels to ``[...]`` registers."""
        first, second = pairs.reshape(-1, 2).T
        # Subtractions of bytes do not wrap, where the sum of two -128 would.
        over = self._above[first] > PAIR_LIMIT - self._above[second]
        over |= self._below[first] > PAIR_LIMIT - self._below[second]
        # Eight lanes at once: registers have a multiple of that.
        registers = over.view(np.uint64).reshape(len(first), -1, self._lanes // 8).any(axis=2)
        return registers.sum(axis=1).reshape(pairs.shape[:-1])


def pair_order(weights: NDArray[np.int8], lanes: int, blocks: int = 1) -> NDArray[np.intp]:
    """Channels ``[in]`` of ``weights [out, in]``, ordered for few dangers in registers of ``lanes`` outputs.

    Channels stay in their ``blocks``, of equal and even size. The same weights give the same order.
    """
    channels = weights.shape[1] // blocks
    rng = np.random.default_rng(0)
    danger = _Danger(weights[:MOST_OUTPUTS], lanes)
    start = _shuffled(rng, blocks, channels)
    pairs = (start + np.arange(blocks)[:, None] * channels).reshape(blocks, channels // 2, 2)
    counts = danger.count(pairs)
    for _ in range(ROUNDS):
        if not counts.any():
            break
        shuffled = _shuffled(rng, blocks, channels // 2)
        pairs = np.take_along_axis(pairs, shuffled[:, :, None], axis=1)
        counts = np.take_along_axis(counts, shuffled, axis=1)
        _change_partners(danger, pairs, counts)
    # What is in danger goes side by side: a step of four channels is added once for both of its pairs.
    worst_last = np.argsort(counts, axis=1, kind="stable")
    return np.take_along_axis(pairs, worst_last[:, :, None], axis=1).reshape(-1)


def _shuffled(rng: np.random.Generator, rows: int, count: int) -> NDArray[np.intp]:
    """``rows`` orders of ``count`` numbers."""
    return np.stack([rng.permutation(count) for _ in range(rows)])


def _change_partners(danger: _Danger, pairs: NDArray[np.intp], counts: NDArray[np.intp]) -> None:
    """Between pairs 2i and 2i + 1 of each block, where it leaves fewer registers in danger; in place."""
    blocks, whole = pairs.shape[0], pairs.shape[1] // 2 * 2
    if not whole:
        return
    quads = pairs[:, :whole].reshape(blocks, -1, 2, 2)
    turned = np.stack([quads[..., 0, :], quads[..., 1, ::-1]], axis=2)
    best, least = quads, counts[:, :whole].reshape(blocks, -1, 2)
    for exchanged in (quads.swapaxes(2, 3), turned.swapaxes(2, 3)):
        found = danger.count(exchanged)
        better = found.sum(axis=2) < least.sum(axis=2)
        best = np.where(better[..., None, None], exchanged, best)
        least = np.where(better[..., None], found, least)
    pairs[:, :whole], counts[:, :whole] = best.reshape(blocks, -1, 2), least.reshape(blocks, -1)
