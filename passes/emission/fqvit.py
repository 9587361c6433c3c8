"""FQ-ViT's softmax and LayerNorm in integers (arXiv 2111.13824)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from xdsl.dialects.builtin import IntegerType, i8, i32

from ivit_dialect.ops.fqvit import LogIntSoftmaxOp, PtfLayerNormOp
from ivit_dialect.ops.shift_matmul import MOST_SHIFT, ShiftMatmulOp
from passes.emission.attention import score_range, scores_of
from passes.emission.context import requantised_context
from passes.emission.emitter import Emitter, Quantised
from passes.graph.nodes import AttentionNode, Node, NormNode
from passes.quantization import ibert
from passes.quantization.fqvit import CODE_BITS, code_shifts, ptf_factors, ptf_integers, ptf_scale
from passes.quantization.norms import norm_epsilon
from passes.quantization.scales import Scale


def softmax(emitter: Emitter, node: AttentionNode) -> Quantised:
    """Scores in int8, ``ivit.log_int_softmax``, the product with its codes by shifts."""
    build, snapped = emitter.build, emitter.recipe.exponent == "snapped"
    scale = ibert.score_scale(score_range(node), snapped=snapped)
    integers = ibert.exp_integers(scale.step, node.tokens, snapped=snapped)
    bits = min(emitter.recipe.probability_bits, CODE_BITS)
    scores = scores_of(emitter, node, 0.0)
    assert isinstance(scores.step, float), "scores of a step for each head go through a table"
    x = build.requant(scores.value, scores.step / scale.step, i8, 0, f"{node.name}.scores_i8")
    op = LogIntSoftmaxOp(x, integers.x0, integers.b, integers.c, integers.n, bits)
    codes = build.append(op, f"{node.name}.codes")
    array = code_shifts(bits)
    shifts = build.shared("softmax.shifts", array)
    levels = np.where(array < 0, 0.0, np.exp2(array.astype(np.float64) - MOST_SHIFT))
    emitter.note(node, x, scale.step, part="scores")
    emitter.note(node, codes, 1.0, part="probabilities", levels=levels)
    values = scores.values
    product = ShiftMatmulOp(codes, values.value, shifts, build.tensor(values.value, i32))
    weighed = build.append(product, f"{node.name}.context")
    return requantised_context(emitter, node, weighed, values.scale.step * 2.0**-MOST_SHIFT)


def layernorm(emitter: Emitter, node: NormNode, scale: Scale, element: IntegerType) -> Quantised:
    """``ivit.ptf_layernorm`` of the stream in 8 bits, each channel at a scale of its own."""
    build, stream, source = emitter.build, emitter.stream_slice(node.source), node.source.node
    narrow = ptf_scale(source.calibrated())
    factors = ptf_factors(source.channel_range, narrow, node.channels)
    ratios = stream.scale.step / narrow.step * np.exp2(-factors.astype(np.float64))
    x = build.requant_channels(stream.value, ratios, i8, narrow.zero_point, f"{node.name}.i8")
    integers = ptf_integers(node.gamma, node.beta, scale)
    op = PtfLayerNormOp(
        x,
        build.constant(f"{node.name}.factors", factors),
        build.constant(f"{node.name}.scale", integers.scale),
        build.constant(f"{node.name}.offset", integers.offset),
        integers.shift,
        narrow.zero_point,
        norm_epsilon(node.eps, node.channels, narrow),
        build.tensor(x, element),
    )
    return Quantised(build.append(op, node.name), scale)


def layernorm_notice(nodes: Iterable[Node]) -> str | None:
    """One line where calibration recorded no ranges of channels for ``layernorm``; None where it did."""
    norms = [node for node in nodes if isinstance(node, NormNode)]
    unknown = sum(node.source.node.channel_range is None for node in norms)
    if not unknown:
        return None
    return (
        f"layernorm=fqvit: the inputs of {unknown} of {len(norms)} LayerNorms have no recorded ranges of"
        " channels and get one scale for all; calibrate again"
    )
