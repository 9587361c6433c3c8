"""Calibrated ranges as attributes of torch ops: ``ivit.range = [min, max]`` and, on attention, four more.

Each has a companion of one range a channel, for instance ``ivit.channel_range = dense_resource<key> :
tensor<2xCxf32>`` (row 0 the lows, row 1 the highs), whose numbers are in the weight store.
"""

from __future__ import annotations

from typing import TypeGuard

import numpy as np
from xdsl.dialects.builtin import (
    AnyFloat,
    ArrayAttr,
    DenseResourceAttr,
    FloatAttr,
    TensorType,
    f32,
    f64,
)
from xdsl.ir import Attribute, Operation

from ivit_dialect.element_types import check_array
from ivit_dialect.hints import isa
from ivit_dialect.load import location_text
from ivit_dialect.store import WeightStore
from passes.quantization.scales import ChannelRange, Range

RANGE = "ivit.range"
"""Of an op's result; on the function, of its input."""
QUERY_RANGE = "ivit.query_range"
KEY_RANGE = "ivit.key_range"
VALUE_RANGE = "ivit.value_range"
SCORE_RANGE = "ivit.score_range"
CHANNEL_KEY = "calibration.channels"
"""Stem of the keys of channel ranges."""


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


def channel_name(name: str) -> str:
    """The attribute of the range of each channel that goes with the range ``name``."""
    return name.replace("range", "channel_range")


def read_channel_range(op: Operation, store: WeightStore, name: str = RANGE) -> ChannelRange | None:
    """The companion of ``name``, None where there is none.

    ValueError where it is no tensor<2xCxf32>, is not in ``store``, or its numbers are no ranges.
    """
    attribute = op.attributes.get(channel_name(name))
    if attribute is None:
        return None
    kind = attribute.type if isinstance(attribute, DenseResourceAttr) else None
    if not isinstance(attribute, DenseResourceAttr) or not _is_pair_of_rows(kind):
        raise ValueError(
            f"{describe(op)}: {channel_name(name)} must be dense_resource<key> : tensor<2xCxf32>,"
            f" got {attribute}"
        )
    key = attribute.resource_handle.data
    check_array(store[key], kind, key)
    ends = np.asarray(store[key], np.float64)  # what was recorded is no function of parameters
    if not np.all(np.isfinite(ends)) or np.any(ends[0] > ends[1]):
        raise ValueError(f"{describe(op)}: {channel_name(name)} must be finite lows and highs no less")
    return ChannelRange(ends[0], ends[1])


def _is_pair_of_rows(kind: Attribute | None) -> TypeGuard[TensorType[AnyFloat]]:
    """Whether ``kind`` is tensor<2xCxf32>."""
    return (
        isa(kind, TensorType[AnyFloat])
        and kind.element_type == f32
        and len(kind.get_shape()) == 2
        and kind.get_shape()[0] == 2
    )


def write_channel_range(op: Operation, store: WeightStore, name: str, ends: ChannelRange) -> None:
    """Set the companion of ``name``; the array that an earlier calibration left is dropped."""
    old = op.attributes.get(channel_name(name))
    if isinstance(old, DenseResourceAttr) and old.resource_handle.data in store:
        del store[old.resource_handle.data]
    key = store.unique_key(CHANNEL_KEY)
    store[key] = np.stack([ends.low, ends.high]).astype(np.float32)
    kind = TensorType(f32, [2, len(ends.low)])
    op.attributes[channel_name(name)] = DenseResourceAttr.from_params(key, kind)


def describe(op: Operation) -> str:
    """``op`` by name and location, for messages."""
    return f"{op.name} at {location_text(op)}"
