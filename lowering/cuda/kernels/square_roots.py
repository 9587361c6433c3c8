"""Reciprocal square roots, an element a thread; LayerNorms have them inside."""

from __future__ import annotations

from dataclasses import replace
from math import prod

from ivit_dialect.ops.nonlinear import RsqrtOp
from lowering.cuda.build import CudaBuilder, CudaFamily, Geometry
from lowering.cuda.roots import rsqrt
from lowering.cuda.targets import CudaTarget
from lowering.kernels import primitives
from lowering.kernels.base import Launch
from lowering.kernels.elements import flat
from runtime.cuda_program import ONE, Extent

BLOCK = 128


def plan_rsqrt(op: RsqrtOp, target: CudaTarget) -> Launch | None:
    """As on the CPU."""
    return replace(primitives.plan_rsqrt(op, target.spmd), kernel="cuda_rsqrt")


def build_rsqrt(b: CudaBuilder) -> Geometry:
    """``blockIdx.y`` is the image."""
    image, count = b.block_id("y"), prod(b.inputs[0].shape)
    element = b.add(b.mul(b.block_id(), BLOCK), b.thread_id())
    with b.when(b.compare("ult", element, count)):
        x = b.load(flat(b, b.of_image(b.inputs[0], image)), element)
        for y, target in zip(rsqrt(b, x), b.outputs, strict=True):
            b.store(y, flat(b, b.of_image(target, image)), element)
    return Geometry(BLOCK, (Extent(count, BLOCK), b.images_extent(), ONE))


RSQRT = CudaFamily("cuda_rsqrt", build_rsqrt, primitives.RSQRT.signature, {RsqrtOp: plan_rsqrt})
FAMILIES = (RSQRT,)
