"""I-BERT's ops: exponentials and GELU by polynomials of second order, LayerNorm by Newton's root."""

from __future__ import annotations

from xdsl.ir import Operation, SSAValue
from xdsl.irdl import IRDLOperation, irdl_op_definition, operand_def, prop_def, result_def, traits_def
from xdsl.traits import Pure

from ivit_dialect.ops.nonlinear import NormOp
from ivit_dialect.types import (
    ACTIVATION_TENSOR,
    I32_TENSOR,
    I64_ATTR,
    INTEGER_TENSOR,
    MOST_BITS,
    NARROW_TENSOR,
    IntegerTensor,
    i64_attr,
    integer_range,
    most,
    require,
    require_same_shape,
    tensor_types,
)

UINT32_MAX = (1 << 32) - 1
"""What I-BERT's softmax divides: one less than its 2^32, so that no probability reaches 2^bits."""
LAYERNORM_DIVIDEND = 1 << 31
"""What I-BERT's LayerNorm divides."""
MOST_OCTAVES = 31
"""Halvings after which every exponential is 0."""


def require_i_exp(x0: int, b: int, c: int, n: int, *, terms: int) -> None:
    """``terms`` exponentials in [0, c << n] must sum below 2^31."""
    require(0 < x0 < 1 << 24, f"x0 must lie in [1, 2^24), got {x0}")
    require(x0 - 1 <= b < 1 << 31, f"b must lie in [x0 - 1, 2^31), got {b}")
    require(0 < c < 1 << 31, f"c must lie in [1, 2^31), got {c}")
    # Convex, and alike on both sides of -b/2.
    lowest = -min(x0 - 1, b // 2)
    least = lowest * (lowest + b) + c
    require(least >= 0, f"r*(r + b) + c must not be negative for r in (-x0, 0], got {least} for {lowest}")
    require(0 <= n <= 30, f"n must lie in [0, 30], got {n}")
    require(terms * c << n < 1 << 31, f"int32 sum may wrap: {terms} terms of up to {c} * 2^{n}; lower n")


@irdl_op_definition
class IbertSoftmaxOp(IRDLOperation):
    """I-BERT's softmax (Algorithm 3) of int8 rows; output scale ``2^-bits``.

    ``d = max(x) - x; q = floor(d / x0); r = q*x0 - d in (-x0, 0];``
    ``e = ((r*(r + b) + c) << n) >> min(q, 31); y = (e * floor((2^32 - 1) / sum e)) >> (32 - bits)``.
    """

    name = "ivit.ibert_softmax"

    input = operand_def(NARROW_TENSOR)
    x0 = prop_def(I64_ATTR)
    b = prop_def(I64_ATTR)
    c = prop_def(I64_ATTR)
    n = prop_def(I64_ATTR)
    bits = prop_def(I64_ATTR)
    output = result_def(INTEGER_TENSOR)

    traits = traits_def(Pure())
    assembly_format = (
        "$input `x0` $x0 `b` $b `c` $c `n` $n `bits` $bits attr-dict `:` type($input) `->` type($output)"
    )

    def __init__(
        self,
        input: SSAValue | Operation,
        x0: int,
        b: int,
        c: int,
        n: int,
        bits: int,
        result_type: IntegerTensor,
    ) -> None:
        values = {"x0": x0, "b": b, "c": c, "n": n, "bits": bits}
        super().__init__(
            operands=[input],
            properties={name: i64_attr(value) for name, value in values.items()},
            result_types=[result_type],
        )

    def verify_(self) -> None:
        x, y = tensor_types(self.input, self.output)
        require_same_shape(x, y, "input and output")
        constants = (prop.value.data for prop in (self.x0, self.b, self.c, self.n))
        require_i_exp(*constants, terms=x.get_shape()[-1])
        require(
            y.element_type.width.data <= MOST_BITS,
            f"output must have at most {MOST_BITS} bits, got {y.element_type}",
        )
        bits, room = self.bits.value.data, integer_range(y.element_type)[1].bit_length()
        require(1 <= bits <= room, f"bits must lie in [1, {room}], got {bits}")


@irdl_op_definition
class IbertGeluOp(IRDLOperation):
    """I-BERT's GELU (Algorithm 2): ``x * (erf(x / sqrt 2) + 1) / 2``, erf by a polynomial of second order.

    ``y = x * (((sign(x) * ((min(|x|, -b) + b)^2 + c)) >> shift) + one)``; b, c, one and the output's scale
    ``-0.1444 * S'^2 * S * 2^shift`` (``S' = S / sqrt 2``) are negative.
    """

    name = "ivit.ibert_gelu"

    input = operand_def(ACTIVATION_TENSOR)
    b = prop_def(I64_ATTR)
    c = prop_def(I64_ATTR)
    one = prop_def(I64_ATTR)
    shift = prop_def(I64_ATTR)
    output = result_def(I32_TENSOR)

    traits = traits_def(Pure())
    assembly_format = (
        "$input `b` $b `c` $c `one` $one `shift` $shift attr-dict `:` type($input) `->` type($output)"
    )

    def __init__(
        self,
        input: SSAValue | Operation,
        b: int,
        c: int,
        one: int,
        shift: int,
        result_type: IntegerTensor,
    ) -> None:
        values = {"b": b, "c": c, "one": one, "shift": shift}
        super().__init__(
            operands=[input],
            properties={name: i64_attr(value) for name, value in values.items()},
            result_types=[result_type],
        )

    def verify_(self) -> None:
        x, y = tensor_types(self.input, self.output)
        require_same_shape(x, y, "input and output")
        b, c, one, shift = (prop.value.data for prop in (self.b, self.c, self.one, self.shift))
        require(-(1 << 15) <= b < 0, f"b must lie in [-2^15, -1], got {b}")
        require(-(1 << 30) <= c < 0, f"c must lie in [-2^30, -1], got {c}")
        require(0 <= shift <= 30, f"shift must lie in [0, 30], got {shift}")
        # The square lies in [0, b^2]; a negative value is rounded away from 0.
        factor = -(-max(-c, c + b * b) >> shift) + abs(one)
        require(
            most(x) * factor < 1 << 31,
            f"int32 may wrap: an input of up to {most(x)} times up to {factor}; use a larger shift or scale",
        )


@irdl_op_definition
class IbertLayerNormOp(NormOp):
    """I-BERT's LayerNorm (Section 3.6) of int16 rows of C channels.

    ``u = floor((2 * sum x + C) / 2C); d = x - u; k = floor(sqrt(sum (d >> variance_shift)^2));``
    ``h = (d * floor(2^31 / (max(1, k) << variance_shift))) >> 1``; ``y = affine(h)``, which holds gamma and
    beta. The root is Newton's, from above until it no longer falls (Algorithm 4), which is exact.
    """

    name = "ivit.ibert_layernorm"

    variance_shift = prop_def(I64_ATTR)

    traits = traits_def(Pure())
    assembly_format = (
        "$input `*` $scale `+` $offset `shift` $shift `variance_shift` $variance_shift attr-dict `:`"
        " `(` type($input) `,` type($scale) `,` type($offset) `)` `->` type($output)"
    )

    def __init__(
        self,
        input: SSAValue | Operation,
        scale: SSAValue | Operation,
        offset: SSAValue | Operation,
        shift: int,
        variance_shift: int,
        result_type: IntegerTensor,
    ) -> None:
        super().__init__(
            operands=[input, scale, offset],
            properties={"shift": i64_attr(shift), "variance_shift": i64_attr(variance_shift)},
            result_types=[result_type],
        )

    def verify_(self) -> None:
        self.verify_norm(4096)
        variance_shift = self.variance_shift.value.data
        require(0 <= variance_shift <= 15, f"variance_shift must lie in [0, 15], got {variance_shift}")
