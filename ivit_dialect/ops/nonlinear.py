"""The non-linear primitives (shiftexp, intdiv, isqrt, rsqrt) and composites (softmax, GELU, LayerNorm)."""

from __future__ import annotations

from xdsl.dialects.builtin import TensorType, i32
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
    ACTIVATION_TENSOR,
    I16_TENSOR,
    I32_TENSOR,
    I64_ATTR,
    I64_TENSOR,
    INTEGER_TENSOR,
    NARROW_TENSOR,
    IntegerTensor,
    i64_attr,
    require,
    require_same_shape,
    require_shape,
    require_shift,
    shape_text,
    tensor_types,
    ui8,
)

INT32_MAX = (1 << 31) - 1
"""What IntDiv and I-LayerNorm divide."""

NEWTON_START = 1 << 16
NEWTON_STEPS = 10
LAYERNORM_FRACTION_BITS = 20
"""``ivit.layernorm`` hands Q20 to its affine."""


def require_shift_exp(x0: int, n: int, terms: int) -> None:
    """``terms`` exponentials of at most ``x0 * 2^n`` must sum below 2^31 (methods.md 11)."""
    require(0 < x0 < 1 << 24, f"x0 must lie in [1, 2^24), got {x0}")
    require(0 <= n <= 30, f"n must lie in [0, 30], got {n}")
    require(
        terms * x0 << n < 1 << 31,
        f"int32 sum may wrap: {terms} terms of up to {x0} * 2^{n}; lower n",
    )


@irdl_op_definition
class ShiftExpOp(IRDLOperation):
    """ShiftExp (I-ViT Algorithm 1): ``x <= 0`` of scale S to ``~ e^(S x) * x0 * 2^n``; ``x0 ~ 1/S``.

    ``p = max(x + (x >> 1) - (x >> 4), -n*x0); q = floor(-p / x0); r = p + q*x0 in (-x0, 0];``
    ``y = ((r >> 1) + x0) << (n - q)``.
    """

    name = "ivit.shiftexp"

    input = operand_def(I32_TENSOR)
    x0 = prop_def(I64_ATTR)
    n = prop_def(I64_ATTR)
    output = result_def(I32_TENSOR)

    traits = traits_def(Pure())
    assembly_format = "$input `x0` $x0 `n` $n attr-dict `:` type($input) `->` type($output)"

    def __init__(self, input: SSAValue | Operation, x0: int, n: int, result_type: IntegerTensor) -> None:
        super().__init__(
            operands=[input],
            properties={"x0": i64_attr(x0), "n": i64_attr(n)},
            result_types=[result_type],
        )

    def verify_(self) -> None:
        x, y = tensor_types(self.input, self.output)
        require_same_shape(x, y, "input and output")
        require_shift_exp(self.x0.value.data, self.n.value.data, 1)


@irdl_op_definition
class IntDivOp(IRDLOperation):
    """IntDiv (I-ViT Eq. 16, M = 31): ``(floor((2^31 - 1) / d) * x) >> (32 - bits)`` for ``0 <= x <= d``."""

    name = "ivit.intdiv"

    dividend = operand_def(I32_TENSOR)
    divisor = operand_def(I32_TENSOR)
    bits = prop_def(I64_ATTR)
    output = result_def(I32_TENSOR)

    traits = traits_def(Pure())
    assembly_format = (
        "$dividend `,` $divisor `bits` $bits attr-dict `:`"
        " `(` type($dividend) `,` type($divisor) `)` `->` type($output)"
    )

    def __init__(
        self,
        dividend: SSAValue | Operation,
        divisor: SSAValue | Operation,
        bits: int,
        result_type: IntegerTensor,
    ) -> None:
        super().__init__(
            operands=[dividend, divisor],
            properties={"bits": i64_attr(bits)},
            result_types=[result_type],
        )

    def verify_(self) -> None:
        x, d, y = tensor_types(self.dividend, self.divisor, self.output)
        require_same_shape(x, y, "dividend and output")
        require(
            d.get_shape() in (x.get_shape(), (*x.get_shape()[:-1], 1)),
            f"divisor must have shape {shape_text(x.get_shape())} or one value a row,"
            f" got {shape_text(d.get_shape())}",
        )
        require(2 <= self.bits.value.data <= 31, f"bits must lie in [2, 31], got {self.bits.value.data}")


@irdl_op_definition
class IsqrtOp(IRDLOperation):
    """``floor(sqrt(x))`` of a non-negative 64-bit integer, exact."""

    name = "ivit.isqrt"

    input = operand_def(I64_TENSOR)
    output = result_def(I64_TENSOR)

    traits = traits_def(Pure())
    assembly_format = "$input attr-dict `:` type($input) `->` type($output)"

    def __init__(self, input: SSAValue | Operation, result_type: IntegerTensor) -> None:
        super().__init__(operands=[input], result_types=[result_type])

    def verify_(self) -> None:
        x, y = tensor_types(self.input, self.output)
        require_same_shape(x, y, "input and output")


