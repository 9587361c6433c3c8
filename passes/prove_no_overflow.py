"""``prove-no-overflow``: static bounds on every accumulator; refuses a module in which one could wrap.

The verifiers prove what follows from types and shapes alone. This pass adds what needs the weights or the op
before: the accumulator of each linear and convolution (sums of weights, not ``K * 2^14``), recorded as
``ivit.accumulator = array<i64: least, greatest>``; that of each product with int16 probabilities; the 64-bit
products of each softmax; and the 64-bit affine at the end of each LayerNorm. What is not at hand counts as
all values of its type, so that nothing is proven from weights that were never seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects.builtin import DenseArrayBase, ModuleOp, i64
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from ivit_dialect.ops.attention import AttentionOp, DeltaSoftmaxAttr
from ivit_dialect.ops.elementwise import AffineOp
from ivit_dialect.ops.fqvit import MOST_FACTOR, PtfLayerNormOp
from ivit_dialect.ops.ibert import IbertLayerNormOp
from ivit_dialect.ops.l1 import L1LayerNormOp
from ivit_dialect.ops.linear import Conv2dOp, LinearOp, MatmulOp
from ivit_dialect.ops.nonlinear import LAYERNORM_FRACTION_BITS, ILayerNormOp, LayerNormOp, SoftmaxOp
from ivit_dialect.ops.probabilities import (
    ONE_Q16,
    THRESHOLD_BITS,
    NormalizedSoftmaxOp,
    ThresholdSoftmaxOp,
)
from ivit_dialect.ops.shift_matmul import ShiftMatmulOp
from ivit_dialect.store import WeightStore, store_of
from ivit_dialect.types import tensor_types
from passes.bounds import (
    Bound,
    accumulator_bounds,
    largest_multiplier,
    matmul_bound,
    product_bound,
    shift_matmul_bound,
    stored,
    type_bound,
)
from passes.location import describe_result

ACCUMULATOR_ATTRIBUTE = "ivit.accumulator"
I_LAYERNORM_BOUND = 1 << 30
INT32_BOUND = 1 << 31
"""Of L1 LayerNorm, and of I-BERT's."""
INT32 = (-(1 << 31), (1 << 31) - 1)


def _refusal(op: Operation, what: str, mend: str, **operands: bool) -> PassFailedException:
    """One line: where, what, how to mend; ``operands`` says of each by name whether its values are known."""
    unknown = " and ".join(name for name, known in operands.items() if not known)
    if unknown:
        mend = (
            f"the values of its {unknown} are not known here and count as any of their type:"
            " make them constants and give the weights (NAME.safetensors beside NAME.mlir)"
        )
    return PassFailedException(f"{describe_result(op)}: {what}; {mend}")


def _known(value: SSAValue, store: WeightStore) -> bool:
    return stored(value, store) is not None


def _prove_accumulator(op: LinearOp | Conv2dOp, store: WeightStore) -> None:
    low, high = accumulator_bounds(op, store)
    least, greatest = int(low.min()), int(high.max())
    if least < INT32[0] or greatest > INT32[1]:
        worst = int(np.argmax(np.maximum(-low - 1, high)))
        reached = [int(low[worst]), int(high[worst])]
        raise _refusal(
            op,
            f"the int32 accumulator of output channel {worst} can reach {reached}",
            "scale its bias or weights down",
            weight=_known(op.weight, store),
            bias=_known(op.bias, store),
        )
    op.attributes[ACCUMULATOR_ATTRIBUTE] = DenseArrayBase.from_list(i64, [least, greatest])


def _prove_product(op: MatmulOp) -> None:
    least, greatest = matmul_bound(op)
    if least < INT32[0] or greatest > INT32[1]:
        raise _refusal(
            op,
            f"its int32 accumulators can reach [{least}, {greatest}]",
            "take the i16 side from ivit.shiftmax or ivit.ibert_softmax, whose rows sum to at most 2^15,"
            " or fewer terms",
        )


def _prove_shift_product(op: ShiftMatmulOp, store: WeightStore) -> None:
    try:
        least, greatest = shift_matmul_bound(op, store)
    except OverflowError as error:
        raise _refusal(op, str(error), "give shifts from -1 to 15") from error
    if least < INT32[0] or greatest > INT32[1]:
        raise _refusal(
            op,
            f"its int32 accumulators can reach [{least}, {greatest}]",
            "lower all shifts, or take fewer terms",
            shifts=_known(op.shifts, store),
        )


def _prove_table_index(op: Operation, scores: Bound, multiplier: int, shift: int) -> None:
    farthest = scores[1] - scores[0]
    if farthest * multiplier + (1 << (shift - 1)) >= 1 << 63:
        raise _refusal(
            op,
            f"a score can lie {farthest} below its row's maximum, which times {multiplier} plus 2^{shift - 1}"
            " can wrap 64 bits",
            "halve the multiplier and lower the shift by 1",
        )


def _prove_codes(op: Operation, terms: int) -> None:
    if terms * 255 > INT32[1]:
        raise _refusal(op, f"the int32 sum of {terms} codes can reach {terms * 255}", "take shorter rows")


