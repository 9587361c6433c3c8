"""Parts of a tensor: ``unbind``, ``chunk`` and ``split`` are selects and slices."""

from __future__ import annotations

from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern

from ivit_dialect.torch.constants import constant_int, constant_ints
from ivit_dialect.torch.ops_constant import ConstantIntOp
from ivit_dialect.torch.ops_scalar import Aten__Getitem__TOp, PrimListUnpackOp
from ivit_dialect.torch.ops_shape import (
    AtenChunkOp,
    AtenSliceTensorOp,
    AtenSplitTensorOp,
    AtenSplitWithSizesOp,
    AtenUnbindIntOp,
)
from passes.raising import build
from passes.raising.build import sizes_of


class PartToSlice(RewritePattern):
    """An element, unpacked or indexed, of the list that ``unbind``, ``chunk`` or ``split`` gives."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        if isinstance(op, PrimListUnpackOp):
            indices, source = list(range(len(op.results))), op.input.owner
        elif isinstance(op, Aten__Getitem__TOp) and (index := constant_int(op.idx)) is not None:
            indices, source = [index], op.list.owner
        else:
            return
        if not isinstance(source, Operation):
            return
        parts = [_part(source, index, op.results[at].type) for at, index in enumerate(indices)]
        ops = [part for part in parts if part is not None]
        if len(ops) == len(parts):
            rewriter.replace(op, [new for part in ops for new in part], [part[-1].results[0] for part in ops])


def _part(source: Operation, index: int, result: Attribute) -> list[Operation] | None:
    """Element ``index`` of the list ``source``, of type ``result``; None where it is not known."""
    if not isinstance(source, AtenUnbindIntOp | AtenChunkOp | AtenSplitTensorOp | AtenSplitWithSizesOp):
        return None
    dim = constant_int(source.dim)
    if dim is None:
        return None
    dim %= len(sizes_of(source.input))
    lengths = _lengths(source, sizes_of(source.input)[dim])
    if lengths is None or not -len(lengths) <= index < len(lengths):
        return None
    index %= len(lengths)
    if isinstance(source, AtenUnbindIntOp):
        return build.select(source.input, dim, index)
    start = sum(lengths[:index])
    return _slice(source.input, dim, start, start + lengths[index], result)


def _lengths(
    source: AtenUnbindIntOp | AtenChunkOp | AtenSplitTensorOp | AtenSplitWithSizesOp, size: int | None
) -> list[int] | None:
    """How many elements of a dimension of ``size`` each part holds."""
    if isinstance(source, AtenSplitWithSizesOp):
        sizes = constant_ints(source.split_sizes)
        return None if sizes is None else list(sizes)
    if size is None:
        return None
    if isinstance(source, AtenUnbindIntOp):
        return [1] * size
    if isinstance(source, AtenChunkOp):
        chunks = constant_int(source.chunks)
        length = None if chunks is None or chunks < 1 else max(1, -(-size // chunks))
    else:
        length = constant_int(source.split_size)
    if length is None or length < 1:
        return None
    return [min(length, size - start) for start in range(0, size, length)]


def _slice(x: SSAValue, dim: int, start: int, end: int, result: Attribute) -> list[Operation]:
    bounds = [ConstantIntOp(value) for value in (dim, start, end, 1)]
    return [*bounds, AtenSliceTensorOp([x, *bounds], [result])]