@irdl_op_definition
class NewtonSqrtOp(IRDLOperation):
    """I-LayerNorm's square root (I-ViT Eq. 19): ten steps ``k <- (k + floor(x / k)) >> 1`` from ``2^16``.

    For ``x`` in [0, 2^41): never below 64, so it never divides by zero.
    """

    name = "ivit.newton_sqrt"

    input = operand_def(I64_TENSOR)
    output = result_def(I64_TENSOR)

    traits = traits_def(Pure())
    assembly_format = "$input attr-dict `:` type($input) `->` type($output)"

    def __init__(self, input: SSAValue | Operation, result_type: IntegerTensor) -> None:
        super().__init__(operands=[input], result_types=[result_type])

    def verify_(self) -> None:
        x, y = tensor_types(self.input, self.output)
        require_same_shape(x, y, "input and output")


@irdl_op_definition
class RsqrtOp(IRDLOperation):
    """``1 / sqrt(x) ~ mantissa * 2^-exponent`` of ``1 <= x < 2^62``; mantissa in [2^30, 2^31].

    ``h`` is the largest integer with ``x << 2h < 2^62``; ``s = isqrt(x << 2h)`` in [2^30, 2^31);
    ``mantissa = floor(2^61 / s)``; ``exponent = 61 - h``.
    """

    name = "ivit.rsqrt"

    input = operand_def(I64_TENSOR)
    mantissa = result_def(I64_TENSOR)
    exponent = result_def(I64_TENSOR)

    traits = traits_def(Pure())
    assembly_format = "$input attr-dict `:` type($input) `->` type($mantissa) `,` type($exponent)"

    def __init__(self, input: SSAValue | Operation, result_type: IntegerTensor) -> None:
        super().__init__(operands=[input], result_types=[result_type, result_type])

    def verify_(self) -> None:
        x, m, e = tensor_types(self.input, self.mantissa, self.exponent)
        require_same_shape(x, m, "input and mantissa")
        require_same_shape(x, e, "input and exponent")


@irdl_op_definition
class SoftmaxOp(IRDLOperation):
    """Exponentials by table on differences from the row maximum; the division is left to ``row_requant``.

    ``i = min(255, ((max(x) - x) * b + 2^(c-1)) >> c)``; ``codes = table[i]``;
    ``sum`` is the row's sum of codes. ``table[0]`` is 255, so that the sum is at least 255. ``b`` is one
    integer, or an int32 per head (``heads(%b)``).
    """

    name = "ivit.softmax"

    input = operand_def(I32_TENSOR)
    table = operand_def(TensorType.constr(ui8))
    multipliers = opt_operand_def(I32_TENSOR)
    multiplier = opt_prop_def(I64_ATTR)
    shift = prop_def(I64_ATTR)
    codes = result_def(TensorType.constr(ui8))
    sum = result_def(I32_TENSOR)

    traits = traits_def(Pure())
    assembly_format = (
        "$input (`*` $multiplier^)? (`heads` `(` $multipliers^ `:` type($multipliers) `)`)?"
        " `shift` $shift `table` $table attr-dict `:`"
        " `(` type($input) `,` type($table) `)` `->` type($codes) `,` type($sum)"
    )

    def __init__(
        self,
        input: SSAValue | Operation,
        table: SSAValue | Operation,
        multiplier: int | SSAValue,
        shift: int,
    ) -> None:
        (x,) = tensor_types(SSAValue.get(input))
        per_head = isinstance(multiplier, SSAValue)
        super().__init__(
            operands=[input, table, multiplier if per_head else None],
            properties={
                "multiplier": None if per_head else i64_attr(multiplier),
                "shift": i64_attr(shift),
            },
            result_types=[
                TensorType(ui8, x.get_shape()),
                TensorType(i32, (*x.get_shape()[:-1], 1)),
            ],
        )

    def verify_(self) -> None:
        x, t, e, s = tensor_types(self.input, self.table, self.codes, self.sum)
        require_same_shape(x, e, "input and codes")
        require_shape(t, (256,), "table")
        require_shape(s, (*x.get_shape()[:-1], 1), "sum")
        require_softmax_scale(x, self.multiplier, self.multipliers, self.shift)


@irdl_op_definition
class ShiftmaxOp(IRDLOperation):
    """Shiftmax (I-ViT Algorithm 1): ``intdiv(shiftexp(x - max), sum)``; output scale ``2^-(bits-1)``."""

    name = "ivit.shiftmax"

    input = operand_def(NARROW_TENSOR)
    x0 = prop_def(I64_ATTR)
    n = prop_def(I64_ATTR)
    bits = prop_def(I64_ATTR)
    output = result_def(ACTIVATION_TENSOR)

    traits = traits_def(Pure())
    assembly_format = "$input `x0` $x0 `n` $n `bits` $bits attr-dict `:` type($input) `->` type($output)"

    def __init__(
        self, input: SSAValue | Operation, x0: int, n: int, bits: int, result_type: IntegerTensor
    ) -> None:
        super().__init__(
            operands=[input],
            properties={"x0": i64_attr(x0), "n": i64_attr(n), "bits": i64_attr(bits)},
            result_types=[result_type],
        )

    def verify_(self) -> None:
        x, y = tensor_types(self.input, self.output)
        require_same_shape(x, y, "input and output")
        require_shift_exp(self.x0.value.data, self.n.value.data, x.get_shape()[-1])
        bits = self.bits.value.data
        require(
            2 <= bits <= y.element_type.width.data,
            f"bits must lie in [2, {y.element_type.width.data}], got {bits}",
        )


