"""The interpreter's implementations: each op's operands and attributes, handed to its reference function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import DYNAMIC_INDEX, I64, IntegerAttr
from xdsl.interpreter import Interpreter, InterpreterFunctions, PythonValues, impl, register_impls
from xdsl.ir import Attribute, Operation, SSAValue

from ivit_dialect import reference
from ivit_dialect.element_types import check_values, element_format, numpy_dtype
from ivit_dialect.ops.arithmetic import (
    AddiOp,
    FloorDivOp,
    MaxiOp,
    MuliOp,
    ReduceKind,
    ReduceOp,
    RoundingShiftRightOp,
    ShiftRightOp,
    SubiOp,
)
from ivit_dialect.ops.attention import AttentionOp
from ivit_dialect.ops.elementwise import (
    AddOp,
    AffineOp,
    ConstantOp,
    LookupOp,
    RequantOp,
    RowRequantOp,
    SplatOp,
)
from ivit_dialect.ops.linear import Conv2dOp, LinearOp, MatmulOp, PatchifyOp
from ivit_dialect.ops.nonlinear import (
    ILayerNormOp,
    IntDivOp,
    IsqrtOp,
    LayerNormOp,
    NewtonSqrtOp,
    RsqrtOp,
    ShiftExpOp,
    ShiftGeluOp,
    ShiftmaxOp,
    SoftmaxOp,
)
from ivit_dialect.ops.shape import MergeHeadsOp, PrependTokensOp, SliceTokensOp, SplitHeadsOp
from ivit_dialect.reference.ranges import IntegerArray, IntegerFormat
from ivit_dialect.store import WeightStore
from ivit_dialect.types import IntegerTensor, tensor_types


def require_array(value: NDArray[Any], expected: Attribute, what: str) -> None:
    """ValueError unless ``value`` has the shape (dynamic extents apart) of a tensor type, and its values."""
    tensor_type = cast(IntegerTensor, expected)
    shape = tensor_type.get_shape()
    fits = len(shape) == value.ndim and all(
        want in (DYNAMIC_INDEX, have) for want, have in zip(shape, value.shape, strict=True)
    )
    if not fits or value.dtype != numpy_dtype(tensor_type.element_type):
        raise ValueError(f"{what}: expected {expected}, got {value.dtype} of shape {value.shape}")
    check_values(value, tensor_type.element_type, what)


def format_of(value: SSAValue) -> IntegerFormat:
    """What holds a tensor value's elements, and their range: the ``out`` of the reference functions."""
    (tensor_type,) = tensor_types(value)
    return element_format(tensor_type.element_type)


def integer(attribute: IntegerAttr[I64] | None, default: int = 0) -> int:
    """The value of an attribute, or ``default`` where it is absent."""
    return default if attribute is None else attribute.value.data


def operand(op: Operation, args: PythonValues, value: SSAValue | None) -> IntegerArray | None:
    """The array behind an optional operand."""
    return None if value is None else args[op.operands.index(value)]


def scale(multiplier: IntegerAttr[I64] | None, shift: IntegerAttr[I64] | None) -> tuple[int, int] | None:
    """A dyadic scale, or None where it is absent."""
    return None if multiplier is None or shift is None else (multiplier.value.data, shift.value.data)


@register_impls
class TensorFunctions(InterpreterFunctions):
    """Upstream reshapes, and the index arithmetic of a dynamic batch."""

    @impl(tensor.CollapseShapeOp)
    def collapse_shape(
        self, interpreter: Interpreter, op: tensor.CollapseShapeOp, args: PythonValues
    ) -> PythonValues:
        extents = op.result.type.get_shape()
        return (reference.reshape(args[0], tuple(-1 if n == DYNAMIC_INDEX else n for n in extents)),)

    @impl(tensor.ExpandShapeOp)
    def expand_shape(
        self, interpreter: Interpreter, op: tensor.ExpandShapeOp, args: PythonValues
    ) -> PythonValues:
        sizes = iter(args[1:])
        extents = op.static_output_shape.get_values()
        return (reference.reshape(args[0], tuple(next(sizes) if n == DYNAMIC_INDEX else n for n in extents)),)

    @impl(tensor.DimOp)
    def dim(self, interpreter: Interpreter, op: tensor.DimOp, args: PythonValues) -> PythonValues:
        return (args[0].shape[args[1]],)

    @impl(arith.ConstantOp)
    def index_constant(
        self, interpreter: Interpreter, op: arith.ConstantOp, args: PythonValues
    ) -> PythonValues:
        if not isinstance(op.value, IntegerAttr):
            raise ValueError(f"arith.constant: only integers stand for extents, got {op.value}")
        return (op.value.value.data,)


