"""One spelling of the convolution: ``convolution``, with an empty output padding."""

from __future__ import annotations

from xdsl.ir import Operation
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern

from ivit_dialect.torch.constants import constant_bool, list_elements
from ivit_dialect.torch.ops_constant import ConstantBoolOp
from ivit_dialect.torch.ops_nn import AtenConv2dOp, AtenConvolutionOp
from passes.raising import build


class NormaliseConvolution(RewritePattern):
    """``conv2d``, and a ``convolution`` that is not transposed and names an output padding all the same."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        if isinstance(op, AtenConvolutionOp):
            if constant_bool(op.transposed) is not False or list_elements(op.output_padding) == ():
                return
        elif not isinstance(op, AtenConv2dOp):
            return
        false, padding = ConstantBoolOp(False), build.int_list([])
        before = [op.input, op.weight, op.bias, op.stride, op.padding, op.dilation]
        convolution = AtenConvolutionOp([*before, false, padding[-1], op.groups], [op.result.type])
        rewriter.replace(op, [false, *padding, convolution])
