"""``ivit.linear``: matrix product of activations and narrow weights, with a fused epilogue.

A tile of rows is widened once into scratch, in groups as the dot instruction takes them; panels of packed
weights stream past it, and the accumulators of rows x panel stay in registers until the epilogue writes them.
Activations of more than 8 bits are multiplied as int16; weights of at most 4 bits lie two a byte and are
taken apart in registers.
"""

from __future__ import annotations

from dataclasses import replace

from xdsl.dialects.builtin import IntegerAttr, IntegerType, i32
from xdsl.ir import Attribute
from xdsl.utils.exceptions import VerifyException

from ivit_dialect.element_types import held_bits
from ivit_dialect.hints import isa
from ivit_dialect.ops.elementwise import ConstantOp
from ivit_dialect.ops.linear import LinearOp
from ivit_dialect.types import integer_range, tensor_types
from lowering.arithmetic import LIFT, requant_form, short_requant_form
from lowering.kernels.base import (
    ConfigValue,
    KernelBuilder,
    KernelFamily,
    KernelSpec,
    Launch,
    Packed,
    Viewed,
)
from lowering.kernels.build import Operand, Value, shape
from lowering.kernels.dot import (
    BYTE_SIGN,
    dot,
    group_operand,
    high_nibbles,
    low_nibbles,
    weight_operand,
)
from lowering.kernels.elements import FORM, FORMS
from lowering.kernels.gemm_epilogue import Epilogue
from lowering.kernels.gemm_pairs import PairedPanels
from lowering.kernels.lookup import packed_table, require_entries
from lowering.kernels.signature import NARROW, Choice, Config, Signature, require_shape
from lowering.packing import PACKINGS, split_layout
from lowering.pairs.packed import SplitLayout
from lowering.targets import DotInstruction, Target

EXTRA_STEPS = "ivit.extra_steps"
"""Attribute of an ``ivit.linear``: no pair of its weights saturates 16 bits, since at most so many further
steps take their excess (``pair-weights``)."""

EXTRA_RANGE = range(1 << 31)
"""How many further steps a plan may have room for."""

NIBBLE_BITS = 4
"""Weights of at most so many bits are packed two a byte."""

GROUP_WIDTH = 32
"""Bits of a group of activations: what one lane of the accumulator takes a step."""

OFFSET_DEPTH = 4
"""Groups of four are of unsigned bytes: int8 activations are offset by 128."""

ROW_PADDING = 16
"""Groups between rows of the scratch, so that rows do not fall on the same cache sets."""


def plan_linear(op: LinearOp, target: Target) -> Launch:
    """Rows by channels; weights as panels, per-channel numbers padded to whole panels."""
    x, y = tensor_types(op.input, op.output)
    rows = 1
    for extent in x.get_shape()[1:-1]:
        rows *= extent
    w = tensor_types(op.weight)[0]
    bits = w.element_type.width.data
    columns, extras = target.tile_columns, _extra_steps(op, target)
    dot = instruction(target, x.element_type, bits) if extras is None else target.narrow_dot
    assert dot is not None
    depth, nibbles = dot.depth, bits <= NIBBLE_BITS
    bias = (
        Packed((op.bias, op.weight), "offset_bias", (columns,))
        if dot.offsets
        else Packed((op.bias,), "columns", (columns,))
    )
    weight = Packed((op.weight,), "nibbles" if nibbles else "panels", (columns, depth))
    config: dict[str, ConfigValue] = {"nibbles": 1} if nibbles else {}
    if extras is not None:
        weight = Packed((op.weight,), "split", (columns, depth, target.lanes(32), extras))
        config["split"] = extras
    inputs = [Viewed(op.input, (rows, x.get_shape()[-1])), weight, bias]
    scalars: dict[str, int] = {}
    if op.multipliers is not None:
        single = tensor_types(op.multipliers)[0].get_shape() == (1,)
        packing = Packed((op.multipliers,)) if single else Packed((op.multipliers,), "columns", (columns,))
        inputs.append(packing)
        assert op.shift is not None
        scalars["shift"] = op.shift.value.data
        config["requant"] = requant_form(op.shift.value.data)
    if op.zero_point is not None or op.table is not None:
        # A table's index has a zero point nearly always: one of 0 is no reason for another kernel.
        scalars["zero_point"] = 0 if op.zero_point is None else op.zero_point.value.data
        if y.element_type == i32 and op.table is None:
            config["requant"] = "wide"
    if op.table is not None:
        inputs.append(packed_table(op.table, signed=True))
        config["lookup"] = 1
    if op.residual is not None:
        inputs.append(_residual(op, rows, y.get_shape()[-1]))
        assert op.residual_multiplier is not None
        assert op.residual_shift is not None
        scalars["residual_multiplier"] = op.residual_multiplier.value.data
        scalars["residual_shift"] = op.residual_shift.value.data
        config["residual"] = _residual_form(
            tensor_types(op.residual)[0].element_type, op.residual_shift.value.data
        )
    return Launch("linear", tuple(inputs), config, scalars, output_shape=(rows, y.get_shape()[-1]))