@register_impls
@dataclass
class IvitFunctions(InterpreterFunctions):
    """Every op of the dialect; ``store`` holds the constants."""

    store: WeightStore

    @impl(ConstantOp)
    def constant(self, interpreter: Interpreter, op: ConstantOp, args: PythonValues) -> PythonValues:
        key = op.key.data
        if key not in self.store:
            raise ValueError(f"ivit.constant: the weight store has no tensor {key!r}")
        require_array(self.store[key], op.output.type, f"ivit.constant {key!r}")
        return (self.store[key],)

    @impl(SplatOp)
    def splat(self, interpreter: Interpreter, op: SplatOp, args: PythonValues) -> PythonValues:
        (tensor_type,) = tensor_types(op.output)
        return (np.full(tensor_type.get_shape(), integer(op.value), format_of(op.output)),)

    @impl(RequantOp)
    def requant(self, interpreter: Interpreter, op: RequantOp, args: PythonValues) -> PythonValues:
        multiplier = integer(op.multiplier) if op.multipliers is None else args[1]
        out = format_of(op.output)
        return (reference.requant(args[0], multiplier, integer(op.shift), out, integer(op.zero_point)),)

    @impl(RowRequantOp)
    def row_requant(self, interpreter: Interpreter, op: RowRequantOp, args: PythonValues) -> PythonValues:
        constants = integer(op.dividend), integer(op.min_divisor), integer(op.shift)
        return (reference.row_requant(args[0], args[1], *constants, format_of(op.output)),)

    @impl(AddOp)
    def add(self, interpreter: Interpreter, op: AddOp, args: PythonValues) -> PythonValues:
        lhs_scale = scale(op.lhs_multiplier, op.lhs_shift)
        rhs_scale = scale(op.rhs_multiplier, op.rhs_shift)
        return (
            reference.add(args[0], args[1], format_of(op.output), lhs_scale=lhs_scale, rhs_scale=rhs_scale),
        )

    @impl(LookupOp)
    def lookup(self, interpreter: Interpreter, op: LookupOp, args: PythonValues) -> PythonValues:
        return (reference.lookup(args[0], args[1]),)

    @impl(AffineOp)
    def affine(self, interpreter: Interpreter, op: AffineOp, args: PythonValues) -> PythonValues:
        return (reference.affine(args[0], args[1], args[2], integer(op.shift), format_of(op.output)),)

    @impl(AddiOp)
    def addi(self, interpreter: Interpreter, op: AddiOp, args: PythonValues) -> PythonValues:
        return (reference.addi(args[0], args[1], format_of(op.output)),)

    @impl(SubiOp)
    def subi(self, interpreter: Interpreter, op: SubiOp, args: PythonValues) -> PythonValues:
        return (reference.subi(args[0], args[1], format_of(op.output)),)

    @impl(MuliOp)
    def muli(self, interpreter: Interpreter, op: MuliOp, args: PythonValues) -> PythonValues:
        return (reference.muli(args[0], args[1], format_of(op.output)),)

    @impl(MaxiOp)
    def maxi(self, interpreter: Interpreter, op: MaxiOp, args: PythonValues) -> PythonValues:
        return (reference.maxi(args[0], args[1], format_of(op.output)),)

    @impl(ShiftRightOp)
    def shift_right(self, interpreter: Interpreter, op: ShiftRightOp, args: PythonValues) -> PythonValues:
        return (reference.shift_right(args[0], args[1], format_of(op.output)),)

    @impl(RoundingShiftRightOp)
    def rounding_shift_right(
        self, interpreter: Interpreter, op: RoundingShiftRightOp, args: PythonValues
    ) -> PythonValues:
        return (reference.rounding_shift_right(args[0], args[1], format_of(op.output)),)

    @impl(FloorDivOp)
    def floor_div(self, interpreter: Interpreter, op: FloorDivOp, args: PythonValues) -> PythonValues:
        return (reference.floor_div(args[0], args[1], format_of(op.output)),)

    @impl(ReduceOp)
    def reduce(self, interpreter: Interpreter, op: ReduceOp, args: PythonValues) -> PythonValues:
        is_sum = op.kind.data is ReduceKind.SUM
        function = reference.reduce_sum if is_sum else reference.reduce_max
        return (function(args[0], integer(op.dimension), format_of(op.output)),)

    @impl(LinearOp)
    def linear(self, interpreter: Interpreter, op: LinearOp, args: PythonValues) -> PythonValues:
        accumulator = reference.linear(args[0], args[1], args[2])
        multipliers = operand(op, args, op.multipliers)
        if multipliers is None:
            return (accumulator,)
        result = reference.linear_epilogue(
            accumulator,
            multipliers,
            integer(op.shift),
            format_of(op.output),
            zero_point=integer(op.zero_point),
            table=operand(op, args, op.table),
            residual=operand(op, args, op.residual),
            residual_multiplier=integer(op.residual_multiplier),
            residual_shift=integer(op.residual_shift, 1),
        )
        return (result,)

    @impl(Conv2dOp)
    def conv2d(self, interpreter: Interpreter, op: Conv2dOp, args: PythonValues) -> PythonValues:
        accumulator = reference.conv2d(args[0], args[1], args[2])
        if op.multipliers is None:
            return (accumulator,)
        return (reference.requant(accumulator, args[3], integer(op.shift), format_of(op.output)),)

    @impl(PatchifyOp)
    def patchify(self, interpreter: Interpreter, op: PatchifyOp, args: PythonValues) -> PythonValues:
        return (reference.patchify(args[0], (integer(op.kernel_height), integer(op.kernel_width))),)

    @impl(MatmulOp)
    def matmul(self, interpreter: Interpreter, op: MatmulOp, args: PythonValues) -> PythonValues:
        accumulator = reference.matmul(args[0], args[1], transpose_b=op.transpose_b is not None)
        if op.multiplier is None:
            return (accumulator,)
        constants = integer(op.multiplier), integer(op.shift)
        return (reference.requant(accumulator, *constants, format_of(op.output), integer(op.zero_point)),)

    @impl(ShiftExpOp)
    def shiftexp(self, interpreter: Interpreter, op: ShiftExpOp, args: PythonValues) -> PythonValues:
        return (reference.shiftexp(args[0], integer(op.x0), integer(op.n)),)

    @impl(IntDivOp)
    def intdiv(self, interpreter: Interpreter, op: IntDivOp, args: PythonValues) -> PythonValues:
        return (reference.intdiv(args[0], args[1], integer(op.bits)),)

    @impl(IsqrtOp)
    def isqrt(self, interpreter: Interpreter, op: IsqrtOp, args: PythonValues) -> PythonValues:
        return (reference.isqrt(args[0]),)

    @impl(NewtonSqrtOp)
    def newton_sqrt(self, interpreter: Interpreter, op: NewtonSqrtOp, args: PythonValues) -> PythonValues:
        return (reference.newton_sqrt(args[0]),)

    @impl(RsqrtOp)
    def rsqrt(self, interpreter: Interpreter, op: RsqrtOp, args: PythonValues) -> PythonValues:
        return reference.rsqrt(args[0])

    @impl(SoftmaxOp)
    def softmax(self, interpreter: Interpreter, op: SoftmaxOp, args: PythonValues) -> PythonValues:
        multiplier = integer(op.multiplier) if op.multipliers is None else args[2]
        return reference.softmax(args[0], args[1], multiplier, integer(op.shift))

    @impl(ShiftmaxOp)
    def shiftmax(self, interpreter: Interpreter, op: ShiftmaxOp, args: PythonValues) -> PythonValues:
        constants = integer(op.x0), integer(op.n), integer(op.bits)
        return (reference.shiftmax(args[0], *constants, format_of(op.output)),)

    @impl(ShiftGeluOp)
    def shiftgelu(self, interpreter: Interpreter, op: ShiftGeluOp, args: PythonValues) -> PythonValues:
        return (reference.shiftgelu(args[0], integer(op.x0), integer(op.n)),)

    @impl(LayerNormOp)
    def layernorm(self, interpreter: Interpreter, op: LayerNormOp, args: PythonValues) -> PythonValues:
        return (
            reference.layernorm(
                args[0], args[1], args[2], integer(op.shift), integer(op.epsilon), format_of(op.output)
            ),
        )

    @impl(ILayerNormOp)
    def i_layernorm(self, interpreter: Interpreter, op: ILayerNormOp, args: PythonValues) -> PythonValues:
        return (reference.i_layernorm(args[0], args[1], args[2], integer(op.shift), format_of(op.output)),)

    @impl(AttentionOp)
    def attention(self, interpreter: Interpreter, op: AttentionOp, args: PythonValues) -> PythonValues:
        table = operand(op, args, op.table)
        if table is not None:
            multiplier, *numbers = op.softmax.values()
            per_head = operand(op, args, op.multipliers)
            softmax = reference.DeltaSoftmax(table, multiplier if per_head is None else per_head, *numbers)
        else:
            softmax = reference.ShiftmaxSoftmax(*op.softmax.values())
        out = format_of(op.output)
        return (reference.attention(args[0], args[1], args[2], integer(op.heads), softmax, out),)

    @impl(SplitHeadsOp)
    def split_heads(self, interpreter: Interpreter, op: SplitHeadsOp, args: PythonValues) -> PythonValues:
        (tensor_type,) = tensor_types(op.output)
        return (reference.split_heads(args[0], tensor_type.get_shape()[1]),)

    @impl(MergeHeadsOp)
    def merge_heads(self, interpreter: Interpreter, op: MergeHeadsOp, args: PythonValues) -> PythonValues:
        return (reference.merge_heads(args[0]),)

    @impl(PrependTokensOp)
    def prepend_tokens(
        self, interpreter: Interpreter, op: PrependTokensOp, args: PythonValues
    ) -> PythonValues:
        return (reference.prepend_tokens(args[0], args[1]),)

    @impl(SliceTokensOp)
    def slice_tokens(self, interpreter: Interpreter, op: SliceTokensOp, args: PythonValues) -> PythonValues:
        return (reference.slice_tokens(args[0], integer(op.offset), integer(op.size)),)
