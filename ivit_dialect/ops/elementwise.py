"""Constants, requantisation, residual add, table lookup, and broadcasting integer arithmetic."""

from __future__ import annotations

from abc import ABC

from xdsl.dialects.builtin import I64, IntegerAttr, IntegerType, StringAttr, TensorType, i64
from xdsl.dialects.utils import EnumAttribute
from xdsl.ir import Operation, SpacedOpaqueSyntaxAttribute, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_attr_definition,
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure
from xdsl.utils.str_enum import StrEnum

from ivit_dialect.types import (
    I8_OR_UI8_TENSOR,
    I32_TENSOR,
    I64_ATTR,
    I64_TENSOR,
    INTEGER_TENSOR,
    IntegerTensor,
    i64_attr,
    integer_range,
    require,
    require_multiplier,
    require_same_shape,
    require_shift,
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
        assert isinstance(self.output.type, TensorType)
        require(self.output.type.has_static_shape(), "a constant has a static shape")


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
        out = self.output.type
        assert isinstance(out, TensorType)
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
        x, y = self.input.type, self.output.type
        assert isinstance(x, TensorType) and isinstance(y, TensorType)
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
            channels = self.multipliers.type
            assert isinstance(channels, TensorType)
            require(
                channels.get_shape() == (x.get_shape()[-1],),
                f"multipliers must have shape ({x.get_shape()[-1]},), got {channels.get_shape()}",
            )
        if self.zero_point is not None:
            low, high = integer_range(y.element_type)
            require(
                low <= self.zero_point.value.data <= high,
                f"zero_point must lie in [{low}, {high}], got {self.zero_point.value.data}",
            )


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
        x, d, y = self.input.type, self.divisor.type, self.output.type
        assert isinstance(x, TensorType) and isinstance(d, TensorType) and isinstance(y, TensorType)
        require_same_shape(x, y, "input and output")
        require(
            d.get_shape() == (*x.get_shape()[:-1], 1),
            f"divisor must have shape {(*x.get_shape()[:-1], 1)}, got {d.get_shape()}",
        )
        least, dividend = self.min_divisor.value.data, self.dividend.value.data
        require(least > 0, f"min_divisor must be positive, got {least}")
        require(
            dividend > 0 and dividend // least < 1 << 31,
            f"dividend / min_divisor must lie in [1, 2^31), got {dividend} / {least}",
        )
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
        a, b, y = self.lhs.type, self.rhs.type, self.output.type
        assert isinstance(a, TensorType) and isinstance(b, TensorType) and isinstance(y, TensorType)
        require_same_shape(a, y, "lhs and output")
        require(
            b.get_shape() == a.get_shape() or b.get_shape() == (1, *a.get_shape()[1:]),
            f"rhs must have shape {a.get_shape()} or batch 1, got {b.get_shape()}",
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
    """A 256-entry table: index ``x + 128`` for i8, ``x`` for ui8 (methods: correctly rounded GELU, exp)."""

    name = "ivit.lookup"

    input = operand_def(I8_OR_UI8_TENSOR)
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
        x, t, y = self.input.type, self.table.type, self.output.type
        assert isinstance(x, TensorType) and isinstance(t, TensorType) and isinstance(y, TensorType)
        require_same_shape(x, y, "input and output")
        require(t.get_shape() == (256,), f"table must have 256 entries, got shape {t.get_shape()}")
        require(t.element_type == y.element_type, "table and output must share an element type")


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
        x, m, b, y = (v.type for v in (self.input, self.scale, self.offset, self.output))
        assert isinstance(x, TensorType) and isinstance(m, TensorType)
        assert isinstance(b, TensorType) and isinstance(y, TensorType)
        require_same_shape(x, y, "input and output")
        channels = (x.get_shape()[-1],)
        require(
            m.get_shape() == channels and b.get_shape() == channels,
            f"scale and offset must have shape {channels}, got {m.get_shape()} and {b.get_shape()}",
        )
        require_shift(self.shift)


class BroadcastOp(IRDLOperation, ABC):
    """Integer arithmetic with NumPy's broadcasting; the exact result must fit the result's type."""

    lhs = operand_def(INTEGER_TENSOR)
    rhs = operand_def(INTEGER_TENSOR)
    output = result_def(INTEGER_TENSOR)

    traits = traits_def(Pure())
    assembly_format = "$lhs `,` $rhs attr-dict `:` `(` type($lhs) `,` type($rhs) `)` `->` type($output)"

    def __init__(
        self, lhs: SSAValue | Operation, rhs: SSAValue | Operation, result_type: IntegerTensor
    ) -> None:
        super().__init__(operands=[lhs, rhs], result_types=[result_type])

    def verify_(self) -> None:
        a, b, y = self.lhs.type, self.rhs.type, self.output.type
        assert isinstance(a, TensorType) and isinstance(b, TensorType) and isinstance(y, TensorType)
        rank = max(a.get_num_dims(), b.get_num_dims())
        left = (1,) * (rank - a.get_num_dims()) + a.get_shape()
        right = (1,) * (rank - b.get_num_dims()) + b.get_shape()
        for m, n in zip(left, right, strict=True):
            require(m == n or 1 in (m, n), f"shapes do not broadcast: {a.get_shape()} and {b.get_shape()}")
        expected = tuple(n if m == 1 else m for m, n in zip(left, right, strict=True))
        require(y.get_shape() == expected, f"output must have shape {expected}, got {y.get_shape()}")


@irdl_op_definition
class AddiOp(BroadcastOp):
    """``lhs + rhs``."""

    name = "ivit.addi"


@irdl_op_definition
class SubiOp(BroadcastOp):
    """``lhs - rhs``."""

    name = "ivit.subi"


@irdl_op_definition
class MuliOp(BroadcastOp):
    """``lhs * rhs``."""

    name = "ivit.muli"


@irdl_op_definition
class MaxiOp(BroadcastOp):
    """The larger of the two."""

    name = "ivit.maxi"


@irdl_op_definition
class ShiftRightOp(BroadcastOp):
    """``lhs >> rhs``, arithmetic (floor); ``rhs`` in [0, 63]."""

    name = "ivit.shift_right"


@irdl_op_definition
class RoundingShiftRightOp(BroadcastOp):
    """``(lhs + 2^(rhs-1)) >> rhs``, arithmetic: round half up; ``rhs`` in [1, 62]."""

    name = "ivit.rounding_shift_right"


@irdl_op_definition
class FloorDivOp(BroadcastOp):
    """``floor(lhs / rhs)``; ``rhs`` is positive."""

    name = "ivit.floor_div"


class ReduceKind(StrEnum):
    """What a row reduction computes."""

    SUM = "sum"
    MAX = "max"


@irdl_attr_definition
class ReduceKindAttr(EnumAttribute[ReduceKind], SpacedOpaqueSyntaxAttribute):
    """``sum`` or ``max``."""

    name = "ivit.reduce_kind"


@irdl_op_definition
class ReduceOp(IRDLOperation):
    """Reduce one dimension to extent 1; the exact result must fit the result's type."""

    name = "ivit.reduce"

    kind = prop_def(ReduceKindAttr)
    input = operand_def(INTEGER_TENSOR)
    dimension = prop_def(I64_ATTR)
    output = result_def(INTEGER_TENSOR)

    traits = traits_def(Pure())
    assembly_format = "$kind $input `dim` $dimension attr-dict `:` type($input) `->` type($output)"

    def __init__(
        self,
        kind: ReduceKind,
        input: SSAValue | Operation,
        dimension: int,
        result_type: IntegerTensor,
    ) -> None:
        super().__init__(
            operands=[input],
            properties={"kind": ReduceKindAttr(kind), "dimension": i64_attr(dimension)},
            result_types=[result_type],
        )

    def verify_(self) -> None:
        x, y = self.input.type, self.output.type
        assert isinstance(x, TensorType) and isinstance(y, TensorType)
        dimension = self.dimension.value.data
        require(
            0 < dimension < x.get_num_dims(),
            f"dim must lie in [1, {x.get_num_dims() - 1}] (0 is the batch), got {dimension}",
        )
        expected = tuple(1 if i == dimension else d for i, d in enumerate(x.get_shape()))
        require(y.get_shape() == expected, f"output must have shape {expected}, got {y.get_shape()}")
        if self.kind.data is ReduceKind.SUM:
            assert isinstance(x.element_type, IntegerType)
            bound = x.get_shape()[dimension] * max(abs(v) for v in integer_range(x.element_type))
            require(
                bound <= integer_range(y.element_type)[1] or y.element_type == i64,
                f"a sum of {x.get_shape()[dimension]} values of {x.element_type} may not fit"
                f" {y.element_type}",
            )
