"""``conv2d-to-linear``: a patch embedding becomes ``ivit.patchify`` and one ``ivit.linear``. Bit-exact.

Pixels (``ui8``) are recentred by -128 so that the product is int8 by int8; ``128 * sum(w)`` joins the bias.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, TensorType, i8, i32
from xdsl.dialects.tensor import CollapseShapeOp
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)
from xdsl.utils.exceptions import PassFailedException

from ivit_dialect.ops.elementwise import ConstantOp
from ivit_dialect.ops.linear import Conv2dOp, LinearOp, PatchifyOp
from ivit_dialect.store import WeightStore, store_of
from ivit_dialect.types import tensor_types, ui8
from passes.dead_code import erase_dead_constants
from passes.location import KeepLocation, describe_result, inherit

PIXEL_CENTRE = 128


def _constant_of(op: Conv2dOp, value: SSAValue, what: str) -> ConstantOp:
    """The ``ivit.constant`` behind an operand of ``op``; PassFailedException where it is computed."""
    if not isinstance(value.owner, ConstantOp):
        raise PassFailedException(f"{describe_result(op)}: its {what} must come from an ivit.constant")
    return value.owner


@dataclass(frozen=True)
class _Conv2dPattern(RewritePattern):
    store: WeightStore

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: Conv2dOp, rewriter: PatternRewriter) -> None:
        collapse = op.output.get_user_of_unique_use()
        image, weight_type, output = tensor_types(op.input, op.weight, op.output)
        batch, rows, columns, outs = output.get_shape()
        tokens = (batch, rows * columns, outs)
        if not (isinstance(collapse, CollapseShapeOp) and _shape(collapse.result) == tokens):
            raise PassFailedException(
                f"{describe_result(op)}: its only user must be a tensor.collapse_shape to"
                " [N, tokens, channels]"
            )
        _, kernel_h, kernel_w, channels = weight_type.get_shape()
        weight_op, bias_op = _constant_of(op, op.weight, "weight"), _constant_of(op, op.bias, "bias")
        matrix = self.store[weight_op.key.data].reshape(outs, -1)
        weight_key = self.store.unique_key(f"{weight_op.key.data}.matrix")
        self.store[weight_key] = matrix
        bias_key = bias_op.key.data
        if image.element_type == ui8:
            shifted = self.store[bias_key].astype(np.int64) + PIXEL_CENTRE * matrix.sum(1, dtype=np.int64)
            if np.abs(shifted).max(initial=0) >= 1 << 31:
                raise PassFailedException(
                    f"{describe_result(op)}: the recentred bias '{bias_key}' leaves int32;"
                    " scale its bias or weights down"
                )
            bias_key = self.store.unique_key(f"{bias_key}.recentred")
            self.store[bias_key] = shifted.astype(np.int32)

        patch = kernel_h * kernel_w * channels
        patches = PatchifyOp(op.input, (kernel_h, kernel_w), TensorType(i8, (batch, rows * columns, patch)))
        weight = ConstantOp(weight_key, TensorType(weight_type.element_type, (outs, patch)))
        bias = ConstantOp(bias_key, TensorType(i32, (outs,)))
        linear = LinearOp(
            patches,
            weight,
            bias,
            TensorType(output.element_type, tokens),
            multipliers=op.multipliers,
            shift=op.shift,
        )
        patches.output.name_hint = "patches"
        for constant in (weight, bias):
            constant.output.name_hint = constant.key.data.replace(".", "_")
        inherit(linear, op, collapse)
        rewriter.insert([patches, weight, bias, linear])
        rewriter.replace(collapse, [], [linear.output])
        rewriter.erase(op)


def _shape(value: SSAValue) -> tuple[int, ...]:
    (type_,) = tensor_types(value)
    return type_.get_shape()


@dataclass(frozen=True)
class Conv2dToLinearPass(ModulePass):
    """See the module's docstring."""

    name = "conv2d-to-linear"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        pattern = KeepLocation(_Conv2dPattern(store_of(ctx)))
        PatternRewriteWalker(pattern, apply_recursively=False).rewrite_module(op)
        erase_dead_constants(op)
