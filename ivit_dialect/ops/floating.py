"""The ``ivit_float`` dialect: non-linear ops in floating point between integer tensors, for simulation only.

What FasterTransformer does beside its int8 products. No pass lowers these ops: they say what the integer
approximations cost, and nothing else.
"""

from __future__ import annotations

import math
from typing import cast

from xdsl.dialects.builtin import Float64Type, FloatAttr, StringAttr, TensorType, f64
from xdsl.ir import Dialect, Operation, SSAValue
from xdsl.irdl import (
    AttrConstraint,
    EqAttrConstraint,
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure

from ivit_dialect.types import (
    I64_ATTR,
    INTEGER_TENSOR,
    IntegerTensor,
    i64_attr,
    require,
    require_same_shape,
    require_zero_point,
    shape_text,
    tensor_types,
)

F64_ATTR = cast(AttrConstraint[FloatAttr[Float64Type]], FloatAttr.constr(type=EqAttrConstraint(f64)))
F64_TENSOR = TensorType.constr(EqAttrConstraint(f64))
SIMULATION = "ivit.simulation"
"""On a module: the kinds of op that it simulates in floating point, which integer programs have none of."""
APPROXIMATIONS = ("none", "tanh")
"""torch's two definitions of GELU."""


def float_attr(value: float) -> FloatAttr[Float64Type]:
    """``value`` as a 64-bit attribute."""
    return FloatAttr(value, f64)


@irdl_op_definition
class FloatConstantOp(IRDLOperation):
    """The float64 tensor that the weight store holds under ``key``: LayerNorm's weight or bias."""

    name = "ivit_float.constant"

    key = prop_def(StringAttr)
    output = result_def(F64_TENSOR)

    traits = traits_def(Pure())
    assembly_format = "$key attr-dict `:` type($output)"

    def __init__(self, key: str, result_type: TensorType[Float64Type]) -> None:
        super().__init__(properties={"key": StringAttr(key)}, result_types=[result_type])


class FloatOp(IRDLOperation):
    """Shared by the non-linear ops: ``y = clamp(floor(f(S * (x - z)) / S' + 1/2) + z')`` in float64."""

    input = operand_def(INTEGER_TENSOR)
    input_scale = prop_def(F64_ATTR)
    input_zero_point = opt_prop_def(I64_ATTR)
    output_scale = prop_def(F64_ATTR)
    output_zero_point = opt_prop_def(I64_ATTR)
    output = result_def(INTEGER_TENSOR)

    traits = traits_def(Pure())

    def verify_(self) -> None:
        x, y = tensor_types(self.input, self.output)
        require_same_shape(x, y, "input and output")
        for which, scale in (("input", self.input_scale), ("output", self.output_scale)):
            value = scale.value.data
            require(
                math.isfinite(value) and value > 0.0,
                f"{which}_scale must be positive and finite, got {value}",
            )
        require_zero_point(self.input_zero_point, x.element_type)
        require_zero_point(self.output_zero_point, y.element_type)


@irdl_op_definition
class FloatSoftmaxOp(FloatOp):
    """Softmax of rows."""

    name = "ivit_float.softmax"

    assembly_format = (
        "$input `scale` $input_scale (`zero_point` $input_zero_point^)?"
        " `to` $output_scale (`zero_point` $output_zero_point^)? attr-dict"
        " `:` type($input) `->` type($output)"
    )

    def __init__(
        self, input: SSAValue | Operation, input_scale: float, output_scale: float, result_type: IntegerTensor
    ) -> None:
        super().__init__(
            operands=[input],
            properties={"input_scale": float_attr(input_scale), "output_scale": float_attr(output_scale)},
            result_types=[result_type],
        )


@irdl_op_definition
class FloatGeluOp(FloatOp):
    """GELU; ``approximate`` as in torch."""

    name = "ivit_float.gelu"

    approximate = prop_def(StringAttr)

    assembly_format = (
        "$input `scale` $input_scale (`zero_point` $input_zero_point^)?"
        " `to` $output_scale (`zero_point` $output_zero_point^)? `approximate` $approximate"
        " attr-dict `:` type($input) `->` type($output)"
    )

    def __init__(
        self,
        input: SSAValue | Operation,
        input_scale: float,
        output_scale: float,
        output_zero_point: int,
        approximate: str,
        result_type: IntegerTensor,
    ) -> None:
        super().__init__(
            operands=[input],
            properties={
                "input_scale": float_attr(input_scale),
                "output_scale": float_attr(output_scale),
                "output_zero_point": i64_attr(output_zero_point),
                "approximate": StringAttr(approximate),
            },
            result_types=[result_type],
        )

    def verify_(self) -> None:
        super().verify_()
        require(
            self.approximate.data in APPROXIMATIONS,
            f"approximate must be none or tanh, got {self.approximate.data}",
        )


@irdl_op_definition
class FloatLayerNormOp(FloatOp):
    """LayerNorm of rows of C channels, its variance that of the row, plus ``epsilon``."""

    name = "ivit_float.layernorm"

    # Again, so that it is the first operand: a class's own come before those of its base.
    input = operand_def(INTEGER_TENSOR)
    weight = operand_def(F64_TENSOR)
    bias = operand_def(F64_TENSOR)
    epsilon = prop_def(F64_ATTR)

    assembly_format = (
        "$input `*` $weight `+` $bias `epsilon` $epsilon"
        " `scale` $input_scale (`zero_point` $input_zero_point^)?"
        " `to` $output_scale (`zero_point` $output_zero_point^)? attr-dict"
        " `:` `(` type($input) `,` type($weight) `,` type($bias) `)` `->` type($output)"
    )

    def __init__(
        self,
        input: SSAValue | Operation,
        weight: SSAValue | Operation,
        bias: SSAValue | Operation,
        epsilon: float,
        input_scale: float,
        output_scale: float,
        output_zero_point: int,
        result_type: IntegerTensor,
    ) -> None:
        super().__init__(
            operands=[input, weight, bias],
            properties={
                "epsilon": float_attr(epsilon),
                "input_scale": float_attr(input_scale),
                "output_scale": float_attr(output_scale),
                "output_zero_point": i64_attr(output_zero_point),
            },
            result_types=[result_type],
        )

    def verify_(self) -> None:
        super().verify_()
        x, weight, bias = tensor_types(self.input, self.weight, self.bias)
        channels = x.get_shape()[-1]
        require(
            weight.get_shape() == bias.get_shape() == (channels,),
            f"weight and bias must have shape [{channels}],"
            f" got {shape_text(weight.get_shape())} and {shape_text(bias.get_shape())}",
        )
        epsilon = self.epsilon.value.data
        require(math.isfinite(epsilon) and epsilon >= 0.0, f"epsilon must not be negative, got {epsilon}")


IvitFloat = Dialect("ivit_float", [FloatConstantOp, FloatGeluOp, FloatLayerNormOp, FloatSoftmaxOp])
