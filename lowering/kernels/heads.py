"""Kernels that reorder heads and tokens: ``[T, H*D]`` to ``[H, T, D]`` and back."""

from __future__ import annotations

from ivit_dialect.ops.shape import MergeHeadsOp, SplitHeadsOp
from lowering.kernels.base import KernelBuilder, KernelFamily, Launch
from lowering.kernels.build import Operand, Value, element_width, shape
from lowering.kernels.elements import activation, each_lane, load, loop_step, rows_of, store
from lowering.kernels.signature import Signature
from lowering.targets import Target


def plan_split_heads(op: SplitHeadsOp, target: Target) -> Launch:
    """The shapes say all."""
    return Launch("split_heads", (activation(op.input),))


def plan_merge_heads(op: MergeHeadsOp, target: Target) -> Launch:
    """The shapes say all."""
    return Launch("merge_heads", (activation(op.input),))


def _build(b: KernelBuilder) -> None:
    """Runs of D elements, split among the threads; merged rows are read or, the other way, written."""
    splits = b.spec.kernel == "split_heads"
    heads, tokens, depth = shape(b.outputs[0] if splits else b.inputs[0])
    source, target = rows_of(b, b.inputs[0]), rows_of(b, b.outputs[0])
    step = loop_step(b, depth, element_width(source))
    first, last = b.my_share(heads * tokens)
    with b.loop(first, last) as row:
        token = b.rem_unsigned(row.index, tokens)
        column = b.mul(b.div_unsigned(row.index, tokens), depth)

        def merged(i: Operand) -> list[Value]:
            return [token, b.add(column, i)]

        def body(i: Operand, lanes: int) -> None:
            split: list[Operand] = [row.index, i]
            x = load(b, source, merged(i) if splits else split, lanes)
            store(b, x, target, split if splits else merged(i))

        each_lane(b, depth, step, body)


MERGED, SPLIT = "...T H*D : E", "H T D : E"
SPLIT_HEADS = KernelFamily(
    "split_heads", _build, Signature({"x": MERGED}, {"y": SPLIT}), {SplitHeadsOp: plan_split_heads}
)
MERGE_HEADS = KernelFamily(
    "merge_heads", _build, Signature({"x": SPLIT}, {"y": MERGED}), {MergeHeadsOp: plan_merge_heads}
)
FAMILIES = (SPLIT_HEADS, MERGE_HEADS)
