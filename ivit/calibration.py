"""Calibration images from wherever the caller has them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, cast

from numpy.typing import NDArray

from ivit.images import read_images
from runtime.boundary import as_array


def read_calibration(images: object) -> NDArray[Any] | None:
    """An array of images from an array, a tensor, or the path of an .npz or .npy file; None stays None.

    FileNotFoundError, TypeError or ValueError in one line for anything else.
    """
    if images is None:
        return None
    if isinstance(images, (str, os.PathLike)):
        return read_images([Path(cast("str | os.PathLike[str]", images))]).images
    return as_array(images)
