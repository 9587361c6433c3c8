"""Attention whose probabilities are divided before they weigh the values: uniform, log2 and SULQ codes."""

from __future__ import annotations

from xdsl.dialects.builtin import IntegerType, Signedness, i16, i32
from xdsl.ir import SSAValue

from ivit_dialect.ops.probabilities import NormalizedSoftmaxOp, ThresholdSoftmaxOp
from ivit_dialect.ops.shift_matmul import ShiftMatmulOp
from ivit_dialect.types import i64_attr
from passes.emission.attention import Scores, index_scale, merge, scores_of, value_offset, weigh
from passes.emission.emitter import Emitter, Quantised
from passes.graph.nodes import AttentionNode
from passes.quantization import scales
from passes.quantization.log_codes import LogCodes, log2_codes
from passes.quantization.sulq import default_sulq
from passes.quantization.tables import EXPONENTIAL_RANGE, exponential_table

MOST_UNSIGNED_BITS = 8
MOST_UNIT = 1 << 15


def code_type(bits: int) -> IntegerType:
    """Of codes of ``bits``: unsigned up to 8, beyond that what products take, int16."""
    return IntegerType(bits, Signedness.UNSIGNED) if bits <= MOST_UNSIGNED_BITS else i16


def probability_unit(bits: int) -> int:
    """The code of a probability of 1: the largest of ``bits``, but 2^15 of 16 (as int16 has it)."""
    return min((1 << bits) - 1, MOST_UNIT)


def uniform(emitter: Emitter, node: AttentionNode) -> Quantised:
    """``probability_bits`` of probability, rounded: ``ivit.normalized_softmax``."""
    bits, build = emitter.recipe.probability_bits, emitter.build
    offset = value_offset(emitter, node)
    scores, unit = scores_of(emitter, node, offset), probability_unit(bits)
    table = build.shared("softmax.exponentials", exponential_table())
    scale = index_scale(emitter, node, scores, EXPONENTIAL_RANGE)
    result = build.tensor(scores.value, code_type(bits))
    probabilities = build.append(
        NormalizedSoftmaxOp(scores.value, table, *scale, unit, result), f"{node.name}.probabilities"
    )
    emitter.note(node, probabilities, 1 / unit, part="probabilities")
    weighed = weigh(emitter, node, probabilities, scores.values)
    return _narrowed(emitter, node, weighed, scores.values.scale.step / unit, offset)


def log2(emitter: Emitter, node: AttentionNode) -> Quantised:
    """Powers of two, the values weighed by shifts; the codes are the node's, or those without data."""
    return _by_shifts(emitter, node, node.codes or log2_codes(emitter.recipe.probability_bits))


def sulq(emitter: Emitter, node: AttentionNode) -> Quantised:
    """SULQ's codes, the values weighed by shifts; the codes are the node's, or those without data."""
    return _by_shifts(emitter, node, node.codes or default_sulq(emitter.recipe.probability_bits))


def _by_shifts(emitter: Emitter, node: AttentionNode, codes: LogCodes) -> Quantised:
    """``ivit.threshold_softmax``, ``ivit.shift_matmul``."""
    offset = value_offset(emitter, node)
    scores = scores_of(emitter, node, offset)
    weighed = _shifted_context(emitter, node, scores, codes)
    step = scores.values.scale.step * 2.0**-codes.unit_exponent
    return _narrowed(emitter, node, weighed, step, offset)


def _shifted_context(emitter: Emitter, node: AttentionNode, scores: Scores, codes: LogCodes) -> SSAValue:
    """int32 [N, H, T, D] in steps of ``2^-unit_exponent`` of the values'."""
    build = emitter.build
    table = build.shared("softmax.exponentials", exponential_table())
    thresholds = build.constant(f"{node.name}.thresholds", codes.integer_thresholds())
    scale = index_scale(emitter, node, scores, EXPONENTIAL_RANGE)
    result = build.tensor(scores.value, code_type(codes.bits))
    softmax = ThresholdSoftmaxOp(scores.value, table, thresholds, *scale, result)
    coded = build.append(softmax, f"{node.name}.codes")
    emitter.note(node, coded, 1.0, part="probabilities", levels=codes.levels)
    shifts = build.constant(f"{node.name}.shifts", codes.shifts())
    eta = codes.integer_eta()
    product = ShiftMatmulOp(
        coded,
        scores.values.value,
        shifts,
        build.tensor(scores.values.value, i32),
        eta=i64_attr(eta) if eta else None,
    )
    return build.append(product, f"{node.name}.context")


def _narrowed(
    emitter: Emitter, node: AttentionNode, weighed: SSAValue, step: float, offset: float
) -> Quantised:
    """The context of ``step`` at its own scale, heads together again."""
    bits = emitter.recipe.context_bits
    context = scales.symmetric(node.calibrated().shifted(-offset), bits)
    name = f"{node.name}.context_i{bits}"
    narrow = emitter.build.requant(weighed, step / context.step, IntegerType(bits), 0, name)
    return merge(emitter, node, narrow, context, offset)
