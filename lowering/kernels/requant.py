"""Kernels of requantisation: one multiplier, one per channel, one per row; residual add; affine."""

from __future__ import annotations

from collections.abc import Sequence

from ivit_dialect.ops.elementwise import AddOp, AffineOp, RequantOp, RowRequantOp
from lowering.arithmetic import Requant, requant_form
from lowering.arithmetic_nonlinear import Affine, row_multiplier
from lowering.kernels.base import KernelBuilder, KernelFamily, Launch, Packed
from lowering.kernels.build import Operand, Value, element_width, shape
from lowering.kernels.elements import (
    FORM,
    activation,
    config_text,
    each_lane,
    each_lane_shared,
    flat,
    load,
    load_wide,
    loop_step,
    output_element,
    rows_of,
    splat,
    store_saturated,
    unsigned_inputs,
)
from lowering.kernels.signature import NARROW, Choice, Config, Signature
from lowering.targets import Target

WIDE_ZERO_POINT = 1 << 30
"""From this magnitude on a zero point is added in 64 bits."""


def form_with(shift: int, zero_point: int) -> str:
    """The form of a requant whose zero point is added in the width of its result."""
    return requant_form(shift) if abs(zero_point) < WIDE_ZERO_POINT else "wide"


def plan_requant(op: RequantOp, target: Target) -> Launch:
    """``requant`` with a multiplier among the scalars, or ``requant_channels`` with them in memory."""
    zero_point = 0 if op.zero_point is None else op.zero_point.value.data
    shift = op.shift.value.data
    form = form_with(shift, zero_point)
    scalars = {"shift": shift, "zero_point": zero_point}
    if op.multipliers is not None:
        inputs = (activation(op.input), Packed((op.multipliers,)))
        return Launch("requant_channels", inputs, {"form": form}, scalars)
    assert op.multiplier is not None
    scalars["multiplier"] = op.multiplier.value.data
    return Launch("requant", (activation(op.input),), {"form": form}, scalars)


def prepared_requant(
    b: KernelBuilder,
    counts: Sequence[int],
    *,
    form: str = "form",
    shift: str = "shift",
    multiplier: str | None = None,
) -> Requant:
    """A kernel's requantisation, from the names of its config and scalars, for numbers of lanes."""
    factor = None if multiplier is None else b.scalars[multiplier]
    requant = Requant(b, config_text(b, form), b.scalars[shift], factor)
    for count in counts:
        requant.prepare(count)
    return requant


def zero_points(b: KernelBuilder, counts: Sequence[int], requant: Requant) -> dict[int, Value]:
    """The zero point by number of lanes, in the width of the requantised values."""
    zero_point = b.truncate(b.scalars["zero_point"], 64 if requant.wide else 32)
    return {n: splat(b, zero_point, n) for n in counts}


def build_requant(b: KernelBuilder) -> None:
    """One multiplier: the tensor is one dimension."""
    source, target = flat(b, b.inputs[0]), flat(b, b.outputs[0])
    (unsigned,) = unsigned_inputs(b)
    (count,) = shape(source)
    step = loop_step(b, count)
    scaled = prepared_requant(b, (step, 0), multiplier="multiplier")
    offsets = zero_points(b, (step, 0), scaled)

    def body(i: Operand, lanes: int) -> None:
        x = load_wide(b, source, [i], lanes, 32, unsigned=unsigned)
        y = b.add(scaled(x), offsets[lanes])
        store_saturated(b, y, target, [i], output_element(b))

    each_lane_shared(b, count, step, body)


def build_requant_channels(b: KernelBuilder) -> None:
    """A multiplier per channel: rows are split among the threads."""
    source, target = rows_of(b, b.inputs[0]), rows_of(b, b.outputs[0])
    multipliers = b.inputs[1]
    unsigned = unsigned_inputs(b)[0]
    rows, channels = shape(source)
    step = loop_step(b, channels)
    scaled = prepared_requant(b, (step, 0))
    offsets = zero_points(b, (step, 0), scaled)
    first, last = b.my_share(rows)
    with b.loop(first, last) as row:

        def body(i: Operand, lanes: int) -> None:
            x = load_wide(b, source, [row.index, i], lanes, 32, unsigned=unsigned)
            y = b.add(scaled(x, load(b, multipliers, [i], lanes)), offsets[lanes])
            store_saturated(b, y, target, [row.index, i], output_element(b))

        each_lane(b, channels, step, body)


def plan_row_requant(op: RowRequantOp, target: Target) -> Launch:
    """The dividend and the shift are scalars."""
    shift = op.shift.value.data
    scalars = {"dividend": op.dividend.value.data, "shift": shift}
    inputs = (activation(op.input), activation(op.divisor))
    return Launch("row_requant", inputs, {"form": requant_form(shift)}, scalars)


def build_row_requant(b: KernelBuilder) -> None:
    """One division a row, then a requant of the row."""
    source, target = rows_of(b, b.inputs[0]), rows_of(b, b.outputs[0])
    divisors = flat(b, b.inputs[1])
    rows, channels = shape(source)
    step = loop_step(b, channels)
    scaled = prepared_requant(b, (step, 0))
    first, last = b.my_share(rows)
    with b.loop(first, last) as row:
        multiplier = row_multiplier(b, b.scalars["dividend"], b.load(divisors, row.index))
        factors = {lanes: splat(b, multiplier, lanes) for lanes in (step, 0)}

        def body(i: Operand, lanes: int) -> None:
            y = scaled(load(b, source, [row.index, i], lanes), factors[lanes])
            store_saturated(b, y, target, [row.index, i], output_element(b))

        each_lane(b, channels, step, body)


