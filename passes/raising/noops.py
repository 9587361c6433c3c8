"""Ops that change no value: copies, eval-mode dropout, casts to the same type, adding 0, multiplying by 1."""

from __future__ import annotations

from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from ivit_dialect.torch.constants import constant_bool, constant_number
from ivit_dialect.torch.ops_constant import ConstantFloatOp
from ivit_dialect.torch.ops_nn import AtenDropoutOp
from ivit_dialect.torch.ops_pointwise import (
    AtenAddScalarOp,
    AtenAddTensorOp,
    AtenDivScalarOp,
    AtenDivTensorOp,
    AtenMulScalarOp,
    AtenMulTensorOp,
    AtenSubScalarOp,
    AtenSubTensorOp,
)
from ivit_dialect.torch.ops_select import Aten_ToCopyOp, AtenToDtypeLayoutOp, AtenToDtypeOp, AtenTypeAsOp
from ivit_dialect.torch.ops_shape import (
    AtenAliasOp,
    AtenCloneOp,
    AtenContiguousOp,
    AtenDetachOp,
    AtenLiftFreshCopyOp,
)
from passes.raising.build import sizes_of
from passes.raising.uniform import UniformValues

COPIES = (
    AtenCloneOp,
    AtenContiguousOp,
    AtenDetachOp,
    AtenAliasOp,
    AtenLiftFreshCopyOp,
    AtenToDtypeOp,
    AtenToDtypeLayoutOp,
    Aten_ToCopyOp,
    AtenTypeAsOp,
)
TENSOR_TO_SCALAR: dict[type[Operation], type[Operation]] = {
    AtenMulTensorOp: AtenMulScalarOp,
    AtenDivTensorOp: AtenDivScalarOp,
    AtenAddTensorOp: AtenAddScalarOp,
    AtenSubTensorOp: AtenSubScalarOp,
}


class DropCopy(RewritePattern):
    """A copy, or a cast, whose result has its operand's type."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        if isinstance(op, COPIES) and op.result.type == op.input.type:
            rewriter.replace(op, [], [op.input])


class DropDropout(RewritePattern):
    """Dropout outside training."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: AtenDropoutOp, rewriter: PatternRewriter, /) -> None:
        if constant_bool(op.train) is False or constant_number(op.p) == 0:
            rewriter.replace(op, [], [op.input])


class DropScalarIdentity(RewritePattern):
    """x·1, x/1, x+0·a, x−0·a with a scalar."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        if isinstance(op, AtenMulScalarOp | AtenDivScalarOp):
            neutral = 1
        elif isinstance(op, AtenAddScalarOp | AtenSubScalarOp):
            neutral = 0
        else:
            return
        if constant_number(op.other) == neutral and op.result.type == op.input.type:
            rewriter.replace(op, [], [op.input])


class DropAddZero(RewritePattern):
    """x + 0 with a tensor of zeros, an attention mask that masks nothing for instance.

    A row of zeros stays: it may be the bias of a layer that is still written out.
    """

    def __init__(self, uniform: UniformValues) -> None:
        self.uniform = uniform

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: AtenAddTensorOp, rewriter: PatternRewriter, /) -> None:
        for kept, dropped in ((op.input, op.other), (op.other, op.input)):
            if self.uniform.of(dropped) != 0 or kept.type != op.result.type or len(sizes_of(dropped)) == 1:
                continue
            if dropped is op.input and constant_number(op.alpha) != 1:
                continue
            rewriter.replace(op, [], [kept])
            return


class RankZeroToScalar(RewritePattern):
    """An elementwise op with a rank-0 constant is the op with a scalar."""

    def __init__(self, uniform: UniformValues) -> None:
        self.uniform = uniform

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        scalar_op = TENSOR_TO_SCALAR.get(type(op))
        if scalar_op is None:
            return
        tensor, scalar = op.operands[0], op.operands[1]
        commutes = isinstance(op, AtenMulTensorOp)
        if commutes and self._is_scalar(tensor):
            tensor, scalar = scalar, tensor
        if not self._is_scalar(scalar) or tensor.type != op.results[0].type:
            return
        value = self.uniform.of(scalar)
        if value is None:
            return
        constant = ConstantFloatOp(float(value))
        replacement = scalar_op.create(
            operands=[tensor, constant.result, *op.operands[2:]], result_types=[op.results[0].type]
        )
        rewriter.replace(op, [constant, replacement])

    def _is_scalar(self, value: SSAValue) -> bool:
        return self.uniform.is_rank_zero(value)
