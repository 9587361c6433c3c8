"""LayerNorm written out, (x − mean) · rsqrt(var + ε) · γ + β, is ``layer_norm``.

torch-mlir computes the variance in float64 and the mean in float32; ``layer_norm`` computes both in one
pass of float32, so the results agree to rounding.
"""

from __future__ import annotations

from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from ivit_dialect.torch.constants import constant_bool, constant_ints, constant_number, is_none
from ivit_dialect.torch.ops_nn import AtenLayerNormOp, AtenNativeLayerNormOp
from ivit_dialect.torch.ops_pointwise import (
    AtenAddScalarOp,
    AtenAddTensorOp,
    AtenDivScalarOp,
    AtenDivTensorOp,
    AtenMulTensorOp,
    AtenPowTensorScalarOp,
    AtenRsqrtOp,
    AtenSqrtOp,
    AtenSubTensorOp,
)
from ivit_dialect.torch.ops_reduce import (
    AtenMeanDimOp,
    AtenSumDimIntListOp,
    AtenVarCorrectionOp,
    AtenVarDimOp,
    AtenVarMeanCorrectionOp,
)
from ivit_dialect.torch.ops_select import AtenToDtypeOp
from passes.raising import build
from passes.raising.build import sizes_of


def without_cast(value: SSAValue) -> SSAValue:
    """``value`` before any change of float type."""
    while isinstance(value.owner, AtenToDtypeOp):
        value = value.owner.input
    return value


def mean_of_rows(value: SSAValue) -> SSAValue | None:
    """The x that ``value`` is the mean of, over its last dimension and keeping it; None where it is none."""
    op = without_cast(value).owner
    if isinstance(op, AtenDivScalarOp):
        reduction = op.input.owner
        if not isinstance(reduction, AtenSumDimIntListOp):
            return None
        if constant_number(op.other) != sizes_of(reduction.input)[-1]:
            return None
    elif isinstance(op, AtenMeanDimOp):
        reduction = op
    else:
        return None
    keeps_last = is_last_dim(reduction.input, reduction.dim) and constant_bool(reduction.keepdim) is True
    return without_cast(reduction.input) if keeps_last else None


def is_last_dim(x: SSAValue, dims: SSAValue) -> bool:
    """Whether ``dims`` is a list of just the last dimension of ``x``."""
    return constant_ints(dims) in ((-1,), (len(sizes_of(x)) - 1,))


def _centred(value: SSAValue) -> SSAValue | None:
    """The x of x − mean(x)."""
    op = without_cast(value).owner
    if not isinstance(op, AtenSubTensorOp) or constant_number(op.alpha) != 1:
        return None
    x = without_cast(op.input)
    return x if mean_of_rows(op.other) is x else None


def _variance(value: SSAValue) -> SSAValue | None:
    """The x of var(x), biased, over the last dimension."""
    op = without_cast(value).owner
    if isinstance(op, AtenVarCorrectionOp | AtenVarDimOp):
        biased = (
            constant_number(op.correction) == 0
            if isinstance(op, AtenVarCorrectionOp)
            else constant_bool(op.unbiased) is False
        )
        matches = biased and is_last_dim(op.input, op.dim) and constant_bool(op.keepdim) is True
        return without_cast(op.input) if matches else None
    square = mean_of_rows(value)
    if square is None:
        return None
    if isinstance(square.owner, AtenPowTensorScalarOp):
        return _centred(square.owner.input) if constant_number(square.owner.exponent) == 2 else None
    if isinstance(square.owner, AtenMulTensorOp) and square.owner.input is square.owner.other:
        return _centred(square.owner.input)
    return None


def _deviation(value: SSAValue) -> tuple[SSAValue, float] | None:
    """x and ε of var(x) + ε."""
    op = without_cast(value).owner
    if not isinstance(op, AtenAddScalarOp) or constant_number(op.alpha) != 1:
        return None
    x, eps = _variance(op.input), constant_number(op.other)
    return None if x is None or eps is None else (x, float(eps))


