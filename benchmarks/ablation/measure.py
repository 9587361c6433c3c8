"""One variant of one model: compiled, run, compared with the float model."""

from __future__ import annotations

import contextlib
import io
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import ivit
from benchmarks.ablation.subjects import Subject
from benchmarks.ablation.variants import Variant
from ivit.interface import boundary_of
from ivit.metrics import agreement, cosines, sqnr_db, top_k
from ivit.pipeline import Options, lower_to_int
from ivit.progress import silent
from ivit.source import open_source
from ivit_dialect.interpreter import run
from passes.quantization.options import QuantizeOptions

INTERPRETED_BATCH = 25


@dataclass(frozen=True)
class Row:
    """One line of the table. ``agreement`` and ``top1`` in percent; ``top1`` is None without labels.

    ``error`` says why there are no figures: the options exclude one another, or the model.
    """

    model: str
    group: str
    name: str
    options: dict[str, Any]
    images: int
    simulated: bool = False
    top1: float | None = None
    float_top1: float | None = None
    agreement: float | None = None
    sqnr_db: float | None = None
    cosine_mean: float | None = None
    cosine_worst: float | None = None
    compile_s: float | None = None
    error: str | None = None


def measure(subject: Subject, variant: Variant, threads: int | None, interpreted: int) -> Row:
    """Figures on all images; simulated variants on the first ``interpreted``, for they are slow."""
    count = min(len(subject.images), interpreted) if variant.simulated else len(subject.images)
    place = (subject.name, variant.group, variant.name, variant.options, count, variant.simulated)
    images = subject.images[:count]
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # notices, which the figures speak for
            outputs, seconds = (
                _interpreted(subject, variant, images)
                if variant.simulated
                else _compiled(subject, variant, images, threads)
            )
    except ValueError as error:
        return Row(*place, error=str(error))
    reference = subject.reference[:count]
    labels = None if subject.labels is None else subject.labels[:count]
    similar = cosines(reference, outputs)
    return Row(
        *place,
        top1=None if labels is None else top_k(outputs, labels, 1),
        float_top1=None if labels is None else top_k(reference, labels, 1),
        agreement=agreement(reference, outputs),
        sqnr_db=sqnr_db(reference, outputs),
        cosine_mean=float(similar.mean()),
        cosine_worst=float(similar.min()),
        compile_s=seconds,
    )


def _compiled(
    subject: Subject, variant: Variant, images: NDArray[Any], threads: int | None
) -> tuple[NDArray[np.float32], float]:
    started = time.perf_counter()
    model = ivit.compile(
        str(subject.path), calibration=subject.calibration, threads=threads, **variant.options
    )
    seconds = time.perf_counter() - started
    return model(images), seconds


def _interpreted(
    subject: Subject, variant: Variant, images: NDArray[Any]
) -> tuple[NDArray[np.float32], float]:
    started = time.perf_counter()
    source = open_source(subject.path)
    options = Options(calibration=subject.calibration, quantization=QuantizeOptions(**variant.options))
    lower_to_int(source, options, silent)
    seconds = time.perf_counter() - started
    boundary = boundary_of(source.module)
    integers = boundary.to_integers(images, None)
    parts = [
        run(source.module, source.ctx.store, integers[start : start + INTERPRETED_BATCH])
        for start in range(0, len(integers), INTERPRETED_BATCH)
    ]
    return boundary.to_floats(np.concatenate(parts)), seconds
