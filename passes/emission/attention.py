"""Attention in integers, by family: heads, scores, softmax, context."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from xdsl.dialects.builtin import IntegerType, TensorType, i8, i16, i32
from xdsl.ir import Operation, SSAValue

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
    offset = node.calibrated().middle if emitter.recipe.activations == "asymmetric" else 0.0
    context = scales.symmetric(node.calibrated().shifted(-offset), emitter.recipe.context_bits)
    scores = _scores(emitter, node, offset)
    build = emitter.build
    index = nearest_dyadic(scores.step * SOFTMAX_STEPS / SOFTMAX_RANGE)
    table = build.shared("softmax.table", softmax_table())
    softmax = SoftmaxOp(scores.value, table, index.multiplier, index.shift)
    codes = build.append(softmax, f"{node.name}.codes")
    softmax.sum.name_hint = f"{node.name}.sum".replace(".", "_")
    weighed = _weigh(emitter, node, codes, scores.values)
    dividend = row_dividend(scores.values.scale.step / context.step, LEAST_ROW_SUM)
    result = build.tensor(weighed, IntegerType(emitter.recipe.context_bits))
    op = RowRequantOp(weighed, softmax.sum, dividend.multiplier, LEAST_ROW_SUM, dividend.shift, result)
    return _merge(
        emitter,
        node,
        build.append(op, f"{node.name}.context_i{emitter.recipe.context_bits}"),
        context,
        offset,
    )


def paper(emitter: Emitter, node: AttentionNode) -> Quantised:
    """Scores in int8, Shiftmax (I-ViT Algorithm 1), context requantised from its step ``2^-(bits - 1)``."""
    bits = emitter.recipe.probability_bits
    rule = scales.reciprocal if emitter.recipe.exponent == "snapped" else scales.plain_exponent
    scale, x0 = rule(score_range(node))
    n = softmax_shift(x0, node.tokens)

    def shiftmax(x: SSAValue) -> ShiftmaxOp:
        return ShiftmaxOp(x, x0, n, bits, emitter.build.tensor(x, i8 if bits <= 8 else i16))

    return weigh_rounded_scores(emitter, node, scale, shiftmax, 2.0 ** -(bits - 1))


def score_range(node: AttentionNode) -> scales.Range:
    """The calibrated range of the scores; ValueError where calibration has not been here."""
    if node.scores is None:
        raise ValueError(f"{node.origin}: no ivit.score_range; run the pass 'calibrate' first")
    return node.scores


def weigh_rounded_scores(
    emitter: Emitter,
    node: AttentionNode,
    scale: Scale,
    softmax: Callable[[SSAValue], Operation],
    step: float,
) -> Quantised:
    """Scores in int8 at ``scale``, probabilities of ``step`` by ``softmax`` of them, context requantised."""
    element = IntegerType(emitter.recipe.context_bits)
    context = scales.symmetric(node.calibrated(), emitter.recipe.context_bits)
    scores = _scores(emitter, node, 0.0)
    build = emitter.build
    x = build.requant(scores.value, scores.step / scale.step, i8, 0, f"{node.name}.scores_i8")
    probabilities = build.append(softmax(x), f"{node.name}.probabilities")
    weighed = _weigh(emitter, node, probabilities, scores.values)
    ratio = scores.values.scale.step * step / context.step
    narrow = build.requant(weighed, ratio, element, 0, f"{node.name}.context_i{emitter.recipe.context_bits}")
    return _merge(emitter, node, narrow, context, 0.0)


def _scores(emitter: Emitter, node: AttentionNode, value_offset: float) -> _Scores:
    query, key = (_heads(emitter, node, part, 0.0) for part in (node.query, node.key))
    values = _heads(emitter, node, node.value, value_offset)
    batch, heads, tokens, _ = type_of(query.value).get_shape()
    result = TensorType(i32, (batch, heads, tokens, tokens))
    product = MatmulOp(query.value, key.value, result, transpose_b=True)
    value = emitter.build.append(product, f"{node.name}.scores")
    return _Scores(value, query.scale.step * key.scale.step * node.scale, values)


def _heads(emitter: Emitter, node: AttentionNode, part: LinearNode, offset: float) -> Quantised:
    """One of q, k, v less ``offset``, symmetric, [N, H, T, D]."""
    bits = emitter.recipe.qkv_bits
    scale = scales.symmetric(emitter.rules.part_range(node, part).shifted(-offset), bits)
    shifted = part if offset == 0.0 else replace(part, bias=part.bias - offset)
    value = emitter.requantised(shifted, scale, IntegerType(bits))
    if offset:
        whole = emitter.accumulator(shifted)
        emitter.note(part, whole.value, whole.steps, offset=offset)
        emitter.note(part, value, scale.step, offset=offset)
    batch, tokens, channels = type_of(value).get_shape()
    result = TensorType(IntegerType(bits), (batch, node.heads, tokens, channels // node.heads))
    return Quantised(emitter.build.append(SplitHeadsOp(value, result), f"{part.name}.heads"), scale)


def _weigh(emitter: Emitter, node: AttentionNode, weights: SSAValue, values: Quantised) -> SSAValue:
    product = MatmulOp(weights, values.value, emitter.build.tensor(values.value, i32))
    return emitter.build.append(product, f"{node.name}.context")


def _merge(
    emitter: Emitter, node: AttentionNode, context: SSAValue, scale: Scale, offset: float
) -> Quantised:
    batch, heads, tokens, depth = type_of(context).get_shape()
    element = type_of(context).element_type
    merged = MergeHeadsOp(context, TensorType(element, (batch, tokens, heads * depth)))
    return Quantised(emitter.build.append(merged, node.name), scale, offset)
