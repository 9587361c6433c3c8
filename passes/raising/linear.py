"""Matrix products with a constant matrix are ``linear``, on the activations' own leading dimensions."""

from __future__ import annotations

from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from ivit_dialect.torch.constants import constant_ints, constant_number, is_none
from ivit_dialect.torch.ops_constant import ValueTensorLiteralOp
from ivit_dialect.torch.ops_nn import (
    AtenAddmmOp,
    AtenBmmOp,
    AtenGeluOp,
    AtenLayerNormOp,
    AtenLinearOp,
    AtenMatmulOp,
    AtenMmOp,
)
from ivit_dialect.torch.ops_pointwise import AtenAddTensorOp
from ivit_dialect.torch.ops_shape import AtenBroadcastToOp, AtenPermuteOp, AtenViewOp
from passes.raising import build
from passes.raising.build import sizes_of
from passes.raising.layout import Factor, Layout


def constant_matrix(value: SSAValue) -> SSAValue | None:
    """The matrix [C, O] behind ``value``, batched by broadcasting or not; None where it is not constant."""
    while isinstance(value.owner, AtenViewOp | AtenBroadcastToOp):
        op = value.owner
        if isinstance(op, AtenViewOp) and sizes_of(op.input)[-2:] != sizes_of(value)[-2:]:
            break
        value = op.input
    if len(sizes_of(value)) != 2:
        return None
    root = value
    while isinstance(root.owner, AtenPermuteOp | AtenViewOp):
        root = root.owner.input
    return value if isinstance(root.owner, ValueTensorLiteralOp) else None


class MatmulToLinear(RewritePattern):
    """``mm``, ``bmm`` and ``matmul`` by a constant matrix [C, O] are a linear with weight [O, C]."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        if not isinstance(op, AtenMmOp | AtenBmmOp | AtenMatmulOp):
            return
        matrix = constant_matrix(op.operands[1])
        if matrix is None or isinstance(op.operands[0].owner, ValueTensorLiteralOp):
            return
        if len(sizes_of(op.operands[0])) != len(sizes_of(op.results[0])):
            return
        ops = _transposed(matrix)
        weight = ops[-1].results[0] if ops else _untransposed(matrix)
        rewriter.replace(op, [*ops, *build.linear(op.operands[0], weight, None)])


class AddmmToLinear(RewritePattern):
    """``addmm`` with a constant matrix, bias, and factors of one."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: AtenAddmmOp, rewriter: PatternRewriter, /) -> None:
        matrix = constant_matrix(op.mat2)
        bias_is_row = sizes_of(op.input) == sizes_of(op.mat2)[1:]
        if (
            matrix is None
            or not bias_is_row
            or constant_number(op.beta) != 1
            or constant_number(op.alpha) != 1
        ):
            return
        ops = _transposed(matrix)
        weight = ops[-1].results[0] if ops else _untransposed(matrix)
        rewriter.replace(op, [*ops, *build.linear(op.mat1, weight, op.input)])


def _untransposed(matrix: SSAValue) -> SSAValue:
    assert isinstance(matrix.owner, AtenPermuteOp)
    return matrix.owner.input


def _transposed(matrix: SSAValue) -> list[Operation]:
    """The transpose of ``matrix``; nothing where it is itself a transpose."""
    op = matrix.owner
    if isinstance(op, AtenPermuteOp) and constant_ints(op.dims) == (1, 0):
        return []
    return build.permute(matrix, (1, 0))


class BmmToMatmul(RewritePattern):
    """``bmm`` of two activations."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: AtenBmmOp, rewriter: PatternRewriter, /) -> None:
        if constant_matrix(op.mat2) is None:
            rewriter.replace(op, AtenMatmulOp([op.input, op.mat2], [op.result.type]))


class AddToLinearBias(RewritePattern):
    """A constant row added to a linear without bias, views and permutes between them or not."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: AtenAddTensorOp, rewriter: PatternRewriter, /) -> None:
        if constant_number(op.alpha) != 1 or len(sizes_of(op.other)) != 1:
            return
        layout = Layout.of(op.input)
        linear = layout.source.owner if layout is not None else None
        if layout is None or not isinstance(linear, AtenLinearOp) or not is_none(linear.bias):
            return
        if layout.dims[-1] != layout.source_dims[-1] or sizes_of(op.other) != sizes_of(op.input)[-1:]:
            return
        with_bias = build.linear(linear.input, linear.weight, op.other)
        layout.source = with_bias[-1].results[0]
        rewriter.replace(op, [*with_bias, *layout.emit(sizes_of(op.result))])


class RowOpOnBatchFirst(RewritePattern):
    """Ops on rows (linear, layer_norm, gelu) work on [N, C] or [N, T, C].

    Where views and permutes before the op have merged the batch with another dimension or moved it, the op
    takes its input with the batch first and its result is rearranged instead. The rows stay the same rows.
    """

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        if not isinstance(op, AtenLinearOp | AtenLayerNormOp | AtenGeluOp):
            return
        layout = Layout.of(op.input)
        if (
            layout is None
            or sizes_of(op.input)[0] == 1
            or isinstance(layout.source.owner, ValueTensorLiteralOp)
        ):
            return
        batch = layout.batch()
        if batch is None or layout.dims[0] == [batch] or batch in layout.dims[-1]:
            return
        lead = {factor for dim in layout.dims[:-1] for factor in dim} - {batch}
        rest = [factor for dim in layout.source_dims for factor in dim if factor in lead]
        wanted = [[batch], *([rest] if rest else []), layout.dims[-1]]
        before = Layout(layout.source, layout.source_dims, wanted)
        ops = before.emit(before.sizes())
        row_op = op.clone()
        row_op.operands[0] = ops[-1].results[0] if ops else layout.source
        width = sizes_of(op.result)[-1]
        result = build.tensor_type(op.result).with_sizes([*before.sizes()[:-1], width])
        rewriter.replace_value_with_new_type(row_op.result, result)
        last = [] if width == 1 else [Factor(width)]
        after = Layout(row_op.result, [*wanted[:-1], last], [*layout.dims[:-1], last])
        rewriter.replace(op, [*ops, row_op, *after.emit(sizes_of(op.result))])
