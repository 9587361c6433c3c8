"""A picture file as the pixels of a model; resizing is Pillow's, antialiased, as in PyTorch pipelines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ivit.images.picture_files import MAX_PIXELS, open_picture, pixels_of
from ivit.images.preparation import NONE, Preparation, centre, resized_size

FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}


def read_prepared(path: Path, shape: tuple[int, int, int], preparation: Preparation) -> NDArray[np.uint8]:
    """The picture in ``path`` as uint8 of ``shape`` (H, W, C).

    FileNotFoundError or ValueError, one line with the file's name, where that cannot be.
    """
    height, width, channels = shape
    picture = open_picture(path, channels)
    if picture.size == (width, height):
        return pixels_of(picture)
    found = f"{picture.width} x {picture.height} pixels"
    if preparation.resize == NONE:
        raise ValueError(f"{path}: {found}, the model takes {width} x {height}: resize it")
    size = resized_size(picture.size, (width, height), preparation.crop_pct)
    if size[0] * size[1] > MAX_PIXELS:
        raise ValueError(f"{path}: {found}: too long a strip to resize")
    resized = picture.resize(size, FILTERS[preparation.resize])
    return pixels_of(resized.crop(centre(size, (width, height))))
