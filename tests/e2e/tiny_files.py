"""The tiny model's text, weights and images."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

TEXT = Path(__file__).with_name("tiny_vit.mlir")
LITERAL = re.compile(r"dense_resource<([\w.]+)> : tensor<([\dx]+)xf32>")
COUNT = 6

Command: TypeAlias = Callable[..., tuple[int, str, str]]
"""Runs ``ivit`` with these arguments: exit code, stdout, stderr."""


def random_weights() -> dict[str, NDArray[np.float32]]:
    """Random values for every weight of the text; LayerNorm's scales lie around 1."""
    rng = np.random.default_rng(7)
    weights: dict[str, NDArray[np.float32]] = {}
    for key, sizes in LITERAL.findall(TEXT.read_text(encoding="utf-8")):
        shape = tuple(map(int, sizes.split("x")))
        spread = 0.3 if len(shape) > 1 else 0.05
        values = spread * rng.standard_normal(shape) + (1 if re.fullmatch(r"norm\d?\.weight", key) else 0)
        weights[key] = values.astype(np.float32)
    return weights


def float_images(count: int = COUNT) -> NDArray[np.float32]:
    """In the model's own convention, [N, 3, 12, 12]."""
    return np.random.default_rng(1).standard_normal((count, 3, 12, 12)).astype(np.float32)


def pixels(count: int = COUNT) -> NDArray[np.uint8]:
    """[N, 12, 12, 3]."""
    return np.random.default_rng(2).integers(0, 256, (count, 12, 12, 3)).astype(np.uint8)
