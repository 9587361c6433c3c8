"""Shape ops in few words: view, permute, select, slice, cat and broadcast_to are all that is left."""

from __future__ import annotations

from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from ivit_dialect.store import WeightStore
from ivit_dialect.torch.constants import constant_int, constant_ints, list_elements
from ivit_dialect.torch.literals import literal_value
from ivit_dialect.torch.ops_constant import ConstantIntOp, ValueTensorLiteralOp
from ivit_dialect.torch.ops_scalar import AtenSizeIntOp, PrimListConstructOp
from ivit_dialect.torch.ops_shape import (
    Aten_UnsafeViewOp,
    AtenBroadcastToOp,
    AtenExpandAsOp,
    AtenExpandOp,
    AtenFlattenUsingIntsOp,
    AtenIndexSelectOp,
    AtenNarrowOp,
    AtenPermuteOp,
    AtenReshapeOp,
    AtenSliceTensorOp,
    AtenSqueezeDimOp,
    AtenSqueezeOp,
    AtenTOp,
    AtenTransposeIntOp,
    AtenUnflattenIntOp,
    AtenUnsqueezeOp,
    AtenViewOp,
    PrimsSqueezeOp,
)
from ivit_dialect.torch.types import IntType, ValueTensorType
from passes.raising import build
from passes.raising.build import Sizes, sizes_of, tensor_type
from passes.raising.layout import Layout

RESHAPES = (
    Aten_UnsafeViewOp,
    AtenReshapeOp,
    AtenFlattenUsingIntsOp,
    AtenUnflattenIntOp,
    AtenUnsqueezeOp,
    AtenSqueezeOp,
    AtenSqueezeDimOp,
    PrimsSqueezeOp,
)
INDEX_MAX = 2**63 - 1


class ReshapeToView(RewritePattern):
    """Every op that only regroups dimensions is a view of its result's sizes."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        if not isinstance(op, RESHAPES):
            return
        sizes = sizes_of(op.results[0])
        if sizes.count(None) > 1:
            return
        rewriter.replace(op, build.view(op.operands[0], sizes))


class TransposeToPermute(RewritePattern):
    """``transpose.int`` and ``t`` are permutes."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        if isinstance(op, AtenTransposeIntOp):
            first, second = constant_int(op.dim0), constant_int(op.dim1)
        elif isinstance(op, AtenTOp):
            first, second = 0, len(sizes_of(op.input)) - 1
        else:
            return
        if first is None or second is None:
            return
        order = list(range(len(sizes_of(op.input))))
        if not all(-len(order) <= dimension < len(order) for dimension in (first, second)):
            return  # no transpose that PyTorch makes: refused where it is computed
        order[first], order[second] = order[second], order[first]
        rewriter.replace(op, build.permute(op.input, order))


class NormaliseView(RewritePattern):
    """A view's size list says what its result type says, with -1 for the run-time size."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: AtenViewOp, rewriter: PatternRewriter) -> None:
        sizes = sizes_of(op.result)
        if sizes == sizes_of(op.input) and sizes.count(None) <= 1:
            rewriter.replace(op, [], [op.input])
            return
        wanted = tuple(-1 if size is None else size for size in sizes)
        if wanted.count(-1) <= 1 and constant_ints(op.size) != wanted:
            rewriter.replace(op, build.view(op.input, sizes))


class NormalisePermute(RewritePattern):
    """A permute's dimensions count from the front; the identity goes."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: AtenPermuteOp, rewriter: PatternRewriter) -> None:
        order = constant_ints(op.dims)
        if order is None:
            return
        wanted = tuple(dim % len(order) for dim in order)
        if wanted == tuple(range(len(order))):
            rewriter.replace(op, [], [op.input])
        elif wanted != order:
            rewriter.replace(op, build.permute(op.input, wanted))


