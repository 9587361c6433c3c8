"""Watches a float run and keeps the smallest and largest value of every tensor that will be quantised.

Where channels may get factors of their own (smoothing, balancing, FQ-ViT) it keeps those of each channel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Context
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue

from ivit_dialect.store import WeightStore
from ivit_dialect.torch.constants import constant_number
from ivit_dialect.torch.kernels.floating import matmul
from ivit_dialect.torch.ops_nn import (
    AtenConv2dOp,
    AtenConvolutionOp,
    AtenGeluOp,
    AtenLayerNormOp,
    AtenLinearOp,
    AtenScaledDotProductAttentionOp,
)
from ivit_dialect.torch.ops_pointwise import (
    AtenAddTensorOp,
    AtenDivScalarOp,
    AtenDivTensorOp,
    AtenMulScalarOp,
    AtenMulTensorOp,
    AtenSubTensorOp,
)
from ivit_dialect.torch.ops_reduce import AtenMeanDimOp
from ivit_dialect.torch.ops_shape import AtenCatOp
from passes.quantization.scales import ChannelRange
from passes.ranges import (
    KEY_RANGE,
    QUERY_RANGE,
    RANGE,
    SCORE_RANGE,
    VALUE_RANGE,
    channel_name,
    describe,
    write_channel_range,
    write_range,
)

OBSERVED: tuple[type[Operation], ...] = (
    AtenAddTensorOp,
    AtenCatOp,
    AtenConv2dOp,
    AtenConvolutionOp,
    AtenDivScalarOp,
    AtenDivTensorOp,
    AtenGeluOp,
    AtenLayerNormOp,
    AtenLinearOp,
    AtenMeanDimOp,
    AtenMulScalarOp,
    AtenMulTensorOp,
    AtenScaledDotProductAttentionOp,
    AtenSubTensorOp,
)
"""Ops that compute a tensor which may be quantised; their results get ``ivit.range``."""
BY_CHANNEL: tuple[type[Operation], ...] = (
    AtenAddTensorOp,
    AtenCatOp,
    AtenGeluOp,
    AtenLayerNormOp,
    AtenMeanDimOp,
    AtenScaledDotProductAttentionOp,
)
"""Ops whose results get the range of each channel too."""
SIGNIFICANT_DIGITS = 4
SIGNIFICANT_BITS = 12
ENOUGH_ROWS = 4096
"""Rows after which the range of one channel is taken as it was seen."""


def expected_ranges(op: Operation) -> tuple[str, ...]:
    """The attributes that calibration leaves on ``op``."""
    if isinstance(op, AtenScaledDotProductAttentionOp):
        return (RANGE, QUERY_RANGE, KEY_RANGE, VALUE_RANGE, SCORE_RANGE)
    return (RANGE,) if isinstance(op, OBSERVED) else ()


@dataclass
class MinMax:
    """Ranges by op and attribute, over all batches so far."""

    function: FuncOp
    ranges: dict[tuple[Operation, str], tuple[float, float]] = field(
        default_factory=dict[tuple[Operation, str], tuple[float, float]]
    )
    channels: dict[tuple[Operation, str], ChannelRange] = field(
        default_factory=dict[tuple[Operation, str], ChannelRange]
    )
    _rows: dict[tuple[Operation, str], int] = field(default_factory=dict[tuple[Operation, str], int])
    _kept: dict[SSAValue, NDArray[Any]] = field(default_factory=dict[SSAValue, NDArray[Any]])
    _wanted: set[SSAValue] = field(default_factory=set[SSAValue])

    def __post_init__(self) -> None:
        for op in self.function.walk():
            if isinstance(op, AtenScaledDotProductAttentionOp):
                self._wanted.update((op.query, op.key, op.value))

    def start(self, images: NDArray[np.float32]) -> None:
        """A new batch."""
        self._kept.clear()
        self._see(self.function, RANGE, images)

    def __call__(self, op: Operation, results: tuple[Any, ...]) -> None:
        """Called by the interpreter after each op."""
        for ssa, result in zip(op.results, results, strict=True):
            if ssa in self._wanted:
                self._kept[ssa] = result
        if isinstance(op, AtenScaledDotProductAttentionOp):
            self._see_attention(op)
        if isinstance(op, OBSERVED):
            self._see(op, RANGE, results[0])
        if isinstance(op, BY_CHANNEL):
            self._see_channels(op, RANGE, results[0])

    def join(self, other: MinMax) -> None:
        """Take over what ``other`` saw, of other images."""
        for (op, name), ends in other.ranges.items():
            self._widen(op, name, *ends)
        for (op, name), ends in other.channels.items():
            self._widen_channels(op, name, ends, other._rows[op, name])

    def record(self, store: WeightStore, overwrite: bool) -> None:
        """Write the ranges onto the ops; those already there stay unless ``overwrite``."""
        for (op, name), (low, high) in self.ranges.items():
            if overwrite or name not in op.attributes:
                write_range(op, name, _rounded(low, ROUND_FLOOR), _rounded(high, ROUND_CEILING))
        for (op, name), ends in self.channels.items():
            if overwrite or channel_name(name) not in op.attributes:
                likely = widened(ends, self._rows[op, name])
                rounded = ChannelRange(-_rounded_up(-likely.low), _rounded_up(likely.high))
                write_channel_range(op, store, name, rounded)

    def _see_attention(self, op: AtenScaledDotProductAttentionOp) -> None:
        query, key, value = (self._kept[operand] for operand in (op.query, op.key, op.value))
        for name, array in ((QUERY_RANGE, query), (KEY_RANGE, key), (VALUE_RANGE, value)):
            self._see(op, name, array)
            self._see_channels(op, name, array)
        factor = constant_number(op.scale)
        scale = query.shape[-1] ** -0.5 if factor is None else factor
        with np.errstate(over="ignore", invalid="ignore"):  # refused below, in words
            scores = matmul(query, key.swapaxes(-1, -2)) * scale
        self._see(op, SCORE_RANGE, scores)

    def _see(self, op: Operation, name: str, array: NDArray[Any]) -> None:
        low, high = float(array.min()), float(array.max())
        if not (math.isfinite(low) and math.isfinite(high)):
            raise ValueError(
                f"{describe(op)}: the float model gives NaN or infinity on the calibration images"
            )
        self._widen(op, name, low, high)

    def _widen(self, op: Operation, name: str, low: float, high: float) -> None:
        before = self.ranges.get((op, name), (low, high))
        self.ranges[op, name] = (min(low, before[0]), max(high, before[1]))

    def _see_channels(self, op: Operation, name: str, array: NDArray[Any]) -> None:
        """[..., T, C], [N, C], or [N, H, T, D], whose channels are heads by depth."""
        axes = (0, 2) if array.ndim == 4 else tuple(range(array.ndim - 1))
        low, high = (end.astype(np.float64).reshape(-1) for end in (array.min(axes), array.max(axes)))
        self._widen_channels(op, name, ChannelRange(low, high), array.size // len(low))

    def _widen_channels(self, op: Operation, name: str, ends: ChannelRange, rows: int) -> None:
        before = self.channels.get((op, name), ends)
        low, high = np.minimum(ends.low, before.low), np.maximum(ends.high, before.high)
        self.channels[op, name] = ChannelRange(low, high)
        self._rows[op, name] = self._rows.get((op, name), 0) + rows


def widened(ends: ChannelRange, rows: int) -> ChannelRange:
    """What channels seen on only ``rows`` rows are likely to reach, within what the widest of them did.

    The largest of n normal values grows as sqrt(2 ln n): few images show less of one channel than of all.
    """
    growth = max(math.sqrt(math.log(ENOUGH_ROWS) / math.log(max(rows, 2))), 1.0)
    middle, half = (ends.high + ends.low) / 2, (ends.high - ends.low) / 2 * growth
    low, high = np.maximum(middle - half, ends.low.min()), np.minimum(middle + half, ends.high.max())
    return ChannelRange(low, high)


def _rounded_up(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """To twelve significant bits, upwards: exact in float32, and equal for runs that differ in last bits."""
    mantissas, exponents = np.frexp(values)
    return np.ldexp(np.ceil(np.ldexp(mantissas, SIGNIFICANT_BITS)), exponents - SIGNIFICANT_BITS)


def _rounded(value: float, rounding: str) -> float:
    """To four significant digits, outwards: readable, and equal for runs that differ in their last bits."""
    return float(Context(prec=SIGNIFICANT_DIGITS, rounding=rounding).create_decimal(repr(value)))
