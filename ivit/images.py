"""Image files in: .npz and .npy arrays, .png pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ivit.png import read_png
from ivit_dialect.files import check_readable
from runtime.boundary import Boundary


@dataclass(frozen=True)
class ImageSet:
    """``images``: uint8 [N, H, W, C] or float32 [N, C, H, W]; ``labels``: int64 [N], or None."""

    images: NDArray[Any]
    labels: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.images)


def read_images(paths: Sequence[Path]) -> ImageSet:
    """One .npz (``images``, perhaps ``labels``) or .npy file, or .png files of one size.

    FileNotFoundError or ValueError, one line with the file's name, for anything that cannot be read.
    """
    if not paths:
        raise ValueError("no images given")
    suffixes = {path.suffix.lower() for path in paths}
    if suffixes == {".png"}:
        return ImageSet(_stacked(paths))
    if len(paths) > 1:
        raise ValueError("give one .npz or .npy file, or any number of .png files")
    return _read_arrays(paths[0])


def for_model(images: ImageSet, boundary: Boundary) -> ImageSet:
    """``images`` with the channel that grey uint8 pixels [N, H, W] lack."""
    array = images.images
    if array.dtype == np.uint8 and array.ndim == 3 and boundary.input_shape[2] == 1:
        return ImageSet(array[..., None], images.labels)
    return images


def _stacked(paths: Sequence[Path]) -> NDArray[np.uint8]:
    images = [read_png(path) for path in paths]
    for path, image in zip(paths, images, strict=True):
        if image.shape != images[0].shape:
            raise ValueError(f"{path}: its size {image.shape} is not that of {paths[0]}, {images[0].shape}")
    return np.stack(images)


def _read_arrays(path: Path) -> ImageSet:
    check_readable(path)
    try:
        loaded: Any = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return ImageSet(cast("NDArray[Any]", loaded))
        with loaded:
            arrays = {name: loaded[name] for name in ("images", "labels") if name in loaded}
            names = list(loaded)
    except Exception as error:  # numpy.load lets errors of many kinds through on damaged files
        raise ValueError(f"{path}: not a readable .npz, .npy or .png file{_reason(error)}") from error
    if "images" not in arrays:
        raise ValueError(
            f"{path}: expected an array 'images' (arrays in the file: {', '.join(names) or 'none'})"
        )
    return ImageSet(arrays["images"], _labels(path, arrays))


def _labels(path: Path, arrays: dict[str, NDArray[Any]]) -> NDArray[np.int64] | None:
    labels = arrays.get("labels")
    if labels is None:
        return None
    count = len(arrays["images"]) if arrays["images"].ndim else 0
    if not np.issubdtype(labels.dtype, np.integer) or labels.shape != (count,):
        raise ValueError(f"{path}: labels must be {count} integers, got {labels.dtype} {list(labels.shape)}")
    return labels.astype(np.int64)


def _reason(error: Exception) -> str:
    """What NumPy says, but for its advice to trust the file: unknown bytes pass for a pickle."""
    line = " ".join(str(error).split())
    return f": {line}" if line and "allow_pickle" not in line else ""
