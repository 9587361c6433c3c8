"""Which integer values stand for which nodes of the float graph, and how: what a comparison with it needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import SSAValue

from passes.graph.nodes import Node


@dataclass(frozen=True, eq=False)
class Record:
    """``value`` stands for ``node``: ``real = step * (integer - zero_point) + offset``.

    ``step``, ``zero_point`` and ``offset`` are numbers, or arrays of a number for each channel (the last
    dimension) or head ([H, 1, 1]). ``value`` is [N, T, C] or [N, C].

    Of an attention, ``part`` may be ``scores`` or ``probabilities``: then ``value`` is [N, H, T, T]. Integers
    ``by_row`` are shares of the sum of their row; with ``levels``, integer ``k`` stands for ``levels[k]``.
    """

    node: Node
    value: SSAValue
    step: NDArray[np.float64]
    zero_point: NDArray[np.int64]
    offset: NDArray[np.float64]
    part: str = ""
    by_row: bool = False
    levels: NDArray[np.float64] | None = None

    @property
    def name(self) -> str:
        """The node's, or the part's beside it: ``block0.attention``, ``block0.scores``."""
        block, dot, _ = self.node.name.rpartition(".")
        return f"{block}{dot}{self.part}" if self.part else self.node.name

    def reals(self, integers: NDArray[Any]) -> NDArray[np.float64]:
        """What ``integers`` stand for."""
        if self.levels is not None:
            return self.levels[integers]
        if self.by_row:
            return integers / np.maximum(integers.sum(axis=-1, keepdims=True, dtype=np.int64), 1)
        return (integers - self.zero_point) * self.step + self.offset

    def integers(self, reals: NDArray[Any], least: int, most: int) -> NDArray[np.int64]:
        """The nearest integers in [least, most]; 0 where every integer stands for the same number.

        Of integers that stand for numbers by step, zero point and offset.
        """
        step = np.where(self.step == 0, 1.0, self.step)
        levels = np.rint((reals - self.offset) / step) + self.zero_point
        return np.clip(np.where(self.step == 0, 0.0, levels), least, most).astype(np.int64)
