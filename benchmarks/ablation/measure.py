"""One variant of one model: compiled, run, compared with the float model."""

from __future__ import annotations

import contextlib
import io
import time
from dataclasses import dataclass, replace
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

    ``error`` says why there are no figures: the options exclude one another, or the model. With ``repeats``
    above 1 the figures are means over as many sets of calibration images, the worst cosine the worst of all;
    ``top1_spread`` and ``sqnr_spread`` are standard deviations.
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
    repeats: int = 1
    top1_spread: float | None = None
    sqnr_spread: float | None = None


@dataclass(frozen=True)
class Effort:
    """How much to measure: ``interpreted`` images of variants in float, which are slow.

    ``repeats`` as in ``Row``; ``threads`` of compiled models (None: one per physical core).
    """

    interpreted: int
    repeats: int = 1
    threads: int | None = None


def measure(subject: Subject, variant: Variant, effort: Effort) -> Row:
    """Figures on all images; of simulated variants on the first few, once."""
    count = min(len(subject.images), effort.interpreted) if variant.simulated else len(subject.images)
    repeats = 1 if variant.simulated else effort.repeats
    place = (subject.name, variant.group, variant.name, variant.options, count, variant.simulated)
    reference = subject.reference[:count]
    labels = None if subject.labels is None else subject.labels[:count]
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # notices, which the figures speak for
            found = [
                _once(subject, variant, calibration, count, effort.threads)
                for calibration in calibration_sets(subject.calibration, repeats)
            ]
    except ValueError as error:
        return Row(*place, error=str(error), repeats=repeats)
    outputs = [output for output, _ in found]
    top1 = None if labels is None else [top_k(output, labels, 1) for output in outputs]
    sqnr = [sqnr_db(reference, output) for output in outputs]
    similar = np.stack([cosines(reference, output) for output in outputs])
    return Row(
        *place,
        top1=None if top1 is None else float(np.mean(top1)),
        float_top1=None if labels is None else top_k(reference, labels, 1),
        agreement=float(np.mean([agreement(reference, output) for output in outputs])),
        sqnr_db=float(np.mean(sqnr)),
        cosine_mean=float(similar.mean()),
        cosine_worst=float(similar.min()),
        compile_s=float(np.mean([seconds for _, seconds in found])),
        repeats=repeats,
        top1_spread=None if top1 is None or repeats == 1 else float(np.std(top1)),
        sqnr_spread=None if repeats == 1 else float(np.std(sqnr)),
    )


def calibration_sets(images: NDArray[Any], repeats: int) -> list[NDArray[Any]]:
    """All ``images``, or with ``repeats`` above 1 as many sets that each lack another tenth.

    ValueError for too few images.
    """
    if repeats == 1:
        return [images]
    every = max(10, repeats)
    sets = [np.delete(images, np.arange(i, len(images), every), axis=0) for i in range(repeats)]
    if len(images) < repeats or len(images) < 2:
        raise ValueError(f"{repeats} repeats need as many calibration images at least, got {len(images)}")
    return sets


def _once(
    subject: Subject, variant: Variant, calibration: NDArray[Any], count: int, threads: int | None
) -> tuple[NDArray[np.float32], float]:
    """Outputs for the first ``count`` images, and the seconds that compiling took."""
    subject = replace(subject, calibration=calibration)
    if variant.simulated:
        return _interpreted(subject, variant, subject.images[:count])
    return _compiled(subject, variant, subject.images[:count], threads)


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
