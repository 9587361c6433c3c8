"""``raise-torch``: any of torch-mlir's spellings of a Vision Transformer in the high-level one.

Left are convolution, linear, layer_norm, scaled_dot_product_attention, gelu, add, mul, mean.dim, scalar
arithmetic, and for shapes view, permute, select, slice, cat and broadcast_to.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import GreedyRewritePatternApplier, PatternRewriteWalker, RewritePattern

from ivit_dialect.store import WeightStore, store_of
from passes.location import KeepLocation
from passes.raising.attention import (
    DropSoftmaxGuard,
    FoldUniformWhere,
    NormaliseAttention,
    NormaliseSoftmax,
    RaiseAttention,
    RaiseSoftmax,
    SinkScale,
    SplitBatchFromHeads,
)
from passes.raising.broadcasts import DropBroadcast
from passes.raising.convolution import NormaliseConvolution
from passes.raising.fold import fold_constants
from passes.raising.gelu import RaiseGelu
from passes.raising.layer_norm import LAYER_NORM_PATTERNS
from passes.raising.linear import (
    AddmmToLinear,
    AddToLinearBias,
    BmmToMatmul,
    MatmulToLinear,
    RowOpOnBatchFirst,
)
from passes.raising.noops import (
    DropAddZero,
    DropCopy,
    DropDropout,
    DropScalarIdentity,
    RankZeroToScalar,
)
from passes.raising.pooling import RaiseMean
from passes.raising.schedule import schedule
from passes.raising.shapes import SHAPE_PATTERNS, CanonicalChain, IndexSelectToSlice, ViewOfView
from passes.raising.splits import PartToSlice
from passes.raising.uniform import UniformValues


@dataclass(frozen=True)
class RaiseTorchPass(ModulePass):
    """Brings both of torch-mlir's forms to the same ops, in the same order, on the same weights.

    Results agree with the input's to rounding. Constant expressions become literals of the weight store.
    What no pattern knows stays as it is, for the passes behind to refuse.
    """

    name = "raise-torch"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        store = store_of(ctx)
        for function in op.body.block.ops:
            if isinstance(function, FuncOp) and not function.is_declaration:
                _raise(function, store)


def _raise(function: FuncOp, store: WeightStore) -> None:
    block = function.body.block
    simplify, products, attention, layout = _stages(UniformValues(store), store)
    for patterns, keep_rearranged in (
        (simplify, True),
        (products, False),
        (attention, False),
        (layout, False),
    ):
        pattern = KeepLocation(GreedyRewritePatternApplier(patterns))
        PatternRewriteWalker(pattern).rewrite_region(function.body)
        fold_constants(function, store, keep_rearranged)
        schedule(block)


def _stages(uniform: UniformValues, store: WeightStore) -> list[list[RewritePattern]]:
    """Pattern sets, each run to its fixpoint before the next.

    Products come first: their views show which dimensions are rows before chains of views are joined.
    """
    simplify: list[RewritePattern] = [
        *SHAPE_PATTERNS,
        PartToSlice(),
        DropBroadcast(),
        IndexSelectToSlice(store),
        DropCopy(),
        DropDropout(),
        DropScalarIdentity(),
        DropAddZero(uniform),
        RankZeroToScalar(uniform),
        FoldUniformWhere(uniform),
        NormaliseConvolution(),
    ]
    raise_ops: list[RewritePattern] = [
        MatmulToLinear(),
        AddmmToLinear(),
        BmmToMatmul(),
        AddToLinearBias(),
        *LAYER_NORM_PATTERNS,
        RaiseSoftmax(),
        NormaliseSoftmax(),
        DropSoftmaxGuard(),
        SinkScale(),
        RaiseGelu(),
        RaiseMean(),
    ]
    attention: list[RewritePattern] = [
        RaiseAttention(),
        NormaliseAttention(uniform),
        RowOpOnBatchFirst(),
        SplitBatchFromHeads(),
    ]
    return [
        simplify,
        [*simplify, *raise_ops],
        [*simplify, *attention],
        [*simplify, ViewOfView(), CanonicalChain()],
    ]
