"""``ivit.attention``: scores, softmax and context of a tile of queries, the score matrix never in the arena.

Work is heads x tiles of queries, split among the threads. A thread packs the keys and values of a head into
panels in its own scratch when it comes to the head, then takes the head's tiles one by one.
"""

from __future__ import annotations

from ivit_dialect.ops.attention import AttentionOp, DeltaSoftmaxAttr, ShiftmaxAttr
from ivit_dialect.types import require, tensor_types
from lowering.arena import align
from lowering.arithmetic import requant_form
from lowering.kernels.attention_softmax import DeltaRows, RowSoftmax, ShiftmaxRows
from lowering.kernels.base import ConfigValue, KernelBuilder, KernelFamily, KernelSpec, Launch, Packed
from lowering.kernels.build import Operand, Value, element_width, shape
from lowering.kernels.elements import (
    FORM,
    activation,
    config_number,
    config_text,
    each_lane,
    load,
    loop_step,
    output_element,
    store,
    store_saturated,
)
from lowering.kernels.panels import BYTE_OFFSET, ROW_PADDING, Groups, Panels, each_tile
from lowering.kernels.signature import Choice, Config, Signature
from lowering.targets import Target

MOST_CHANNELS = 1 << 15
"""Channels of a head for which a difference of two scores fits 32 bits."""

WRITTEN_AT_ONCE = 12
"""Registers of scores that a tile writes: with more, the products of the next tile wait for the stores."""


def plan_attention(op: AttentionOp, target: Target) -> Launch:
    """Heads and forms are config; all that differs between layers is among the scalars."""
    softmax = op.softmax
    heads = op.heads.value.data
    channels = tensor_types(op.query)[0].get_shape()[-1] // heads
    require(channels <= MOST_CHANNELS, f"a head of {channels} channels is too wide, at most {MOST_CHANNELS}")
    scalars = dict(zip(softmax.field_names(), softmax.values(), strict=True))
    config: dict[str, ConfigValue] = {
        "heads": heads,
        "form": requant_form(scalars["shift"]),
        "context_form": requant_form(scalars["context_shift"]),
        "softmax": "delta" if isinstance(softmax, DeltaSoftmaxAttr) else "shiftmax",
    }
    inputs = [activation(x) for x in (op.query, op.key, op.value)]
    if op.table is not None:
        inputs.append(Packed((op.table,)))
        config["per_head"] = int(op.multipliers is not None)
    if op.multipliers is not None:
        del scalars["multiplier"]
        inputs.append(Packed((op.multipliers,), "unbatched"))
    return Launch("attention", tuple(inputs), config, scalars)


