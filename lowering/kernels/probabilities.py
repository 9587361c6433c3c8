"""Kernels of the softmaxes that divide at once: exponentials of a row in scratch, then its codes."""

from __future__ import annotations

from ivit_dialect.ops.probabilities import (
    THRESHOLD_BITS,
    NormalizedSoftmaxOp,
    ThresholdSoftmaxOp,
    unit_shift,
)
from lowering.arithmetic import requant_form
from lowering.arithmetic_nonlinear import row_multiplier
from lowering.kernels.base import KernelBuilder, KernelFamily, Launch
from lowering.kernels.build import Operand, Value, element_width, lanes, shape
from lowering.kernels.elements import (
    FORM,
    Reduction,
    each_lane,
    load,
    loop_step,
    output_element,
    reduce_lanes,
    rows_of,
    splat,
    store,
    store_saturated,
)
from lowering.kernels.lookup import ENTRIES, ByteTable, lookup_each
from lowering.kernels.requant import prepared_requant
from lowering.kernels.signature import Config, Signature
from lowering.kernels.softmax_rows import (
    SCALED_BY,
    RowIndices,
    check_scaled_by,
    scaled_by,
    softmax_launch,
)
from lowering.targets import Target


def plan_normalized_softmax(op: NormalizedSoftmaxOp, target: Target) -> Launch:
    """The unit is given by the dividend and the shift of the row's quotient."""
    unit = op.unit.value.data
    shift = unit_shift(unit)
    scalars = {"dividend": unit << shift, "code_shift": shift}
    config = {"form": requant_form(shift)}
    return softmax_launch("normalized_softmax", op, (op.table,), scalars, config)


def plan_threshold_softmax(op: ThresholdSoftmaxOp, target: Target) -> Launch:
    """Table and thresholds are constants."""
    return softmax_launch("threshold_softmax", op, (op.table, op.thresholds), {})


class ExponentialTable:
    """Exponentials in Q16 by two tables of bytes: all entries but the first, 2^16, have 16 bits."""

    def __init__(self, b: KernelBuilder, table: Value) -> None:
        self._b = b
        self._table = table
        self._bytes: list[ByteTable] = []
        if b.target.looks_up_bytes:
            halves = [b.alloca([ENTRIES], 8) for _ in range(2)]
            with b.loop(0, ENTRIES) as i:
                x = b.load(table, i.index)
                for half, shift in zip(halves, (0, 8), strict=True):
                    b.store(b.truncate(b.shr_unsigned(x, shift), 8), half, i.index)
            self._bytes = [ByteTable(b, half, b.target, signed=False) for half in halves]

    def __call__(self, index: Value) -> Value:
        """i32 entries for i8 indices."""
        b = self._b
        if not self._bytes or lanes(index) == 0:
            return lookup_each(b, self._table, index, signed=False)
        low, high = (b.zero_extend(table(index), 32) for table in self._bytes)
        first = b.compare("eq", index, 0)
        return b.add(b.add(low, b.shl(high, 8)), b.shl(b.zero_extend(first, 32), 16))


class _ExponentialRows:
    """Exponentials of one row at a time, in scratch."""

    def __init__(self, b: KernelBuilder) -> None:
        self._b = b
        self._scores = rows_of(b, b.inputs[0])
        self.rows, self.columns = shape(self._scores)
        self.step = loop_step(b, self.columns, 8)
        self._indices = RowIndices(b, self._scores, self.step)
        self._table = ExponentialTable(b, b.inputs[1])
        self._scratch = b.alloca([self.columns], 32)

    def fill(self, row: Value) -> Value:
        """Put the row's exponentials into scratch; their sum."""
        b = self._b
        self._indices.begin(row)

        def exponential(i: Operand, count: int) -> list[Value]:
            e = self._table(self._indices(i, count))
            store(b, e, self._scratch, [i])
            return [e]

        (total,) = reduce_lanes(b, self.columns, self.step, [Reduction(32)], exponential)
        return total

    def __call__(self, i: Operand, count: int) -> Value:
        """Exponentials from column ``i`` on."""
        return load(self._b, self._scratch, [i], count)


def build_normalized_softmax(b: KernelBuilder) -> None:
    """One division a row, a product and a shift for each element."""
    exponentials, target = _ExponentialRows(b), rows_of(b, b.outputs[0])
    counts = (exponentials.step, 0)
    requant = prepared_requant(b, counts, shift="code_shift")
    first, last = b.my_share(exponentials.rows)
    with b.loop(first, last) as row:
        total = exponentials.fill(row.index)
        quotient = row_multiplier(b, b.scalars["dividend"], total)
        quotients = {n: splat(b, quotient, n) for n in counts}

        def code(i: Operand, count: int) -> None:
            y = requant(exponentials(i, count), quotients[count])
            store_saturated(b, y, target, [row.index, i], output_element(b))

        each_lane(b, exponentials.columns, exponentials.step, code)


def build_threshold_softmax(b: KernelBuilder) -> None:
    """The thresholds of a row come first; each element is compared with all of them."""
    exponentials, target = _ExponentialRows(b), rows_of(b, b.outputs[0])
    thresholds = b.inputs[2]
    (boundaries,) = shape(thresholds)
    limits = b.alloca([boundaries], 32)
    first, last = b.my_share(exponentials.rows)
    with b.loop(first, last) as row:
        total = b.sign_extend(exponentials.fill(row.index), 64)
        with b.loop(0, boundaries) as k:
            product = b.mul(b.sign_extend(b.load(thresholds, k.index), 64), total)
            b.store(b.truncate(b.shr(product, THRESHOLD_BITS), 32), limits, k.index)

        def code(i: Operand, count: int) -> None:
            e = exponentials(i, count)
            with b.loop(0, boundaries, carried=[b.constant(0, e.type)]) as k:
                limit = splat(b, b.load(limits, k.index), count)
                reached = b.compare("sge", limit, e)
                k.carry(b.add(k.carried[0], b.zero_extend(reached, 32)))
            y = b.truncate(k.results[0], element_width(target))
            store(b, y, target, [row.index, i])

        each_lane(b, exponentials.columns, exponentials.step, code)


def _normalized_signature(config: Config) -> Signature:
    ins, scalars = scaled_by({"x": "...R C : i32", "table": "256 : i32"}, config)
    return Signature(ins, {"y": "...R C : i2..i16 ui2..ui8"}, (*scalars, "dividend", "code_shift"))


def _threshold_signature(config: Config) -> Signature:
    ins = {"x": "...R C : i32", "table": "256 : i32", "thresholds": "L : i32"}
    ins, scalars = scaled_by(ins, config)
    return Signature(ins, {"codes": "...R C : ui2..ui8"}, scalars)


NORMALIZED_SOFTMAX = KernelFamily(
    "normalized_softmax",
    build_normalized_softmax,
    _normalized_signature,
    {NormalizedSoftmaxOp: plan_normalized_softmax},
    {**SCALED_BY, "form": FORM},
    check_scaled_by,
)
THRESHOLD_SOFTMAX = KernelFamily(
    "threshold_softmax",
    build_threshold_softmax,
    _threshold_signature,
    {ThresholdSoftmaxOp: plan_threshold_softmax},
    SCALED_BY,
    check_scaled_by,
)
FAMILIES = (NORMALIZED_SOFTMAX, THRESHOLD_SOFTMAX)
