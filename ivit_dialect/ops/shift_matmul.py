"""``ivit.shift_matmul``: a product with codes of powers of two, so that every multiplication is a shift."""

from __future__ import annotations

from xdsl.dialects.builtin import I64, IntegerAttr
from xdsl.ir import Operation, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure

from ivit_dialect.types import (
    CODE_TENSOR,
    I8_TENSOR,
    I32_TENSOR,
    I64_ATTR,
    NARROW_TENSOR,
    IntegerTensor,
    require,
    require_shape,
    shape_text,
    tensor_types,
)

MOST_SHIFT = 15
"""The largest left shift: with it a value of 8 bits takes 23."""
ZERO_SHIFT = -1
"""The entry of ``shifts`` for a code that stands for exactly 0."""
MOST_ETA = 1 << 14
MOST_CODES = 256


@irdl_op_definition
class ShiftMatmulOp(IRDLOperation):
    """Batched ``[N, H, M, K] x [N, H, K, P] -> [N, H, M, P]`` of log-quantised weights, in int32.

    ``y = sum_k (v[k] << shifts[code[k]]) - eta * sum_k v[k]``, where a shift of -1 gives 0 (FQ-ViT's
    log-int-softmax, arXiv 2111.13824; I&S-ViT's SULQ with its offset ``eta``, arXiv 2311.10126).
    """

    name = "ivit.shift_matmul"

    lhs = operand_def(CODE_TENSOR)
    rhs = operand_def(NARROW_TENSOR)
    shifts = operand_def(I8_TENSOR)
    eta = opt_prop_def(I64_ATTR)
    output = result_def(I32_TENSOR)

    traits = traits_def(Pure())
    assembly_format = (
        "$lhs `,` $rhs `shifts` $shifts (`eta` $eta^)? attr-dict `:`"
        " `(` type($lhs) `,` type($rhs) `,` type($shifts) `)` `->` type($output)"
    )

    def __init__(
        self,
        lhs: SSAValue | Operation,
        rhs: SSAValue | Operation,
        shifts: SSAValue | Operation,
        result_type: IntegerTensor,
        *,
        eta: IntegerAttr[I64] | None = None,
    ) -> None:
        super().__init__(operands=[lhs, rhs, shifts], properties={"eta": eta}, result_types=[result_type])

    def verify_(self) -> None:
        a, b, s, y = tensor_types(self.lhs, self.rhs, self.shifts, self.output)
        require(a.get_num_dims() == 4 and b.get_num_dims() == 4, "operands must be [N, H, rows, columns]")
        require(a.get_shape()[:2] == b.get_shape()[:2], "operands must share batch and heads")
        inner, columns = b.get_shape()[2:]
        require(a.get_shape()[3] == inner, f"inner dimensions differ: {a.get_shape()[3]} and {inner}")
        require_shape(y, (*a.get_shape()[:3], columns), "output")
        require(
            s.get_num_dims() == 1 and 1 <= s.get_shape()[0] <= MOST_CODES,
            f"shifts must have shape [L] with L up to {MOST_CODES}, got {shape_text(s.get_shape())}",
        )
        if self.eta is not None:
            eta = self.eta.value.data
            require(
                1 <= eta <= MOST_ETA and eta & (eta - 1) == 0,
                f"eta must be a power of two up to {MOST_ETA}, got {eta}",
            )