def _prove_exponentials(op: NormalizedSoftmaxOp | ThresholdSoftmaxOp, store: WeightStore) -> None:
    """Sums and limits fit 32 bits if the constants are what the conditions of the op say."""
    table = stored(op.table, store)
    if table is None or table[0] != ONE_Q16 or table[1:].min() < 0 or table[1:].max() >= ONE_Q16:
        raise _refusal(
            op,
            f"its table may not be {ONE_Q16} and then entries in [0, {ONE_Q16})",
            "give exponentials in Q16",
            table=table is not None,
        )
    if isinstance(op, ThresholdSoftmaxOp):
        thresholds, one = stored(op.thresholds, store), 1 << THRESHOLD_BITS
        if thresholds is None or np.abs(thresholds.astype(np.int64)).max() > one:
            raise _refusal(
                op,
                f"a threshold can lie outside [-{one}, {one}]",
                "give probabilities in Q30",
                thresholds=thresholds is not None,
            )


def _score_bound(scores: SSAValue) -> Bound:
    op = scores.owner
    return matmul_bound(op) if isinstance(op, MatmulOp) and op.multiplier is None else type_bound(scores)


def _prove_attention(op: AttentionOp, store: WeightStore) -> None:
    """Of Shiftmax the verifier proves all."""
    if isinstance(op.softmax, DeltaSoftmaxAttr):
        (type_,) = tensor_types(op.query)
        _, tokens, width = type_.get_shape()
        least, greatest = product_bound(type_bound(op.query), type_bound(op.key))
        depth = width // op.heads.value.data
        multiplier = largest_multiplier(op.softmax.multiplier, op.multipliers, store)
        bound = depth * least, depth * greatest
        _prove_table_index(op, bound, multiplier, op.softmax.shift.value.data)
        _prove_codes(op, tokens)


def _normalised_bound(op: LayerNormOp | ILayerNormOp | L1LayerNormOp | IbertLayerNormOp) -> int:
    """The largest magnitude that enters the affine: ``sqrt(C)`` in Q20, 2^30 (I-LayerNorm), or 2^31."""
    if isinstance(op, L1LayerNormOp | IbertLayerNormOp):
        return INT32_BOUND
    if isinstance(op, ILayerNormOp):
        return I_LAYERNORM_BOUND
    (type_,) = tensor_types(op.input)
    return (math.isqrt(type_.get_shape()[-1]) + 1) << LAYERNORM_FRACTION_BITS


def _magnitude(values: NDArray[Any]) -> int:
    return max(abs(int(values.min())), abs(int(values.max())))


def _prove_affine(op: Operation, scale: SSAValue, offset: SSAValue, bound: int, store: WeightStore) -> None:
    scales, offsets = stored(scale, store), stored(offset, store)
    most_scale = 1 << 31 if scales is None else _magnitude(scales)
    most_offset = 1 << 63 if offsets is None else _magnitude(offsets)
    if bound * most_scale + most_offset >= 1 << 63:
        raise _refusal(
            op,
            f"scale {most_scale} and offset {most_offset} can wrap 64 bits",
            "lower the shift",
            scale=scales is not None,
            offset=offsets is not None,
        )


def _prove_ptf_norm(op: PtfLayerNormOp, store: WeightStore) -> None:
    """Factors that the multiplication takes, and room for the product beside the offset."""
    factors, offsets = stored(op.factors, store), stored(op.offset, store)
    if factors is None or factors.min() < 0 or factors.max() > MOST_FACTOR:
        raise _refusal(
            op,
            f"a factor can lie outside [0, {MOST_FACTOR}]",
            f"keep factors within [0, {MOST_FACTOR}]",
            factors=factors is not None,
        )
    most_offset = 1 << 63 if offsets is None else _magnitude(offsets)
    if most_offset >= 1 << 62:
        raise _refusal(
            op,
            f"offset {most_offset} can wrap 64 bits",
            "keep it below 2^62, a bias of 2^22 steps of the output",
            offset=offsets is not None,
        )


@dataclass(frozen=True)
class ProveNoOverflowPass(ModulePass):
    """See the module's docstring."""

    name = "prove-no-overflow"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        store = store_of(ctx)
        for inner in op.walk():
            match inner:
                case LinearOp() | Conv2dOp():
                    _prove_accumulator(inner, store)
                case LayerNormOp() | ILayerNormOp() | L1LayerNormOp() | IbertLayerNormOp():
                    _prove_affine(inner, inner.scale, inner.offset, _normalised_bound(inner), store)
                case PtfLayerNormOp():
                    _prove_ptf_norm(inner, store)
                case MatmulOp():
                    _prove_product(inner)
                case ShiftMatmulOp():
                    _prove_shift_product(inner, store)
                case SoftmaxOp() | NormalizedSoftmaxOp() | ThresholdSoftmaxOp():
                    _prove_table_index(
                        inner,
                        _score_bound(inner.input),
                        largest_multiplier(inner.multiplier, inner.multipliers, store),
                        inner.shift.value.data,
                    )
                    if isinstance(inner, SoftmaxOp):
                        _prove_codes(inner, tensor_types(inner.input)[0].get_shape()[-1])
                    else:
                        _prove_exponentials(inner, store)
                case AttentionOp():
                    _prove_attention(inner, store)
                case AffineOp():
                    _prove_affine(inner, inner.scale, inner.offset, 1 << 31, store)
                case _:
                    continue