class ViewOfView(RewritePattern):
    """Of two views in a row the first says nothing."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: AtenViewOp, rewriter: PatternRewriter, /) -> None:
        sizes = sizes_of(op.result)
        if isinstance(op.input.owner, AtenViewOp) and sizes.count(None) <= 1:
            rewriter.replace(op, build.view(op.input.owner.input, sizes))


class CanonicalChain(RewritePattern):
    """A chain of views and permutes in the form of ``layout.py``, rebuilt where its result is used."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        if not isinstance(op, AtenViewOp | AtenPermuteOp):
            return
        if all(isinstance(use.operation, AtenViewOp | AtenPermuteOp) for use in op.result.uses):
            return
        if (layout := Layout.of(op.result)) is None:
            return
        ops = layout.emit(sizes_of(op.result))
        if _spelling(ops) == _chain_spelling(op.result):
            return
        if ops:
            rewriter.replace(op, ops)
        else:
            rewriter.replace(op, [], [layout.source])


def _chain_spelling(value: SSAValue) -> list[tuple[str, tuple[int, ...] | None]]:
    chain: list[Operation] = []
    while isinstance(value.owner, AtenViewOp | AtenPermuteOp):
        chain.append(value.owner)
        value = value.owner.input
    return _spelling(chain[::-1])


def _spelling(ops: list[Operation]) -> list[tuple[str, tuple[int, ...] | None]]:
    return [
        (op.name, constant_ints(op.operands[1])) for op in ops if isinstance(op, AtenViewOp | AtenPermuteOp)
    ]


class NormaliseSlice(RewritePattern):
    """``narrow`` is a slice; a slice's bounds lie within the dimension; the whole dimension is no slice."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        if isinstance(op, AtenNarrowOp):
            start, length = constant_int(op.start), constant_int(op.length)
            bounds = None if start is None or length is None or start < 0 else (start, start + length, 1)
        elif isinstance(op, AtenSliceTensorOp):
            start, end, step = constant_int(op.start), constant_int(op.end), constant_int(op.step)
            start, end = _default(op.start, start, 0), _default(op.end, end, INDEX_MAX)
            bounds = None if start is None or end is None or step is None else (start, end, step)
        else:
            return
        dim, sizes = constant_int(op.operands[1]), sizes_of(op.operands[0])
        if bounds is None or dim is None or not -len(sizes) <= dim < len(sizes):
            return
        size = sizes[dim]
        if size is None:
            if bounds == (0, INDEX_MAX, 1):
                rewriter.replace(op, [], [op.operands[0]])
            return
        start, end, step = slice(*bounds).indices(size)
        if (start, end, step) == (0, size, 1):
            rewriter.replace(op, [], [op.operands[0]])
            return
        wanted = (dim % len(sizes), start, end, step)
        if isinstance(op, AtenSliceTensorOp) and tuple(map(constant_int, op.operands[1:])) == wanted:
            return
        constants = [ConstantIntOp(value) for value in wanted]
        sliced = AtenSliceTensorOp([op.operands[0], *constants], [op.results[0].type])
        rewriter.replace(op, [*constants, sliced])


def _default(operand: SSAValue, value: int | None, default: int) -> int | None:
    """The constant ``value`` of ``operand``; ``default`` where the operand is None."""
    return default if operand.type.name == "torch.none" else value


class IndexSelectToSlice(RewritePattern):
    """``index_select`` of neighbouring indices is a slice."""

    def __init__(self, store: WeightStore) -> None:
        self.store = store

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: AtenIndexSelectOp, rewriter: PatternRewriter, /) -> None:
        literal, dim = op.index.owner, constant_int(op.dim)
        if not isinstance(literal, ValueTensorLiteralOp) or dim is None:
            return
        indices = [int(index) for index in literal_value(literal, self.store)]
        if not indices or indices[0] < 0 or indices != list(range(indices[0], indices[-1] + 1)):
            return
        bounds = [ConstantIntOp(value) for value in (dim, indices[0], indices[-1] + 1, 1)]
        rewriter.replace(op, [*bounds, AtenSliceTensorOp([op.input, *bounds], [op.result.type])])


class SliceToSelect(RewritePattern):
    """A slice of one element whose dimension a view then drops is a select."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: AtenViewOp, rewriter: PatternRewriter) -> None:
        sliced = op.input.owner
        if not isinstance(sliced, AtenSliceTensorOp):
            return
        dim, start = constant_int(sliced.dim), constant_int(sliced.start)
        sizes = sizes_of(op.input)
        if dim is None or start is None or start < 0 or dim < 0 or sizes[dim] != 1:
            return
        if sizes_of(op.result) != (*sizes[:dim], *sizes[dim + 1 :]):
            return
        rewriter.replace(op, build.select(sliced.input, dim, start))


