"""Kernels that only move data: flat copies, and images cut into patches."""

from __future__ import annotations

from ivit_dialect.ops.linear import PatchifyOp
from ivit_dialect.types import tensor_types
from lowering.kernels.base import KernelBuilder, KernelFamily, KernelSpec, Launch, Viewed, is_unsigned
from lowering.kernels.build import Operand, Value, element_width, shape
from lowering.kernels.elements import load, store
from lowering.kernels.signature import Choice, Signature, require_shape
from lowering.targets import Target

PIXEL_OFFSET = 128
COPY_BLOCK = 4096


def build_copy(b: KernelBuilder) -> None:
    """``out[i] = in[i]`` of flat memrefs; threads share blocks of elements."""
    (source,), (target,) = b.inputs, b.outputs
    (count,) = shape(source)
    blocks, rest = divmod(count, COPY_BLOCK)
    first, last = b.my_share(blocks)
    with b.loop(first, last) as block:
        base = b.mul(block.index, COPY_BLOCK)
        _run(b, source, [], base, target, [], base, COPY_BLOCK)
    if rest:
        with b.when(b.compare("eq", b.thread, 0)):
            _run(b, source, [], blocks * COPY_BLOCK, target, [], blocks * COPY_BLOCK, rest)


def _run(
    b: KernelBuilder,
    source: Value,
    row: list[Operand],
    start: Operand,
    target: Value,
    target_row: list[Operand],
    target_start: Operand,
    count: int,
    flip: int = 0,
) -> None:
    """Copy ``count`` elements of a row, by vectors and then ever shorter ones, each XORed with ``flip``."""
    step, done = b.target.lanes(element_width(source)), 0
    while done < count:
        whole = done + (count - done) // step * step
        if whole > done:
            with b.loop(done, whole, step) as loop:
                x = load(b, source, [*row, b.add(start, loop.index)], step if step > 1 else 0)
                x = b.xor(x, flip) if flip else x
                store(b, x, target, [*target_row, b.add(target_start, loop.index)])
        step, done = max(1, step // 2), whole


def plan_patchify(op: PatchifyOp, target: Target) -> Launch:
    """The image as rows of bytes, the patches as they are."""
    _, height, width, channels = tensor_types(op.input)[0].get_shape()
    return Launch(
        "patchify",
        (Viewed(op.input, (height, width * channels)),),
        config={
            "kernel_height": op.kernel_height.value.data,
            "row_bytes": op.kernel_width.value.data * channels,
        },
    )


def build_patchify(b: KernelBuilder) -> None:
    """Patch ``(i, j)``, row ``h`` is a run of bytes of image row ``i * KH + h``; ``ui8`` pixels lose 128."""
    (image,), (patches,) = b.inputs, b.outputs
    height, row_bytes = b.config["kernel_height"], b.config["row_bytes"]
    assert isinstance(height, int)
    assert isinstance(row_bytes, int)
    columns = shape(image)[1] // row_bytes
    # x - 128 of an unsigned byte, as a signed byte, flips the top bit.
    flip = -PIXEL_OFFSET if is_unsigned(b.spec.memrefs[0]) else 0
    first, last = b.my_share(shape(patches)[0])
    with b.loop(first, last) as patch, b.loop(0, height) as line:
        i = b.div_unsigned(patch.index, columns)
        j = b.rem_unsigned(patch.index, columns)
        y = b.add(b.mul(i, height), line.index)
        x = b.mul(j, row_bytes)
        to = b.mul(line.index, row_bytes)
        _run(b, image, [y], x, patches, [patch.index], to, row_bytes, flip)


def require_patches(spec: KernelSpec) -> None:
    """Raise ValueError unless the patches tile the image."""
    config = dict(spec.config)
    height, row_bytes = config["kernel_height"], config["row_bytes"]
    assert isinstance(height, int)
    assert isinstance(row_bytes, int)
    ((rows, width),), (patches,) = spec.shapes()
    require_shape("x", (rows, width), (rows - rows % height, width - width % row_bytes))
    require_shape("y", patches, (rows // height * (width // row_bytes), height * row_bytes))


COPY = KernelFamily("copy", build_copy, Signature({"x": "N : E"}, {"y": "N : E"}))
PATCHIFY = KernelFamily(
    "patchify",
    build_patchify,
    Signature({"x": "H W : i8 ui8"}, {"y": "P K : i8"}),
    {PatchifyOp: plan_patchify},
    {"kernel_height": Choice(range(1, 1 << 31)), "row_bytes": Choice(range(1, 1 << 31))},
    lambda spec, target: require_patches(spec),
)
