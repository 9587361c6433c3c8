"""Data that only moves: flat copies, and images cut into patches; neighbouring threads write side by side."""

from __future__ import annotations

from dataclasses import replace
from math import gcd, prod

from ivit_dialect.ops.linear import PatchifyOp
from lowering.cuda.build import CudaBuilder, CudaFamily, Geometry
from lowering.cuda.targets import CudaTarget
from lowering.cuda.wide import ALIGNED
from lowering.kernels import tokens
from lowering.kernels.base import Launch, is_unsigned
from lowering.kernels.build import Value
from runtime.cuda_program import ONE, Extent

BLOCK = 256
TOP_BITS = 0x80808080
"""Of the bytes of a word."""


def _move(
    b: CudaBuilder, source: Value, at: Value, target: Value, to: Value, size: int, *, flip: bool
) -> None:
    """``size`` bytes, to which both addresses are aligned; ``flip`` their top bits."""
    x = b.load_wide(source, [at], size, size)
    if flip:
        width = 8 * min(size, 4)
        x = b.bitcast(b.xor(b.bitcast(x, width), (TOP_BITS & (1 << width) - 1) - (1 << width)), 8)
    b.store_wide(x, target, [to], size)


def build_copy(b: CudaBuilder) -> Geometry:
    """As the CPU's; ``blockIdx.y`` is the image."""
    (source,), (target,) = b.inputs, b.outputs
    count = prod(source.shape) * source.width // 8
    size = gcd(ALIGNED, source.alignment, target.alignment, count)
    image = b.block_id("y")
    piece = b.add(b.mul(b.block_id(), BLOCK), b.thread_id())
    with b.when(b.compare("ult", piece, count // size)):
        at = b.mul(piece, size)
        of, to = (b.bytes_of_image(operand, image) for operand in (source, target))
        _move(b, of, at, to, at, size, flip=False)
    return Geometry(BLOCK, (Extent(count // size, BLOCK), b.images_extent(), ONE))


def plan_patchify(op: PatchifyOp, target: CudaTarget) -> Launch | None:
    """As on the CPU."""
    return replace(tokens.plan_patchify(op, target.spmd), kernel="cuda_patchify")


def build_patchify(b: CudaBuilder) -> Geometry:
    """As the CPU's; a thread has one aligned piece of a patch, which lies in one row of the image."""
    (source,), (target,) = b.inputs, b.outputs
    lines, run = (_number(b, name) for name in ("kernel_height", "row_bytes"))
    width, (patches, _) = source.shape[1], target.shape
    size = gcd(ALIGNED, source.row_alignment, target.row_alignment, run)
    pieces, columns = run // size, width // run
    total = patches * lines * pieces
    image = b.block_id("y")
    piece = b.add(b.mul(b.block_id(), BLOCK), b.thread_id())
    with b.when(b.compare("ult", piece, total)):
        line, offset = b.div_unsigned(piece, pieces), b.rem_unsigned(piece, pieces)
        patch, line = b.div_unsigned(line, lines), b.rem_unsigned(line, lines)
        i, j = b.div_unsigned(patch, columns), b.rem_unsigned(patch, columns)
        y = b.add(b.mul(i, lines), line)
        at = b.add(b.mul(y, width), b.add(b.mul(j, run), b.mul(offset, size)))
        of, to = (b.bytes_of_image(operand, image) for operand in (source, target))
        _move(b, of, at, to, b.mul(piece, size), size, flip=is_unsigned(source.kind))
    return Geometry(BLOCK, (Extent(total, BLOCK), b.images_extent(), ONE))


def _number(b: CudaBuilder, name: str) -> int:
    value = b.config[name]
    assert isinstance(value, int)
    return value


COPY = CudaFamily("copy", build_copy, tokens.COPY.signature)
"""Named as the CPU's: it computes no op, the planner asks for it."""

PATCHIFY = CudaFamily(
    "cuda_patchify",
    build_patchify,
    tokens.PATCHIFY.signature,
    {PatchifyOp: plan_patchify},
    tokens.PATCHIFY.config,
    lambda spec, target: tokens.require_patches(spec),
)
FAMILIES = (COPY, PATCHIFY)
