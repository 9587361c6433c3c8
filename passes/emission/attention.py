"""Attention in integers, by family: heads, scores, softmax, context."""

from __future__ import annotations

from dataclasses import dataclass, replace

from xdsl.dialects.builtin import TensorType, i8, i16, i32
from xdsl.ir import SSAValue

from ivit_dialect.ops.elementwise import RowRequantOp
from ivit_dialect.ops.linear import MatmulOp
from ivit_dialect.ops.nonlinear import ShiftmaxOp, SoftmaxOp
from ivit_dialect.ops.shape import MergeHeadsOp, SplitHeadsOp
from passes.emission.builder import type_of
from passes.emission.emitter import Emitter, Quantised
from passes.graph.nodes import AttentionNode, LinearNode
from passes.quantization import scales
from passes.quantization.dyadic import nearest_dyadic, row_dividend
from passes.quantization.scales import Scale
from passes.quantization.shift_exp import softmax_shift
from passes.quantization.tables import SOFTMAX_RANGE, SOFTMAX_STEPS, softmax_table

PROBABILITY_BITS = 16
LEAST_ROW_SUM = 255
"""The row's maximum itself has the code 255."""


@dataclass(frozen=True)
class _Scores:
    """int32 scores [N, H, T, T] of step ``step``, and the values [N, H, T, D] they weigh."""

    value: SSAValue
    step: float
    values: Quantised


def exact(emitter: Emitter, node: AttentionNode) -> Quantised:
    """Exponentials by table, the division deferred to the context (methods.md 6).

    The weights of a row add up to exactly 1, so an offset subtracted from the values (in their bias) comes
    out of the context unchanged: it centres the context's range, which makes its 8 bits asymmetric for free.
    """
    offset = node.calibrated().middle
    context = scales.symmetric(node.calibrated().shifted(-offset), 8)
    scores = _scores(emitter, node, offset)
    build = emitter.build
    index = nearest_dyadic(scores.step * SOFTMAX_STEPS / SOFTMAX_RANGE)
    table = build.shared("softmax.table", softmax_table())
    softmax = SoftmaxOp(scores.value, table, index.multiplier, index.shift)
    codes = build.append(softmax, f"{node.name}.codes")
    softmax.sum.name_hint = f"{node.name}.sum".replace(".", "_")
    weighed = _weigh(emitter, node, codes, scores.values)
    dividend = row_dividend(scores.values.scale.step / context.step, LEAST_ROW_SUM)
    op = RowRequantOp(
        weighed, softmax.sum, dividend.multiplier, LEAST_ROW_SUM, dividend.shift, build.tensor(weighed, i8)
    )
    return _merge(emitter, node, build.append(op, f"{node.name}.context_i8"), context, offset)


def paper(emitter: Emitter, node: AttentionNode) -> Quantised:
    """Scores in int8, Shiftmax to 16 bits (I-ViT Algorithm 1), context requantised from step 2^-15."""
    if node.scores is None:
        raise ValueError(f"{node.origin}: no ivit.score_range; run the pass 'calibrate' first")
    context = scales.symmetric(node.calibrated(), 8)
    scores = _scores(emitter, node, 0.0)
    build = emitter.build
    scale, x0 = scales.reciprocal(node.scores)
    x = build.requant(scores.value, scores.step / scale.step, i8, 0, f"{node.name}.scores_i8")
    n = softmax_shift(x0, node.tokens)
    shiftmax = ShiftmaxOp(x, x0, n, PROBABILITY_BITS, build.tensor(x, i16))
    probabilities = build.append(shiftmax, f"{node.name}.probabilities")
    weighed = _weigh(emitter, node, probabilities, scores.values)
    ratio = scores.values.scale.step * 2.0 ** -(PROBABILITY_BITS - 1) / context.step
    context_i8 = build.requant(weighed, ratio, i8, 0, f"{node.name}.context_i8")
    return _merge(emitter, node, context_i8, context, 0.0)


def _scores(emitter: Emitter, node: AttentionNode, value_offset: float) -> _Scores:
    query, key = (_heads(emitter, node, part, 0.0) for part in (node.query, node.key))
    values = _heads(emitter, node, node.value, value_offset)
    batch, heads, tokens, _ = type_of(query.value).get_shape()
    result = TensorType(i32, (batch, heads, tokens, tokens))
    product = MatmulOp(query.value, key.value, result, transpose_b=True)
    value = emitter.build.append(product, f"{node.name}.scores")
    return _Scores(value, query.scale.step * key.scale.step * node.scale, values)


def _heads(emitter: Emitter, node: AttentionNode, part: LinearNode, offset: float) -> Quantised:
    """One of q, k, v less ``offset``, symmetric int8 [N, H, T, D]."""
    scale = scales.symmetric(part.calibrated().shifted(-offset), 8)
    shifted = part if offset == 0.0 else replace(part, bias=part.bias - offset)
    value = emitter.requantised(shifted, scale, i8)
    batch, tokens, channels = type_of(value).get_shape()
    result = TensorType(i8, (batch, node.heads, tokens, channels // node.heads))
    return Quantised(emitter.build.append(SplitHeadsOp(value, result), f"{part.name}.heads"), scale)


def _weigh(emitter: Emitter, node: AttentionNode, weights: SSAValue, values: Quantised) -> SSAValue:
    product = MatmulOp(weights, values.value, emitter.build.tensor(values.value, i32))
    return emitter.build.append(product, f"{node.name}.context")


def _merge(
    emitter: Emitter, node: AttentionNode, context: SSAValue, scale: Scale, offset: float
) -> Quantised:
    batch, heads, tokens, depth = type_of(context).get_shape()
    merged = MergeHeadsOp(context, TensorType(i8, (batch, tokens, heads * depth)))
    return Quantised(emitter.build.append(merged, node.name), scale, offset)
