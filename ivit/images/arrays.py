"""Images in .npz and .npy files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ivit_dialect.files import check_readable

SUFFIXES = (".npz", ".npy")


@dataclass(frozen=True)
class ImageSet:
    """``images``: uint8 [N, H, W, C] or float32 [N, C, H, W]; ``labels``: int64 [N], or None."""

    images: NDArray[Any]
    labels: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.images)


def read_arrays(path: Path) -> ImageSet:
    """An .npz file (``images``, perhaps ``labels``), or an .npy file, which is read as it is used.

    FileNotFoundError or ValueError, one line with the file's name, for anything that cannot be read.
    """
    check_readable(path)
    try:
        loaded: Any = np.load(path, mmap_mode="r", allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            arrays, names = {"images": cast("NDArray[Any]", loaded)}, []
        else:
            with loaded:
                arrays = {name: loaded[name] for name in ("images", "labels") if name in loaded}
                names = list(loaded)
    except Exception as error:  # numpy.load lets errors of many kinds through on damaged files
        raise ValueError(f"{path}: not a readable .npz or .npy file{_reason(error)}") from error
    if "images" not in arrays:
        raise ValueError(
            f"{path}: expected an array 'images' (arrays in the file: {', '.join(names) or 'none'})"
        )
    if arrays["images"].ndim == 0:
        raise ValueError(f"{path}: holds one number, not images")
    return ImageSet(arrays["images"], _labels(path, arrays))


def _labels(path: Path, arrays: dict[str, NDArray[Any]]) -> NDArray[np.int64] | None:
    labels = arrays.get("labels")
    if labels is None:
        return None
    count = len(arrays["images"])
    if not np.issubdtype(labels.dtype, np.integer) or labels.shape != (count,):
        raise ValueError(f"{path}: labels must be {count} integers, got {labels.dtype} {list(labels.shape)}")
    return labels.astype(np.int64)


def _reason(error: Exception) -> str:
    """What NumPy says, but for its advice to trust the file: unknown bytes pass for a pickle."""
    line = " ".join(str(error).split())
    return f": {line}" if line and "allow_pickle" not in line else ""
