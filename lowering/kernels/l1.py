"""Kernel of L1 LayerNorm: rows are split among the threads, each row is read three times."""

from __future__ import annotations

from ivit_dialect.ops.l1 import L1LayerNormOp
from ivit_dialect.ops.nonlinear import INT32_MAX
from lowering.kernels.base import KernelBuilder, KernelFamily, Launch
from lowering.kernels.build import Operand, Value
from lowering.kernels.elements import FORM, Reduction, each_lane, reduce_lanes, splat
from lowering.kernels.norm import INS, OUTS, NormRows, centred, norm_launch
from lowering.kernels.signature import Signature
from lowering.targets import Target


def plan_l1_layernorm(op: L1LayerNormOp, target: Target) -> Launch:
    """The shift is a scalar."""
    return norm_launch("l1_layernorm", op, {})


def build_l1_layernorm(b: KernelBuilder) -> None:
    """Rounded mean, sum of absolute differences, one division a row, then the affine.

    At most 2^14 differences of at most 2^16 each add up below 2^31; ``d * F`` is at most ``sum |d| * F``.
    """
    rows = NormRows(b)
    channels = rows.channels
    first, last = b.my_share(rows.count)
    with b.loop(first, last) as row:
        difference = centred(b, rows, row.index)

        def magnitude(i: Operand, lanes: int) -> list[Value]:
            d = difference(i, lanes)
            return [b.max(d, b.sub(0, d))]

        (total,) = reduce_lanes(b, channels, rows.step, [Reduction(32)], magnitude)
        deviation = b.max(total, 1)
        factor = b.div_unsigned(b.constant(INT32_MAX, deviation.type), deviation)
        factors = {n: splat(b, factor, n) for n in (rows.step, 0)}

        def normalise(i: Operand, lanes: int) -> None:
            rows.finish(b.mul(difference(i, lanes), factors[lanes]), row.index, i, lanes)

        each_lane(b, channels, rows.step, normalise)


L1_LAYERNORM = KernelFamily(
    "l1_layernorm",
    build_l1_layernorm,
    Signature(INS, OUTS, ("shift",)),
    {L1LayerNormOp: plan_l1_layernorm},
    {"form": FORM},
)
FAMILIES = (L1_LAYERNORM,)
