"""What the softmaxes by table share outside fused attention: from a row of scores to indices of the table.

The scores' scale is one multiplier, a scalar, or one for each head, which is then the last input.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from xdsl.ir import SSAValue

from ivit_dialect.ops.nonlinear import SoftmaxOp
from ivit_dialect.ops.probabilities import NormalizedSoftmaxOp, ThresholdSoftmaxOp
from lowering.kernels.attention_softmax import INDEX_MAX
from lowering.kernels.base import ConfigValue, KernelBuilder, KernelSpec, Launch, Packed
from lowering.kernels.build import Operand, Value, shape
from lowering.kernels.elements import Reduction, activation, config_number, load_wide, reduce_lanes, splat
from lowering.kernels.signature import Choice, Config
from lowering.targets import Target

TableSoftmaxOp: TypeAlias = SoftmaxOp | NormalizedSoftmaxOp | ThresholdSoftmaxOp

SCALED_BY: Mapping[str, Choice] = {"per_head": Choice(range(2))}


def softmax_launch(
    kernel: str,
    op: TableSoftmaxOp,
    constants: tuple[SSAValue, ...],
    scalars: Mapping[str, int],
    config: Mapping[str, ConfigValue] | None = None,
) -> Launch:
    """A softmax on its scores and ``constants``, with its scale."""
    numbers = {"shift": op.shift.value.data, **scalars}
    if op.multiplier is not None:
        numbers["multiplier"] = op.multiplier.value.data
    per_head = () if op.multipliers is None else (Packed((op.multipliers,), "unbatched"),)
    inputs = (activation(op.input), *(Packed((constant,)) for constant in constants), *per_head)
    return Launch(kernel, inputs, {"per_head": len(per_head), **(config or {})}, numbers)


def scaled_by(ins: Mapping[str, str], config: Config) -> tuple[dict[str, str], tuple[str, ...]]:
    """The inputs and the scalars that belong to the scale."""
    if config["per_head"]:
        return {**ins, "multipliers": "H 1 1 : i32"}, ("shift",)
    return dict(ins), ("multiplier", "shift")


def check_scaled_by(spec: KernelSpec, target: Target) -> None:
    """With a multiplier per head, scores are ``[H, T, C]``."""
    ins, _ = spec.shapes()
    if dict(spec.config)["per_head"] and (len(ins[0]) != 3 or ins[0][0] != ins[-1][0]):
        raise ValueError(f"needs x to be [{ins[-1][0]}, T, C], got {list(ins[0])}")


class RowIndices:
    """``min(255, ((max(x) - x) * b + 2^(c-1)) >> c)`` of the row at hand, as vectors of ``step`` or scalars.

    Any int32 scores: a difference takes 33 bits, its product with the multiplier 63. ``scores`` is seen as
    rows; make it outside the loops.
    """

    def __init__(self, b: KernelBuilder, scores: Value, step: int) -> None:
        self._b = b
        self._scores = scores
        self._step = step
        shift = b.scalars["shift"]
        half = b.shl(b.constant(1, shift.type), b.sub(shift, 1))
        self._halves, self._shifts = self._splats(half), self._splats(shift)
        self._per_head = config_number(b, "per_head") == 1
        self._multipliers = {} if self._per_head else self._splats(b.scalars["multiplier"])
        self._tops: dict[int, Value] = {}
        self._row: Value | None = None

    def _splats(self, x: Value) -> dict[int, Value]:
        return {n: splat(self._b, x, n) for n in (self._step, 0)}

    def begin(self, row: Value) -> None:
        """Find the row's maximum, and the multiplier of its head."""
        b = self._b
        if self._per_head:
            _, tokens, _ = shape(b.inputs[0])
            head = b.div_unsigned(row, tokens)
            self._multipliers = self._splats(b.sign_extend(b.load(b.inputs[-1], head, 0, 0), 64))

        def score(i: Operand, lanes: int) -> list[Value]:
            return [load_wide(b, self._scores, [row, i], lanes, 32)]

        columns = shape(self._scores)[1]
        (top,) = reduce_lanes(b, columns, self._step, [Reduction(32, is_maximum=True)], score)
        self._tops = self._splats(b.sign_extend(top, 64))
        self._row = row

    def __call__(self, i: Operand, lanes: int) -> Value:
        """Indices from column ``i`` on, in 8 bits."""
        b = self._b
        assert self._row is not None, "a row must have begun"
        below = b.sub(self._tops[lanes], load_wide(b, self._scores, [self._row, i], lanes, 64))
        scaled = b.add(b.mul(below, self._multipliers[lanes]), self._halves[lanes])
        return b.truncate(b.min(b.shr_unsigned(scaled, self._shifts[lanes]), INDEX_MAX), 8)
