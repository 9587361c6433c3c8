"""Ops that only move data: heads, tokens. (Plain reshapes are upstream ``tensor.collapse_shape``.)"""

from __future__ import annotations

from xdsl.ir import Operation, SSAValue
from xdsl.irdl import IRDLOperation, irdl_op_definition, operand_def, prop_def, result_def, traits_def
from xdsl.traits import Pure

from ivit_dialect.types import (
    I64_ATTR,
    INTEGER_TENSOR,
    IntegerTensor,
    i64_attr,
    require,
    require_shape,
    shape_text,
    tensor_types,
)


@irdl_op_definition
class SplitHeadsOp(IRDLOperation):
    """``[N, T, H*D] -> [N, H, T, D]``."""

    name = "ivit.split_heads"

    input = operand_def(INTEGER_TENSOR)
    output = result_def(INTEGER_TENSOR)

    traits = traits_def(Pure())
    assembly_format = "$input attr-dict `:` type($input) `->` type($output)"

    def __init__(self, input: SSAValue | Operation, result_type: IntegerTensor) -> None:
        super().__init__(operands=[input], result_types=[result_type])

    def verify_(self) -> None:
        x, y = tensor_types(self.input, self.output)
        require(x.element_type == y.element_type, "input and output must share an element type")
        require(x.get_num_dims() == 3 and y.get_num_dims() == 4, "takes [N, T, H*D] to [N, H, T, D]")
        batch, tokens, width = x.get_shape()
        n, heads, t, depth = y.get_shape()
        require(
            (n, t, heads * depth) == (batch, tokens, width),
            f"{shape_text(x.get_shape())} does not split into {shape_text(y.get_shape())}",
        )


@irdl_op_definition
class MergeHeadsOp(IRDLOperation):
    """``[N, H, T, D] -> [N, T, H*D]``."""

    name = "ivit.merge_heads"

    input = operand_def(INTEGER_TENSOR)
    output = result_def(INTEGER_TENSOR)

    traits = traits_def(Pure())
    assembly_format = "$input attr-dict `:` type($input) `->` type($output)"

    def __init__(self, input: SSAValue | Operation, result_type: IntegerTensor) -> None:
        super().__init__(operands=[input], result_types=[result_type])

    def verify_(self) -> None:
        x, y = tensor_types(self.input, self.output)
        require(x.element_type == y.element_type, "input and output must share an element type")
        require(x.get_num_dims() == 4 and y.get_num_dims() == 3, "takes [N, H, T, D] to [N, T, H*D]")
        batch, heads, tokens, depth = x.get_shape()
        require(
            y.get_shape() == (batch, tokens, heads * depth),
            f"{shape_text(x.get_shape())} does not merge into {shape_text(y.get_shape())}",
        )


@irdl_op_definition
class PrependTokensOp(IRDLOperation):
    """Constant tokens before the others: ``[1, P, C], [N, T, C] -> [N, P+T, C]``."""

    name = "ivit.prepend_tokens"

    prefix = operand_def(INTEGER_TENSOR)
    input = operand_def(INTEGER_TENSOR)
    output = result_def(INTEGER_TENSOR)

    traits = traits_def(Pure())
    assembly_format = (
        "$prefix `,` $input attr-dict `:` `(` type($prefix) `,` type($input) `)` `->` type($output)"
    )

    def __init__(
        self, prefix: SSAValue | Operation, input: SSAValue | Operation, result_type: IntegerTensor
    ) -> None:
        super().__init__(operands=[prefix, input], result_types=[result_type])

    def verify_(self) -> None:
        p, x, y = tensor_types(self.prefix, self.input, self.output)
        require(
            p.element_type == x.element_type == y.element_type,
            "prefix, input and output must share an element type",
        )
        require(
            p.get_num_dims() == x.get_num_dims() == 3 and p.get_shape()[0] == 1,
            "prefix must be [1, P, C] and input [N, T, C]",
        )
        batch, tokens, width = x.get_shape()
        require(p.get_shape()[2] == width, "prefix and input must have the same width")
        expected = (batch, p.get_shape()[1] + tokens, width)
        require_shape(y, expected, "output")


@irdl_op_definition
class SliceTokensOp(IRDLOperation):
    """``size`` tokens from ``offset`` on: ``[N, T, C] -> [N, size, C]``."""

    name = "ivit.slice_tokens"

    input = operand_def(INTEGER_TENSOR)
    offset = prop_def(I64_ATTR)
    size = prop_def(I64_ATTR)
    output = result_def(INTEGER_TENSOR)

    traits = traits_def(Pure())
    assembly_format = "$input `[` $offset `,` $size `]` attr-dict `:` type($input) `->` type($output)"

    def __init__(
        self, input: SSAValue | Operation, offset: int, size: int, result_type: IntegerTensor
    ) -> None:
        super().__init__(
            operands=[input],
            properties={"offset": i64_attr(offset), "size": i64_attr(size)},
            result_types=[result_type],
        )

    def verify_(self) -> None:
        x, y = tensor_types(self.input, self.output)
        require(x.element_type == y.element_type, "input and output must share an element type")
        require(x.get_num_dims() == 3, "input must be [N, T, C]")
        batch, tokens, width = x.get_shape()
        offset, size = self.offset.value.data, self.size.value.data
        require(
            offset >= 0 and size > 0 and offset + size <= tokens,
            f"tokens [{offset}, {offset + size}) are not among {tokens}",
        )
        require_shape(y, (batch, size, width), "output")
