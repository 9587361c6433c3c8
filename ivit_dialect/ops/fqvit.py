"""FQ-ViT's ops (arXiv 2111.13824): log-int-softmax and powers-of-two-factor LayerNorm."""

from __future__ import annotations

from xdsl.dialects.builtin import TensorType
from xdsl.ir import Operation, SSAValue
from xdsl.irdl import IRDLOperation, irdl_op_definition, operand_def, prop_def, result_def, traits_def
from xdsl.traits import Pure

from ivit_dialect.ops.ibert import require_i_exp
from ivit_dialect.types import (
    I8_TENSOR,
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
    require_zero_point,
    tensor_types,
    ui8,
)

MOST_CODE_BITS = 4
"""Of log-int-softmax: the weights of all codes but the zero level, 2^-15 to 1, are shifts in 16 bits."""
MOST_FACTOR = 3
"""Of powers-of-two-factor LayerNorm: channels have 1, 2, 4 or 8 times the smallest scale."""
MEAN_BITS = 8
"""Fraction bits of the row's mean."""
OFFSET_BITS = 40
"""Fraction bits of ``offset``: those of the mean, of the largest ``N``, and one for the last rounding."""
MOST_MULTIPLIER = 255
MOST_EXPONENT = 31
"""A row's and channel's multiplier has 8 bits, and is divided by ``2^N`` with N up to 31."""
MOST_CHANNELS = 4096


@irdl_op_definition
class LogIntSoftmaxOp(IRDLOperation):
    """FQ-ViT's log-int-softmax of int8 rows: the code ``k`` stands for ``2^-k``, the code ``2^bits`` for 0.

    ``e = i_exp(max(x) - x)`` as I-BERT's; ``t = floor((2 * sum e + e) / (2 * e)); l = floor(log2 t);``
    ``y = min(2^bits, l + (2t >= 3 * 2^l))``, and ``2^bits`` where ``e`` is 0.
    """

    name = "ivit.log_int_softmax"

    input = operand_def(NARROW_TENSOR)
    x0 = prop_def(I64_ATTR)
    b = prop_def(I64_ATTR)
    c = prop_def(I64_ATTR)
    n = prop_def(I64_ATTR)
    bits = prop_def(I64_ATTR)
    output = result_def(TensorType.constr(ui8))

    traits = traits_def(Pure())
    assembly_format = (
        "$input `x0` $x0 `b` $b `c` $c `n` $n `bits` $bits attr-dict `:` type($input) `->` type($output)"
    )

    def __init__(self, input: SSAValue | Operation, x0: int, b: int, c: int, n: int, bits: int) -> None:
        (x,) = tensor_types(SSAValue.get(input))
        values = {"x0": x0, "b": b, "c": c, "n": n, "bits": bits}
        super().__init__(
            operands=[input],
            properties={name: i64_attr(value) for name, value in values.items()},
            result_types=[TensorType(ui8, x.get_shape())],
        )

    def verify_(self) -> None:
        x, y = tensor_types(self.input, self.output)
        require_same_shape(x, y, "input and output")
        constants = (prop.value.data for prop in (self.x0, self.b, self.c, self.n))
        require_i_exp(*constants, terms=x.get_shape()[-1])
        bits = self.bits.value.data
        require(1 <= bits <= MOST_CODE_BITS, f"bits must lie in [1, {MOST_CODE_BITS}], got {bits}")


@irdl_op_definition
class PtfLayerNormOp(IRDLOperation):
    """FQ-ViT's LayerNorm of rows of C channels whose scales differ by powers of two, ``factors``.

    ``x' = (x - zero_point) << factors; s = sum x'; v = C * sum x'^2 - s^2 + epsilon; (f, e) = rsqrt(v);``
    ``p = |scale| * f``, of which ``M`` are the leading 8 bits: ``M = p >> (shift + e - N)`` with
    ``N = shift + e + 8 - bit_length(p)``, N clamped to [0, 31] and M to 255;
    ``d = 256 x' - floor((512 s + C) / 2C);``
    ``y = clamp((sign(scale) * M * d + rounding_shift(offset, 32 - N) + 2^(N+7)) >> (N + 8))``.
    """

    name = "ivit.ptf_layernorm"

    input = operand_def(NARROW_TENSOR)
    factors = operand_def(I8_TENSOR)
    scale = operand_def(I32_TENSOR)
    offset = operand_def(I64_TENSOR)
    shift = prop_def(I64_ATTR)
    zero_point = prop_def(I64_ATTR)
    epsilon = prop_def(I64_ATTR)
    output = result_def(INTEGER_TENSOR)

    traits = traits_def(Pure())
    assembly_format = (
        "$input `factors` $factors `*` $scale `+` $offset `shift` $shift `zero_point` $zero_point"
        " `epsilon` $epsilon attr-dict"
        " `:` `(` type($input) `,` type($factors) `,` type($scale) `,` type($offset) `)` `->` type($output)"
    )

    def __init__(
        self,
        input: SSAValue | Operation,
        factors: SSAValue | Operation,
        scale: SSAValue | Operation,
        offset: SSAValue | Operation,
        shift: int,
        zero_point: int,
        epsilon: int,
        result_type: IntegerTensor,
    ) -> None:
        values = {"shift": shift, "zero_point": zero_point, "epsilon": epsilon}
        super().__init__(
            operands=[input, factors, scale, offset],
            properties={name: i64_attr(value) for name, value in values.items()},
            result_types=[result_type],
        )

    def verify_(self) -> None:
        x, y = tensor_types(self.input, self.output)
        require_same_shape(x, y, "input and output")
        channels = x.get_shape()[-1]
        stored = tensor_types(self.factors, self.scale, self.offset)
        for which, type_ in zip(("factors", "scale", "offset"), stored, strict=True):
            require_shape(type_, (channels,), which)
        require(
            channels <= MOST_CHANNELS,
            f"at most {MOST_CHANNELS} channels can be normalised, got {channels}",
        )
        require_shift(self.shift)
        require_zero_point(self.zero_point, x.element_type)
        require(
            1 <= self.epsilon.value.data < 1 << 56,
            f"epsilon must lie in [1, 2^56), got {self.epsilon.value.data}",
        )
