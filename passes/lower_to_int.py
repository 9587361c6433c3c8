"""From a torch module to an integer one in one call: the pipeline ``lower-to-int`` with Python arguments."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.utils.arg_spec import ParameterListType

from ivit_dialect.store import StoreContext, store_of
from passes.calibrate import CalibratePass, calibrate
from passes.calibration.images import load_images
from passes.levels import check_level
from passes.pipeline_text import build_passes
from passes.pipelines import LOWER_TO_INT
from passes.quantization.options import QuantizeOptions
from passes.quantization.recipes import resolve
from passes.quantize import QuantizePass, quantize, tell_without_effect
from passes.registry import get_passes
from passes.run_passes import Report, run_passes, unreported
from passes.torch_entry import check_normalisation


@dataclass(frozen=True)
class LowerToIntOptions(QuantizeOptions):
    """Options of ``quantize``, and mean and std where the input is to be pixels.

    ValueError for values that the pass ``quantize`` would not take.
    """

    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        resolve(self)
        check_normalisation(self.mean, self.std)

    def pipeline_options(self) -> dict[str, ParameterListType]:
        """As the pipeline's options."""
        given: dict[str, ParameterListType] = {name: (value,) for name, value in self.given().items()}
        for name, values in (("mean", self.mean), ("std", self.std)):
            if values is not None:
                given[name] = tuple(map(float, values))
        return given


def lower_to_int(
    module: ModuleOp,
    ctx: StoreContext,
    options: LowerToIntOptions | None = None,
    calibration: NDArray[Any] | Path | str | None = None,
    progress: Report | None = None,
) -> ModuleOp:
    """``module`` (torch level, weights in ``ctx.store``) in integers; it is changed in place and returned.

    ``calibration`` is an array of images or the path of one (see ``calibrate``); without it, recorded ranges
    are used, or generated images with a notice on stderr. Raises ValueError or FileNotFoundError (one line).
    """
    options = options or LowerToIntOptions()
    images = load_images(Path(calibration)) if isinstance(calibration, Path | str) else calibration
    report = progress or unreported
    check_level(LOWER_TO_INT, module)
    passes = build_passes(LOWER_TO_INT.specs(options.pipeline_options()), get_passes())
    steps = {step.name: step for step in passes}
    steps[CalibratePass.name] = _CalibrateOn(images, options, report)
    steps[QuantizePass.name] = _QuantizeOn(images, options, report)
    run_passes(steps.values(), module, ctx, report)
    return module


@dataclass(frozen=True)
class _CalibrateOn(ModulePass):
    """``calibrate`` on images in memory, which no option can name."""

    name = CalibratePass.name

    images: NDArray[Any] | None
    options: LowerToIntOptions
    report: Report

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        calibrate(
            op,
            store_of(ctx),
            self.images,
            mean=self.options.mean,
            std=self.options.std,
            progress=lambda done, total: self.report(self.name, done, total),
        )


@dataclass(frozen=True)
class _QuantizeOn(ModulePass):
    """``quantize`` on images in memory."""

    name = QuantizePass.name

    images: NDArray[Any] | None
    options: LowerToIntOptions
    report: Report

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        tell_without_effect(self.options)
        quantize(
            op,
            ctx,
            resolve(self.options),
            self.images,
            mean=self.options.mean,
            std=self.options.std,
            progress=lambda done, total: self.report(self.name, done, total),
        )
