"""Kernel of ``ivit.matmul`` outside fused attention: a head's right operand in panels, tiles of rows.

A requant may follow, by one multiplier.
"""

from __future__ import annotations

from dataclasses import replace

from ivit_dialect.ops.linear import MatmulOp
from lowering.arena import align
from lowering.arithmetic import Requant
from lowering.kernels.base import ConfigValue, KernelBuilder, KernelFamily, Launch
from lowering.kernels.build import Operand, Value, element_width, shape
from lowering.kernels.elements import (
    FORM,
    activation,
    each_lane,
    load,
    loop_step,
    output_element,
    rows_of,
    store,
    store_saturated,
    unsigned_inputs,
)
from lowering.kernels.panels import BYTE_OFFSET, ROW_PADDING, Groups, Panels, each_tile
from lowering.kernels.requant import form_with, prepared_requant, zero_points
from lowering.kernels.signature import Choice, Config, Signature
from lowering.targets import DotInstruction, Target

SCRATCH_BYTES = 1 << 17
"""What a packed part of the right operand may take of the stack."""


def plan_matmul(op: MatmulOp, target: Target) -> Launch:
    """How the right operand lies is config, and the form of a requant that follows."""
    config: dict[str, ConfigValue] = {"transposed": int(op.transpose_b is not None)}
    scalars: dict[str, int] = {}
    if op.multiplier is not None:
        assert op.shift is not None
        shift = op.shift.value.data
        zero_point = 0 if op.zero_point is None else op.zero_point.value.data
        scalars = {"multiplier": op.multiplier.value.data, "shift": shift, "zero_point": zero_point}
        config["form"] = form_with(shift, zero_point)
    return Launch("matmul", (activation(op.lhs), activation(op.rhs)), config, scalars)


class ColumnBlock:
    """Some columns of the right operand: ``size`` of them, packed head by head.

    What the left operand's elements stand for, and what is done to the products, are methods of their own.
    """

    def __init__(self, b: KernelBuilder, size: int) -> None:
        self._b = b
        self._heads, self._count, self._inner = shape(b.inputs[0])
        self._outer = shape(b.outputs[0])[2]
        self._lhs, self._rhs, self._target = (rows_of(b, x) for x in (*b.inputs[:2], b.outputs[0]))
        self._rows = min(b.target.tile_rows, self._count)
        self._unsigned = unsigned_inputs(b)[0]
        instruction = self._instruction()
        self._offsets = instruction.offsets and not self._unsigned
        self._left = Groups.allocate(b, self._rows, self._inner, instruction)
        self._right = Panels(b, self._inner, size, instruction)
        self._bias = b.alloca([self._right.padded], 32) if self._offsets else None
        self._products = b.alloca([self._rows, self._right.padded + ROW_PADDING], 32)
        self._step = loop_step(b, size, 32)
        self._requant: Requant | None = None
        if "form" in b.config:
            counts = (self._step, 0)
            self._requant = prepared_requant(b, counts, multiplier="multiplier")
            self._zero_points = zero_points(b, counts, self._requant)

    def _instruction(self) -> DotInstruction:
        target = self._b.target
        if element_width(self._lhs) == 16:
            return target.pair_dot
        return target.unsigned_dot if self._unsigned else target.weight_dot

    def build(self, column: Value) -> None:
        """Columns from ``column`` on; heads x tiles of rows are split among the threads."""
        tiles = align(self._count, self._rows) // self._rows
        each_tile(
            self._b,
            self._heads,
            tiles,
            lambda head: self._pack(head, column),
            lambda head, tile: self._tile(head, tile, column),
        )

    def _pack(self, head: Value, column: Value) -> None:
        b = self._b
        if b.flag("transposed"):
            self._right.pack_columns(self._rhs, b.add(b.mul(head, self._outer), column), 0)
        else:
            self._right.pack_rows(self._rhs, b.mul(head, self._inner), column)
        if self._bias is not None:
            self._right.offset_bias(self._bias)

    def _tile(self, head: Value, tile: Value, column: Value) -> None:
        b = self._b
        first = b.mul(tile, self._rows)
        count = b.min(self._rows, b.sub(self._count, first))
        row = b.add(b.mul(head, self._count), first)
        with b.loop(0, count) as line:
            self._load(b.add(row, line.index), line.index)
        self._right.product(self._left, self._rows, self._products, self._bias)
        with b.loop(0, count) as line:
            self._store(line.index, b.add(row, line.index), column)

    def _load(self, row: Value, line: Value) -> None:
        b, target = self._b, self._left.elements

        def body(i: Operand, lanes: int) -> None:
            x = load(b, self._lhs, [row, i], lanes)
            x = b.xor(x, -BYTE_OFFSET) if self._offsets else x
            extend = b.zero_extend if self._unsigned else b.sign_extend
            store(b, extend(x, element_width(target)), target, [line, i])

        each_lane(b, self._inner, loop_step(b, self._inner, 16), body)

    def _store(self, line: Value, row: Value, column: Value) -> None:
        b = self._b

        def body(i: Operand, lanes: int) -> None:
            x, at = load(b, self._products, [line, i], lanes), [row, b.add(column, i)]
            if self._requant is None:
                store(b, x, self._target, at)
            else:
                y = b.add(self._requant(x), self._zero_points[lanes])
                store_saturated(b, y, self._target, at, output_element(b))

        each_lane(b, self._right.outer, self._step, body)


def build_matmul(b: KernelBuilder, kind: type[ColumnBlock] = ColumnBlock) -> None:
    """Blocks of columns that fit the scratch, then the rest."""
    inner, outer = shape(b.inputs[0])[2], shape(b.outputs[0])[2]
    columns = b.target.tile_columns
    size = min(outer, max(SCRATCH_BYTES // inner // columns, 1) * columns)
    whole, rest = divmod(outer, size)
    blocks = kind(b, size)
    last = kind(b, rest) if rest else None
    with b.loop(0, whole) as block:
        blocks.build(b.mul(block.index, size))
    if last is not None:
        last.build(b.index(whole * size))


def _signature(config: Config) -> Signature:
    """The right operand may lie transposed; a requant has its scalars."""
    right = "H O K" if config["transposed"] else "H K O"
    ins = {"lhs": "H T K : i2..i16 ui2..ui15", "rhs": f"{right} : i2..i8"}
    scalars = ("multiplier", "shift", "zero_point") if "form" in config else ()
    return Signature(ins, {"y": "H T O" if "form" in config else "H T O : i32"}, scalars)


MATMUL = KernelFamily(
    "matmul",
    build_matmul,
    _signature,
    {MatmulOp: plan_matmul},
    {"transposed": Choice(range(2)), "form": replace(FORM, optional=True)},
)
FAMILIES = (MATMUL,)
