"""The models and the images of the benchmark."""

# pyright: strict, reportUnknownMemberType=false
# (torch is only partly typed)

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import nn

SHAPE = (3, 224, 224)
DEIT = {"deit-tiny": (192, 3), "deit-small": (384, 6), "deit-base": (768, 12)}
"""Channels and heads (arXiv 2012.12877, Table 1)."""


@dataclass(frozen=True)
class Case:
    """One model at one batch size and one number of threads; ``folder`` holds what ``prepare`` made.

    ``target`` is what our code is compiled for: ``cpu`` (this machine), or a name of ``lowering.targets``.
    """

    folder: Path
    model: str
    batch: int
    threads: int
    target: str = "cpu"

    def file(self, ending: str) -> Path:
        """The model's file with that ending."""
        return self.folder / f"{self.model}.{ending}"

    @property
    def artifact(self) -> Path:
        """Where our compiled model is."""
        return self.file(f"{self.target}.ivit")


def deit(name: str) -> nn.Module:
    """A DeiT of 224×224 images and 1,000 classes; its weights are random.

    Time depends on their values only for ours, where a target has no VNNI (``lowering/pair_weights.py``):
    trained weights, whose rows have larger outliers, are faster there.
    """
    import torch

    from examples.fashion_vit import FashionViT

    width, heads = DEIT[name]
    torch.manual_seed(0)
    return FashionViT(width, 12, heads, patch=16, image=SHAPE[1], channels=3, classes=1000).eval()


def images(count: int, seed: int = 0) -> NDArray[np.float32]:
    """Normal noise [count, 3, 224, 224]: what images are once mean and std are taken out."""
    return np.random.default_rng(seed).standard_normal((count, *SHAPE), np.float32)
