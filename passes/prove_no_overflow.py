"""``prove-no-overflow``: static bounds on every accumulator; refuses a module in which an integer could wrap.

The verifiers prove what follows from types and shapes alone. This pass adds what needs the weights: the
accumulator of each linear and convolution (sums of weights, not ``K * 2^14``), recorded as
``ivit.accumulator = array<i64: least, greatest>``, and the 64-bit affine at the end of each LayerNorm.
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

from ivit_dialect.ops.elementwise import AffineOp
from ivit_dialect.ops.linear import Conv2dOp, LinearOp
from ivit_dialect.ops.nonlinear import LAYERNORM_FRACTION_BITS, ILayerNormOp, LayerNormOp
from ivit_dialect.store import WeightStore, store_of
from ivit_dialect.types import tensor_types
from passes.bounds import accumulator_bounds, stored

ACCUMULATOR_ATTRIBUTE = "ivit.accumulator"
I_LAYERNORM_BOUND = 1 << 30


def _prove_accumulator(op: LinearOp | Conv2dOp, store: WeightStore) -> None:
    low, high = accumulator_bounds(op, store)
    least, greatest = int(low.min()), int(high.max())
    if least < -(1 << 31) or greatest >= 1 << 31:
        worst = int(np.argmax(np.maximum(-low, high)))
        raise PassFailedException(
            f"{op.name}: the int32 accumulator of output channel {worst} can reach"
            f" [{int(low[worst])}, {int(high[worst])}]; scale its bias or weights down"
        )
    op.attributes[ACCUMULATOR_ATTRIBUTE] = DenseArrayBase.from_list(i64, [least, greatest])


def _normalised_bound(op: LayerNormOp | ILayerNormOp) -> int:
    """The largest magnitude that enters the affine: ``sqrt(C)`` in Q20, or 2^30 (I-LayerNorm)."""
    if isinstance(op, ILayerNormOp):
        return I_LAYERNORM_BOUND
    (type_,) = tensor_types(op.input)
    return (math.isqrt(type_.get_shape()[-1]) + 1) << LAYERNORM_FRACTION_BITS


def _magnitude(values: NDArray[Any]) -> int:
    return max(abs(int(values.min())), abs(int(values.max())))


def _prove_affine(op: Operation, scale: SSAValue, offset: SSAValue, bound: int, store: WeightStore) -> None:
    scales, offsets = stored(scale, store), stored(offset, store)
    most_scale = 1 << 31 if scales is None else _magnitude(scales)
    most_offset = 0 if offsets is None else _magnitude(offsets)
    if bound * most_scale + most_offset >= 1 << 63:
        raise PassFailedException(
            f"{op.name}: scale {most_scale} and offset {most_offset} can wrap 64 bits; lower the shift"
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
                case LayerNormOp() | ILayerNormOp():
                    _prove_affine(inner, inner.scale, inner.offset, _normalised_bound(inner), store)
                case AffineOp():
                    _prove_affine(inner, inner.scale, inner.offset, 1 << 31, store)
                case _:
                    continue
