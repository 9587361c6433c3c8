"""Attention in integers, by family: heads, scores, softmax, context."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
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
from passes.quantization.dyadic import channel_dyadics, nearest_dyadic, row_dividend
from passes.quantization.scales import Scale
from passes.quantization.shift_exp import softmax_shift
from passes.quantization.tables import SOFTMAX_RANGE, SOFTMAX_STEPS, TABLE_BITS, softmax_table

LEAST_ROW_SUM = 255
"""The row's maximum itself has the code 255."""
MOST_INDEX_RATIO = 256.0
"""Table entries to a step of the scores."""


@dataclass(frozen=True)
class Scores:
    """int32 scores [N, H, T, T], and the values [N, H, T, D] they weigh.

    ``step`` is that of the scores, of all heads or float64 [H].
    """

    value: SSAValue
    step: float | NDArray[np.float64]
    values: Quantised


def exact(emitter: Emitter, node: AttentionNode) -> Quantised:
    """Exponentials by table, the division deferred to the context (methods.md 6)."""
    offset = value_offset(emitter, node)
    context = scales.symmetric(node.calibrated().shifted(-offset), emitter.recipe.context_bits)
    scores = scores_of(emitter, node, offset)
    build = emitter.build
    table = build.shared("softmax.table", softmax_table(min(emitter.recipe.probability_bits, TABLE_BITS)))
    softmax = SoftmaxOp(scores.value, table, *index_scale(emitter, node, scores, SOFTMAX_RANGE))
    codes = build.append(softmax, f"{node.name}.codes")
    softmax.sum.name_hint = f"{node.name}.sum".replace(".", "_")
    emitter.note(node, codes, 1.0, part="probabilities", by_row=True)
    weighed = weigh(emitter, node, codes, scores.values)
    dividend = row_dividend(scores.values.scale.step / context.step, LEAST_ROW_SUM)
    result = build.tensor(weighed, IntegerType(emitter.recipe.context_bits))
    op = RowRequantOp(weighed, softmax.sum, dividend.multiplier, LEAST_ROW_SUM, dividend.shift, result)
    return merge(
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
    scores = scores_of(emitter, node, 0.0)
    assert isinstance(scores.step, float), "scores of a step for each head go through a table"
    build = emitter.build
    x = build.requant(scores.value, scores.step / scale.step, i8, 0, f"{node.name}.scores_i8")
    emitter.note(node, x, scale.step, part="scores")
    probabilities = build.append(softmax(x), f"{node.name}.probabilities")
    emitter.note(node, probabilities, step, part="probabilities")
    weighed = weigh(emitter, node, probabilities, scores.values)
    ratio = scores.values.scale.step * step / context.step
    narrow = build.requant(weighed, ratio, element, 0, f"{node.name}.context_i{emitter.recipe.context_bits}")
    return merge(emitter, node, narrow, context, 0.0)


def index_scale(
    emitter: Emitter, node: AttentionNode, scores: Scores, reach: float
) -> tuple[int | SSAValue, int]:
    """Multiplier (a constant, where by head) and shift from scores to table indices of ``reach / 255``.

    From 255 on, all ratios do the same: a score one step below the largest is at the table's end.
    """
    ratio = scores.step * (SOFTMAX_STEPS / reach)
    if not isinstance(ratio, np.ndarray):
        index = nearest_dyadic(min(ratio, MOST_INDEX_RATIO))
        return index.multiplier, index.shift
    multipliers, shift = channel_dyadics(np.minimum(ratio, MOST_INDEX_RATIO))
    name = f"{node.name}.score_multipliers"
    return emitter.build.constant(name, multipliers.reshape(1, -1, 1, 1)), shift


def value_offset(emitter: Emitter, node: AttentionNode) -> float:
    """What is subtracted from the values, and then comes out of the context: it centres the context's range.

    The weights of a row stand for shares of 1. Where they add up to something else, an offset that they do
    not weigh is not falsified by that.
    """
    return node.calibrated().middle if emitter.recipe.activations == "asymmetric" else 0.0


def scores_of(emitter: Emitter, node: AttentionNode, offset: float) -> Scores:
    """The scores, and the values less ``offset``."""
    query, q_steps = _heads(emitter, node, node.query, 0.0)
    key, k_steps = _heads(emitter, node, node.key, 0.0)
    values, v_step = _heads(emitter, node, node.value, offset)
    assert isinstance(v_step, float), "the values of all heads have one step"
    batch, heads, tokens, _ = type_of(query).get_shape()
    product = MatmulOp(query, key, TensorType(i32, (batch, heads, tokens, tokens)), transpose_b=True)
    value = emitter.build.append(product, f"{node.name}.scores")
    steps = q_steps * k_steps * node.scale
    by_head = steps.reshape(-1, 1, 1) if isinstance(steps, np.ndarray) else steps
    emitter.note(node, value, by_head, part="scores")
    return Scores(value, steps, Quantised(values, Scale(v_step)))


def _heads(
    emitter: Emitter, node: AttentionNode, part: LinearNode, offset: float
) -> tuple[SSAValue, float | NDArray[np.float64]]:
    """One of q, k, v less ``offset``, symmetric, [N, H, T, D], and its step, or the step of each head."""
    bits = emitter.recipe.qkv_bits
    steps = emitter.rules.head_steps(node, part)
    if steps is None:
        scale = scales.symmetric(emitter.rules.part_range(node, part).shifted(-offset), bits)
        shifted = part if offset == 0.0 else replace(part, bias=part.bias - offset)
        step, value = scale.step, emitter.requantised(shifted, scale, IntegerType(bits))
        if offset:
            whole = emitter.accumulator(shifted)
            emitter.note(part, whole.value, whole.steps, offset=offset)
            emitter.note(part, value, scale.step, offset=offset)
    else:
        step, value = steps, _by_head(emitter, node, part, steps)
    batch, tokens, channels = type_of(value).get_shape()
    result = TensorType(IntegerType(bits), (batch, node.heads, tokens, channels // node.heads))
    return emitter.build.append(SplitHeadsOp(value, result), f"{part.name}.heads"), step


def _by_head(emitter: Emitter, node: AttentionNode, part: LinearNode, steps: NDArray[np.float64]) -> SSAValue:
    """[N, T, H * D] of a step for each head: the requant behind a linear is per channel anyway."""
    accumulator, by_channel = emitter.accumulator(part), np.repeat(steps, part.channels // node.heads)
    with emitter.build.at(part):
        element = IntegerType(emitter.recipe.qkv_bits)
        value = emitter.build.requant_channels(
            accumulator.value, accumulator.steps / by_channel, element, 0, part.name
        )
    emitter.note(part, value, by_channel)
    return value


def weigh(emitter: Emitter, node: AttentionNode, weights: SSAValue, values: Quantised) -> SSAValue:
    """int32 context [N, H, T, D]."""
    product = MatmulOp(weights, values.value, emitter.build.tensor(values.value, i32))
    return emitter.build.append(product, f"{node.name}.context")


def merge(emitter: Emitter, node: AttentionNode, context: SSAValue, scale: Scale, offset: float) -> Quantised:
    """[N, T, H * D]."""
    batch, heads, tokens, depth = type_of(context).get_shape()
    element = type_of(context).element_type
    merged = MergeHeadsOp(context, TensorType(element, (batch, tokens, heads * depth)))
    return Quantised(emitter.build.append(merged, node.name), scale, offset)
