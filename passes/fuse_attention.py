"""``fuse-attention``: scores, softmax and context become one ``ivit.attention``. Bit-exact.

Matches the chain that ``quantize`` emits, with the requants of the Shiftmax family still apart or already
folded into the products by ``fuse-requant``.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, i8, i16
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)

from ivit_dialect.ops.attention import (
    DELTA_MIN_DIVISOR,
    AttentionOp,
    DeltaSoftmaxAttr,
    ShiftmaxAttr,
    SoftmaxAttr,
)
from ivit_dialect.ops.elementwise import RequantOp, RowRequantOp
from ivit_dialect.ops.linear import MatmulOp
from ivit_dialect.ops.nonlinear import ShiftmaxOp, SoftmaxOp
from ivit_dialect.ops.shape import MergeHeadsOp, SplitHeadsOp
from ivit_dialect.store import emit_remark
from ivit_dialect.types import i64_attr, is_activation, tensor_types
from passes.dead_code import erase_dead, erase_dead_constants
from passes.location import KeepLocation, replace_keeping
from passes.wording import counted


class _Chain(NamedTuple):
    """What lies between the split heads and the merged context."""

    scores: MatmulOp
    context: MatmulOp
    softmax: SoftmaxAttr
    constants: tuple[SSAValue | None, SSAValue | None]
    """The table, and the multipliers of the heads."""
    between: tuple[Operation, ...]
    """The ops that end with the chain but for the products, the softmax first."""


class _Scaled(NamedTuple):
    """A product and the requant that follows it, folded or apart."""

    product: MatmulOp
    multiplier: int
    shift: int
    requant: tuple[RequantOp, ...] = ()


def _scaled_product(value: SSAValue) -> _Scaled | None:
    owner = value.owner
    if isinstance(owner, RequantOp) and owner.multiplier is not None and owner.zero_point is None:
        product = owner.input.owner
        if isinstance(product, MatmulOp) and product.multiplier is None and _used_once(owner.input):
            return _Scaled(product, owner.multiplier.value.data, owner.shift.value.data, (owner,))
    if not isinstance(owner, MatmulOp) or owner.multiplier is None or owner.shift is None:
        return None
    if owner.zero_point is not None:
        return None
    return _Scaled(owner, owner.multiplier.value.data, owner.shift.value.data)


def _used_once(value: SSAValue) -> bool:
    return value.has_one_use()


def _delta_chain(context_i8: SSAValue) -> _Chain | None:
    rescale = context_i8.owner
    if not isinstance(rescale, RowRequantOp) or rescale.min_divisor.value.data != DELTA_MIN_DIVISOR:
        return None
    context, softmax = rescale.input.owner, rescale.divisor.owner
    if not isinstance(context, MatmulOp) or not isinstance(softmax, SoftmaxOp):
        return None
    scores = softmax.input.owner
    if context.lhs is not softmax.codes or not isinstance(scores, MatmulOp):
        return None
    if not all(_used_once(v) for v in (rescale.input, softmax.codes, softmax.sum, softmax.input)):
        return None
    attribute = DeltaSoftmaxAttr(
        softmax.multiplier or i64_attr(0),
        i64_attr(softmax.shift.value.data),
        i64_attr(rescale.dividend.value.data),
        i64_attr(rescale.shift.value.data),
    )
    return _Chain(scores, context, attribute, (softmax.table, softmax.multipliers), (softmax, rescale))


def _shiftmax_chain(context_i8: SSAValue) -> _Chain | None:
    context = _scaled_product(context_i8)
    if context is None:
        return None
    softmax = context.product.lhs.owner
    if not isinstance(softmax, ShiftmaxOp):
        return None
    (probabilities,) = tensor_types(softmax.output)
    scores = _scaled_product(softmax.input)
    (narrowed,) = tensor_types(softmax.input)
    if scores is None or probabilities.element_type != i16 or narrowed.element_type != i8:
        return None
    if not all(_used_once(v) for v in (context.product.lhs, softmax.input)):
        return None
    attribute = ShiftmaxAttr(
        i64_attr(scores.multiplier),
        i64_attr(scores.shift),
        i64_attr(softmax.x0.value.data),
        i64_attr(softmax.n.value.data),
        i64_attr(softmax.bits.value.data),
        i64_attr(context.multiplier),
        i64_attr(context.shift),
    )
    between = (softmax, *scores.requant, *context.requant)
    return _Chain(scores.product, context.product, attribute, (None, None), between)


def _heads_of(value: SSAValue) -> SplitHeadsOp | None:
    """The ``ivit.split_heads`` of ``[N, T, H*D]`` that makes ``value``."""
    return value.owner if isinstance(value.owner, SplitHeadsOp) else None


@dataclass(frozen=True)
class _AttentionPattern(RewritePattern):
    counts: Counter[str] = field(compare=False)

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: MergeHeadsOp, rewriter: PatternRewriter) -> None:
        (split, merged) = tensor_types(op.input, op.output)
        if not is_activation(merged.element_type) or not _used_once(op.input):
            return
        chain = _delta_chain(op.input) or _shiftmax_chain(op.input)
        if chain is None or chain.scores.transpose_b is None or chain.context.transpose_b is not None:
            return
        heads = [_heads_of(v) for v in (chain.scores.lhs, chain.scores.rhs, chain.context.rhs)]
        splits = [split_heads for split_heads in heads if split_heads is not None]
        shapes = {type_.get_shape() for type_ in tensor_types(*(s.input for s in splits))}
        if len(splits) != len(heads) or len(shapes) != 1:
            return
        query, key, value = (split_heads.input for split_heads in splits)
        fused = AttentionOp(query, key, value, split.get_shape()[1], chain.softmax, merged, *chain.constants)
        replace_keeping(rewriter, op, fused, *chain.between, *splits, chain.scores, chain.context)
        self.counts["attention"] += 1


@dataclass(frozen=True)
class FuseAttentionPass(ModulePass):
    """See the module's docstring."""

    name = "fuse-attention"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        counts = Counter[str]()
        pattern = KeepLocation(_AttentionPattern(counts))
        PatternRewriteWalker(pattern, apply_recursively=False).rewrite_module(op)
        erase_dead(op)
        erase_dead_constants(op)
        if counts["attention"]:
            emit_remark(ctx, f"fuse-attention: {counted(counts['attention'], 'attention')} fused")
