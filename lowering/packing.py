"""How constants are laid out in the weight blob: shapes at compile time, bytes once the store is at hand.

A packing takes the arrays of one or more store keys to one packed array. Kernels know each layout by name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import IntegerType

from ivit_dialect.types import ui8
from lowering.fragments import fragments_extents, pack_fragments, pack_words
from lowering.pairs.packed import SplitLayout

Shape: TypeAlias = tuple[int, ...]
Parameters: TypeAlias = tuple[int, ...]
Array: TypeAlias = NDArray[Any]

BYTE_OFFSET = 128
"""What is added to int8 activations where the dot instruction takes unsigned bytes."""

TABLE_ENTRIES = 256
"""Of the tables that bytes index."""


@dataclass(frozen=True)
class Packing:
    """``shape(shapes, parameters)`` of the packed array, and ``pack(arrays, parameters)`` itself.

    ``element`` is the packed element type where it is not that of the first array.
    """

    shape: Callable[[Sequence[Shape], Parameters], Shape]
    pack: Callable[[Sequence[Array], Parameters], Array]
    element: IntegerType | None = None


def _round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


def _padded(array: Array, extents: Sequence[int]) -> Array:
    return np.pad(array, [(0, new - old) for old, new in zip(array.shape, extents, strict=True)])


def _panels_shape(shapes: Sequence[Shape], parameters: Parameters) -> Shape:
    (outs, ins), (columns, depth) = shapes[0], parameters
    return (_round_up(outs, columns) // columns, _round_up(ins, depth) // depth, columns * depth)


def _pack_panels(arrays: Sequence[Array], parameters: Parameters) -> Array:
    """Weights ``[out, in]`` as ``[panel][in / depth][column * depth]``, padded with zeros."""
    (weight,), (columns, depth) = arrays, parameters
    outs, ins = weight.shape
    whole = _padded(weight, (_round_up(outs, columns), _round_up(ins, depth)))
    panels = whole.reshape(-1, columns, whole.shape[1] // depth, depth).transpose(0, 2, 1, 3)
    return panels.reshape(_panels_shape([weight.shape], parameters))


def split_layout(shapes: Sequence[Shape], parameters: Parameters) -> SplitLayout:
    """Where the parts of weights lie that have the packing ``split``."""
    columns, depth, lanes, room = parameters
    panels, steps, _ = _panels_shape(shapes, (columns, depth))
    return SplitLayout(panels, steps, columns, depth, lanes, room)


def _split_shape(shapes: Sequence[Shape], parameters: Parameters) -> Shape:
    return (split_layout(shapes, parameters).size,)


def _pack_split(arrays: Sequence[Array], parameters: Parameters) -> Array:
    """Panels of which no sum of products in 16 bits saturates, and what they have in excess."""
    return split_layout([arrays[0].shape], parameters).pack(_pack_panels(arrays, parameters[:2]))


def _nibbles_shape(shapes: Sequence[Shape], parameters: Parameters) -> Shape:
    panels, steps, size = _panels_shape(shapes, parameters)
    return (panels, steps, size // 2)


def _pack_nibbles(arrays: Sequence[Array], parameters: Parameters) -> Array:
    """Panels of weights, two a byte: the second half of each step in the high nibbles.

    ValueError unless they lie in [-8, 7].
    """
    least, most = arrays[0].min(), arrays[0].max()
    if least < -8 or most > 7:
        raise ValueError(f"weights of 4 bits must lie in [-8, 7], got values in [{least}, {most}]")
    low, high = np.split(_pack_panels(arrays, parameters).view(np.uint8), 2, axis=2)
    return low & 15 | high << 4


def _table_shape(_: Sequence[Shape], __: Parameters) -> Shape:
    return (TABLE_ENTRIES,)


def _pack_table(arrays: Sequence[Array], parameters: Parameters) -> Array:
    """A table of 2 to 7 bits for indices of 8: entries beyond the width repeat the outermost."""
    (table,), (signed,) = arrays, parameters
    index = np.arange(TABLE_ENTRIES) - (TABLE_ENTRIES - len(table)) // 2 * signed
    return table[np.clip(index, 0, len(table) - 1)]


def _columns_shape(shapes: Sequence[Shape], parameters: Parameters) -> Shape:
    (outs,), (columns,) = shapes[0], parameters
    return (_round_up(outs, columns),)


def _pack_columns(arrays: Sequence[Array], parameters: Parameters) -> Array:
    """One number per output channel, padded with zeros to whole panels."""
    return _padded(arrays[0], _columns_shape([arrays[0].shape], parameters))


def _pack_offset_bias(arrays: Sequence[Array], parameters: Parameters) -> Array:
    """``bias - 128 * sum_k weight[:, k]``, wrapping as accumulators do: undoes the activations' offset."""
    bias, weight = arrays
    corrected = bias.astype(np.int64) - BYTE_OFFSET * weight.astype(np.int64).sum(axis=1)
    return _pack_columns([corrected.astype(np.int32)], parameters)


def _rows_shape(_: Sequence[Shape], parameters: Parameters) -> Shape:
    return parameters


def _pack_rows(arrays: Sequence[Array], parameters: Parameters) -> Array:
    """Rows by channels, whatever the extents before the channels are."""
    return arrays[0].reshape(parameters)


def _plain(shapes: Sequence[Shape], _: Parameters) -> Shape:
    return shapes[0]


def _unbatched(shapes: Sequence[Shape], _: Parameters) -> Shape:
    return shapes[0][1:]


PACKINGS: dict[str, Packing] = {
    "plain": Packing(_plain, lambda arrays, _: arrays[0]),
    "unbatched": Packing(_unbatched, lambda arrays, _: arrays[0][0]),
    "rows": Packing(_rows_shape, _pack_rows),
    "panels": Packing(_panels_shape, _pack_panels),
    "nibbles": Packing(_nibbles_shape, _pack_nibbles, ui8),
    "split": Packing(_split_shape, _pack_split),
    "fragments": Packing(fragments_extents, lambda arrays, given: pack_fragments(arrays[0], *given)),
    "words": Packing(fragments_extents, lambda arrays, given: pack_words(arrays[0], *given)),
    "table": Packing(_table_shape, _pack_table),
    "columns": Packing(_columns_shape, _pack_columns),
    "offset_bias": Packing(_columns_shape, _pack_offset_bias),
}
"""By name. Parameters: ``rows`` (rows, columns), ``panels`` and ``nibbles`` (columns, depth), ``split``
(columns, depth, lanes, room for extra steps: see ``lowering/pairs``), ``columns`` and ``offset_bias``
(columns,), ``words`` (columns, depth, columns of a warp), ``fragments`` (the same, bytes of an activation),
``table`` (whether its index is signed,)."""
