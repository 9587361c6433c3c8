"""FQ-ViT's ops (arXiv 2111.13824): log-int-softmax and powers-of-two-factor LayerNorm."""

from __future__ import annotations

from xdsl.dialects.builtin import TensorType
from xdsl.ir import Operation, SSAValue
from xdsl.irdl import IRDLOperation, irdl_op_definition, operand_def, prop_def, result_def, traits_def
from xdsl.traits import Pure

from ivit_dialect.ops.ibert import require_i_exp
from ivit_dialect.types import (
    I64_ATTR,
    NARROW_TENSOR,
    i64_attr,
    require,
    require_same_shape,
    tensor_types,
    ui8,
)

MOST_CODE_BITS = 4
"""Of log-int-softmax: the weights of all codes but the zero level, 2^-15 to 1, are shifts in 16 bits."""


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
