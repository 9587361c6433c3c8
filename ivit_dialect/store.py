"""The weight store: tensors by key, beside the IR that names them.

IR text carries keys, a safetensors file carries bytes. A module says which file in its attribute
``ivit.store``; passes reach the open store through a ``StoreContext``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file
from safetensors.numpy import save as to_bytes
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.utils.exceptions import PassFailedException

from ivit_dialect.files import whole_file

STORE_ATTRIBUTE = "ivit.store"


class MissingWeightError(KeyError):
    """A key that the IR names and the store lacks."""

    def __str__(self) -> str:
        return f"weight '{self.args[0]}' is not at hand: give the safetensors file that belongs to the module"


class WeightStore(MutableMapping[str, NDArray[Any]]):
    """Arrays by key, in the order of insertion."""

    def __init__(self, arrays: dict[str, NDArray[Any]] | None = None) -> None:
        self._arrays = dict(arrays or {})

    def __getitem__(self, key: str) -> NDArray[Any]:
        try:
            return self._arrays[key]
        except KeyError:
            raise MissingWeightError(key) from None

    def __setitem__(self, key: str, value: NDArray[Any]) -> None:
        self._arrays[key] = np.ascontiguousarray(value)

    def __delitem__(self, key: str) -> None:
        del self._arrays[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def unique_key(self, stem: str) -> str:
        """``stem`` or, where it is taken, ``stem_1``, ``stem_2``, …"""
        key, count = stem, 0
        while key in self._arrays:
            count += 1
            key = f"{stem}_{count}"
        return key

    @classmethod
    def open(cls, path: Path) -> WeightStore:
        """Read a safetensors file; FileNotFoundError or ValueError (one line) when it cannot be read."""
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such weight file")
        try:
            return cls(load_file(path))
        except SafetensorError as error:
            raise ValueError(f"{path}: not a readable safetensors file: {error}") from error

    def save(self, path: Path) -> None:
        """Write a safetensors file, whole or not at all; OSError, one line, where that fails."""
        with whole_file(path) as file:
            # safetensors' own save_file makes files that only their owner may read
            file.write_bytes(to_bytes(self._arrays))


def _unheard(remark: str) -> None:
    """Nobody listens."""


@dataclass
class StoreContext(Context):
    """An xDSL context with the weight store of the module at hand; ``remark`` hears what passes have done."""

    store: WeightStore = field(default_factory=WeightStore)
    remark: Callable[[str], None] = _unheard


def store_of(ctx: Context) -> WeightStore:
    """The store behind ``ctx``; PassFailedException where a plain xDSL driver has none."""
    if not isinstance(ctx, StoreContext):
        raise PassFailedException("this pass reads weights, which this driver does not: run it in ivit-opt")
    return ctx.store


def emit_remark(ctx: Context, remark: str) -> None:
    """Say in one line what a pass has done; a plain xDSL driver has nobody who listens."""
    if isinstance(ctx, StoreContext):
        ctx.remark(remark)


def store_path(module: ModuleOp, source: Path) -> Path | None:
    """The weight file that ``module``, read from ``source``, names (relative to ``source``), or None."""
    name = module.attributes.get(STORE_ATTRIBUTE)
    return source.parent / name.data if isinstance(name, StringAttr) else None
