"""Which steps of a panel may be taken two at a time: sums of four products that 16 bits hold.

The steps of a panel may come in any order, so that any two can stand side by side. Which fit is found at
random: in each round every step that is left meets another one, the heavy ones the light ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lowering.pairs.split import PAIR_LIMIT, signed_parts

ROUNDS = 32
"""How many other steps each step meets."""

NOISE = 16
"""Of the order by weight in the first round."""

LEAST = 1 / 64
"""Of the meetings of a round: where fewer fit, the rest is left alone."""


def order_steps(panels: NDArray[np.int8]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """An order [panel][step] of the steps of ``panels`` [panel][step][column * depth], and a count [panel].

    Of each panel, so many times two steps come first, each two of which add up without saturation: no
    weights of one sign have more than 128 together in one 16-bit lane. No pair may have more. The same
    panels give the same order.
    """
    loads = _loads(panels)
    count, steps, _ = loads.shape
    rng = np.random.default_rng(0)
    heaviest = loads.max(axis=2).astype(np.int64)
    panel, step = (axis.reshape(-1) for axis in np.indices((count, steps)))
    found: list[NDArray[np.int64]] = []
    for round_ in range(ROUNDS):
        # In the end all that is left meets at random.
        noise = rng.integers(0, NOISE * (1 + round_), len(panel))
        first, second = _meetings(panel, heaviest[panel, step] + noise)
        # A subtraction of bytes that does not wrap, where the sum of two might.
        room = PAIR_LIMIT - loads[panel[first], step[first]]
        fits = np.logical_and.reduce(loads[panel[second], step[second]] <= room, axis=1)
        first, second = first[fits], second[fits]
        found.append(np.stack([panel[first], step[first], step[second]], axis=1))
        left = np.ones(len(panel), bool)
        left[first] = left[second] = False
        panel, step = panel[left], step[left]
        if np.count_nonzero(fits) <= LEAST * fits.size:
            break
    return _ordered(np.concatenate(found), panel, step, count, steps)


def _loads(panels: NDArray[np.int8]) -> NDArray[np.uint8]:
    """[panel][step][2 * pairs]: what the positive, then the negative weights of each pair have together."""
    parts = [part[..., 0::2] + part[..., 1::2] for part in signed_parts(panels)]
    return np.concatenate(parts, axis=2)


def _meetings(
    panel: NDArray[np.int64], weight: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions of two each of one panel: the heaviest and the lightest, the second of both, and so on."""
    sequence = np.lexsort((weight, panel))
    sorted_panels = panel[sequence]
    begins = np.searchsorted(sorted_panels, sorted_panels, side="left")
    ends = np.searchsorted(sorted_panels, sorted_panels, side="right")
    place = np.arange(len(panel))
    opposite = begins + ends - 1 - place
    light = place < opposite
    return sequence[opposite[light]], sequence[place[light]]


def _ordered(
    found: NDArray[np.int64], panel: NDArray[np.int64], step: NDArray[np.int64], count: int, steps: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """What ``order_steps`` returns, of the pairs of steps found and the steps that are left."""
    pairs = found[np.argsort(found[:, 0], kind="stable")]
    owners = np.concatenate([np.repeat(pairs[:, 0], 2), panel])
    members = np.concatenate([pairs[:, 1:].reshape(-1), step])
    order = members[np.argsort(owners, kind="stable")].reshape(count, steps)
    return order.astype(np.int32), np.bincount(pairs[:, 0], minlength=count).astype(np.int32)
