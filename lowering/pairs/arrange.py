"""Which channels stand side by side, chosen for each step of each panel.

The activations of a row lie in scratch several times, in arrangements of every eight channels: other channels
share a group of four, and others of a group are a pair. A panel may take every eight channels from the
arrangements in which the fewest of its own weights are in danger. The groups of four are planes of the affine
space of eight points, any two of which share no, two or four points.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lowering.pairs.split import PAIR_LIMIT, signed_parts

BLOCK = 8
"""Channels that an arrangement mixes: two groups."""

GROUP = 4
"""Channels of a group."""

PLANES = ((0, 1, 2, 3), (0, 1, 4, 5))
"""One group of a block; the other has the other channels."""

PAIRINGS = ((0, 1, 2, 3), (0, 2, 1, 3), (0, 3, 1, 2))
"""Of the channels of a group: the first and the second are a pair, and the third and the fourth."""


def arrangements(planes: int) -> list[tuple[int, ...]]:
    """The channels of a block by their places, in each arrangement of the first ``planes``.

    The first is the order as it is, the only one of no planes.
    """
    return [tuple(range(BLOCK))][: not planes] + [
        tuple(group[place] for group in (plane, _others(plane)) for place in pairing)
        for plane in PLANES[:planes]
        for pairing in PAIRINGS
    ]


def _others(plane: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(channel for channel in range(BLOCK) if channel not in plane)


def arrange(panels: NDArray[np.int8], lanes: int, planes: int) -> tuple[NDArray[np.int8], NDArray[np.int32]]:
    """``panels`` [panel][step][column * 4] with the channels of each step as an arrangement has them.

    Also the number [panel][step] of that arrangement. A last step that has no second one stays as it is.
    Registers of a step have ``lanes`` columns.
    """
    count, steps, size = panels.shape
    blocks, columns = steps // 2, size // GROUP
    arranged, numbers = panels.copy(), np.zeros((count, steps), np.int32)
    if not (planes and blocks):
        return arranged, numbers
    whole = panels[:, : 2 * blocks].reshape(count, blocks, 2, columns, GROUP).swapaxes(2, 3)
    # [channel][panel][block][column]: each channel's weights side by side.
    channels = np.ascontiguousarray(np.moveaxis(whole.reshape(count, blocks, columns, BLOCK), 3, 0))
    orders = np.array(arrangements(planes)).reshape(planes, len(PAIRINGS), 2, GROUP)
    dangers = _dangers(channels, lanes, orders)
    # The first of the best: what is read of the others should fill little of the first-level cache.
    plane = dangers.min(axis=1).sum(axis=1).argmin(axis=0)
    # [half][panel][block], then [half][panel][block][place][column].
    pairing = np.take_along_axis(dangers.argmin(axis=1), plane[None, None], axis=0)[0]
    chosen = orders[plane[None], pairing, np.arange(2)[:, None, None]]
    taken = channels[chosen, np.arange(count)[:, None, None], np.arange(blocks)[:, None]]
    arranged[:, : 2 * blocks] = taken.transpose(1, 2, 0, 4, 3).reshape(count, 2 * blocks, size)
    numbers[:, : 2 * blocks] = np.moveaxis(len(PAIRINGS) * plane[None] + pairing, 0, 2).reshape(count, -1)
    return arranged, numbers


def _dangers(channels: NDArray[np.int8], lanes: int, orders: NDArray[np.intp]) -> NDArray[np.uint8]:
    """[plane][pairing][half][panel][block]: how many registers are in danger."""
    parts = signed_parts(channels)
    # A subtraction of bytes that does not wrap, where the sum of two -128 would.
    rooms = [PAIR_LIMIT - part for part in parts]
    _, count, blocks, columns = channels.shape
    dangers = np.zeros((*orders.shape[:3], count, blocks), np.uint8)
    for at in np.ndindex(orders.shape[:3]):
        over = np.zeros((count, blocks, columns), np.bool_)
        for first, second in orders[at].reshape(-1, 2):
            for part, room in zip(parts, rooms, strict=True):
                over |= part[first] > room[second]
        # Eight lanes at once: registers have a multiple of that.
        registers = over.view(np.uint64).reshape(count, blocks, columns // lanes, lanes // 8)
        dangers[at] = registers.any(axis=3).sum(axis=2)
    return dangers
