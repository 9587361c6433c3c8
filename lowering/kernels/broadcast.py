"""Kernels of the broadcasting integer arithmetic, all in 64 bits.

A splat operand is a scalar of the launch; any other is a tensor whose extents are the output's or 1.
"""

from __future__ import annotations

from xdsl.ir import SSAValue

from ivit_dialect.ops.arithmetic import (
    AddiOp,
    BroadcastOp,
    FloorDivOp,
    MaxiOp,
    MuliOp,
    RoundingShiftRightOp,
    ShiftRightOp,
    SubiOp,
)
from ivit_dialect.ops.elementwise import ConstantOp, SplatOp
from ivit_dialect.types import tensor_types
from lowering.arithmetic import rounding_shift_right
from lowering.arithmetic_nonlinear import floor_div
from lowering.kernels.base import (
    ConfigValue,
    KernelBuilder,
    KernelFamily,
    KernelSpec,
    Launch,
    Packed,
    Viewed,
)
from lowering.kernels.build import Operand, Value, element_width, shape
from lowering.kernels.elements import (
    config_text,
    each_lane,
    load_wide,
    loop_step,
    rows_of,
    splat,
    store,
    unsigned_inputs,
)
from lowering.kernels.signature import Choice, Config, Signature
from lowering.targets import Target

_KINDS: dict[type[BroadcastOp], str] = {
    AddiOp: "addi",
    FloorDivOp: "floor_div",
    MaxiOp: "maxi",
    MuliOp: "muli",
    RoundingShiftRightOp: "rounding_shift_right",
    ShiftRightOp: "shift_right",
    SubiOp: "subi",
}


def plan_broadcast(op: BroadcastOp, target: Target) -> Launch:
    """Which arithmetic it is, and which side is a scalar, are config."""
    rank = tensor_types(op.output)[0].get_num_dims()
    config: dict[str, ConfigValue] = {"kind": _KINDS[type(op)]}
    inputs: list[Viewed | Packed] = []
    scalars: dict[str, int] = {}
    for side, value in (("lhs", op.lhs), ("rhs", op.rhs)):
        if isinstance(value.owner, SplatOp):
            config[side] = "splat"
            scalars[side] = value.owner.value.value.data
        else:
            config[side] = "tensor"
            inputs.append(_aligned(value, rank))
    return Launch("broadcast", tuple(inputs), config, scalars)


def _aligned(value: SSAValue, rank: int) -> Viewed | Packed:
    """An operand with leading extents of 1 up to the output's rank, without the batch."""
    extents = tensor_types(value)[0].get_shape()
    padded = ((1,) * (rank - len(extents)) + extents)[1:]
    if isinstance(value.owner, ConstantOp):
        return Packed((value,), "rows", padded)
    return Viewed(value, padded)


class _Operand:
    """One side: a scalar, or a tensor read at the output's position."""

    def __init__(self, b: KernelBuilder, side: str, number: int, extents: tuple[int, ...]) -> None:
        self._b = b
        self._scalar = b.scalars.get(side)
        if self._scalar is None:
            own = shape(b.inputs[number])
            self._memory = rows_of(b, b.inputs[number])
            self._extents, self._own = extents[:-1], own[:-1]
            self._last_is_one = own[-1] == 1
            self._unsigned = unsigned_inputs(b)[number]

    def row(self, row: Value) -> Value:
        """This side's row for a row of the output."""
        if self._scalar is not None:
            return row
        b, index, rest, stride = self._b, self._b.index(0), row, 1
        for extent, own in zip(reversed(self._extents), reversed(self._own), strict=True):
            if own != 1:
                place = b.rem_unsigned(rest, extent)
                index = b.add(b.mul(place, stride), index)
            rest, stride = b.div_unsigned(rest, extent), stride * own
        return index

    def load(self, row: Value, i: Operand, lanes: int) -> Value:
        """Lanes in 64 bits."""
        b = self._b
        if self._scalar is not None:
            return splat(b, self._scalar, lanes)
        if self._last_is_one:
            return splat(b, load_wide(b, self._memory, [row, 0], 0, 64, unsigned=self._unsigned), lanes)
        return load_wide(b, self._memory, [row, i], lanes, 64, unsigned=self._unsigned)


def _compute(b: KernelBuilder, x: Value, y: Value) -> Value:
    match config_text(b, "kind"):
        case "addi":
            return b.add(x, y)
        case "subi":
            return b.sub(x, y)
        case "muli":
            return b.mul(x, y)
        case "maxi":
            return b.max(x, y)
        case "shift_right":
            return b.shr(x, y)
        case "rounding_shift_right":
            return rounding_shift_right(b, x, y)
        case _:
            return floor_div(b, x, y)


def build_broadcast(b: KernelBuilder) -> None:
    """Rows of the output are split among the threads."""
    extents = shape(b.outputs[0])
    target = rows_of(b, b.outputs[0])
    rows, columns = shape(target)
    lhs = _Operand(b, "lhs", 0, extents)
    rhs = _Operand(b, "rhs", len(b.inputs) - 1, extents)
    step = loop_step(b, columns, 32)
    first, last = b.my_share(rows)
    with b.loop(first, last) as row:
        left, right = lhs.row(row.index), rhs.row(row.index)

        def body(i: Operand, lanes: int) -> None:
            y = _compute(b, lhs.load(left, i, lanes), rhs.load(right, i, lanes))
            store(b, b.truncate(y, element_width(target)), target, [row.index, i])

        each_lane(b, columns, step, body)


def _sides(config: Config, kind: str) -> tuple[str, ...]:
    return tuple(side for side in ("lhs", "rhs") if config[side] == kind)


def _signature(config: Config) -> Signature:
    """Sides that are tensors are inputs, the others scalars."""
    ins = {side: f"...{side.upper()}" for side in _sides(config, "tensor")}
    return Signature(ins, {"y": "...N"}, _sides(config, "splat"))


def _check(spec: KernelSpec, target: Target) -> None:
    """Extents are the output's or 1."""
    ins, (out,) = spec.shapes()
    for side, extents in zip(_sides(dict(spec.config), "tensor"), ins, strict=True):
        fits = len(extents) == len(out) and all(e in (1, o) for e, o in zip(extents, out, strict=True))
        if not fits:
            raise ValueError(f"needs {side} to have the extents {list(out)} or 1, got {list(extents)}")


SIDE = Choice(("splat", "tensor"))
BROADCAST = KernelFamily(
    "broadcast",
    build_broadcast,
    _signature,
    dict.fromkeys(_KINDS, plan_broadcast),
    {"kind": Choice(tuple(_KINDS.values())), "lhs": SIDE, "rhs": SIDE},
    _check,
)
FAMILIES = (BROADCAST,)
