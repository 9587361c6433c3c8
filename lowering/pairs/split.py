"""Weights in two parts, neither of which saturates where two products are added in 16 bits.

``vpmaddubsw`` multiplies unsigned bytes by signed ones and adds products 2j and 2j + 1. With x in [0, 255],
int16 holds ``x0 * w0 + x1 * w1`` if the weights of one sign have at most 128 together: ``255 * 128 = 32640``
fits, ``255 * 129 = 32895`` does not. What a pair has beyond that is its excess, and goes into a further step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PAIR_LIMIT = 128
"""What the weights of one sign in a pair may have together."""


@dataclass(frozen=True)
class SplitPanels:
    """Panels of weights ``[panel][step][column * depth]`` of which no pair saturates, and the further steps.

    A further step is of one register: ``extras`` [extra step][lane * depth]. ``starts`` [panel * registers
    + 1] shares them out to the registers of each panel; ``groups`` [extra step] are the steps whose
    activations they take.
    """

    panels: NDArray[np.int8]
    extras: NDArray[np.int8]
    groups: NDArray[np.int32]
    starts: NDArray[np.int32]


def excess(weights: NDArray[np.int8]) -> NDArray[np.int8]:
    """What each weight of ``[..., 2 * pairs]`` has to give up, the larger of a pair all of it."""
    wide = weights.astype(np.int16)
    first, second = wide[..., 0::2], wide[..., 1::2]
    over = np.maximum(abs(first) + abs(second) - PAIR_LIMIT, 0) * (first * second > 0)
    bears = abs(first) >= abs(second)
    given = np.empty_like(wide)
    given[..., 0::2] = np.sign(first) * over * bears
    given[..., 1::2] = np.sign(second) * over * ~bears
    return given.astype(np.int8)


def split_panels(panels: NDArray[np.int8], register: int) -> SplitPanels:
    """``panels`` [panel][step][column * depth], pairs side by side, in two parts whose sum they are.

    ``register``: how many weights one register of a step has.
    """
    given = excess(panels)
    count, steps, size = panels.shape
    registers = given.reshape(count, steps, size // register, register).swapaxes(1, 2)
    further = registers.any(axis=3)
    groups = np.nonzero(further)[2]
    starts = np.concatenate([[0], np.cumsum(further.sum(axis=2))])
    return SplitPanels(panels - given, registers[further], groups.astype(np.int32), starts.astype(np.int32))
