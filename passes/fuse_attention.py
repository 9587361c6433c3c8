"""``fuse-attention``: scores, softmax and context become one ``ivit.attention``. Bit-exact.

Matches the chain that ``quantize`` emits, with the requants of the Shiftmax family still apart or already
folded into the products by ``fuse-requant``.
"""

from __future__ import annotations

import sys
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
from ivit_dialect.types import i64_attr, tensor_types
from passes.conv2d_to_linear import erase_dead_constants


class _Chain(NamedTuple):
    """What lies between the split heads and the merged context."""

    scores: MatmulOp
    context: MatmulOp
    softmax: SoftmaxAttr
    table: SSAValue | None


class _Scaled(NamedTuple):
    """A product and the requant that follows it, folded or apart."""

    product: MatmulOp
    multiplier: int
    shift: int


def _scaled_product(value: SSAValue) -> _Scaled | None:
    owner = value.owner
    if isinstance(owner, RequantOp) and owner.multiplier is not None and owner.zero_point is None:
        product = owner.input.owner
        if isinstance(product, MatmulOp) and product.multiplier is None and _used_once(owner.input):
            return _Scaled(product, owner.multiplier.value.data, owner.shift.value.data)
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
        i64_attr(softmax.multiplier.value.data),
        i64_attr(softmax.shift.value.data),
        i64_attr(rescale.dividend.value.data),
        i64_attr(rescale.shift.value.data),
    )
    return _Chain(scores, context, attribute, softmax.table)


def _shiftmax_chain(context_i8: SSAValue) -> _Chain | None:
    context = _scaled_product(context_i8)
    if context is None:
        return None
    softmax = context.product.lhs.owner
    if not isinstance(softmax, ShiftmaxOp):
        return None
    (probabilities,) = tensor_types(softmax.output)
    scores = _scaled_product(softmax.input)
    if scores is None or probabilities.element_type != i16:
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
    return _Chain(scores.product, context.product, attribute, None)


def _heads_of(value: SSAValue) -> SSAValue | None:
    """``[N, T, H*D]`` behind an ``ivit.split_heads``."""
    return value.owner.input if isinstance(value.owner, SplitHeadsOp) else None


@dataclass(frozen=True)
class _AttentionPattern(RewritePattern):
    counts: Counter[str] = field(compare=False)

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: MergeHeadsOp, rewriter: PatternRewriter) -> None:
        (split, merged) = tensor_types(op.input, op.output)
        if merged.element_type != i8 or not _used_once(op.input):
            return
        chain = _delta_chain(op.input) or _shiftmax_chain(op.input)
        if chain is None or chain.scores.transpose_b is None or chain.context.transpose_b is not None:
            return
        query, key, value = (_heads_of(v) for v in (chain.scores.lhs, chain.scores.rhs, chain.context.rhs))
        if query is None or key is None or value is None or not query.type == key.type == value.type:
            return
        fused = AttentionOp(query, key, value, split.get_shape()[1], chain.softmax, merged, chain.table)
        rewriter.replace(op, fused)
        self.counts["attention"] += 1


def erase_dead(module: ModuleOp) -> None:
    """Remove ``ivit`` ops whose results nothing uses, users before producers."""
    for op in reversed(list(module.walk())):
        if op.name.startswith("ivit.") and _dead(op):
            op.detach()
            op.erase()


def _dead(op: Operation) -> bool:
    return all(result.first_use is None for result in op.results)


@dataclass(frozen=True)
class FuseAttentionPass(ModulePass):
    """See the module's docstring."""

    name = "fuse-attention"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        counts = Counter[str]()
        PatternRewriteWalker(_AttentionPattern(counts), apply_recursively=False).rewrite_module(op)
        erase_dead(op)
        erase_dead_constants(op)
        print(f"fuse-attention: {counts['attention']} attentions fused", file=sys.stderr)
