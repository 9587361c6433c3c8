"""From a torch-level module and images to everything that a report says."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ivit.interface import boundary_of
from ivit.metrics import agreement, cosines, sqnr_db
from ivit.pipeline import HOST, fuse, machine_of, native_program
from ivit.progress import Report, silent
from ivit.report.content import Content, HistogramRow, OutputFigures, Sizes, TensorRow
from ivit.report.costs import cost_rows, launch_rows, macs_by_group
from ivit.report.measure import Measured, element_of, measure
from ivit.report.statistics import TensorStatistics
from ivit.source import Source
from ivit_dialect.store import StoreContext, WeightStore
from ivit_dialect.torch.entry import main_function
from lowering.compile import compile_program
from passes.calibrate import CalibratePass, calibrate
from passes.calibration.images import checked_images
from passes.emission.records import Record
from passes.graph.nodes import (
    AttentionNode,
    ConvNode,
    GeluNode,
    JoinNode,
    LinearNode,
    MeanNode,
    Node,
    NormNode,
    PrefixNode,
    SumNode,
)
from passes.lower_to_int import LowerToIntOptions
from passes.pipeline_text import build_passes
from passes.pipelines import LOWER_TO_INT
from passes.quantization.activations import ActivationRules
from passes.quantization.recipes import DEFAULT, Recipe, resolve
from passes.quantize import QuantizePass, equalize, float_graph, graph_images, quantize
from passes.registry import get_passes
from passes.run_passes import one_line_errors, run_passes
from passes.torch_entry import image_sizes, normalisation_of
from runtime.executable import Executable

BLOCK = re.compile(r"block(\d+)\.")
OPS: dict[type[Node], str] = {
    ConvNode: "patch embedding",
    LinearNode: "linear",
    NormNode: "LayerNorm",
    GeluNode: "GELU",
    AttentionNode: "attention",
    SumNode: "sum",
    PrefixNode: "tokens",
    MeanNode: "mean",
    JoinNode: "join",
}
ACCUMULATOR_BITS = 32
STREAM_BITS = 16


@dataclass(frozen=True)
class Request:
    """What to quantize with and what to measure on.

    ``calibration`` and ``data``: float32 [N, C, H, W] or uint8 [N, H, W, C]; ``data_name`` says whose.
    """

    options: LowerToIntOptions
    calibration: NDArray[Any]
    data: NDArray[Any]
    data_name: str
    target: str = HOST


def collect(source: Source, request: Request, report: Report = silent) -> Content:
    """Quantize ``source`` (torch level, taken over), measure it against its float form, and time its code.

    ValueError, one line, where that cannot be.
    """
    float_bytes = sum(array.nbytes for array in source.ctx.store.values())
    with one_line_errors(source.name):
        quantized = _quantize(source, request, report)
        inputs, pixel_inputs = quantized.inputs(request.data)
        measured = measure(
            source.module, source.ctx.store, quantized.records, quantized.graph, inputs, pixel_inputs, report
        )
    return _content(source, request, quantized, measured, float_bytes, report)


@dataclass(frozen=True)
class _Quantized:
    """The float graph before anything was fitted, what the integers stand for, and how images come in."""

    recipe: Recipe
    graph: Any
    records: list[Record]
    inputs: Callable[[NDArray[Any]], tuple[NDArray[np.float32], NDArray[np.float32]]]


def _quantize(source: Source, request: Request, report: Report) -> _Quantized:
    """``source`` to integers as ``--lower-to-int`` does it, but for what only drops unread tokens."""
    module, ctx, options = source.module, source.ctx, request.options
    recipe = resolve(options)
    steps = _steps(options)
    place = next(i for i, step in enumerate(steps) if step.name == CalibratePass.name)
    run_passes(steps[:place], module, ctx, report)
    mean, std = options.mean, options.std
    calibrate(
        module,
        ctx.store,
        request.calibration,
        mean=mean,
        std=std,
        progress=lambda done, total: report(CalibratePass.name, done, total),
    )
    pixels = normalisation_of(module, mean, std)
    _, channels, height, width = image_sizes(main_function(module))
    graph = float_graph(module, ctx.store, pixels)
    equalize(graph, recipe, StoreContext())
    records: list[Record] = []
    quantize(
        module,
        ctx,
        recipe,
        request.calibration,
        mean=mean,
        std=std,
        progress=lambda done, total: report(QuantizePass.name, done, total),
        records=records,
    )

    def inputs(images: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        checked = checked_images(images, (channels, height, width), pixels)
        return checked, graph_images(checked, pixels)

    return _Quantized(recipe, graph, records, inputs)


def _steps(options: LowerToIntOptions) -> list[Any]:
    return list(build_passes(LOWER_TO_INT.specs(options.pipeline_options()), get_passes()))


def _content(
    source: Source,
    request: Request,
    quantized: _Quantized,
    measured: Measured,
    float_bytes: int,
    report: Report,
) -> Content:
    rules = ActivationRules(quantized.recipe)
    rows = [tensor_row(record, measured.statistics[record.value], rules) for record in measured.records]
    module, ctx = source.module, source.ctx
    steps = _steps(request.options)
    place = next(i for i, step in enumerate(steps) if step.name == QuantizePass.name)
    run_passes(steps[place + 1 :], module, ctx, report)
    macs, integer_bytes = macs_by_group(module), _bytes(ctx.store)
    boundary = boundary_of(module)
    image = boundary.to_integers(request.data[:1])
    fuse(module, ctx, report)
    report("native code", 0, 0)
    machine = machine_of(request.target)
    with one_line_errors("lowering"):
        program = compile_program(module, ctx, machine, stamped=True)
    report("time", 0, 0)
    executable = Executable(native_program(program, machine), boundary, 1)
    assert program.stamps is not None
    launches = launch_rows(executable, program.launches, program.stamps, image)
    chosen, default = asdict(quantized.recipe), asdict(DEFAULT)
    return Content(
        model=source.name,
        data=request.data_name,
        images=len(request.data),
        target=program.target,
        asked=request.options.given(),
        recipe=chosen,
        changed={name: value for name, value in chosen.items() if value != default[name]},
        output=output_figures(measured.integer_outputs, measured.float_outputs),
        sizes=Sizes(
            float_bytes,
            integer_bytes,
            program.weights.size,
            len(program.object_code),
            program.stamps.offset,
        ),
        tensors=rows,
        costs=cost_rows(macs, launches),
        launches=launches,
    )


def output_figures(integer: NDArray[np.float32], exact: NDArray[np.float32]) -> OutputFigures:
    """Of outputs [N, ...]."""
    cosine = cosines(exact, integer)
    return OutputFigures(
        sqnr_db=sqnr_db(exact, integer),
        cosine=float(cosine.mean()),
        worst_cosine=float(cosine.min()),
        agreement=agreement(integer, exact) if integer.ndim == 2 else None,
    )


def tensor_row(record: Record, statistics: TensorStatistics, rules: ActivationRules) -> TensorRow:
    """One row of the report."""
    node, codes = record.node, statistics.codes
    element = element_of(record)
    bits = element.width.data
    block = BLOCK.match(node.name)
    exact, integer = statistics.exact_histogram, statistics.integer_histogram
    assert exact is not None
    assert integer is not None
    steps = record.step.ravel()
    weighs = isinstance(node, LinearNode | ConvNode) and bits == ACCUMULATOR_BITS
    return TensorRow(
        name=node.name,
        block=int(block[1]) if block else None,
        op=OPS.get(type(node), "other"),
        form="sums" if bits == ACCUMULATOR_BITS else "stream" if bits == STREAM_BITS else "activation",
        type=f"{'ui' if codes.least == 0 else 'i'}{bits}",
        bits=bits,
        weight_bits=rules.weight_bits(node) if weighs else None,
        step=float(np.median(steps)),
        steps=steps.size,
        zero_point=int(record.zero_point) if record.zero_point.size == 1 else None,
        low=statistics.least,
        high=statistics.most,
        code_low=None if codes.low is None else float(record.reals(np.array(codes.least))),
        code_high=None if codes.high is None else float(record.reals(np.array(codes.most))),
        sqnr_db=statistics.accumulated.sqnr_db,
        local_sqnr_db=statistics.local.sqnr_db,
        cosine=statistics.accumulated.cosine,
        local_cosine=statistics.local.cosine,
        saturated=statistics.saturated / statistics.count,
        clipped=statistics.clipped / statistics.count,
        values=statistics.count,
        histogram=HistogramRow(exact.low, exact.high, exact.counts.tolist(), integer.counts.tolist()),
    )


def _bytes(store: WeightStore) -> int:
    return sum(array.nbytes for array in store.values())
