"""A sum divided by the number of its terms is ``mean.dim``."""

from __future__ import annotations

from math import prod

from xdsl.ir import Operation
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern

from ivit_dialect.torch.constants import constant_bool, constant_ints, constant_number, is_none
from ivit_dialect.torch.ops_pointwise import AtenDivScalarOp
from ivit_dialect.torch.ops_reduce import AtenMeanDimOp, AtenSumDimIntListOp
from passes.raising import build
from passes.raising.build import sizes_of, tensor_type


class RaiseMean(RewritePattern):
    """sum(x, dims) / n; a mean's dimensions count from the front."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        if isinstance(op, AtenDivScalarOp):
            reduction, count = op.input.owner, constant_number(op.other)
        elif isinstance(op, AtenMeanDimOp):
            reduction, count = op, None
        else:
            return
        if not isinstance(reduction, AtenSumDimIntListOp | AtenMeanDimOp):
            return
        if isinstance(op, AtenDivScalarOp) and isinstance(reduction, AtenMeanDimOp):
            return
        dims, keepdim = constant_ints(reduction.dim), constant_bool(reduction.keepdim)
        if not dims or keepdim is None or reduction.result.type != op.result.type:
            return
        if tensor_type(reduction.input).dtype != tensor_type(op.result).dtype:
            return
        sizes = sizes_of(reduction.input)
        axes = [dim % len(sizes) for dim in dims]
        terms = [sizes[axis] for axis in axes]
        if count is not None and (None in terms or count != prod(size for size in terms if size is not None)):
            return
        if reduction is op and tuple(axes) == dims and is_none(reduction.dtype):
            return
        rewriter.replace(op, build.mean(reduction.input, axes, keepdim, tensor_type(op.result)))