@irdl_op_definition
class ShiftGeluOp(IRDLOperation):
    """ShiftGELU (I-ViT Algorithm 2): ``x * sigmoid(1.6875 x)``; output scale ``S / 128``.

    ``p = x + (x >> 1) + (x >> 3) + (x >> 4)``; ``m = max(0, row maximum of p)``; ``e = shiftexp(p - m)``;
    ``y = x * intdiv(e, e + shiftexp(-m), 8 bits)``. The 0 closes the paper's failure on all-negative rows.
    """

    name = "ivit.shiftgelu"

    input = operand_def(NARROW_TENSOR)
    x0 = prop_def(I64_ATTR)
    n = prop_def(I64_ATTR)
    output = result_def(I16_TENSOR)

    traits = traits_def(Pure())
    assembly_format = "$input `x0` $x0 `n` $n attr-dict `:` type($input) `->` type($output)"

    def __init__(self, input: SSAValue | Operation, x0: int, n: int, result_type: IntegerTensor) -> None:
        super().__init__(
            operands=[input],
            properties={"x0": i64_attr(x0), "n": i64_attr(n)},
            result_types=[result_type],
        )

    def verify_(self) -> None:
        x, y = tensor_types(self.input, self.output)
        require_same_shape(x, y, "input and output")
        require_shift_exp(self.x0.value.data, self.n.value.data, 2)


class NormOp(IRDLOperation):
    """Shared by both LayerNorms: rows of at most 16 bits, an ``ivit.affine`` at the end."""

    input = operand_def(ACTIVATION_TENSOR)
    scale = operand_def(I32_TENSOR)
    offset = operand_def(I64_TENSOR)
    shift = prop_def(I64_ATTR)
    output = result_def(INTEGER_TENSOR)

    def verify_norm(self, most_channels: int) -> None:
        """Shapes, and a width for which no intermediate wraps."""
        x, m, b, y = tensor_types(self.input, self.scale, self.offset, self.output)
        require_same_shape(x, y, "input and output")
        channels = x.get_shape()[-1]
        require(
            m.get_shape() == b.get_shape() == (channels,),
            f"scale and offset must have shape [{channels}],"
            f" got {shape_text(m.get_shape())} and {shape_text(b.get_shape())}",
        )
        require(
            channels <= most_channels,
            f"int64 may wrap: at most {most_channels} channels, got {channels}",
        )
        require_shift(self.shift)


@irdl_op_definition
class LayerNormOp(NormOp):
    """Exact LayerNorm of int16 rows of C channels.

    ``s = sum x; v = C * sum x^2 - s^2 + epsilon; (f, e) = rsqrt(v);``
    ``h = rounding_shift((C*x - s) * f, e - 20)`` (h is the normalised value in Q20); ``y = affine(h)``.
    """

    name = "ivit.layernorm"

    epsilon = prop_def(I64_ATTR)

    traits = traits_def(Pure())
    assembly_format = (
        "$input `*` $scale `+` $offset `shift` $shift `epsilon` $epsilon attr-dict `:`"
        " `(` type($input) `,` type($scale) `,` type($offset) `)` `->` type($output)"
    )

    def __init__(
        self,
        input: SSAValue | Operation,
        scale: SSAValue | Operation,
        offset: SSAValue | Operation,
        shift: int,
        epsilon: int,
        result_type: IntegerTensor,
    ) -> None:
        super().__init__(
            operands=[input, scale, offset],
            properties={"shift": i64_attr(shift), "epsilon": i64_attr(epsilon)},
            result_types=[result_type],
        )

    def verify_(self) -> None:
        self.verify_norm(4096)
        require(
            1 <= self.epsilon.value.data < 1 << 56,
            f"epsilon must lie in [1, 2^56), got {self.epsilon.value.data}",
        )


@irdl_op_definition
class ILayerNormOp(NormOp):
    """I-LayerNorm (I-ViT Sec. 3.5) of int16 rows of C channels.

    ``u = floor((2 * sum x + C) / 2C); d = x - u; k = newton_sqrt(sum d^2);``
    ``h = (d * floor((2^31 - 1) / k)) >> 1``; ``y = affine(h)``, which holds gamma and beta.
    """

    name = "ivit.i_layernorm"

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
        self.verify_norm(2048)
