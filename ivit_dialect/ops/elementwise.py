"""Constants, requantisation, residual add, table lookup, and broadcasting integer arithmetic."""

from __future__ import annotations

from xdsl.dialects.builtin import I64, IntegerAttr, StringAttr, i64
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

from ivit_dialect.types import (
    I32_TENSOR,
    I64_ATTR,
    I64_TENSOR,
    INDEX_TENSOR,
    INTEGER_TENSOR,
    IntegerTensor,
    i64_attr,
    integer_range,
    require,
    require_multiplier,
    require_row_multiplier,
    require_same_shape,
    require_shape,
    require_shift,
    require_table,
    require_zero_point,
    shape_text,
    tensor_types,
)


@irdl_op_definition
class ConstantOp(IRDLOperation):
    """A tensor of the weight store, by key."""

    name = "ivit.constant"

    key = prop_def(StringAttr)
    output = result_def(INTEGER_TENSOR)

    traits = traits_def(Pure())
    assembly_format = "$key attr-dict `:` type($output)"

    def __init__(self, key: str, result_type: IntegerTensor) -> None:
        super().__init__(properties={"key": StringAttr(key)}, result_types=[result_type])

    def verify_(self) -> None:
        require(self.key.data != "", "key must not be empty")
        (out,) = tensor_types(self.output)
        require(out.has_static_shape(), "a constant has a static shape")


@irdl_op_definition
class SplatOp(IRDLOperation):
    """One integer as a tensor of ones' shape, to be broadcast."""

    name = "ivit.splat"

    value = prop_def(I64_ATTR)
    output = result_def(INTEGER_TENSOR)

    traits = traits_def(Pure())
    assembly_format = "$value attr-dict `:` type($output)"

    def __init__(self, value: int, result_type: IntegerTensor) -> None:
        super().__init__(properties={"value": i64_attr(value)}, result_types=[result_type])

    def verify_(self) -> None:
        (out,) = tensor_types(self.output)
        require(all(d == 1 for d in out.get_shape()), "a splat has extents of 1 only")
        low, high = integer_range(out.element_type)
        require(low <= self.value.value.data <= high, f"value does not fit {out.element_type}")


@irdl_op_definition
class RequantOp(IRDLOperation):
    """``clamp(((x * b + 2^(c-1)) >> c) + zero_point)`` to the range of the result's element type.

    ``b`` is one integer (``* b``) or an int32 per channel of the last dimension (``channels(%b)``); ``c`` is
    the shift. The product is exact in 64 bits; ``>>`` is arithmetic: round half up (I-ViT Eqs. 9 and 10).
    """

    name = "ivit.requant"

    input = operand_def(INTEGER_TENSOR)
    multipliers = opt_operand_def(I32_TENSOR)
    multiplier = opt_prop_def(I64_ATTR)
    shift = prop_def(I64_ATTR)
    zero_point = opt_prop_def(I64_ATTR)
    output = result_def(INTEGER_TENSOR)

    traits = traits_def(Pure())
    assembly_format = (
        "$input (`*` $multiplier^)? (`channels` `(` $multipliers^ `:` type($multipliers) `)`)?"
        " `shift` $shift (`zero_point` $zero_point^)? attr-dict `:` type($input) `->` type($output)"
    )

    def __init__(
        self,
        input: SSAValue | Operation,
        multiplier: int | SSAValue,
        shift: int,
        result_type: IntegerTensor,
        zero_point: int = 0,
    ) -> None:
        per_channel = isinstance(multiplier, SSAValue)
        super().__init__(
            operands=[input, multiplier if per_channel else None],
            properties={
                "multiplier": None if per_channel else i64_attr(multiplier),
                "shift": i64_attr(shift),
                "zero_point": i64_attr(zero_point) if zero_point else None,
            },
            result_types=[result_type],
        )

    def verify_(self) -> None:
        x, y = tensor_types(self.input, self.output)
        require_same_shape(x, y, "input and output")
        require(x.element_type != i64, "input must have at most 32 bits")
        require(
            (self.multiplier is None) != (self.multipliers is None),
            "requant takes either one multiplier or one per channel",
        )
        require_shift(self.shift)
        if self.multiplier is not None:
            require_multiplier(self.multiplier)
        if self.multipliers is not None:
            (channels,) = tensor_types(self.multipliers)
            require_shape(channels, (x.get_shape()[-1],), "multipliers")
        require_zero_point(self.zero_point, y.element_type)


