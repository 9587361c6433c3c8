"""The cases and the images of the benchmark."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.deit import SHAPE


@dataclass(frozen=True)
class Case:
    """One model at one batch size and one number of threads; ``folder`` holds what ``prepare`` made.

    ``target`` is what our code is compiled for: ``cpu`` (this machine), or a name of ``lowering.targets``.
    """

    folder: Path
    model: str
    batch: int
    threads: int
    target: str = "cpu"

    def file(self, ending: str) -> Path:
        """The model's file with that ending."""
        return self.folder / f"{self.model}.{ending}"

    @property
    def artifact(self) -> Path:
        """Where our compiled model is."""
        return self.file(f"{self.target}.ivit")


def images(count: int, seed: int = 0) -> NDArray[np.float32]:
    """Normal noise [count, 3, 224, 224]: what images are once mean and std are taken out."""
    return np.random.default_rng(seed).standard_normal((count, *SHAPE), np.float32)
