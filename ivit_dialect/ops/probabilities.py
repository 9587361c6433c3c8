"""Softmaxes that divide each row at once: probabilities as uniform codes, and as codes between thresholds."""

from __future__ import annotations

from xdsl.dialects.builtin import I64, IntegerAttr
from xdsl.ir import Operation, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure

from ivit_dialect.ops.softmax_scale import require_softmax_scale
from ivit_dialect.types import (
    CODE_TENSOR,
    I32_TENSOR,
    I64_ATTR,
    PROBABILITY_TENSOR,
    IntegerTensor,
    i64_attr,
    integer_range,
    require,
    require_same_shape,
    require_shape,
    shape_text,
    tensor_types,
)

ONE_Q16 = 1 << 16
"""``table[0]``: the exponential of the row's maximum."""
QUOTIENT_BITS = 47
"""``unit << (47 - bits of unit)`` over a sum of at least 2^16 fits 31 bits."""
MOST_UNIT = 1 << 15
THRESHOLD_BITS = 30


def unit_shift(unit: int) -> int:
    """The shift of the quotient ``(unit << shift) / sum``, in [31, 46]."""
    return QUOTIENT_BITS - unit.bit_length()


def require_exponentials(
    scores: SSAValue,
    table: SSAValue,
    multiplier: IntegerAttr[I64] | None,
    multipliers: SSAValue | None,
    shift: IntegerAttr[I64],
    output: SSAValue,
) -> None:
    """Exponentials in Q16 by table: shapes, the scale, a sum within 32 bits."""
    x, t, y = tensor_types(scores, table, output)
    require_same_shape(x, y, "input and output")
    require_shape(t, (256,), "table")
    require_softmax_scale(x, multiplier, multipliers, shift)
    terms = x.get_shape()[-1]
    require(
        terms * ONE_Q16 < 1 << 31,
        f"int32 sum may wrap: {terms} exponentials of up to {ONE_Q16}",
    )


@irdl_op_definition
class NormalizedSoftmaxOp(IRDLOperation):
    """Softmax to uniform codes: ``y = clamp((e * floor((unit << s) / sum(e)) + 2^(s-1)) >> s)``.

    ``i = min(255, ((max(x) - x) * b + 2^(c-1)) >> c); e = table[i]``, exponentials in Q16; ``b`` is one
    integer, or an int32 per head (``heads(%b)``). ``unit`` is what stands for a probability of 1, ``s = 47 -
    bits of unit``. One division a row.
    """

    name = "ivit.normalized_softmax"

    input = operand_def(I32_TENSOR)
    table = operand_def(I32_TENSOR)
    multipliers = opt_operand_def(I32_TENSOR)
    multiplier = opt_prop_def(I64_ATTR)
    shift = prop_def(I64_ATTR)
    unit = prop_def(I64_ATTR)
    output = result_def(PROBABILITY_TENSOR)

    traits = traits_def(Pure())
    assembly_format = (
        "$input (`*` $multiplier^)? (`heads` `(` $multipliers^ `:` type($multipliers) `)`)?"
        " `shift` $shift `table` $table `unit` $unit attr-dict `:`"
        " `(` type($input) `,` type($table) `)` `->` type($output)"
    )

    def __init__(
        self,
        input: SSAValue | Operation,
        table: SSAValue | Operation,
        multiplier: int | SSAValue,
        shift: int,
        unit: int,
        result_type: IntegerTensor,
    ) -> None:
        per_head = isinstance(multiplier, SSAValue)
        super().__init__(
            operands=[input, table, multiplier if per_head else None],
            properties={
                "multiplier": None if per_head else i64_attr(multiplier),
                "shift": i64_attr(shift),
                "unit": i64_attr(unit),
            },
            result_types=[result_type],
        )

    def verify_(self) -> None:
        require_exponentials(
            self.input, self.table, self.multiplier, self.multipliers, self.shift, self.output
        )
        (y,) = tensor_types(self.output)
        most = min(integer_range(y.element_type)[1] + 1, MOST_UNIT)
        unit = self.unit.value.data
        require(1 <= unit <= most, f"unit must lie in [1, {most}] for {y.element_type}, got {unit}")


@irdl_op_definition
class ThresholdSoftmaxOp(IRDLOperation):
    """Softmax to codes between thresholds: the count of ``k`` with ``(T[k] * sum(e)) >> 30 >= e``.

    ``e`` as in ``ivit.normalized_softmax``; ``T[k]`` are probabilities in Q30. No element is divided, none
    goes through a logarithm (log2 codes of FQ-ViT, arXiv 2111.13824; SULQ of I&S-ViT, arXiv 2311.10126).
    """

    name = "ivit.threshold_softmax"

    input = operand_def(I32_TENSOR)
    table = operand_def(I32_TENSOR)
    thresholds = operand_def(I32_TENSOR)
    multipliers = opt_operand_def(I32_TENSOR)
    multiplier = opt_prop_def(I64_ATTR)
    shift = prop_def(I64_ATTR)
    output = result_def(CODE_TENSOR)

    traits = traits_def(Pure())
    assembly_format = (
        "$input (`*` $multiplier^)? (`heads` `(` $multipliers^ `:` type($multipliers) `)`)?"
        " `shift` $shift `table` $table `thresholds` $thresholds attr-dict `:`"
        " `(` type($input) `,` type($table) `,` type($thresholds) `)` `->` type($output)"
    )

    def __init__(
        self,
        input: SSAValue | Operation,
        table: SSAValue | Operation,
        thresholds: SSAValue | Operation,
        multiplier: int | SSAValue,
        shift: int,
        result_type: IntegerTensor,
    ) -> None:
        per_head = isinstance(multiplier, SSAValue)
        super().__init__(
            operands=[input, table, thresholds, multiplier if per_head else None],
            properties={
                "multiplier": None if per_head else i64_attr(multiplier),
                "shift": i64_attr(shift),
            },
            result_types=[result_type],
        )

    def verify_(self) -> None:
        require_exponentials(
            self.input, self.table, self.multiplier, self.multipliers, self.shift, self.output
        )
        t, y = tensor_types(self.thresholds, self.output)
        most = integer_range(y.element_type)[1]
        require(
            t.get_num_dims() == 1 and 1 <= t.get_shape()[0] <= most,
            f"thresholds must have shape [L] with L up to {most} for {y.element_type},"
            f" got {shape_text(t.get_shape())}",
        )
