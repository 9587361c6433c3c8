"""Calibration images, checked and brought to the model's own convention (float32 NCHW)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from passes.torch_entry import Normalisation

ARRAY_NAME = "images"
IMAGENET = Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def load_images(path: Path) -> NDArray[Any]:
    """The array ``images`` of an .npz file, or the array of an .npy file.

    Raises FileNotFoundError, or ValueError (one line) for a folder, or a file without the array.
    """
    if path.is_dir():
        raise ValueError(
            f"{path}: is a folder: give an .npz or .npy file; ivit compile --calibration takes folders"
        )
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such calibration file")
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return cast(NDArray[Any], loaded)
        with loaded:
            arrays = {ARRAY_NAME: loaded[ARRAY_NAME]} if ARRAY_NAME in loaded else {}
            names = ", ".join(loaded) or "none"
    except Exception as error:  # numpy.load lets errors of many kinds through on damaged files
        raise ValueError(f"{path}: not a readable .npz or .npy file") from error
    if not arrays:
        raise ValueError(f"{path}: expected an array '{ARRAY_NAME}' (arrays in the file: {names})")
    return arrays[ARRAY_NAME]


def normalise(pixels: NDArray[np.uint8], normalisation: Normalisation) -> NDArray[np.float32]:
    """uint8 [N, H, W, C] -> float32 [N, C, H, W]."""
    means, deviations = np.array(normalisation.mean, np.float32), np.array(normalisation.std, np.float32)
    scaled = (pixels.astype(np.float32) / np.float32(255) - means) / deviations
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))


def default_normalisation(channels: int) -> Normalisation:
    """What to assume for generated images: ImageNet's for three channels, else 0.5."""
    if channels == len(IMAGENET.mean):
        return IMAGENET
    return Normalisation((0.5,) * channels, (0.5,) * channels)


def checked_images(
    images: NDArray[Any], shape: tuple[int, int, int], normalisation: Normalisation | None
) -> NDArray[np.float32]:
    """``images`` as float32 [N, C, H, W] for a model that takes ``shape`` = (C, H, W).

    Takes floats [N, C, H, W] in the model's convention, or uint8 [N, H, W, C] where normalisation is known.
    Raises ValueError (one line) for anything else, for no images, NaN and infinities.
    """
    channels, height, width = shape
    if images.dtype == np.uint8:
        if normalisation is None:
            raise ValueError(
                "calibration images are uint8 pixels: give mean and std (--mean and --std, mean= and std=),"
                " or float32 NCHW images"
            )
        _require_shape(images, (height, width, channels), "uint8 [N, H, W, C]")
        return normalise(images, normalisation)
    if not np.issubdtype(images.dtype, np.floating):
        raise ValueError(f"calibration images must be float32 NCHW or uint8 NHWC, got {images.dtype}")
    _require_shape(images, shape, "float32 [N, C, H, W]")
    with np.errstate(over="ignore"):
        result = np.ascontiguousarray(images, np.float32)
    if not np.all(np.isfinite(result)):
        bad = int(np.argmin(np.isfinite(result).reshape(len(result), -1).all(axis=1)))
        raise ValueError(f"calibration image {bad} holds NaN or infinity")
    return result


def _require_shape(images: NDArray[Any], shape: tuple[int, int, int], what: str) -> None:
    if images.ndim != 4 or images.shape[1:] != shape:
        expected = ", ".join(map(str, shape))
        raise ValueError(
            f"calibration images have shape {list(images.shape)}; this model takes {what} of [N, {expected}]"
        )
    if len(images) == 0:
        raise ValueError("there are no calibration images: the array is empty")