@irdl_op_definition
class RowRequantOp(IRDLOperation):
    """Requant by a multiplier of each row's own: ``b = floor(dividend / divisor)``.

    ``clamp((x * b + 2^(c-1)) >> c)``: the deferred division of softmax, one division a row. The divisor is
    at least ``min_divisor``; ``dividend / min_divisor`` must fit 31 bits.
    """

    name = "ivit.row_requant"

    input = operand_def(I32_TENSOR)
    divisor = operand_def(I32_TENSOR)
    dividend = prop_def(I64_ATTR)
    min_divisor = prop_def(I64_ATTR)
    shift = prop_def(I64_ATTR)
    output = result_def(INTEGER_TENSOR)

    traits = traits_def(Pure())
    assembly_format = (
        "$input `*` $dividend `/` $divisor `min` $min_divisor `shift` $shift attr-dict `:`"
        " `(` type($input) `,` type($divisor) `)` `->` type($output)"
    )

    def __init__(
        self,
        input: SSAValue | Operation,
        divisor: SSAValue | Operation,
        dividend: int,
        min_divisor: int,
        shift: int,
        result_type: IntegerTensor,
    ) -> None:
        super().__init__(
            operands=[input, divisor],
            properties={
                "dividend": i64_attr(dividend),
                "min_divisor": i64_attr(min_divisor),
                "shift": i64_attr(shift),
            },
            result_types=[result_type],
        )

    def verify_(self) -> None:
        x, d, y = tensor_types(self.input, self.divisor, self.output)
        require_same_shape(x, y, "input and output")
        require_shape(d, (*x.get_shape()[:-1], 1), "divisor")
        least, dividend = self.min_divisor.value.data, self.dividend.value.data
        require(least > 0, f"min_divisor must be positive, got {least}")
        require_row_multiplier(dividend, least)
        require_shift(self.shift)


@irdl_op_definition
class AddOp(IRDLOperation):
    """Residual add: ``clamp(rq(lhs) + rq(rhs))``, each side with its own dyadic scale or none.

    ``rq(x) = (x * b + 2^(c-1)) >> c``; the sum is exact, only the result is clamped (I-ViT Fig. 3).
    ``rhs`` broadcasts over the batch when its leading extent is 1.
    """

    name = "ivit.add"

    lhs = operand_def(INTEGER_TENSOR)
    rhs = operand_def(INTEGER_TENSOR)
    lhs_multiplier = opt_prop_def(I64_ATTR)
    lhs_shift = opt_prop_def(I64_ATTR)
    rhs_multiplier = opt_prop_def(I64_ATTR)
    rhs_shift = opt_prop_def(I64_ATTR)
    output = result_def(INTEGER_TENSOR)

    traits = traits_def(Pure())
    assembly_format = (
        "$lhs (`*` $lhs_multiplier^ `shift` $lhs_shift)? `,`"
        " $rhs (`*` $rhs_multiplier^ `shift` $rhs_shift)? attr-dict `:`"
        " `(` type($lhs) `,` type($rhs) `)` `->` type($output)"
    )

    def __init__(
        self,
        lhs: SSAValue | Operation,
        rhs: SSAValue | Operation,
        result_type: IntegerTensor,
        *,
        lhs_scale: tuple[int, int] | None = None,
        rhs_scale: tuple[int, int] | None = None,
    ) -> None:
        properties: dict[str, IntegerAttr[I64] | None] = {}
        for side, scale in (("lhs", lhs_scale), ("rhs", rhs_scale)):
            if scale is not None:
                properties[f"{side}_multiplier"] = i64_attr(scale[0])
                properties[f"{side}_shift"] = i64_attr(scale[1])
        super().__init__(operands=[lhs, rhs], properties=properties, result_types=[result_type])

    def verify_(self) -> None:
        a, b, y = tensor_types(self.lhs, self.rhs, self.output)
        require_same_shape(a, y, "lhs and output")
        require(
            b.get_shape() == a.get_shape() or b.get_shape() == (1, *a.get_shape()[1:]),
            f"rhs must have shape {shape_text(a.get_shape())} or batch 1, got {shape_text(b.get_shape())}",
        )
        require(a.element_type != i64 and b.element_type != i64, "operands must have at most 32 bits")
        for multiplier, shift in (
            (self.lhs_multiplier, self.lhs_shift),
            (self.rhs_multiplier, self.rhs_shift),
        ):
            require((multiplier is None) == (shift is None), "a multiplier comes with a shift")
            if multiplier is not None and shift is not None:
                require_multiplier(multiplier)
                require_shift(shift)


