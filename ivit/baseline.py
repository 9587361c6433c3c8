"""The model in float32, run by NumPy from its torch level: what the integers are compared with."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ivit.progress import Report, silent
from ivit.source import Source, open_source
from ivit_dialect.load import module_text
from ivit_dialect.torch.interpreter import run
from passes.calibration.images import normalise
from passes.registry import get_passes
from passes.run_passes import one_line_errors, run_passes
from passes.torch_entry import normalisation_of

BATCH = 50


class FloatModel:
    """A torch-level module as a function of float32 images of any batch."""

    def __init__(self, source: Source) -> None:
        """Takes ``source`` over. ValueError where it is not at torch level or its batch is fixed."""
        if source.level != "torch":
            raise ValueError(f"{source.name}: holds integers already; the float model is needed")
        passes = (get_passes()[name]()() for name in ("raise-torch", "generalize-batch"))
        with one_line_errors(source.name):
            run_passes(passes, source.module, source.ctx)
        self._source = source

    @property
    def name(self) -> str:
        """Where it came from."""
        return self._source.name

    def fingerprint(self) -> str:
        """SHA-256 of the module and its weights, in hexadecimal."""
        digest = hashlib.sha256(module_text(self._source.module).encode())
        for key, array in sorted(self._source.ctx.store.items()):
            digest.update(key.encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()

    @classmethod
    def open(cls, path: Path) -> FloatModel:
        """The model of the .mlir file ``path``."""
        return cls(open_source(path))

    def __call__(
        self,
        images: NDArray[Any],
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        report: Report = silent,
    ) -> NDArray[np.float32]:
        """float32 [N, ...] of float32 [N, C, H, W], or of uint8 pixels [N, H, W, C], normalised here.

        ``mean`` and ``std`` default to what the module says. ValueError for pixels without them.
        """
        normalisation = normalisation_of(
            self._source.module, None if mean is None else tuple(mean), None if std is None else tuple(std)
        )
        if images.dtype == np.uint8 and normalisation is None:
            raise ValueError("the images are uint8 pixels, but the float model says no mean and std")
        parts: list[NDArray[Any]] = []
        for start in range(0, len(images), BATCH):
            part = images[start : start + BATCH]
            if part.dtype == np.uint8 and normalisation is not None:
                part = normalise(part, normalisation)
            parts.extend(run(self._source.module, self._source.ctx.store, part))
            report("FP32", min(start + BATCH, len(images)), len(images))
        return np.concatenate(parts).astype(np.float32)
