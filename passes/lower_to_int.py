"""From a torch module to an integer one in one call: the pipeline ``lower-to-int`` with Python arguments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.arg_spec import ParameterListType

from ivit_dialect.store import StoreContext
from passes.calibrate import CalibratePass, calibrate
from passes.calibration.images import load_images
from passes.levels import check_level
from passes.pipeline_text import build_passes
from passes.pipelines import LOWER_TO_INT
from passes.quantization.options import QuantizeOptions
from passes.registry import get_passes
from passes.torch_entry import check_normalisation

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with a pass and how much of it is done and to do: images in ``calibrate``, else 0 or 1 of 1."""


@dataclass(frozen=True)
class LowerToIntOptions:
    """Families of the non-linear ops ("exact" or "ivit"), and mean and std where the input is to be pixels.

    ValueError for values that the pass ``quantize`` would not take.
    """

    softmax: str = "exact"
    gelu: str = "exact"
    layernorm: str = "exact"
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        QuantizeOptions(self.softmax, self.gelu, self.layernorm)
        check_normalisation(self.mean, self.std)

    def pipeline_options(self) -> dict[str, ParameterListType]:
        """As the pipeline's options."""
        given: dict[str, ParameterListType] = {
            "softmax": (self.softmax,),
            "gelu": (self.gelu,),
            "layernorm": (self.layernorm,),
        }
        for name, values in (("mean", self.mean), ("std", self.std)):
            if values is not None:
                given[name] = tuple(map(float, values))
        return given


def lower_to_int(
    module: ModuleOp,
    ctx: StoreContext,
    options: LowerToIntOptions | None = None,
    calibration: NDArray[Any] | Path | str | None = None,
    progress: Progress | None = None,
) -> ModuleOp:
    """``module`` (torch level, weights in ``ctx.store``) in integers; it is changed in place and returned.

    ``calibration`` is an array of images or the path of one (see ``calibrate``); without it, recorded ranges
    are used, or generated images with a notice on stderr. Raises ValueError or FileNotFoundError (one line).
    """
    options = options or LowerToIntOptions()
    images = load_images(Path(calibration)) if isinstance(calibration, Path | str) else calibration
    report = progress or _silent
    check_level(LOWER_TO_INT, module)
    for step in build_passes(LOWER_TO_INT.specs(options.pipeline_options()), get_passes()):
        report(step.name, 0, 1)
        if isinstance(step, CalibratePass):
            calibrate(
                module,
                ctx.store,
                images,
                mean=options.mean,
                std=options.std,
                progress=lambda done, total: report("calibrate", done, total),
            )
        else:
            step.apply(ctx, module)
        module.verify()
        report(step.name, 1, 1)
    return module


def _silent(name: str, done: int, total: int) -> None:
    """No progress is wanted."""