def _extra_steps(op: LinearOp, target: Target) -> int | None:
    """What ``pair-weights`` has proven of the weights, where the target has a use for it.

    VerifyException where the attribute is none that the pass writes.
    """
    found = op.attributes.get(EXTRA_STEPS)
    if found is None or target.narrow_dot is None:
        return None
    x, w = tensor_types(op.input, op.weight)
    bytes_ = held_bits(x.element_type) == 8 and w.element_type.width.data > NIBBLE_BITS
    if not bytes_ or not isa(found, IntegerAttr) or found.value.data not in EXTRA_RANGE:
        raise VerifyException(
            f"'{EXTRA_STEPS}' must be an integer in [0, 2^31) on a linear of 8-bit activations and weights,"
            f" got {found} on {x} and {w}: leave it to --pair-weights"
        )
    return found.value.data


def _residual(op: LinearOp, rows: int, columns: int) -> Viewed | Packed:
    assert op.residual is not None
    if isinstance(op.residual.owner, ConstantOp):
        return Packed((op.residual,), "rows", (rows, columns))
    return Viewed(op.residual, (rows, columns))


def _residual_form(element: Attribute, shift: int) -> str:
    return short_requant_form(shift) if is_short(element) else requant_form(shift)


def is_short(element: Attribute) -> bool:
    """Whether signed integers of 16 bits hold all of its values."""
    low, high = integer_range(element)
    return -low <= 1 << (LIFT - 1) and high < 1 << (LIFT - 1)


def instruction(target: Target, element: Attribute, weight_bits: int) -> DotInstruction:
    """How activations of an element type are multiplied: int16 by pairs, bytes as ``target`` does best."""
    return target.weight_instruction(weight_bits) if held_bits(element) == 8 else target.pair_dot


def instruction_of(spec: KernelSpec, target: Target) -> DotInstruction:
    """The same, by the operands of a kernel: weights of few bits lie in nibbles or have a narrow type."""
    activations, weights = (memref.element_type for memref in spec.memrefs[:2])
    assert isa(weights, IntegerType)
    config = dict(spec.config)
    if "split" in config:
        if target.narrow_dot is None or held_bits(activations) != 8 or "nibbles" in config:
            raise ValueError(f"has the config 'split', which {target.name} does not take here")
        return target.narrow_dot
    nibbles = "nibbles" in config
    return instruction(target, activations, NIBBLE_BITS if nibbles else weights.width.data)


