"""The models of the benchmarks of speed."""

# pyright: strict, reportUnknownMemberType=false
# (torch is only partly typed)

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

SHAPE = (3, 224, 224)
DEIT = {"deit-tiny": (192, 3), "deit-small": (384, 6), "deit-base": (768, 12)}
"""Channels and heads (arXiv 2012.12877, Table 1)."""


def deit(name: str) -> nn.Module:
    """A DeiT of 224×224 images and 1,000 classes; its weights are random.

    Time depends on their values only for ours, where a CPU target has no VNNI
    (``lowering/pair_weights.py``): trained weights, whose rows have larger outliers, are faster there.
    """
    import torch

    from examples.fashion_vit import FashionViT

    width, heads = DEIT[name]
    torch.manual_seed(0)
    return FashionViT(width, 12, heads, patch=16, image=SHAPE[1], channels=3, classes=1000).eval()
