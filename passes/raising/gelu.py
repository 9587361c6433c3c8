"""GELU written out, by its error function or by its tanh approximation, is ``gelu``."""

from __future__ import annotations

import math

from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern

from ivit_dialect.torch.constants import constant_number
from ivit_dialect.torch.ops_constant import ConstantStrOp
from ivit_dialect.torch.ops_nn import AtenGeluOp
from ivit_dialect.torch.ops_pointwise import (
    AtenAddScalarOp,
    AtenAddTensorOp,
    AtenDivScalarOp,
    AtenErfOp,
    AtenMulScalarOp,
    AtenMulTensorOp,
    AtenPowTensorScalarOp,
    AtenTanhOp,
)

# Constants come in float32 or with as many digits as their author cared for.
TOLERANCE = 1e-5
CUBIC = 0.044715


class RaiseGelu(RewritePattern):
    """½·x·(1 + erf(x/√2)), or ½·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))), factors in any order."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        if not isinstance(op, AtenMulTensorOp | AtenMulScalarOp | AtenDivScalarOp):
            return
        scale, factors = _factors(op.result)
        if len(factors) != 2 or not _near(scale, 0.5):
            return
        for x, gate in (factors, factors[::-1]):
            approximate = _gate(gate, x)
            if approximate is not None and x.type == op.result.type:
                name = ConstantStrOp(approximate)
                rewriter.replace(op, [name, AtenGeluOp([x, name], [op.result.type])])
                return


def _factors(value: SSAValue) -> tuple[float, list[SSAValue]]:
    """``value`` as a number times tensors."""
    op = value.owner
    if isinstance(op, AtenMulTensorOp):
        (left, some), (right, others) = _factors(op.input), _factors(op.other)
        return left * right, [*some, *others]
    if isinstance(op, AtenMulScalarOp | AtenDivScalarOp):
        number = constant_number(op.other)
        if number is not None and number != 0:
            scale, factors = _factors(op.input)
            return (scale * number if isinstance(op, AtenMulScalarOp) else scale / number), factors
    return 1.0, [value]


def _gate(value: SSAValue, x: SSAValue) -> str | None:
    """ "none" for 1 + erf(x/√2), "tanh" for the tanh form, None for all else."""
    op = value.owner
    if (
        not isinstance(op, AtenAddScalarOp)
        or constant_number(op.alpha) != 1
        or constant_number(op.other) != 1
    ):
        return None
    function = op.input.owner
    if isinstance(function, AtenErfOp):
        scale, factors = _factors(function.input)
        return "none" if _is(factors, x) and _near(scale, 1 / math.sqrt(2)) else None
    if isinstance(function, AtenTanhOp):
        scale, factors = _factors(function.input)
        if len(factors) == 1 and _near(scale, math.sqrt(2 / math.pi)) and _is_cubic(factors[0], x):
            return "tanh"
    return None


def _is_cubic(value: SSAValue, x: SSAValue) -> bool:
    """Whether ``value`` is x + 0.044715·x³."""
    op = value.owner
    if not isinstance(op, AtenAddTensorOp) or constant_number(op.alpha) != 1:
        return False
    for linear, cube in ((op.input, op.other), (op.other, op.input)):
        scale, factors = _factors(cube)
        if linear is x and _near(scale, CUBIC) and (_is(factors, x, x, x) or _is_power(factors, x)):
            return True
    return False


def _is_power(factors: list[SSAValue], x: SSAValue) -> bool:
    op = factors[0].owner
    return (
        len(factors) == 1
        and isinstance(op, AtenPowTensorScalarOp)
        and op.input is x
        and constant_number(op.exponent) == 3
    )


def _is(factors: list[SSAValue], *wanted: SSAValue) -> bool:
    return len(factors) == len(wanted) and all(map(lambda a, b: a is b, factors, wanted))


def _near(value: float, wanted: float) -> bool:
    return abs(value - wanted) <= TOLERANCE * abs(wanted)
