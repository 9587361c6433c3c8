"""The models of the ablation: the demo's, the same with outliers, and those given by path."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.outliers import OutlierOptions, write_outliers
from examples.fashion_mnist import load_split
from ivit.baseline import FloatModel

DEMO = Path(__file__).parents[2] / "ivit" / "demo"
DEMO_CALIBRATION = 100


@dataclass(frozen=True)
class Subject:
    """A torch-level model, images to calibrate on, others to test on, and their labels if there are any."""

    name: str
    path: Path
    calibration: NDArray[Any]
    images: NDArray[Any]
    labels: NDArray[np.int64] | None

    @cached_property
    def reference(self) -> NDArray[np.float32]:
        """What the float model makes of the images."""
        return FloatModel.open(self.path)(self.images)


def demo_subjects(folder: Path, split: Path | None, limit: int | None) -> list[Subject]:
    """The demo's model, and the same function with outliers, which is written to ``folder``.

    100 of the demo's images calibrate; the others are tested on, at most ``limit``; with ``split``, the whole
    test split in that folder but the 100. FileNotFoundError where it is not there.
    """
    demo, outliers = DEMO / "model.mlir", folder / "outliers.mlir"
    write_outliers(demo, outliers, OutlierOptions())
    with np.load(DEMO / "images.npz") as data:
        images, labels = data["images"], data["labels"].astype(np.int64)
    calibration, test = images[:DEMO_CALIBRATION], images[DEMO_CALIBRATION:]
    labels = labels[DEMO_CALIBRATION:]
    if split is not None:
        try:
            test, labels = _without(calibration, *load_split(split, "t10k"))
        except FileNotFoundError as error:
            advice = "Debian's package dataset-fashion-mnist has them"
            raise FileNotFoundError(
                f"{error.filename}: no test split of Fashion-MNIST here; {advice}"
            ) from error
    return [
        Subject(name, path, calibration, test[:limit], labels[:limit])
        for name, path in (("demo", demo), ("outliers", outliers))
    ]


def _without(
    taken: NDArray[np.uint8], images: NDArray[np.uint8], labels: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The ``images`` [N, 28, 28] that are none of ``taken``, as [M, 28, 28, 1], and their labels."""
    known = {image.tobytes() for image in taken}
    others = np.array([image.tobytes() not in known for image in images])
    return images[others, :, :, None], labels[others].astype(np.int64)


def subject_of(path: Path, data: Path, calibration: int, limit: int | None) -> Subject:
    """The model ``path`` on the arrays ``images`` and, if there, ``labels`` of the .npz file ``data``.

    The first ``calibration`` images are calibrated on, the next ``limit`` (None: all) tested on.
    ValueError where that leaves none.
    """
    with np.load(data) as arrays:
        if "images" not in arrays:
            raise ValueError(f"{data}: expected an array 'images' (found {', '.join(arrays) or 'none'})")
        images = arrays["images"]
        labels = arrays["labels"].astype(np.int64) if "labels" in arrays else None
    if len(images) <= calibration:
        raise ValueError(
            f"{data}: has {len(images)} images, of which {calibration} are calibrated on: none left"
        )
    test = slice(calibration, None if limit is None else calibration + limit)
    name = path.stem
    return Subject(name, path, images[:calibration], images[test], None if labels is None else labels[test])