class Attention:
    """The kernel's scratch, and its steps."""

    def __init__(self, b: KernelBuilder) -> None:
        self._b = b
        self._query, self._key, self._value = b.inputs[:3]
        self._tokens, width = shape(self._query)
        self._heads = config_number(b, "heads")
        self._channels = width // self._heads
        self._rows = min(b.target.tile_rows, self._tokens)
        delta = config_text(b, "softmax") == "delta"
        score_dot = b.target.weight_dot
        # Shiftmax has 16-bit probabilities, which only pairs take.
        context_dot = b.target.unsigned_dot if delta else b.target.pair_dot
        registers = max(1, WRITTEN_AT_ONCE // b.target.tile_rows)
        self._keys = Panels(b, self._channels, self._tokens, score_dot, registers)
        self._values = Panels(b, self._tokens, self._channels, context_dot)
        self._queries = Groups.allocate(b, self._rows, self._channels, score_dot)
        self._weights = Groups.allocate(b, self._rows, self._tokens, context_dot)
        self._unsigned = score_dot.offsets
        self._bias = b.alloca([self._keys.padded], 32) if self._unsigned else None
        pitch = align(self._keys.padded, b.target.lanes(8)) + ROW_PADDING
        self._scores = b.alloca([self._rows, pitch], 32)
        self._context = b.alloca([self._rows, self._values.padded + ROW_PADDING], 32)
        self._step = loop_step(b, self._channels, 16)
        counts = (self._step, 0)
        rows = DeltaRows if delta else ShiftmaxRows
        self._softmax: RowSoftmax = rows(b, self._tokens, self._rows, counts)

    def build(self) -> None:
        """This thread's tiles, head by head."""
        tiles = align(self._tokens, self._rows) // self._rows
        each_tile(self._b, self._heads, tiles, self._pack, self._tile)

    def _pack(self, head: Value) -> None:
        """Keys and values of a head into panels."""
        self._softmax.begin_head(head)
        column = self._b.mul(head, self._channels)
        self._keys.pack_columns(self._key, 0, column)
        if self._bias is not None:
            self._keys.offset_bias(self._bias)
        self._values.pack_rows(self._value, 0, column)

    def _tile(self, head: Value, tile: Value) -> None:
        """A tile of queries, short at the end: products are of whole tiles, the rest is not."""
        b = self._b
        row, column = b.mul(tile, self._rows), b.mul(head, self._channels)
        count = b.min(self._rows, b.sub(self._tokens, row))
        with b.loop(0, count) as line:
            self._load_query(b.add(row, line.index), column, line.index)
        self._keys.product(self._queries, self._rows, self._scores, self._bias)
        self._softmax.rows(self._scores, count, self._weights.elements)
        self._values.product(self._weights, self._rows, self._context)
        with b.loop(0, count) as line:
            self._store_context(line.index, b.add(row, line.index), column)

    def _load_query(self, token: Value, column: Value, line: Value) -> None:
        b, target = self._b, self._queries.elements

        def body(i: Operand, lanes: int) -> None:
            x = load(b, self._query, [token, b.add(column, i)], lanes)
            x = b.xor(x, -BYTE_OFFSET) if self._unsigned else x
            store(b, b.sign_extend(x, element_width(target)), target, [line, i])

        each_lane(b, self._channels, self._step, body)

    def _store_context(self, line: Value, token: Value, column: Value) -> None:
        b, softmax = self._b, self._softmax
        softmax.prepare_row(line)

        def body(i: Operand, lanes: int) -> None:
            y = softmax.requant(load(b, self._context, [line, i], lanes))
            store_saturated(b, y, b.outputs[0], [token, b.add(column, i)], output_element(b))

        each_lane(b, self._channels, self._step, body)


def _signature(config: Config) -> Signature:
    """Delta softmax has a table, and perhaps a multiplier a head; scalars are the softmax's parameters."""
    ins: dict[str, str] = dict.fromkeys(("query", "key", "value"), "T W : i2..i8")
    scalars = ShiftmaxAttr.field_names()
    if config["softmax"] == "delta":
        ins["table"] = "256 : ui8"
        scalars = DeltaSoftmaxAttr.field_names()
    if config.get("per_head"):
        ins["multipliers"] = "H 1 1 : i32"
        scalars = tuple(name for name in scalars if name != "multiplier")
    return Signature(ins, {"y": "T W : i2..i16"}, scalars)


def _check(spec: KernelSpec, target: Target) -> None:
    """Heads are whole, and not too wide; only delta softmax has multipliers, one a head."""
    ins, ((_, width),) = spec.shapes()
    config = dict(spec.config)
    heads = config["heads"]
    assert isinstance(heads, int)
    if config.get("per_head") and (config["softmax"] != "delta" or ins[-1][0] != heads):
        raise ValueError(f"needs a multiplier for each of its {heads} heads, and the softmax 'delta'")
    if width % heads or width // heads > MOST_CHANNELS:
        raise ValueError(
            f"has {heads} heads, which {width} channels do not make at {MOST_CHANNELS} or fewer each"
        )


ATTENTION = KernelFamily(
    "attention",
    lambda b: Attention(b).build(),
    _signature,
    {AttentionOp: plan_attention},
    {
        "heads": Choice(range(1, 1 << 31)),
        "form": FORM,
        "context_form": FORM,
        "softmax": Choice(("delta", "shiftmax")),
        "per_head": Choice(range(2), optional=True),
    },
    _check,
)
FAMILIES = (ATTENTION,)
