"""Calibration images from wherever the caller has them, and whether they are of use."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ivit.images import read_images
from runtime.boundary import Boundary, as_array


def read_calibration(images: object) -> NDArray[Any] | None:
    """An array of images from an array, a tensor, or the path of an .npz or .npy file; None stays None.

    FileNotFoundError, TypeError or ValueError in one line for anything else.
    """
    if images is None:
        return None
    if isinstance(images, (str, os.PathLike)):
        return read_images([Path(cast("str | os.PathLike[str]", images))]).images
    return as_array(images)


def doubts(images: NDArray[Any] | None, boundary: Boundary) -> list[str]:
    """What is wrong with ``images`` that a model of ``boundary`` was calibrated with, a line each."""
    if images is None:
        return []
    if images.min() == images.max():
        return ["the calibration images have the same value everywhere: their ranges mean little"]
    lines: list[str] = []
    if images.dtype != np.uint8:
        boundary.to_integers(images.astype(np.float32, copy=False), lines.append)
    return [f"calibration images: {line}" for line in lines]
