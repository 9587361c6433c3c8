"""I-BERT's softmax, GELU and LayerNorm in integers (arXiv 2101.01321)."""

from __future__ import annotations

from xdsl.dialects.builtin import IntegerType, i16, i32
from xdsl.ir import SSAValue

from ivit_dialect.ops.ibert import IbertGeluOp, IbertLayerNormOp, IbertSoftmaxOp
from ivit_dialect.types import ui8
from passes.emission.attention import score_range, weigh_rounded_scores
from passes.emission.emitter import Emitter, Quantised
from passes.emission.norm import norm_constants
from passes.graph.nodes import AttentionNode, GeluNode, NormNode
from passes.quantization import ibert
from passes.quantization.norms import i_norm
from passes.quantization.scales import Scale

MOST_SIGNED_BITS = 15
"""Of a probability in int16, which has no use for its sign."""


def softmax(emitter: Emitter, node: AttentionNode) -> Quantised:
    """Scores in int8, ``ivit.ibert_softmax``, context requantised from its step ``2^-bits``."""
    snapped = emitter.recipe.exponent == "snapped"
    scale = ibert.score_scale(score_range(node), snapped=snapped)
    integers = ibert.exp_integers(scale.step, node.tokens, snapped=snapped)
    bits = min(emitter.recipe.probability_bits, MOST_SIGNED_BITS)

    def probabilities(x: SSAValue) -> IbertSoftmaxOp:
        result = emitter.build.tensor(x, ui8 if bits <= 8 else i16)
        return IbertSoftmaxOp(x, integers.x0, integers.b, integers.c, integers.n, bits, result)

    return weigh_rounded_scores(emitter, node, scale, probabilities, 2.0**-bits)


def gelu(emitter: Emitter, node: GeluNode) -> Quantised:
    """``ivit.ibert_gelu`` with the least shift, then a requant from its step, which is negative.

    The polynomial is of the erf form; a GELU that is defined by tanh differs from it by up to 0.0005.
    """
    bits = emitter.recipe.gelu_input_bits
    source, target = ibert.gelu_scale(node.source.calibrated(), bits), emitter.rules.gelu_output(node)
    integers = ibert.gelu_integers(source.step, bits)
    x = emitter.requantised(node.source, source, IntegerType(bits))
    constants = integers.b, integers.c, integers.one, integers.shift
    wide = emitter.build.append(IbertGeluOp(x, *constants, emitter.build.tensor(x, i32)), f"{node.name}.i32")
    element = IntegerType(emitter.recipe.gelu_bits)
    ratio = integers.step / target.step
    return Quantised(emitter.build.requant(wide, ratio, element, target.zero_point, node.name), target)


def layernorm(emitter: Emitter, node: NormNode, scale: Scale, element: IntegerType) -> Quantised:
    """``ivit.ibert_layernorm``, its shift from the range of what it normalises."""
    source = emitter.stream_slice(node.source)
    integers = i_norm(node.gamma, node.beta, scale)
    operands = norm_constants(emitter, node, integers)
    variance_shift = ibert.variance_shift(node.source.node.calibrated(), source.scale.step, node.channels)
    result = emitter.build.tensor(source.value, element)
    op = IbertLayerNormOp(source.value, *operands, integers.shift, variance_shift, result)
    return Quantised(emitter.build.append(op, node.name), scale)
