"""Fused attention: scores, softmax and context of all heads, with no score matrix in the IR."""

from __future__ import annotations

from abc import ABC
from typing import TypeAlias

from xdsl.dialects.builtin import I64, IntegerAttr
from xdsl.ir import Operation, ParametrizedAttribute, SSAValue
from xdsl.irdl import (
    AttrSizedOperandSegments,
    IRDLOperation,
    irdl_attr_definition,
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from ivit_dialect.ops.linear import require_accumulator_holds, require_sum_fits
from ivit_dialect.ops.nonlinear import require_shift_exp
from ivit_dialect.types import (
    ACTIVATION_TENSOR,
    I32_TENSOR,
    I64_ATTR,
    INTEGER_TENSOR,
    NARROW_TENSOR,
    IntegerTensor,
    i64_attr,
    most,
    require,
    require_multiplier,
    require_row_multiplier,
    require_same_shape,
    require_shape,
    require_shift,
    tensor_types,
    ui8,
)

DELTA_MIN_DIVISOR = 255
"""The least row sum of delta softmax: the maximum itself has the code 255."""


class NamedIntegers(ParametrizedAttribute, ABC):
    """An attribute of integers, printed as ``<name = value, ...>``."""

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> list[IntegerAttr[I64]]:
        """In the order of the fields; every one must be there."""
        values: list[IntegerAttr[I64]] = []
        with parser.in_angle_brackets():
            for i, name in enumerate(cls.field_names()):
                if i:
                    parser.parse_punctuation(",")
                parser.parse_keyword(name)
                parser.parse_punctuation("=")
                values.append(i64_attr(parser.parse_integer(allow_boolean=False)))
        return values

    @classmethod
    def field_names(cls) -> tuple[str, ...]:
        """The parameters, in order."""
        return tuple(name for name, _ in cls.get_irdl_definition().parameters)

    def values(self) -> tuple[int, ...]:
        """The parameters as Python integers, in order."""
        return tuple(getattr(self, name).value.data for name in self.field_names())

    def print_parameters(self, printer: Printer) -> None:
        pairs = zip(self.field_names(), self.values(), strict=True)
        with printer.in_angle_brackets():
            printer.print_string(", ".join(f"{name} = {value}" for name, value in pairs))


@irdl_attr_definition
class DeltaSoftmaxAttr(NamedIntegers):
    """``ivit.softmax`` of the scores, then ``ivit.row_requant`` of the context (dividend, context_shift).

    ``multiplier`` is 0 where each head has its own, an operand of the op.
    """

    name = "ivit.delta_softmax"

    multiplier: IntegerAttr[I64]
    shift: IntegerAttr[I64]
    dividend: IntegerAttr[I64]
    context_shift: IntegerAttr[I64]


@irdl_attr_definition
class ShiftmaxAttr(NamedIntegers):
    """``ivit.requant`` of the scores to i8, ``ivit.shiftmax``, then ``ivit.requant`` of the context."""

    name = "ivit.shiftmax_softmax"

    multiplier: IntegerAttr[I64]
    shift: IntegerAttr[I64]
    x0: IntegerAttr[I64]
    n: IntegerAttr[I64]
    bits: IntegerAttr[I64]
    context_multiplier: IntegerAttr[I64]
    context_shift: IntegerAttr[I64]


SoftmaxAttr: TypeAlias = DeltaSoftmaxAttr | ShiftmaxAttr


@irdl_op_definition
class AttentionOp(IRDLOperation):
    """Multi-head attention of narrow ``q, k, v: [N, T, H*D]`` to ``[N, T, H*D]`` (I-ViT Eqs. 3 and 4).

    Equal, bit for bit, to split_heads, matmul, the ops that the softmax attribute names, matmul, merge_heads.
    """

    name = "ivit.attention"

    query = operand_def(NARROW_TENSOR)
    key = operand_def(NARROW_TENSOR)
    value = operand_def(NARROW_TENSOR)
    table = opt_operand_def(INTEGER_TENSOR)
    multipliers = opt_operand_def(I32_TENSOR)
    heads = prop_def(I64_ATTR)
    softmax = prop_def(DeltaSoftmaxAttr | ShiftmaxAttr)
    output = result_def(ACTIVATION_TENSOR)

    irdl_options = (AttrSizedOperandSegments(as_property=True),)
    traits = traits_def(Pure())
    assembly_format = (
        "$query `,` $key `,` $value `heads` $heads `softmax` $softmax"
        " (`table` `(` $table^ `:` type($table) `)`)?"
        " (`multipliers` `(` $multipliers^ `:` type($multipliers) `)`)? attr-dict `:`"
        " `(` type($query) `,` type($key) `,` type($value) `)` `->` type($output)"
    )

    def __init__(
        self,
        query: SSAValue | Operation,
        key: SSAValue | Operation,
        value: SSAValue | Operation,
        heads: int,
        softmax: SoftmaxAttr,
        result_type: IntegerTensor,
        table: SSAValue | None = None,
        multipliers: SSAValue | None = None,
    ) -> None:
        super().__init__(
            operands=[query, key, value, table, multipliers],
            properties={"heads": i64_attr(heads), "softmax": softmax},
            result_types=[result_type],
        )

    def verify_(self) -> None:
        q, k, v, y = tensor_types(self.query, self.key, self.value, self.output)
        require(q.get_num_dims() == 3, "query must be [N, T, H*D]")
        for other, what in ((k, "key"), (v, "value"), (y, "output")):
            require_same_shape(q, other, f"query and {what}")
        _, tokens, width = q.get_shape()
        heads = self.heads.value.data
        require(heads > 0 and width % heads == 0, f"{width} channels do not split into {heads} heads")
        require_accumulator_holds(width // heads, q, k)
        softmax = self.softmax
        require_multiplier(softmax.multiplier)
        require_shift(softmax.shift)
        require_shift(softmax.context_shift)
        if isinstance(softmax, DeltaSoftmaxAttr):
            if self.table is None:
                raise VerifyException("delta_softmax needs a table")
            require_sum_fits(tokens, 255, most(v))
            (table,) = tensor_types(self.table)
            require(
                table.get_shape() == (256,) and table.element_type == ui8,
                f"delta_softmax needs a table of 256 ui8, got {table}",
            )
            self._verify_scale(softmax.multiplier.value.data, heads)
            require_row_multiplier(softmax.dividend.value.data, DELTA_MIN_DIVISOR)
        else:
            require(self.table is None, "shiftmax_softmax takes no table")
            require(self.multipliers is None, "shiftmax_softmax takes no multipliers")
            require_shift_exp(softmax.x0.value.data, softmax.n.value.data, tokens)
            require(
                2 <= softmax.bits.value.data <= 16,
                f"bits must lie in [2, 16], got {softmax.bits.value.data}",
            )
            require_multiplier(softmax.context_multiplier)

    def _verify_scale(self, multiplier: int, heads: int) -> None:
        if self.multipliers is None:
            require(multiplier > 0, "multiplier must be positive")
            return
        require(multiplier == 0, f"multiplier must be 0 beside those of the heads, got {multiplier}")
        (type_,) = tensor_types(self.multipliers)
        require_shape(type_, (1, heads, 1, 1), "multipliers")
