"""``slice-early``: tokens that nobody reads are not computed. Bit-exact.

``slice_tokens`` moves up through ops that treat every token by itself (layernorm, linear, requant, lookup,
shiftgelu, add), wherever all readers of a value want only some of its tokens. So where only the class token
is read in the end, the last block's projection and MLP run on that token alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, PatternRewriteWalker, RewritePattern

from ivit_dialect.ops.elementwise import AddOp, AffineOp, LookupOp, RequantOp
from ivit_dialect.ops.fqvit import PtfLayerNormOp
from ivit_dialect.ops.ibert import IbertGeluOp, IbertLayerNormOp
from ivit_dialect.ops.l1 import L1LayerNormOp
from ivit_dialect.ops.linear import LinearOp
from ivit_dialect.ops.nonlinear import ILayerNormOp, LayerNormOp, ShiftGeluOp
from ivit_dialect.ops.shape import SliceTokensOp
from ivit_dialect.types import IntegerTensor, tensor_types
from passes.location import KeepLocation, inherit, replace_keeping

TOKENWISE: tuple[type[Operation], ...] = (
    AddOp,
    AffineOp,
    IbertGeluOp,
    IbertLayerNormOp,
    ILayerNormOp,
    L1LayerNormOp,
    LayerNormOp,
    LinearOp,
    LookupOp,
    PtfLayerNormOp,
    RequantOp,
    ShiftGeluOp,
)
"""Ops whose result [N, T, C] holds at each token what their operands [N or 1, T, *] hold there."""


@dataclass(frozen=True)
class SliceEarlyPass(ModulePass):
    """See the module's docstring."""

    name = "slice-early"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        PatternRewriteWalker(KeepLocation(_HoistSlice()), walk_reverse=True).rewrite_module(op)


class _HoistSlice(RewritePattern):
    """An op all of whose readers are slices computes only the tokens from the first to the last of them."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        if not isinstance(op, TOKENWISE) or len(op.results) != 1:
            return
        (whole,) = tensor_types(op.results[0])
        if whole.get_num_dims() != 3:
            return
        slices = [use.operation for use in op.results[0].uses]
        if not slices or not all(isinstance(user, SliceTokensOp) for user in slices):
            return
        windows = [_window(user) for user in slices if isinstance(user, SliceTokensOp)]
        start, end = min(first for first, _ in windows), max(last for _, last in windows)
        if end - start == whole.get_shape()[1]:
            return
        moved = [user for user, window in zip(slices, windows, strict=True) if window == (start, end)]
        narrow = self._narrowed(op, start, end - start, moved, rewriter)
        for user, (first, last) in zip(slices, windows, strict=True):
            if (first, last) == (start, end):
                rewriter.replace(user, [], [narrow])
            else:
                again = SliceTokensOp(narrow, first - start, last - first, _type(user.results[0]))
                replace_keeping(rewriter, user, again)
        rewriter.erase(op)

    @staticmethod
    def _narrowed(
        op: Operation, start: int, count: int, moved: list[Operation], rewriter: PatternRewriter
    ) -> SSAValue:
        """``op`` on ``count`` tokens from ``start`` on; the slices before it are those ``moved`` up."""
        operands = [_sliced(operand, op, start, count, moved, rewriter) for operand in op.operands]
        clone = type(op).create(
            operands=operands,
            result_types=[_with_tokens(_type(op.results[0]), count)],
            properties=op.properties,
            attributes=op.attributes,
        )
        rewriter.insert(clone)
        clone.results[0].name_hint = op.results[0].name_hint
        return clone.results[0]


def _sliced(
    operand: SSAValue,
    op: Operation,
    start: int,
    count: int,
    moved: list[Operation],
    rewriter: PatternRewriter,
) -> SSAValue:
    """Operands that have tokens, [N or 1, T, *], cut down; weights and tables as they are."""
    type_ = _type(operand)
    tokens = _type(op.results[0]).get_shape()[1]
    if type_.get_num_dims() != 3 or type_.get_shape()[1] != tokens:
        return operand
    cut = SliceTokensOp(operand, start, count, _with_tokens(type_, count))
    inherit(cut, *moved)
    rewriter.insert(cut)
    if operand.name_hint:
        cut.output.name_hint = f"{operand.name_hint}_slice"
    return cut.output


def _window(op: SliceTokensOp) -> tuple[int, int]:
    return op.offset.value.data, op.offset.value.data + op.size.value.data


def _type(value: SSAValue) -> IntegerTensor:
    (type_,) = tensor_types(value)
    return type_


def _with_tokens(type_: IntegerTensor, tokens: int) -> IntegerTensor:
    batch, _, channels = type_.get_shape()
    return TensorType(type_.element_type, (batch, tokens, channels))