class Gemm:
    """The parts of the kernel that its two row tiles (whole, and the rest at the end) share."""

    def __init__(self, b: KernelBuilder) -> None:
        self._b = b
        self._x, self._weights, self._bias = b.inputs[:3]
        self._dot = instruction_of(b.spec, b.target)
        self._lanes = b.target.lanes(32)
        self._columns = b.target.tile_columns
        self._total, self._inner = shape(self._x)
        outs = shape(b.outputs[0])[1]
        self._panels, self._steps = -(-outs // self._columns), -(-self._inner // self._dot.depth)
        self._whole_panels, self._rest = divmod(outs, self._columns)
        self._rows = min(b.target.tile_rows, self._total)
        layout: SplitLayout | None = None
        if "split" in b.config:
            layout = split_layout([(outs, self._inner)], _split_parameters(b.spec, b.target))
        pitch = (self._steps if layout is None else layout.groups) + ROW_PADDING
        # One block of bytes, written as int16 or int8 elements and read as groups of 32 bits.
        block = b.alloca([self._rows * pitch * 4], 8)
        self._scratch = b.view(
            block, 0, [self._rows, pitch * self._dot.depth], GROUP_WIDTH // self._dot.depth
        )
        self._groups = b.view(block, 0, [self._rows, pitch], GROUP_WIDTH)
        self._pairs: PairedPanels | None = None
        if layout is not None:
            self._pairs = PairedPanels(b, self._weights, layout, self._dot, self._groups)
        self._epilogue = Epilogue(b, self._lanes, self._rows, self._columns)

    def build(self) -> None:
        """Share register tiles among threads, those of one row tile after those of the other."""
        b, panels = self._b, self._panels
        whole, rest = divmod(self._total, self._rows)
        first, last = b.my_share((whole + (rest > 0)) * panels)

        def share(tile: Operand) -> tuple[Value, Value]:
            before = b.mul(b.value(tile), panels)
            return b.sub(b.max(first, before), before), b.min(b.sub(last, before), panels)

        end = b.div_unsigned(b.add(last, panels - 1), panels)
        with b.loop(b.div_unsigned(first, panels), b.min(end, whole)) as tile:
            self._tile(b.mul(tile.index, self._rows), self._rows, *share(tile.index))
        if rest:
            with b.when(b.compare("sgt", last, whole * panels)):
                self._tile(b.index(whole * self._rows), rest, *share(whole))

    def _tile(self, row: Value, rows: int, first: Value, last: Value) -> None:
        """Rows [row, row + rows) by panels [first, last)."""
        b = self._b
        self._widen(row, rows)
        if self._whole_panels:
            with b.loop(first, b.min(last, self._whole_panels)) as panel:
                self._panel(row, rows, panel.index, self._columns)
        if self._rest:
            with b.when(b.compare("eq", last, self._panels)):
                self._panel(row, rows, b.index(self._whole_panels), self._rest)

    def _widen(self, row: Value, rows: int) -> None:
        """Rows of activations into the scratch, as the dot instruction takes them, in whole groups."""
        b, element = self._b, GROUP_WIDTH // self._dot.depth
        step = b.target.lanes(element)
        whole = self._inner - self._inner % step
        with b.loop(0, rows) as line:
            at = b.add(row, line.index)
            if whole:
                with b.loop(0, whole, step) as k:
                    x = self._widened(b.load_vector(self._x, [at, k.index], step))
                    b.store_vector(x, self._scratch, [line.index, k.index])
            if self._inner > whole:
                with b.loop(whole, self._inner) as k:
                    x = self._widened(b.load(self._x, at, k.index))
                    b.store(x, self._scratch, line.index, k.index)
            for k in range(self._inner, self._steps * self._dot.depth):
                b.store(b.constant(0, IntegerType(element)), self._scratch, line.index, k)
            if self._pairs is not None:
                self._pairs.arrange(self._scratch, line.index)

    def _widened(self, x: Value) -> Value:
        if self._dot.offsets:
            return self._b.xor(x, BYTE_SIGN)
        return self._b.sign_extend(x, GROUP_WIDTH // self._dot.depth)

    def _panel(self, row: Value, rows: int, panel: Value, columns: int) -> None:
        """One register tile: ``rows`` by the first ``columns`` of a panel."""
        b = self._b
        vectors = -(-columns // self._lanes)
        column = b.mul(panel, self._columns)
        biases = [
            b.load_vector(self._bias, [b.add(column, j * self._lanes)], self._lanes) for j in range(vectors)
        ]
        totals = biases * rows
        if self._pairs is not None:
            totals = self._pairs.add(totals, rows, vectors, panel)
        else:
            with b.loop(0, self._steps, carried=totals) as loop:
                loop.carry(*self._step(loop.carried, rows, vectors, panel, loop.index))
            totals = list(loop.results)
        self._epilogue.write(totals, rows, vectors, row, column, columns)

    def _step(
        self, totals: tuple[Value, ...], rows: int, vectors: int, panel: Value, k: Value
    ) -> list[Value]:
        """Add one group of products to each accumulator (row by row)."""
        b, lanes = self._b, self._lanes
        weights = self._weight_operands(vectors, panel, k)
        updated: list[Value] = []
        for r in range(rows):
            group = group_operand(b, self._dot, b.load(self._groups, r, k), lanes)
            for j, weight in enumerate(weights):
                updated.append(dot(b, self._dot, totals[r * vectors + j], group, weight))
        return updated

    def _weight_operands(self, vectors: int, panel: Value, k: Value) -> list[Value]:
        """The weights of one step, a register of columns each."""
        b, size = self._b, self._lanes * self._dot.depth
        if not b.flag("nibbles"):
            loaded = [b.load_vector(self._weights, [panel, k, j * size], size) for j in range(vectors)]
            return [weight_operand(b, self._dot, x) for x in loaded]
        half = self._columns // self._lanes // 2
        packed = [b.load_vector(self._weights, [panel, k, j * size], size) for j in range(min(vectors, half))]
        low = [low_nibbles(b, self._dot, x) for x in packed]
        high = [high_nibbles(b, self._dot, x) for x in packed[: max(vectors - half, 0)]]
        return [*low, *high]


def _split_parameters(spec: KernelSpec, target: Target) -> tuple[int, int, int, int]:
    """Those of the packing ``split``."""
    room = dict(spec.config)["split"]
    assert isinstance(room, int)
    return (target.tile_columns, instruction_of(spec, target).depth, target.lanes(GROUP_WIDTH), room)


def _signature(config: Config) -> Signature:
    """The epilogue's operands follow the bias, where the config has them."""
    weight = "ui8" if "nibbles" in config else "i5..i8"
    extents = "N" if "split" in config else "P S W"
    ins = {"x": "R K : i2..i16", "weight": f"{extents} : {weight}", "bias": "B : i32"}
    scalars: tuple[str, ...] = ()
    out = "R C : i32"
    if "requant" in config:
        out = "R C"
        ins["multipliers"] = "M : i32"
        scalars += ("shift",)
    if "lookup" in config:
        ins["table"] = "L : E"
        out = "R C : E"
    if "residual" in config:
        ins["residual"] = f"R C : {NARROW}"
        scalars += ("residual_multiplier", "residual_shift")
    return Signature(ins, {"y": out}, scalars, ("zero_point",) if "requant" in config else ())


def _check(spec: KernelSpec, target: Target) -> None:
    """Constants are packed for this target, lookup and residual have a requant before them."""
    config = dict(spec.config)
    for name in ("lookup", "residual"):
        if name in config and "requant" not in config:
            raise ValueError(f"has the config '{name}', which needs 'requant'")
    if "lookup" in config and "residual" in config:
        raise ValueError("has both of the config 'lookup' and 'residual'")
    ((_, inner), weight, bias, *more), ((_, outer),) = spec.shapes()
    columns, depth = target.tile_columns, instruction_of(spec, target).depth
    padded = PACKINGS["columns"].shape([(outer,)], (columns,))
    if "split" in config:
        expected = PACKINGS["split"].shape([(outer, inner)], _split_parameters(spec, target))
    else:
        packing = PACKINGS["nibbles" if "nibbles" in config else "panels"]
        expected = packing.shape([(outer, inner)], (columns, depth))
    require_shape("weight", weight, expected)
    require_shape("bias", bias, padded)
    if "requant" in config and more[0] != (1,):
        require_shape("multipliers", more[0], padded)
    if "lookup" in config:
        require_entries(more[1], more[1][0].bit_length() - 1)
    if config.get("residual") == "lifted" and not is_short(element := spec.memrefs[4].element_type):
        raise ValueError(f"has the config 'residual = lifted', for {LIFT} bits at most, got {element}")


LINEAR = KernelFamily(
    "linear",
    lambda b: Gemm(b).build(),
    _signature,
    {LinearOp: plan_linear},
    {
        "nibbles": Choice(range(1, 2), optional=True),
        "split": Choice(EXTRA_RANGE, optional=True),
        "requant": replace(FORM, optional=True),
        "lookup": Choice(range(1, 2), optional=True),
        "residual": Choice((*FORMS, "lifted"), optional=True),
    },
    _check,
)
