"""Calibrated ranges as attributes of torch ops: ``ivit.range = [min, max]`` and, on attention, four more."""

from __future__ import annotations

from xdsl.dialects.builtin import ArrayAttr, FloatAttr, f64
from xdsl.ir import Operation
from xdsl.utils.hints import isa

from ivit_dialect.load import location_text
from passes.quantization.scales import Range

RANGE = "ivit.range"
"""Of an op's result; on the function, of its input."""
QUERY_RANGE = "ivit.query_range"
KEY_RANGE = "ivit.key_range"
VALUE_RANGE = "ivit.value_range"
SCORE_RANGE = "ivit.score_range"


def read_range(op: Operation, name: str = RANGE) -> Range | None:
    """The range in the attribute ``name``, None where there is none, ValueError where it is no such pair."""
    attribute = op.attributes.get(name)
    if attribute is None:
        return None
    if isa(attribute, ArrayAttr[FloatAttr]) and len(attribute.data) == 2:
        low, high = (item.value.data for item in attribute.data)
        return Range(low, high)
    raise ValueError(f"{describe(op)}: {name} must be [min, max] in floats, got {attribute}")


def write_range(op: Operation, name: str, low: float, high: float) -> None:
    """Set the attribute ``name``."""
    op.attributes[name] = ArrayAttr([FloatAttr(low, f64), FloatAttr(high, f64)])


def describe(op: Operation) -> str:
    """``op`` by name and location, for messages."""
    return f"{op.name} at {location_text(op)}"
