"""LayerNorm in integers, by family."""

from __future__ import annotations

from xdsl.dialects.builtin import IntegerType
from xdsl.ir import SSAValue

from ivit_dialect.ops.nonlinear import ILayerNormOp, LayerNormOp
from passes.emission.emitter import Emitter, Quantised
from passes.graph.nodes import NormNode
from passes.quantization.norms import NormIntegers, exact_norm, i_norm, norm_epsilon
from passes.quantization.scales import Scale


def exact(emitter: Emitter, node: NormNode, scale: Scale, element: IntegerType) -> Quantised:
    """``ivit.layernorm``: exact mean, variance and reciprocal root."""
    source = emitter.stream_slice(node.source)
    integers = exact_norm(node.gamma, node.beta, scale)
    operands = norm_constants(emitter, node, integers)
    epsilon = norm_epsilon(node.eps, node.channels, source.scale)
    result = emitter.build.tensor(source.value, element)
    op = LayerNormOp(source.value, *operands, integers.shift, epsilon, result)
    return Quantised(emitter.build.append(op, node.name), scale)


def paper(emitter: Emitter, node: NormNode, scale: Scale, element: IntegerType) -> Quantised:
    """``ivit.i_layernorm`` (I-ViT Sec. 3.5)."""
    source = emitter.stream_slice(node.source)
    integers = i_norm(node.gamma, node.beta, scale)
    operands = norm_constants(emitter, node, integers)
    result = emitter.build.tensor(source.value, element)
    op = ILayerNormOp(source.value, *operands, integers.shift, result)
    return Quantised(emitter.build.append(op, node.name), scale)


def norm_constants(emitter: Emitter, node: NormNode, integers: NormIntegers) -> tuple[SSAValue, SSAValue]:
    """The operands of the affine at the end of a LayerNorm."""
    scale = emitter.build.constant(f"{node.name}.scale", integers.scale)
    return scale, emitter.build.constant(f"{node.name}.offset", integers.offset)
