"""The entry of a torch module: one image in, one tensor out, and how pixels become that image."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

from xdsl.dialects.builtin import DenseArrayBase, ModuleOp
from xdsl.dialects.func import FuncOp

from ivit_dialect.torch.entry import main_function
from ivit_dialect.torch.types import ValueTensorType

MEAN = "ivit.mean"
STD = "ivit.std"
"""Module attributes that an import leaves."""

Floats: TypeAlias = tuple[float, ...]


@dataclass(frozen=True)
class Normalisation:
    """How the model's input follows from uint8 pixels: ``x = (p / 255 - mean) / std``, per channel."""

    mean: Floats
    std: Floats


def normalisation_of(module: ModuleOp, mean: Floats | None, std: Floats | None) -> Normalisation | None:
    """``mean`` and ``std``, by default those that the module carries, else None.

    ValueError unless both are given or neither, for each channel of the image, with positive deviations.
    """
    if mean is None and std is None:
        mean, std = _floats(module, MEAN), _floats(module, STD)
    check_normalisation(mean, std)
    if mean is None or std is None:
        return None
    _, channels, _, _ = image_sizes(main_function(module))
    if len(mean) != channels:
        raise ValueError(f"mean and std have {len(mean)} channels, the model's image has {channels}")
    return Normalisation(tuple(map(float, mean)), tuple(map(float, std)))


def check_normalisation(mean: Floats | None, std: Floats | None) -> None:
    """ValueError unless both are given or neither, of one length, with positive deviations."""
    if mean is None and std is None:
        return
    if mean is None or std is None:
        raise ValueError("mean and std come together: give both or neither")
    if len(mean) != len(std):
        raise ValueError(f"mean has {len(mean)} channels and std {len(std)}")
    if not all(math.isfinite(value) for value in (*mean, *std)) or not all(value > 0 for value in std):
        raise ValueError(f"mean must be finite and std positive, got mean {list(mean)}, std {list(std)}")


def _floats(module: ModuleOp, name: str) -> Floats | None:
    attribute = module.attributes.get(name)
    return attribute.get_values() if isinstance(attribute, DenseArrayBase) else None


def image_sizes(function: FuncOp) -> tuple[int | None, int, int, int]:
    """N (None where it is open), C, H, W of the one argument; ValueError where it is no such image."""
    arguments = function.body.block.args
    image = arguments[0].type if len(arguments) == 1 else None
    sizes = image.sizes if isinstance(image, ValueTensorType) else None
    if sizes is None or len(sizes) != 4:
        raise ValueError("@main must take one torch tensor, an image [N, C, H, W]")
    batch, channels, height, width = sizes
    if channels is None or height is None or width is None:
        raise ValueError(f"@main must take an image of static C, H and W, got {image}")
    return batch, channels, height, width