def plan_add(op: AddOp, target: Target) -> Launch:
    """Each side's form is ``mulhi``, ``wide``, or ``none`` where it is not rescaled."""
    config: dict[str, str] = {}
    scalars: dict[str, int] = {}
    for side, multiplier, shift in (
        ("lhs", op.lhs_multiplier, op.lhs_shift),
        ("rhs", op.rhs_multiplier, op.rhs_shift),
    ):
        if multiplier is None or shift is None:
            config[side] = "none"
            continue
        config[side] = requant_form(shift.value.data)
        scalars[f"{side}_multiplier"] = multiplier.value.data
        scalars[f"{side}_shift"] = shift.value.data
    return Launch("add", (activation(op.lhs), activation(op.rhs)), config, scalars)


def build_add(b: KernelBuilder) -> None:
    """Both sides rescaled, their exact sum clamped."""
    sides = [flat(b, source) for source in b.inputs]
    unsigned = unsigned_inputs(b)
    target = flat(b, b.outputs[0])
    (count,) = shape(target)
    step = loop_step(b, count)
    scaled = [_side(b, side, (step, 0)) for side in ("lhs", "rhs")]
    narrow = all(_magnitude_bits(b, i) < 31 for i in range(2))

    def body(i: Operand, lanes: int) -> None:
        terms: list[Value] = []
        for source, requant, is_unsigned in zip(sides, scaled, unsigned, strict=True):
            x = load_wide(b, source, [i], lanes, 32, unsigned=is_unsigned)
            y = x if requant is None else requant(x)
            terms.append(y if narrow else b.sign_extend(y, 64))
        store_saturated(b, b.add(*terms), target, [i], output_element(b))

    each_lane_shared(b, count, step, body)


def _side(b: KernelBuilder, side: str, counts: Sequence[int]) -> Requant | None:
    """None where the side is not rescaled."""
    if config_text(b, side) == "none":
        return None
    return prepared_requant(b, counts, form=side, shift=f"{side}_shift", multiplier=f"{side}_multiplier")


def _magnitude_bits(b: KernelBuilder, number: int) -> int:
    """Bits of a side's magnitude: below 31 for both, their sum fits i32."""
    form = config_text(b, ("lhs", "rhs")[number])
    if form == "wide":
        return 64
    if form == "mulhi":
        return 30  # |x * b| < 2^62, shifted by at least 33
    return element_width(b.inputs[number])


def plan_affine(op: AffineOp, target: Target) -> Launch:
    """The shift is a scalar, scale and offset are constants."""
    shift = op.shift.value.data
    inputs = (activation(op.input), Packed((op.scale,)), Packed((op.offset,)))
    return Launch("affine", inputs, {"form": requant_form(shift)}, {"shift": shift})


def build_affine(b: KernelBuilder) -> None:
    """Rows are split among the threads."""
    source, target = rows_of(b, b.inputs[0]), rows_of(b, b.outputs[0])
    scale, offset = b.inputs[1:]
    rows, channels = shape(source)
    step = loop_step(b, channels)
    affines = {n: Affine(b, config_text(b, "form"), b.scalars["shift"], count=n) for n in (step, 0)}
    first, last = b.my_share(rows)
    with b.loop(first, last) as row:

        def body(i: Operand, lanes: int) -> None:
            x = load(b, source, [row.index, i], lanes)
            y = affines[lanes](x, load(b, scale, [i], lanes), load(b, offset, [i], lanes))
            store_saturated(b, y, target, [row.index, i], output_element(b))

        each_lane(b, channels, step, body)


def _add_signature(config: Config) -> Signature:
    """A side that is rescaled has its multiplier and shift."""
    sides = [side for side in ("lhs", "rhs") if config[side] != "none"]
    scalars = tuple(f"{side}_{name}" for side in sides for name in ("multiplier", "shift"))
    return Signature({"lhs": f"...N : {NARROW}", "rhs": f"...N : {NARROW}"}, {"y": "...N"}, scalars)


ROWS = "...R C"
SIDE = Choice(("none", "mulhi", "wide"))

REQUANT = KernelFamily(
    "requant",
    build_requant,
    Signature({"x": f"...N : {NARROW}"}, {"y": "...N"}, ("multiplier", "shift", "zero_point")),
    {RequantOp: plan_requant},
    {"form": FORM},
)
REQUANT_CHANNELS = KernelFamily(
    "requant_channels",
    build_requant_channels,
    Signature({"x": f"{ROWS} : {NARROW}", "multipliers": "C : i32"}, {"y": ROWS}, ("shift", "zero_point")),
    config={"form": FORM},
)
ROW_REQUANT = KernelFamily(
    "row_requant",
    build_row_requant,
    Signature({"x": f"{ROWS} : i32", "divisor": "...R : i32"}, {"y": ROWS}, ("dividend", "shift")),
    {RowRequantOp: plan_row_requant},
    {"form": FORM},
)
ADD = KernelFamily("add", build_add, _add_signature, {AddOp: plan_add}, {"lhs": SIDE, "rhs": SIDE})
AFFINE = KernelFamily(
    "affine",
    build_affine,
    Signature({"x": f"{ROWS} : i32", "scale": "C : i32", "offset": "C : i64"}, {"y": ROWS}, ("shift",)),
    {AffineOp: plan_affine},
    {"form": FORM},
)
FAMILIES = (REQUANT, REQUANT_CHANNELS, ROW_REQUANT, ADD, AFFINE)
