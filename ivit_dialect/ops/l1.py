"""L1 LayerNorm (Fully-8bit): the mean absolute deviation stands for the standard deviation."""

from __future__ import annotations

from xdsl.ir import Operation, SSAValue
from xdsl.irdl import irdl_op_definition, traits_def
from xdsl.traits import Pure

from ivit_dialect.ops.nonlinear import NormOp
from ivit_dialect.types import IntegerTensor, i64_attr, require, tensor_types

MOST_CHANNELS = 1 << 14
"""Twice the sum of as many int16 fits 32 bits, and so do their distances from the mean."""


@irdl_op_definition
class L1LayerNormOp(NormOp):
    """L1 LayerNorm (Fully-8bit, Lin et al. 2020) of rows of C channels.

    ``u = floor((2 * sum x + C) / 2C); d = x - u; h = d * floor((2^31 - 1) / max(1, sum |d|))``;
    ``y = affine(h)``, which holds gamma and beta. ``h`` is ``(x - mean) / std`` of step
    ``C / (sqrt(pi / 2) * 2^31)`` for rows that are normally distributed.
    """

    name = "ivit.l1_layernorm"

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
        (x,) = tensor_types(self.input)
        channels = x.get_shape()[-1]
        require(
            channels <= MOST_CHANNELS,
            f"int32 sums may wrap: at most {MOST_CHANNELS} channels, got {channels}",
        )
        self.verify_norm(MOST_CHANNELS)
