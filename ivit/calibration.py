"""Calibration images from wherever the caller has them, and whether they are of use."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ivit.console import notice
from ivit.images.preparation import Preparation
from ivit.images.source import open_images, read_all
from ivit.interface import boundary_of
from ivit.source import Source
from ivit_dialect.torch.entry import main_function
from passes.run_passes import one_line_errors
from passes.torch_entry import image_sizes
from runtime.boundary import Boundary, as_array

FROM_FOLDER = 32
"""Pictures of a folder that calibrate, where no other number is asked for."""


def read_calibration(
    images: object,
    source: Source,
    preparation: Preparation | None = None,
    count: int | None = None,
    tell: Callable[[str], None] = notice,
) -> NDArray[Any] | None:
    """An array of images for ``source`` from an array, a tensor, or a path; None stays None.

    A path is that of an .npz or .npy file, of a picture, or of a folder. ``count`` of them are taken, evenly
    spread (None: 32 of a folder, with a notice, all of anything else); pictures are brought to the model's
    size by ``preparation``. FileNotFoundError, TypeError or ValueError in one line for anything else.
    """
    if images is None:
        return None
    if not isinstance(images, (str, os.PathLike)):
        return as_array(images)
    path = Path(cast("str | os.PathLike[str]", images))
    found = open_images([path], image_shape(source), preparation, tell)
    wanted = count if count is not None else FROM_FOLDER if path.is_dir() else len(found)
    if wanted < 1 and len(found):
        raise ValueError(f"at least one image is needed, got {wanted}")
    if wanted >= len(found):
        if wanted > len(found) and count is not None:
            tell(f"{path}: all of its {len(found)} images are taken, {count} were asked for")
        return read_all(found)
    if count is None:
        tell(f"{path}: {wanted} of its {len(found)} pictures, evenly spread, calibrate")
    return read_all(found, np.arange(wanted) * len(found) // wanted)


def image_shape(source: Source) -> tuple[int, int, int]:
    """(H, W, C) of the image that ``source`` takes; ValueError, one line, where it takes none."""
    with one_line_errors(source.name):
        if source.level == "torch":
            _, channels, height, width = image_sizes(main_function(source.module))
            return height, width, channels
        return boundary_of(source.module).input_shape


def doubts(images: NDArray[Any] | None, boundary: Boundary) -> list[str]:
    """What is wrong with ``images`` that a model of ``boundary`` was calibrated with, a line each."""
    if images is None:
        return []
    lines: list[str] = []
    if images.dtype != np.uint8:
        boundary.to_integers(images.astype(np.float32, copy=False), lines.append)
    return [f"calibration images: {line}" for line in lines]
