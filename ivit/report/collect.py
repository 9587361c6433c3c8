"""From a torch-level module and images to everything that a report says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ivit.pipeline import HOST, machine_of
from ivit.progress import Report, silent
from ivit.report.content import Content, CostRow, LaunchRow, Sizes
from ivit.report.costs import cost_rows, macs_by_group
from ivit.report.measure import Measured, measure
from ivit.report.quantized import Quantized, quantize_source
from ivit.report.rows import output_figures, tensor_rows
from ivit.report.timing import time_launches
from ivit.source import Source
from passes.lower_to_int import LowerToIntOptions
from passes.quantization.options import FAMILIES, OPTION_NAMES, SIMULATED
from passes.quantization.recipes import DEFAULT, Recipe
from passes.run_passes import one_line_errors, run_passes


@dataclass(frozen=True)
class Request:
    """What to quantize with and what to measure on.

    ``calibration`` and ``data``: float32 [N, C, H, W] or uint8 [N, H, W, C]; ``data_name`` says whose.
    """

    options: LowerToIntOptions
    calibration: NDArray[Any]
    data: NDArray[Any]
    data_name: str


def collect(source: Source, request: Request, report: Report = silent) -> Content:
    """Quantize ``source`` (torch level, taken over), measure it against its float form, and time its code.

    ValueError, one line, where that cannot be.
    """
    float_bytes = sum(array.nbytes for array in source.ctx.store.values())
    quantized, measured = measure_source(source, request, report)
    costs = _costs(quantized, request.data[:1], float_bytes, report)
    chosen, default = _as_options(quantized.recipe), _as_options(DEFAULT)
    return Content(
        model=Path(source.name).name,
        data=request.data_name,
        images=len(request.data),
        target=costs.target,
        asked=request.options.given(),
        recipe=chosen,
        changed={name: value for name, value in chosen.items() if value != default[name]},
        output=output_figures(measured.integer_outputs, measured.float_outputs),
        sizes=costs.sizes,
        tensors=tensor_rows(measured, quantized.recipe),
        costs=costs.rows,
        launches=costs.launches,
    )


def _as_options(recipe: Recipe) -> dict[str, Any]:
    """What ``recipe`` says, as far as a caller can say it."""
    return {name: getattr(recipe, name) for name in OPTION_NAMES if hasattr(recipe, name)}


def measure_source(source: Source, request: Request, report: Report = silent) -> tuple[Quantized, Measured]:
    """``source`` in integers, and those against its float form."""
    with one_line_errors(source.name):
        quantized = quantize_source(source, request.options, request.calibration, report)
        images, graph_images = quantized.inputs(request.data)
        measured = measure(
            source.module,
            source.ctx.store,
            quantized.records,
            quantized.graph,
            images,
            graph_images,
            report,
        )
    return quantized, measured


def simulates(recipe: Recipe) -> bool:
    """Whether some family of ``recipe`` is floating point, which is not compiled."""
    return any(getattr(recipe, kind) == SIMULATED for kind in FAMILIES)


@dataclass(frozen=True)
class _Costs:
    target: str
    sizes: Sizes
    rows: list[CostRow]
    launches: list[LaunchRow]


def _costs(quantized: Quantized, image: NDArray[Any], float_bytes: int, report: Report) -> _Costs:
    """Compile the integers for this machine and time them on ``image``, one image as a caller passes it."""
    module, ctx = quantized.source.module, quantized.source.ctx
    integer_bytes = sum(array.nbytes for array in ctx.store.values())
    if simulates(quantized.recipe):
        sizes = Sizes(float_bytes, integer_bytes, integer_bytes, 0, 0)
        return _Costs("nothing: floating point is simulated", sizes, cost_rows(macs_by_group(module), []), [])
    with one_line_errors(quantized.source.name):
        run_passes(quantized.rest, module, ctx, report)
    timed = time_launches(module, ctx, image, machine_of(HOST), report)
    program, launches = timed.program, timed.launches
    sizes = Sizes(
        float_bytes, integer_bytes, program.weights.size, len(program.object_code), timed.arena_bytes
    )
    return _Costs(program.target, sizes, cost_rows(timed.macs, launches), launches)
