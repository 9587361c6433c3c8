"""How pictures of any size become the pixels that a model takes: resize, then crop the centre.

The way of timm, DeiT and torchvision in evaluation: the shorter side becomes ``size / crop_pct`` (256 for a
model of 224 pixels), the longer one keeps the ratio, and the middle is cut out.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

Size: TypeAlias = tuple[int, int]

CROP_PCT = 0.875
"""DeiT's, and timm's where a model says nothing else: 224 of 256 pixels."""
NONE = "none"
RESIZES = ("bicubic", "bilinear", NONE)


@dataclass(frozen=True)
class Preparation:
    """How pictures are brought to a model's size.

    ``resize`` is ``bicubic``, ``bilinear`` or ``none`` (pictures must have the size already); ``crop_pct`` in
    (0, 1] is the share of the resized picture's shorter side that the crop keeps. A picture that has the
    model's size is taken as it is. ValueError for other values.
    """

    resize: str = RESIZES[0]
    crop_pct: float = CROP_PCT

    def __post_init__(self) -> None:
        if self.resize not in RESIZES:
            raise ValueError(f"resize must be one of {', '.join(RESIZES)}, got {self.resize!r}")
        if not 0 < self.crop_pct <= 1:
            raise ValueError(f"crop-pct must lie in (0, 1], got {self.crop_pct:g}")

    def to_json(self) -> dict[str, Any]:
        """Plain values, for a file."""
        return asdict(self)


def resized_size(picture: Size, target: Size, crop_pct: float) -> Size:
    """Width and height that ``picture`` gets before ``target`` is cut out of it.

    The side that is shorter for its target becomes floor(target / crop_pct), the other one keeps the ratio,
    rounded down (torchvision's Resize).
    """
    goals = [math.floor(side / crop_pct) for side in target]
    short = min((0, 1), key=lambda axis: picture[axis] / goals[axis])
    result = [goals[short] * side // picture[short] for side in picture]
    result[short] = goals[short]
    return result[0], result[1]


def centre(size: Size, target: Size) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of ``target`` in the middle of ``size``; halves go to the even number."""
    left, top = (round((whole - part) / 2) for whole, part in zip(size, target, strict=True))
    return left, top, left + target[0], top + target[1]