@irdl_op_definition
class LookupOp(IRDLOperation):
    """A table of ``2^b`` entries for b bits: index ``x + 2^(b-1)``, or ``x`` where it is unsigned.

    Any function of one value: the compiler fills the table with correctly rounded values.
    """

    name = "ivit.lookup"

    input = operand_def(INDEX_TENSOR)
    table = operand_def(INTEGER_TENSOR)
    output = result_def(INTEGER_TENSOR)

    traits = traits_def(Pure())
    assembly_format = (
        "$input `,` $table attr-dict `:` `(` type($input) `,` type($table) `)` `->` type($output)"
    )

    def __init__(
        self, input: SSAValue | Operation, table: SSAValue | Operation, result_type: IntegerTensor
    ) -> None:
        super().__init__(operands=[input, table], result_types=[result_type])

    def verify_(self) -> None:
        x, t, y = tensor_types(self.input, self.table, self.output)
        require_same_shape(x, y, "input and output")
        require_table(t, x.element_type.width.data, y)


@irdl_op_definition
class AffineOp(IRDLOperation):
    """``clamp((x * scale[c] + offset[c]) >> shift)`` per channel of the last dimension; 64-bit, floor.

    The end of a LayerNorm: gamma in ``scale``; beta, zero point and the rounding half in ``offset``.
    """

    name = "ivit.affine"

    input = operand_def(I32_TENSOR)
    scale = operand_def(I32_TENSOR)
    offset = operand_def(I64_TENSOR)
    shift = prop_def(I64_ATTR)
    output = result_def(INTEGER_TENSOR)

    traits = traits_def(Pure())
    assembly_format = (
        "$input `*` $scale `+` $offset `shift` $shift attr-dict `:`"
        " `(` type($input) `,` type($scale) `,` type($offset) `)` `->` type($output)"
    )

    def __init__(
        self,
        input: SSAValue | Operation,
        scale: SSAValue | Operation,
        offset: SSAValue | Operation,
        shift: int,
        result_type: IntegerTensor,
    ) -> None:
        super().__init__(
            operands=[input, scale, offset],
            properties={"shift": i64_attr(shift)},
            result_types=[result_type],
        )

    def verify_(self) -> None:
        x, m, b, y = tensor_types(self.input, self.scale, self.offset, self.output)
        require_same_shape(x, y, "input and output")
        channels = (x.get_shape()[-1],)
        require(
            m.get_shape() == channels and b.get_shape() == channels,
            f"scale and offset must have shape {shape_text(channels)},"
            f" got {shape_text(m.get_shape())} and {shape_text(b.get_shape())}",
        )
        require_shift(self.shift)
