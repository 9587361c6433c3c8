"""Weights in two parts, neither of which saturates where two products are added in 16 bits.

``vpmaddubsw`` multiplies unsigned bytes by signed ones and adds products 2j and 2j + 1. With x in [0, 255],
int16 holds ``x0 * w0 + x1 * w1`` if the weights of one sign have at most 128 together: ``255 * 128 = 32640``
fits, ``255 * 129 = 32895`` does not. What a pair has beyond that is its excess, and goes into a further step.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PAIR_LIMIT = 128
"""What the weights of one sign may have together where their products are added in 16 bits."""


def signed_parts(weights: NDArray[np.int8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The magnitudes of the positive weights, and of the negative ones; 0 elsewhere."""
    negative = weights < 0
    return weights.view(np.uint8) * ~negative, np.negative(weights).view(np.uint8) * negative


def in_danger(weights: NDArray[np.int8]) -> NDArray[np.bool_]:
    """[..., pairs]: whether a pair of ``weights`` [..., 2 * pairs] might saturate."""
    danger = np.zeros((*weights.shape[:-1], weights.shape[-1] // 2), np.bool_)
    for part in signed_parts(weights):
        # A subtraction of bytes that does not wrap, where the sum of two -128 would.
        danger |= part[..., 0::2] > PAIR_LIMIT - part[..., 1::2]
    return danger


def excess(weights: NDArray[np.int8]) -> NDArray[np.int8]:
    """What each weight of ``[..., 2 * pairs]`` has to give up, the larger of a pair all of it."""
    given = np.zeros(weights.shape, np.int8).reshape(-1, 2)
    pairs = np.flatnonzero(in_danger(weights))
    values = weights.reshape(-1, 2)[pairs].astype(np.int16)
    bears = np.argmax(abs(values), axis=1)
    over = abs(values).sum(axis=1) - PAIR_LIMIT
    given[pairs, bears] = np.sign(values[:, 0]) * over
    return given.reshape(weights.shape)


def further_steps(panels: NDArray[np.int8], register: int) -> NDArray[np.bool_]:
    """[panel][register][step]: where ``panels`` [panel][step][column * depth] need a further step.

    ``register``: how many weights one register of a step has.
    """
    count, steps, size = panels.shape
    pairs = in_danger(panels).reshape(count, steps, size // register, register // 2)
    return np.logical_or.reduce(pairs, axis=3).swapaxes(1, 2)
