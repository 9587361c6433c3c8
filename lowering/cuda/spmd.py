"""The SPMD form: every kernel of the CPU as a GPU kernel, one image a row of blocks.

A CPU kernel does the share of ``thread`` of ``threads``. Here ``threads`` is a constant, chosen so that each
thread has at most one piece of the largest number of pieces that the body shares out; scratch on the stack is
a thread's local memory.
"""

from __future__ import annotations

from xdsl.dialects import arith
from xdsl.dialects.builtin import IntegerAttr, IntegerType
from xdsl.ir import Block, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from lowering.cuda.build import CudaBuilder, Geometry, device_type
from lowering.kernels.base import KernelBuilder, KernelFamily, KernelSpec
from lowering.kernels.build import INDEX
from lowering.targets import Target
from runtime.cuda_program import ONE, Extent

BLOCK = 64
"""Threads of a block: few, so that small kernels still reach many multiprocessors."""


class SpmdBuilder(KernelBuilder):
    """A kernel builder that notes into how many pieces the body shares its work."""

    def __init__(self, spec: KernelSpec, target: Target, entry: Block) -> None:
        super().__init__(spec, target, entry)
        self.pieces = 1

    def my_share(self, total: int) -> tuple[SSAValue, SSAValue]:
        self.pieces = max(self.pieces, total)
        return super().my_share(total)


def build_spmd(family: KernelFamily, b: CudaBuilder) -> Geometry:
    """The body of ``family`` in a GPU kernel."""
    operands = (*b.inputs, *b.outputs)
    memrefs = [device_type(kind) for kind in b.spec.memrefs]
    entry = Block(arg_types=[*memrefs, *([IntegerType(64)] * len(b.spec.scalars)), INDEX, INDEX])
    body = SpmdBuilder(b.spec, b.target.spmd, entry)
    family.build(body)
    blocks = -(-body.pieces // BLOCK)

    image = b.block_id("y")
    thread = b.add(b.mul(b.block_id("x"), BLOCK), b.thread_id("x"))
    threads = b.insert(arith.ConstantOp(IntegerAttr(blocks * BLOCK, INDEX))).result
    values = [*(b.of_image(operand, image) for operand in operands), *b.scalars.values(), thread, threads]
    Rewriter.inline_block(entry, InsertPoint.at_end(b.body), values)
    return Geometry(BLOCK, (Extent(blocks), b.images_extent(), ONE))
