"""A compiled model over a set of images: counts and sums, batch by batch, and the figures they give."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ivit.baseline import FloatModel
from ivit.images.source import Images, OnBad
from ivit.metrics import cosines, in_top_k, ratio_db
from ivit.model import Model
from ivit.progress import Report, silent
from ivit_dialect.files import about

BATCH = 50
"""Images at a time: sums are added up batch by batch, so this is part of what makes figures repeatable."""


@dataclass
class Tally:
    """What evaluation adds up; ``done`` is the place of the next image, ``skipped`` the pictures left out."""

    done: int = 0
    images: int = 0
    skipped: int = 0
    seconds: float = 0.0
    int_top1: int = 0
    int_top5: int = 0
    fp32_top1: int = 0
    fp32_top5: int = 0
    agree: int = 0
    signal: float = 0.0
    noise: float = 0.0
    cosine: float = 0.0
    worst_cosine: float = 1.0

    def to_json(self) -> dict[str, Any]:
        """Plain values, for a file."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Tally:
        """The inverse of ``to_json``; ValueError for anything else."""
        new = cls().to_json()
        if values.keys() != new.keys() or any(type(values[name]) is not type(new[name]) for name in new):
            raise ValueError("its figures are incomplete")
        return cls(**values)

    def add_labels(
        self, outputs: NDArray[Any], reference: NDArray[Any] | None, labels: NDArray[np.int64]
    ) -> None:
        """Count hits of outputs [N, classes]."""
        self.int_top1 += int(in_top_k(outputs, labels, 1).sum())
        self.int_top5 += int(in_top_k(outputs, labels, 5).sum())
        if reference is not None:
            self.fp32_top1 += int(in_top_k(reference, labels, 1).sum())
            self.fp32_top5 += int(in_top_k(reference, labels, 5).sum())

    def add_reference(self, outputs: NDArray[Any], reference: NDArray[Any]) -> None:
        """Add up how far ``outputs`` are from ``reference``, of the same shape."""
        exact = reference.astype(np.float64)
        self.signal += float((exact**2).sum())
        self.noise += float(((exact - outputs) ** 2).sum())
        cosine = cosines(reference, outputs)
        self.cosine += float(cosine.sum())
        self.worst_cosine = min(self.worst_cosine, float(cosine.min()))
        if outputs.ndim == 2:
            self.agree += int((outputs.argmax(axis=1) == reference.argmax(axis=1)).sum())


@dataclass(frozen=True)
class Evaluation:
    """``model``, called ``name``, on ``images`` against their labels, where they count, and ``reference``."""

    name: str
    model: Model
    images: Images
    labelled: bool
    reference: FloatModel | None = None

    def run(
        self,
        tally: Tally,
        report: Report = silent,
        on_bad: OnBad | None = None,
        keep: Callable[[Tally], None] | None = None,
    ) -> None:
        """Go on from ``tally`` to the last image; ``keep`` gets the tally after each batch.

        ValueError, one line, for images that do not suit the model, and for a picture that cannot be read
        unless ``on_bad`` takes it.
        """
        if tally.done < len(self.images):
            self._link()
        for batch in self.images.batches(BATCH, tally.done, on_bad):
            if len(batch.images):
                self._add(tally, batch.images, batch.labels, int(batch.places[0]))
            tally.skipped += batch.end - tally.done - len(batch.images)
            tally.done = batch.end
            report("images", tally.done, len(self.images))
            if keep is not None:
                keep(tally)

    def _link(self) -> None:
        """Link the code, which is no part of the time per image."""
        boundary = self.model.boundary
        kind = np.uint8 if boundary.kind == "pixels" else np.float32
        height, width, channels = boundary.input_shape
        shape = (height, width, channels) if kind is np.uint8 else (channels, height, width)
        self.model(np.zeros((1, *shape), kind))

    def _add(self, tally: Tally, images: NDArray[Any], labels: NDArray[np.int64] | None, first: int) -> None:
        with about(self.images.name):
            images = self.model.boundary.checked(images, first)
        started = time.perf_counter()
        outputs = self.model(images)
        tally.seconds += time.perf_counter() - started
        tally.images += len(images)
        reference = None
        if self.reference is not None:
            reference = self._compare(tally, images, outputs)
        if self.labelled and labels is not None:
            tally.add_labels(outputs, reference, labels)

    def _compare(self, tally: Tally, images: NDArray[Any], outputs: NDArray[Any]) -> NDArray[np.float32]:
        """What the reference makes of ``images``."""
        assert self.reference is not None
        boundary = self.model.boundary
        with about(self.reference.name):
            reference = self.reference(images, boundary.mean or None, boundary.std or None)
        if reference.shape != outputs.shape:
            raise ValueError(
                f"{self.reference.name} returns {list(reference.shape[1:])},"
                f" {self.name} {list(outputs.shape[1:])}: they are not the same model"
            )
        tally.add_reference(outputs, reference)
        return reference

    def figures(self, tally: Tally) -> dict[str, Any]:
        """What ``tally`` comes to: accuracies and agreement in percent, time in milliseconds.

        ValueError where every picture was left out.
        """
        count = tally.images
        if count == 0:
            raise ValueError(f"{self.images.name}: holds no images that can be read")
        result: dict[str, Any] = {"images": count}
        if tally.skipped:
            result["skipped"] = tally.skipped
        result["ms_per_image"] = 1000 * tally.seconds / count
        share = {name: 100 * (hits / count) for name, hits in tally.to_json().items() if name in SHARES}
        if self.labelled:
            result |= {name: share[name] for name in ("int_top1", "int_top5")}
        if self.reference is not None:
            if self.labelled:
                result |= {name: share[name] for name in ("fp32_top1", "fp32_top5")}
            if len(self.model.boundary.output_shape) == 1:
                result["agreement"] = share["agree"]
            result["sqnr_db"] = ratio_db(tally.signal, tally.noise)
            result["cosine"] = tally.cosine / count
            result["worst_cosine"] = tally.worst_cosine
        return result


SHARES = ("int_top1", "int_top5", "fp32_top1", "fp32_top5", "agree")
"""The counts of a tally that become percentages."""