class SplitVarMean(RewritePattern):
    """``var_mean`` is a ``var`` and a ``mean``."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: AtenVarMeanCorrectionOp, rewriter: PatternRewriter, /) -> None:
        dims = constant_ints(op.dim)
        keepdim = constant_bool(op.keepdim)
        if dims is None or keepdim is None:
            return
        variance = AtenVarCorrectionOp([op.input, op.dim, op.correction, op.keepdim], [op.variance.type])
        mean = build.mean(op.input, dims, keepdim, build.tensor_type(op.mean))
        rewriter.replace(op, [variance, *mean], [variance.result, mean[-1].results[0]])


class RaiseNormalisation(RewritePattern):
    """(x − mean) · rsqrt(var + ε), or divided by the square root, is a layer_norm without γ and β."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        if not isinstance(op, AtenMulTensorOp | AtenDivTensorOp):
            return
        root_type = AtenRsqrtOp if isinstance(op, AtenMulTensorOp) else AtenSqrtOp
        pairs = [(op.input, op.other)]
        if isinstance(op, AtenMulTensorOp):
            pairs.append((op.other, op.input))
        for centred, root in pairs:
            root_op = without_cast(root).owner
            if not isinstance(root_op, root_type):
                continue
            deviation, x = _deviation(root_op.input), _centred(centred)
            if deviation is None or x is None or deviation[0] is not x or x.type != op.result.type:
                continue
            rewriter.replace(op, build.layer_norm(x, None, None, deviation[1]))
            return


class RaiseNormWeight(RewritePattern):
    """A row γ times a layer_norm without γ and β."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: AtenMulTensorOp, rewriter: PatternRewriter, /) -> None:
        for normed, weight in ((op.input, op.other), (op.other, op.input)):
            norm = normed.owner
            if not isinstance(norm, AtenLayerNormOp) or not is_none(norm.weight) or not is_none(norm.bias):
                continue
            eps = constant_number(norm.eps)
            if eps is None or sizes_of(weight) != sizes_of(normed)[-1:] or not _over_last_dim(norm):
                continue
            rewriter.replace(op, build.layer_norm(norm.input, weight, None, eps))
            return


class RaiseNormBias(RewritePattern):
    """A row β added to a layer_norm without β."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: AtenAddTensorOp, rewriter: PatternRewriter, /) -> None:
        for normed, bias in ((op.input, op.other), (op.other, op.input)):
            norm = normed.owner
            if not isinstance(norm, AtenLayerNormOp) or not is_none(norm.bias):
                continue
            eps = constant_number(norm.eps)
            if eps is None or sizes_of(bias) != sizes_of(normed)[-1:] or constant_number(op.alpha) != 1:
                continue
            if not _over_last_dim(norm):
                continue
            weight = None if is_none(norm.weight) else norm.weight
            rewriter.replace(op, build.layer_norm(norm.input, weight, bias, eps))
            return


class NormaliseLayerNorm(RewritePattern):
    """``native_layer_norm`` whose statistics nobody reads; ``cudnn_enable``, which says nothing, is false."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        if isinstance(op, AtenNativeLayerNormOp):
            if op.mean.first_use is not None or op.rstd.first_use is not None:
                return
        elif not isinstance(op, AtenLayerNormOp) or constant_bool(op.cudnn_enable) is False:
            return
        eps = constant_number(op.eps)
        if eps is None or not _over_last_dim(op):
            return
        weight, bias = (None if is_none(value) else value for value in (op.weight, op.bias))
        ops = build.layer_norm(op.input, weight, bias, eps)
        unused = [None] * (len(op.results) - 1)
        rewriter.replace(op, ops, [ops[-1].results[0], *unused])


def _over_last_dim(op: AtenLayerNormOp | AtenNativeLayerNormOp) -> bool:
    return constant_ints(op.normalized_shape) == sizes_of(op.input)[-1:]


LAYER_NORM_PATTERNS: list[RewritePattern] = [
    NormaliseLayerNorm(),
    SplitVarMean(),
    RaiseNormalisation(),
    RaiseNormWeight(),
    RaiseNormBias(),
]
