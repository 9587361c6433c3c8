"""Ops that multiply and accumulate: linear, conv2d, patchify, matmul. Accumulators are int32."""

from __future__ import annotations

from xdsl.dialects.builtin import I64, IntegerAttr, IntegerType, TensorType, UnitAttr, i32, i64
from xdsl.ir import Operation, SSAValue
from xdsl.irdl import (
    AttrSizedOperandSegments,
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
from xdsl.utils.exceptions import VerifyException

from ivit_dialect.types import (
    ACTIVATION_TENSOR,
    I8_OR_UI8_TENSOR,
    I8_TENSOR,
    I32_TENSOR,
    I64_ATTR,
    INTEGER_TENSOR,
    MOST_BITS,
    NARROW_TENSOR,
    IntegerTensor,
    IntegerWidths,
    i64_attr,
    index_bits,
    most,
    require,
    require_multiplier,
    require_shape,
    require_shift,
    require_table,
    require_zero_point,
    shape_text,
    tensor_types,
)

MATMUL_LHS = TensorType.constr(IntegerWidths(MOST_BITS, MOST_BITS))


def require_accumulator_holds(terms: int, lhs: IntegerTensor, rhs: IntegerTensor) -> None:
    """``terms`` products of values of ``lhs`` and ``rhs``, of any their types have, must fit int32."""
    require_sum_fits(terms, most(lhs), most(rhs))


def require_sum_fits(terms: int, lhs: int, rhs: int) -> None:
    """``terms`` products of magnitudes up to ``lhs`` and ``rhs`` must fit int32."""
    require(
        terms * lhs * rhs < 1 << 31,
        f"int32 accumulator may wrap: {terms} products of up to {lhs} x {rhs}",
    )


def require_requant(multipliers: SSAValue, shift: IntegerAttr[I64] | None, channels: int) -> None:
    """A requant epilogue: one multiplier or one per output channel, and a shift."""
    (type_,) = tensor_types(multipliers)
    require(
        type_.get_shape() in ((channels,), (1,)),
        f"multipliers must have shape [{channels}] or [1], got {shape_text(type_.get_shape())}",
    )
    if shift is None:
        raise VerifyException("requant needs a shift")
    require_shift(shift)


@irdl_op_definition
class LinearOp(IRDLOperation):
    """``y[..., o] = epilogue(sum_k x[..., k] * w[o, k] + b[o])``.

    Without an epilogue the result is the int32 accumulator. The epilogue, made by ``fuse-requant``, is
    ``requant -> lookup -> residual add``; each part is optional but the requant comes first.
    """

    name = "ivit.linear"

    input = operand_def(ACTIVATION_TENSOR)
    weight = operand_def(NARROW_TENSOR)
    bias = operand_def(I32_TENSOR)
    multipliers = opt_operand_def(I32_TENSOR)
    table = opt_operand_def(INTEGER_TENSOR)
    residual = opt_operand_def(INTEGER_TENSOR)
    shift = opt_prop_def(I64_ATTR)
    zero_point = opt_prop_def(I64_ATTR)
    residual_multiplier = opt_prop_def(I64_ATTR)
    residual_shift = opt_prop_def(I64_ATTR)
    output = result_def(INTEGER_TENSOR)

    irdl_options = (AttrSizedOperandSegments(as_property=True),)
    traits = traits_def(Pure())
    assembly_format = (
        "$input `,` $weight `,` $bias"
        " (`requant` `(` $multipliers^ `shift` $shift `:` type($multipliers) `)`)?"
        " (`lookup` `(` $table^ `:` type($table) `)`)?"
        " (`residual` `(` $residual^ `*` $residual_multiplier `shift` $residual_shift"
        " `:` type($residual) `)`)? (`zero_point` $zero_point^)? attr-dict `:`"
        " `(` type($input) `,` type($weight) `,` type($bias) `)` `->` type($output)"
    )

    def __init__(
        self,
        input: SSAValue | Operation,
        weight: SSAValue | Operation,
        bias: SSAValue | Operation,
        result_type: IntegerTensor,
        *,
        multipliers: SSAValue | None = None,
        shift: IntegerAttr[I64] | None = None,
        zero_point: IntegerAttr[I64] | None = None,
        table: SSAValue | None = None,
        residual: SSAValue | None = None,
        residual_multiplier: IntegerAttr[I64] | None = None,
        residual_shift: IntegerAttr[I64] | None = None,
    ) -> None:
        super().__init__(
            operands=[input, weight, bias, multipliers, table, residual],
            properties={
                "shift": shift,
                "zero_point": zero_point,
                "residual_multiplier": residual_multiplier,
                "residual_shift": residual_shift,
            },
            result_types=[result_type],
        )

    def verify_(self) -> None:
        x, w, b = tensor_types(self.input, self.weight, self.bias)
        (out,) = tensor_types(self.output)
        require(w.get_num_dims() == 2, "weight must be [out, in]")
        outs, ins = w.get_shape()
        require(
            x.get_shape()[-1] == ins,
            f"input has {x.get_shape()[-1]} channels, weight takes {ins}",
        )
        require_shape(b, (outs,), "bias")
        require_shape(out, (*x.get_shape()[:-1], outs), "output")
        require_accumulator_holds(ins, x, w)
        self._verify_epilogue(outs, out)

    def _verify_epilogue(self, outs: int, out: IntegerTensor) -> None:
        if self.multipliers is None:
            require(
                self.table is None
                and self.residual is None
                and self.zero_point is None
                and self.shift is None,
                "an epilogue needs a requant",
            )
            require(out.element_type == i32, "without a requant the output is the int32 accumulator")
            return
        require_requant(self.multipliers, self.shift, outs)
        require(
            (self.residual is None) == (self.residual_multiplier is None)
            and (self.residual is None) == (self.residual_shift is None),
            "residual comes with its multiplier and shift",
        )
        before_table = out.element_type
        if self.table is not None:
            require(self.residual is None, "lookup and residual do not combine")
            (table,) = tensor_types(self.table)
            bits = index_bits(table)
            require_table(table, bits, out)
            before_table = IntegerType(bits)
        require_zero_point(self.zero_point, before_table)
        if self.residual is not None:
            (residual,) = tensor_types(self.residual)
            require(
                residual.get_shape()[1:] == out.get_shape()[1:]
                and residual.get_shape()[0] in (1, out.get_shape()[0]),
                f"residual must have shape {shape_text(out.get_shape())} or batch 1,"
                f" got {shape_text(residual.get_shape())}",
            )
            require(residual.element_type != i64, "residual must have at most 32 bits")
            assert self.residual_multiplier is not None
            assert self.residual_shift is not None
            require_multiplier(self.residual_multiplier)
            require_shift(self.residual_shift)


@irdl_op_definition
class Conv2dOp(IRDLOperation):
    """Patch embedding: stride equals the kernel, no padding, channels last.

    ``y[n, i, j, o] = sum x[n, i*KH + h, j*KW + w, c] * weight[o, h, w, c] + b[o]``; an optional per-channel
    requant follows (see ``ivit.requant``), made by ``fuse-requant``.
    """

    name = "ivit.conv2d"

    input = operand_def(I8_OR_UI8_TENSOR)
    weight = operand_def(NARROW_TENSOR)
    bias = operand_def(I32_TENSOR)
    multipliers = opt_operand_def(I32_TENSOR)
    shift = opt_prop_def(I64_ATTR)
    output = result_def(INTEGER_TENSOR)

    traits = traits_def(Pure())
    assembly_format = (
        "$input `,` $weight `,` $bias"
        " (`requant` `(` $multipliers^ `shift` $shift `:` type($multipliers) `)`)? attr-dict `:`"
        " `(` type($input) `,` type($weight) `,` type($bias) `)` `->` type($output)"
    )

    def __init__(
        self,
        input: SSAValue | Operation,
        weight: SSAValue | Operation,
        bias: SSAValue | Operation,
        result_type: IntegerTensor,
        *,
        multipliers: SSAValue | None = None,
        shift: IntegerAttr[I64] | None = None,
    ) -> None:
        super().__init__(
            operands=[input, weight, bias, multipliers],
            properties={"shift": shift},
            result_types=[result_type],
        )

    def verify_(self) -> None:
        x, w, b, y = tensor_types(self.input, self.weight, self.bias, self.output)
        require(x.get_num_dims() == 4, "input must be [N, H, W, C]")
        require(w.get_num_dims() == 4, "weight must be [out, KH, KW, C]")
        batch, height, width, channels = x.get_shape()
        outs, kernel_h, kernel_w, ins = w.get_shape()
        require(channels == ins, f"input has {channels} channels, weight takes {ins}")
        require(
            height % kernel_h == 0 and width % kernel_w == 0,
            f"image {height}x{width} is not a whole number of {kernel_h}x{kernel_w} patches",
        )
        require_shape(b, (outs,), "bias")
        expected = (batch, height // kernel_h, width // kernel_w, outs)
        require_shape(y, expected, "output")
        if self.multipliers is None:
            require(self.shift is None, "a shift needs multipliers")
            require(y.element_type == i32, "without a requant the output is the int32 accumulator")
        else:
            require_requant(self.multipliers, self.shift, outs)
        require_accumulator_holds(kernel_h * kernel_w * ins, x, w)


@irdl_op_definition
class PatchifyOp(IRDLOperation):
    """Cut a channels-last image into patches: ``[N, H, W, C] -> [N, (H/KH)*(W/KW), KH*KW*C]`` in int8.

    A ``ui8`` image is recentred by -128, so that pixels enter int8 products.
    """

    name = "ivit.patchify"

    input = operand_def(I8_OR_UI8_TENSOR)
    kernel_height = prop_def(I64_ATTR)
    kernel_width = prop_def(I64_ATTR)
    output = result_def(I8_TENSOR)

    traits = traits_def(Pure())
    assembly_format = (
        "$input `kernel` $kernel_height `x` $kernel_width attr-dict `:` type($input) `->` type($output)"
    )

    def __init__(
        self, input: SSAValue | Operation, kernel: tuple[int, int], result_type: IntegerTensor
    ) -> None:
        super().__init__(
            operands=[input],
            properties={"kernel_height": i64_attr(kernel[0]), "kernel_width": i64_attr(kernel[1])},
            result_types=[result_type],
        )

    def verify_(self) -> None:
        x, y = tensor_types(self.input, self.output)
        require(x.get_num_dims() == 4, "input must be [N, H, W, C]")
        batch, height, width, channels = x.get_shape()
        kernel_h, kernel_w = self.kernel_height.value.data, self.kernel_width.value.data
        require(kernel_h > 0 and kernel_w > 0, "kernel must be positive")
        require(
            height % kernel_h == 0 and width % kernel_w == 0,
            f"image {height}x{width} is not a whole number of {kernel_h}x{kernel_w} patches",
        )
        patches = (height // kernel_h) * (width // kernel_w)
        expected = (batch, patches, kernel_h * kernel_w * channels)
        require_shape(y, expected, "output")


@irdl_op_definition
class MatmulOp(IRDLOperation):
    """Batched ``[N, H, M, K] x [N, H, K, P] -> [N, H, M, P]`` in int32; ``transpose_b``: rhs [N, H, P, K].

    An optional requant by one multiplier follows (see ``ivit.requant``), made by ``fuse-requant``.
    """

    name = "ivit.matmul"

    lhs = operand_def(MATMUL_LHS)
    rhs = operand_def(NARROW_TENSOR)
    transpose_b = opt_prop_def(UnitAttr)
    multiplier = opt_prop_def(I64_ATTR)
    shift = opt_prop_def(I64_ATTR)
    zero_point = opt_prop_def(I64_ATTR)
    output = result_def(INTEGER_TENSOR)

    traits = traits_def(Pure())
    assembly_format = (
        "$lhs `,` $rhs (`transpose_b` $transpose_b^)? (`*` $multiplier^ `shift` $shift)?"
        " (`zero_point` $zero_point^)? attr-dict `:`"
        " `(` type($lhs) `,` type($rhs) `)` `->` type($output)"
    )

    def __init__(
        self,
        lhs: SSAValue | Operation,
        rhs: SSAValue | Operation,
        result_type: IntegerTensor,
        *,
        transpose_b: bool = False,
        multiplier: IntegerAttr[I64] | None = None,
        shift: IntegerAttr[I64] | None = None,
        zero_point: IntegerAttr[I64] | None = None,
    ) -> None:
        super().__init__(
            operands=[lhs, rhs],
            properties={
                "transpose_b": UnitAttr() if transpose_b else None,
                "multiplier": multiplier,
                "shift": shift,
                "zero_point": zero_point,
            },
            result_types=[result_type],
        )

    def verify_(self) -> None:
        a, b, y = tensor_types(self.lhs, self.rhs, self.output)
        require(a.get_num_dims() == 4 and b.get_num_dims() == 4, "operands must be [N, H, rows, columns]")
        require(a.get_shape()[:2] == b.get_shape()[:2], "operands must share batch and heads")
        inner, columns = b.get_shape()[2:] if self.transpose_b is None else b.get_shape()[:1:-1]
        require(a.get_shape()[3] == inner, f"inner dimensions differ: {a.get_shape()[3]} and {inner}")
        if a.element_type.width.data < MOST_BITS:
            # 16 bits are probabilities: not their range but their row sums keep int32 from wrapping.
            require_accumulator_holds(inner, a, b)
        expected = (*a.get_shape()[:3], columns)
        require_shape(y, expected, "output")
        if self.multiplier is None:
            require(
                y.element_type == i32 and self.shift is None and self.zero_point is None,
                "without a requant the output is the int32 accumulator",
            )
            return
        require_multiplier(self.multiplier)
        if self.shift is None:
            raise VerifyException("requant needs a shift")
        require_shift(self.shift)
        require_zero_point(self.zero_point, y.element_type)
