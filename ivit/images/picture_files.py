"""One picture in a file, through Pillow: JPEG, PNG, WebP and BMP."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from ivit_dialect.files import check_readable

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
FORMATS = ("JPEG", "PNG", "WEBP", "BMP")
"""What a file may hold, whatever its name says."""
MAX_PIXELS = 1 << 26
MODES = {1: "L", 3: "RGB"}
"""Pillow's name of 8-bit pixels, by the channels that a model takes."""
DEEP = ("I", "F")
"""How the names of modes with more than 8 bits a channel begin; Pillow would clip them."""

# Pillow warns of a picture of more than 90 million pixels before it can be refused here
warnings.simplefilter("error", Image.DecompressionBombWarning)


def is_picture(path: Path) -> bool:
    """Whether the name is that of a picture."""
    return path.suffix.lower() in SUFFIXES


def open_picture(path: Path, channels: int) -> Image.Image:
    """The picture in ``path`` with 1 or 3 channels of 8 bits; the first, where there are several.

    Grey becomes three equal channels; colours become their luma (ITU-R 601) for one channel; palettes, CMYK
    and transparency become RGB as in torchvision's ImageFolder; the orientation of EXIF is left alone, as
    there. FileNotFoundError, or ValueError (one line) for anything that is no whole picture.
    """
    check_readable(path)
    if channels not in MODES:
        raise ValueError(f"{path}: pictures have 1 or 3 channels, the model takes {channels}")
    data = path.read_bytes()
    try:
        picture = _decoded(data)
    except UnidentifiedImageError as error:
        raise ValueError(f"{path}: not a JPEG, PNG, WebP or BMP picture") from error
    except Exception as error:  # Pillow's decoders let errors of many kinds through on damaged files
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"{path}: not a whole picture: {reason}") from error
    if picture.mode.startswith(DEEP):
        raise ValueError(f"{path}: more than 8 bits a channel (mode {picture.mode}): convert it first")
    return picture if picture.mode == MODES[channels] else picture.convert(MODES[channels])


def _decoded(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data), formats=FORMATS)
    width, height = picture.size
    if width * height > MAX_PIXELS:
        raise ValueError(f"{width} x {height} pixels are out of range")
    if picture.format == "PNG":
        picture.verify()  # the checksums, which decoding leaves aside
        picture = Image.open(io.BytesIO(data), formats=FORMATS)
    picture.load()
    return picture


def pixels_of(picture: Image.Image) -> NDArray[np.uint8]:
    """uint8 [H, W, 1 or 3]."""
    array: NDArray[Any] = np.asarray(picture)
    return array[..., None] if array.ndim == 2 else array


def png_bytes(image: NDArray[np.uint8]) -> bytes:
    """uint8 [H, W, 1] or [H, W, 3] as a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
