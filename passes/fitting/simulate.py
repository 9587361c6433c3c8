"""Quantisation imitated in float32: what the integers of a tensor stand for.

The imitation serves decisions (which range, which rounding), not results: what runs is emitted and exact.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ivit_dialect.ops.fqvit import MOST_CODE_BITS
from passes.graph.evaluate import Tensor
from passes.quantization.log_codes import LogCodes
from passes.quantization.recipes import Recipe
from passes.quantization.scales import Scale
from passes.quantization.tables import TABLE_BITS, softmax_levels

Change: TypeAlias = Callable[[Tensor], Tensor]
LEAST_PROBABILITY = 2.0**-24
"""Below, all codes are the zero level."""
CODES = 255
"""Largest code of the deferred form's exponentials."""


def fake_quantize(x: Tensor, scale: Scale, bits: int) -> Tensor:
    """``x`` rounded to ``scale`` and clamped to ``bits``."""
    lowest, highest = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    codes = np.rint(x / np.float32(scale.step))
    codes += np.float32(scale.zero_point)
    np.clip(codes, lowest, highest, out=codes)
    codes -= np.float32(scale.zero_point)
    codes *= np.float32(scale.step)
    return codes


def fake_quantize_heads(x: Tensor, ends: NDArray[np.float64], bits: int) -> Tensor:
    """``x`` [N, T, H * D] in symmetric codes that reach ``ends`` [H]; a head of zeros stays one."""
    heads = x.reshape(*x.shape[:-1], len(ends), -1)
    most = (1 << (bits - 1)) - 1
    steps = np.where(ends > 0, ends / most, 1.0).astype(np.float32)[:, None]
    codes = np.clip(np.rint(heads / steps), -most - 1, most)
    codes *= steps
    return codes.reshape(x.shape)


def probability_change(recipe: Recipe, codes: LogCodes | None) -> Change:
    """What the recipe's form of softmax makes of probabilities [H, T, T]; ``codes``: of log2 and SULQ."""
    if codes is not None:
        return _coded(codes)
    if recipe.softmax == "fqvit":
        return _log_int(min(recipe.probability_bits, MOST_CODE_BITS))
    if recipe.softmax != "exact":
        return _uniform(recipe.probability_bits)
    match recipe.probabilities:
        case "deferred":
            return _deferred(min(recipe.probability_bits, TABLE_BITS))
        case _:
            return _uniform(recipe.probability_bits)


def _deferred(bits: int) -> Change:
    """Levels below the row's largest; all u8 levels at 8 bits."""
    levels = np.arange(256) if bits == TABLE_BITS else np.sort(softmax_levels(bits))
    levels = levels.astype(np.float32)
    between = (levels[1:] + levels[:-1]) / 2

    def change(p: Tensor) -> Tensor:
        codes = levels[np.searchsorted(between, p / p.max(axis=-1, keepdims=True) * np.float32(CODES))]
        codes /= codes.sum(axis=-1, keepdims=True)
        return codes

    return change


def _coded(codes: LogCodes) -> Change:
    levels = codes.levels.astype(np.float32)

    def change(p: Tensor) -> Tensor:
        return levels[codes.encode(p)]

    return change


def _log_int(bits: int) -> Change:
    """FQ-ViT's powers of two: of the whole number nearest to ``1 / p``, rounded up from 1.5 on."""

    def change(p: Tensor) -> Tensor:
        share = np.rint(np.float32(1) / np.maximum(p, np.float32(LEAST_PROBABILITY)))
        code = np.floor(np.log2(share))
        code += share >= np.float32(1.5) * np.exp2(code)
        return np.where(code < 1 << bits, np.exp2(-code), np.float32(0))

    return change


def _uniform(bits: int) -> Change:
    steps = np.float32((1 << min(bits, 16)) - 1)

    def change(p: Tensor) -> Tensor:
        codes = np.rint(p * steps)
        codes /= steps
        return codes

    return change
