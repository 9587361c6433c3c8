"""The end of attention where probabilities have a step of their own."""

from __future__ import annotations

from xdsl.dialects.builtin import IntegerType
from xdsl.ir import SSAValue

from passes.emission.attention import merge
from passes.emission.emitter import Emitter, Quantised
from passes.graph.nodes import AttentionNode
from passes.quantization import scales


def requantised_context(emitter: Emitter, node: AttentionNode, weighed: SSAValue, step: float) -> Quantised:
    """int32 ``weighed`` [N, H, T, D] of ``step``, in the bits of a context, [N, T, H * D]."""
    bits = emitter.recipe.context_bits
    scale = scales.symmetric(node.calibrated(), bits)
    name = f"{node.name}.context_i{bits}"
    context = emitter.build.requant(weighed, step / scale.step, IntegerType(bits), 0, name)
    return merge(emitter, node, context, scale, 0.0)
