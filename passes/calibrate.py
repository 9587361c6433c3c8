"""``calibrate``: the ranges of activations, seen in a float run, as attributes of the ops.

    calibrate{images="images.npz" mean=0.485,0.456,0.406 std=0.229,0.224,0.225}

Every op whose result may be quantised gets ``ivit.range = [min, max]``; attention also gets the ranges of
its query, key, value and scores; the function gets the range of its input. Tensors whose channels may get
factors of their own get the range of each channel too. Ranges that are there already are kept unless images
are given.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.passes import ModulePass

from ivit_dialect.store import WeightStore, store_of
from ivit_dialect.torch.entry import main_function
from ivit_dialect.torch.interpreter import run
from passes.calibration.images import load_images
from passes.calibration.inputs import calibration_inputs
from passes.calibration.observer import MinMax, expected_ranges
from passes.calibration.parallel import in_parallel
from passes.integer_forms import check_integer_forms
from passes.ranges import RANGE
from passes.torch_entry import image_sizes, normalisation_of

BATCH = 8
Progress: TypeAlias = Callable[[int, int], None]
"""Called with the number of images done and in all."""


@dataclass(frozen=True)
class CalibratePass(ModulePass):
    """See the module's docstring. ValueError or FileNotFoundError (one line) for unusable images."""

    name = "calibrate"

    images: str | None = None
    mean: tuple[float | int, ...] | None = None
    std: tuple[float | int, ...] | None = None

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        images = None if self.images is None else load_images(Path(self.images))
        calibrate(op, store_of(ctx), images, mean=self.mean, std=self.std)


def calibrate(
    module: ModuleOp,
    store: WeightStore,
    images: NDArray[Any] | None = None,
    *,
    mean: tuple[float, ...] | None = None,
    std: tuple[float, ...] | None = None,
    progress: Progress | None = None,
) -> None:
    """Record ranges on the ops of ``@main``, seen on ``images``.

    ``images`` are float32 [N, C, H, W] in the model's convention, or uint8 [N, H, W, C] with mean and std.
    Without images, recorded ranges are kept; if any is missing, generated images are used, with a notice on
    stderr. Raises ValueError (one line) for images that do not suit the model, and for an op on activations
    that has no integer form.
    """
    pixels = normalisation_of(module, mean, std)
    function = main_function(module)
    batch, *_ = image_sizes(function)
    check_integer_forms(function)
    if images is None and _is_calibrated(function):
        return
    inputs = calibration_inputs(module, images, pixels, CalibratePass.name, "ranges")
    if images is not None and images.min() == images.max():
        line = "the calibration images have the same value everywhere: their ranges mean little"
        print(f"{CalibratePass.name}: {line}", file=sys.stderr)
    starts = range(0, len(inputs), batch or BATCH)

    def seen(start: int) -> MinMax:
        observer, part = MinMax(function), _batch_of(inputs, start, batch)
        observer.start(part)
        run(module, store, part, observe=observer)
        return observer

    total = MinMax(function)
    for done, observer in enumerate(in_parallel(seen, starts), start=1):
        total.join(observer)
        if progress is not None:
            progress(min(done * starts.step, len(inputs)), len(inputs))
    total.record(store, overwrite=images is not None)


def _batch_of(inputs: NDArray[np.float32], start: int, batch: int | None) -> NDArray[np.float32]:
    """Some images from ``start`` on; where the batch is fixed, exactly that many (the first ones again)."""
    if batch is None:
        return inputs[start : start + BATCH]
    return inputs[np.arange(start, start + batch) % len(inputs)]


def _is_calibrated(function: FuncOp) -> bool:
    return RANGE in function.attributes and all(
        name in op.attributes for op in function.body.block.ops for name in expected_ranges(op)
    )
