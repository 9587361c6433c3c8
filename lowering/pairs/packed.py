"""How weights lie in memory that are multiplied two or four products at a time in 16 bits.

One array of bytes: the panels ``[panel][step][column * depth]`` without their excess, each in an order of
steps of its own; that order, i32 [panel][step]; bounds, i32 [panel][1 + registers + 1]: how many times two
steps come first that are added up in 16 bits, then where each register's further steps begin and the last
one's end; these steps, [room][lane * depth], and the steps whose activations they take, i32 [room].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lowering.arena import align
from lowering.pairs.fours import order_steps
from lowering.pairs.split import excess, further_steps

LINE = 64
"""Bytes that each part begins at a multiple of."""


@dataclass(frozen=True)
class SplitLayout:
    """The extents, and where the parts begin. ``room`` is that for further steps."""

    panels: int
    steps: int
    columns: int
    depth: int
    lanes: int
    room: int

    @property
    def registers(self) -> int:
        """Of a step."""
        return self.columns // self.lanes

    @property
    def bounds(self) -> int:
        """How many a panel has."""
        return 1 + self.registers + 1

    @property
    def order_at(self) -> int:
        """The byte where the orders begin."""
        return align(self.panels * self.steps * self.columns * self.depth, LINE)

    @property
    def bounds_at(self) -> int:
        """The byte where the bounds begin."""
        return self.order_at + align(4 * self.panels * self.steps, LINE)

    @property
    def extras_at(self) -> int:
        """The byte where the further steps begin."""
        return self.bounds_at + align(4 * self.panels * self.bounds, LINE)

    @property
    def groups_at(self) -> int:
        """The byte where the steps begin that they belong to."""
        return self.extras_at + align(self.room * self.lanes * self.depth, LINE)

    @property
    def size(self) -> int:
        """Bytes in all."""
        return self.groups_at + align(4 * self.room, LINE)

    def pack(self, panels: NDArray[np.int8]) -> NDArray[np.int8]:
        """The bytes for ``panels`` [panel][step][column * depth]; ValueError where ``room`` is too small."""
        given = excess(panels)
        rest = (panels - given).astype(np.int8)
        order, fours = order_steps(rest)
        further = further_steps(panels, self.lanes * self.depth)
        needed = int(further.sum())
        if needed > self.room:
            raise ValueError(
                f"weights that need {needed} extra steps, where the plan has room for {self.room}"
            )
        counts = further.sum(axis=2).reshape(-1)
        starts = np.concatenate([[0], np.cumsum(counts)])
        first = np.arange(self.panels)[:, None] * self.registers + np.arange(self.registers + 1)
        bounds = np.concatenate([fours[:, None], starts[first]], axis=1).astype(np.int32)
        registers = given.reshape(self.panels, self.steps, self.registers, -1).swapaxes(1, 2)
        whole = np.zeros(self.size, np.int8)
        for at, part in (
            (0, np.take_along_axis(rest, order[:, :, None], axis=1)),
            (self.order_at, order),
            (self.bounds_at, bounds),
            (self.extras_at, registers[further]),
            (self.groups_at, np.nonzero(further)[2].astype(np.int32)),
        ):
            data = np.frombuffer(part.tobytes(), np.int8)
            whole[at : at + data.size] = data
        return whole
