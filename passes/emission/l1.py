"""L1 LayerNorm in integers (Fully-8bit)."""

from __future__ import annotations

from xdsl.dialects.builtin import IntegerType

from ivit_dialect.ops.l1 import L1LayerNormOp
from passes.emission.emitter import Emitter, Quantised
from passes.emission.norm import norm_constants
from passes.graph.nodes import NormNode
from passes.quantization.norms import l1_norm
from passes.quantization.scales import Scale


def layernorm(emitter: Emitter, node: NormNode, scale: Scale, element: IntegerType) -> Quantised:
    """``ivit.l1_layernorm``: the mean absolute deviation, times ``sqrt(pi / 2)``, for the standard one."""
    source = emitter.stream_slice(node.source)
    integers = l1_norm(node.gamma, node.beta, scale)
    operands = norm_constants(emitter, node, integers)
    op = L1LayerNormOp(source.value, *operands, integers.shift, emitter.build.tensor(source.value, element))
    return Quantised(emitter.build.append(op, node.name), scale)
