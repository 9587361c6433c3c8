"""Fused attention: scores, softmax and context of 64 queries of a head a block, the scores never in memory.

A warp has 16 queries. Keys and values of the head are in shared memory, which all warps share; products go
by fragments (``lowering.cuda.mma``), on tensor cores where there are any.
"""

from __future__ import annotations

from dataclasses import replace
from math import gcd

from xdsl.dialects.builtin import i1

from ivit_dialect.ops.attention import AttentionOp, ShiftmaxAttr
from ivit_dialect.types import tensor_types
from lowering.arena import align
from lowering.cuda.build import CudaBuilder, CudaFamily, Geometry
from lowering.cuda.kernels.attention_blocks import Blocks, Context, Scores
from lowering.cuda.kernels.attention_softmax import DeltaRows, ShiftmaxRows, Softmax
from lowering.cuda.kernels.attention_staging import (
    TABLE_ENTRIES,
    THREADS,
    WARPS,
    AttentionShape,
    Staging,
)
from lowering.cuda.mma import COLUMNS, QUAD, ROWS
from lowering.cuda.saturate import store_saturated_run
from lowering.cuda.targets import WARP, CudaTarget
from lowering.cuda.wide import ALIGNED
from lowering.kernels import attention
from lowering.kernels.base import KernelSpec, Launch
from lowering.kernels.build import Value
from lowering.kernels.signature import Choice, ConfigValue
from runtime.cuda_program import Extent

BYTE_BITS = 9
"""Probabilities of so many bits are below 256."""


def shape_of(tokens: int, width: int, config: dict[str, ConfigValue]) -> AttentionShape:
    """What a launch of this config works on."""
    heads = config["heads"]
    assert isinstance(heads, int)
    table = DeltaRows.TABLE_WIDTH if config["softmax"] == "delta" else ShiftmaxRows.TABLE_WIDTH
    return AttentionShape(tokens, width // heads, TABLE_ENTRIES * table // 8)


def fits(shape: AttentionShape, target: CudaTarget) -> bool:
    """Whether a head's keys and values fit a block's shared memory, and its context a warp's registers."""
    return shape.channels <= target.most_head_channels and shape.shared_bytes <= target.shared_bytes


def plan_attention(op: AttentionOp, target: CudaTarget) -> Launch | None:
    """As on the CPU; None for a head that does not fit."""
    launch = attention.plan_attention(op, target.spmd)
    config = dict(launch.config)
    if isinstance(op.softmax, ShiftmaxAttr):
        config["probabilities"] = "byte" if launch.scalars["bits"] <= BYTE_BITS else "short"
    tokens, width = tensor_types(op.query)[0].get_shape()[1:]
    if not fits(shape_of(tokens, width, config), target):
        return None
    return replace(launch, kernel="cuda_attention", config=config)


def build_attention(b: CudaBuilder) -> Geometry:
    """A block is a tile of queries (x) of a head (y) of an image (z)."""
    tokens, width = b.outputs[0].shape
    shape = shape_of(tokens, width, b.config)
    heads = width // shape.channels
    head, image = b.block_id("y"), b.block_id("z")
    staging = Staging(b, shape, image, head)
    softmax: Softmax
    if b.config["softmax"] == "delta":
        softmax = DeltaRows(b, staging.shared, image, head)
    else:
        softmax = ShiftmaxRows(b, staging.shared)
    lane = b.rem_unsigned(staging.thread, WARP)
    warp = b.div_unsigned(staging.thread, WARP)
    first = b.add(b.mul(b.from_index(b.block_id(), 32), ROWS * WARPS), b.mul(warp, ROWS))
    upper = b.add(first, b.div_unsigned(lane, QUAD))
    rows = [upper, b.add(upper, ROWS // 2)]

    staging.start_keys()
    queries = staging.queries(rows)
    staging.values(lambda: softmax.fill_table(b.thread_id()))
    keys, values = staging.finish()
    with b.when(b.compare("ult", first, tokens)):
        resident = align(tokens, COLUMNS) // COLUMNS <= b.target.most_resident_products
        blocks = Blocks(b, shape, lane, resident=resident)
        scores = Scores(b, shape, queries, keys)
        found = softmax.context(blocks, scores, Context(b, shape, values))
        target = b.of_image(b.outputs[0], image)
        column = b.mul(b.from_index(head, 32), shape.channels)
        for row, run in zip(rows, found, strict=True):
            with b.when(b.compare("ult", row, tokens)):
                _store(b, shape, run, target, row, column, b.rem_unsigned(lane, QUAD))
    tiles = Extent(tokens, ROWS * WARPS)
    return Geometry(THREADS, (tiles, Extent(heads), b.images_extent()), shape.shared_bytes)


def _store(
    b: CudaBuilder,
    shape: AttentionShape,
    run: list[Value],
    target: Value,
    row: Value,
    column: Value,
    owner: Value,
) -> None:
    """The lane's run of channels in a row, in pieces that are all of the head or none."""
    output = b.outputs[0]
    element_bytes = output.width // 8
    alignment = gcd(ALIGNED, output.row_alignment, shape.channels * element_bytes)
    size = gcd(alignment // element_bytes, shape.run)
    for first in range(0, shape.run, size):
        channel = b.add(b.mul(owner, shape.run), first)
        inside = (
            b.compare("ult", channel, shape.channels)
            if shape.value_channels > shape.channels
            else b.constant(1, i1)
        )
        with b.when(inside):
            at = [b.to_index(row), b.to_index(b.add(column, channel))]
            values = run[first : first + size]
            store_saturated_run(b, values, output.element, target, at, size * element_bytes)


def _check(spec: KernelSpec, target: CudaTarget) -> None:
    """As the CPU's, and the head fits."""
    assert attention.ATTENTION.further is not None
    attention.ATTENTION.further(spec, target.spmd)
    _, ((tokens, width),) = spec.shapes()
    shape = shape_of(tokens, width, dict(spec.config))
    if not fits(shape, target):
        raise ValueError(
            f"needs {shape.shared_bytes} bytes of shared memory for {tokens} tokens of {shape.channels} "
            f"channels a head, {target.name} has {target.shared_bytes} and takes {target.most_head_channels} "
            "channels"
        )
    if (dict(spec.config)["softmax"] == "shiftmax") != ("probabilities" in dict(spec.config)):
        raise ValueError("needs the config 'probabilities' for the softmax 'shiftmax', and for no other")


ATTENTION = CudaFamily(
    "cuda_attention",
    build_attention,
    attention.ATTENTION.signature,
    {AttentionOp: plan_attention},
    {**attention.ATTENTION.config, "probabilities": Choice(("byte", "short"), optional=True)},
    _check,
)
FAMILIES = (ATTENTION,)