class NormaliseBroadcast(RewritePattern):
    """Expands are ``broadcast_to`` of their result's sizes; one that changes nothing goes.

    The run-time size is the batch: ``size.int`` of the function's argument.
    """

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        if not isinstance(op, AtenExpandOp | AtenExpandAsOp | AtenBroadcastToOp):
            return
        sizes = sizes_of(op.result)
        if sizes == sizes_of(op.input) and sizes.count(None) <= 1:
            rewriter.replace(op, [], [op.input])
            return
        if None in sizes[1:]:
            return
        if (missing := len(sizes) - len(sizes_of(op.input))) > 0:
            ranked = build.view(op.input, (*(1,) * missing, *sizes_of(op.input)))
            aligned = op.clone()
            aligned.operands[0] = ranked[-1].results[0]
            rewriter.replace(op, [*ranked, aligned])
            return
        if isinstance(op, AtenBroadcastToOp) and _says(op, sizes):
            return
        if (ops := broadcast(op, op.input, tensor_type(op.result))) is not None:
            rewriter.replace(op, ops)


def broadcast(where: Operation, x: SSAValue, result: ValueTensorType) -> list[Operation] | None:
    """``x`` broadcast to ``result``, in the function of ``where``; None where that has no batch to ask."""
    sizes = result.sizes or ()
    before: list[Operation] = []
    if None in sizes:
        if (argument := _function_argument(where)) is None:
            return None
        zero = ConstantIntOp(0)
        before = [zero, AtenSizeIntOp([argument, zero], [IntType()])]
    constants = [ConstantIntOp(size) for size in sizes if size is not None]
    shape = PrimListConstructOp([*before[1:], *constants], build.INT_LIST)
    return [*before, *constants, shape, AtenBroadcastToOp([x, shape], [result])]


def _says(op: AtenBroadcastToOp, sizes: Sizes) -> bool:
    """Whether the size list of ``op`` is already written as ``NormaliseBroadcast`` would."""
    elements = list_elements(op.size) or ()
    return len(elements) == len(sizes) and all(
        constant_int(element) == size if size is not None else _is_batch_size(element)
        for element, size in zip(elements, sizes, strict=True)
    )


def _is_batch_size(value: SSAValue) -> bool:
    op = value.owner
    return isinstance(op, AtenSizeIntOp) and op.input is _function_argument(op) and constant_int(op.dim) == 0


def _function_argument(op: Operation) -> SSAValue | None:
    """The argument whose dimension 0 is the batch."""
    block = op.parent
    return block.args[0] if block is not None and block.args else None


class FoldSize(RewritePattern):
    """``size.int`` of a dimension that is known is a constant."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: AtenSizeIntOp, rewriter: PatternRewriter) -> None:
        dim = constant_int(op.dim)
        if dim is not None and (size := sizes_of(op.input)[dim]) is not None:
            rewriter.replace(op, ConstantIntOp(size))


SHAPE_PATTERNS: list[RewritePattern] = [
    FoldSize(),
    ReshapeToView(),
    TransposeToPermute(),
    NormaliseView(),
    NormalisePermute(),
    NormaliseSlice(),
    SliceToSelect(),
    NormaliseBroadcast(),
]
