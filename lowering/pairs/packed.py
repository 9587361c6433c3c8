"""How weights lie in memory that are multiplied two or four products at a time in 16 bits.

One array of bytes: the panels ``[panel][step][column * depth]`` without their excess, each in an order of
steps of its own; the groups of activations that these take, i32 [panel][step]; bounds, i32
[panel][1 + registers + 1]: how many times two steps come first that are added up in 16 bits, then where each
register's further steps begin and the last one's end; these steps, [room][lane * depth], and the groups that
they take, i32 [room]. The groups of a row are those of all arrangements, one after the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lowering.arena import align
from lowering.pairs.arrange import PAIRINGS, PLANES, arrange, arrangements
from lowering.pairs.fours import order_steps
from lowering.pairs.split import excess, further_steps

LINE = 64
"""Bytes that each part begins at a multiple of."""

ROW_BYTES = 2304
"""Of a row of activations in the arrangements of all planes; where they had more, those of one plane are
faster, since less of them falls out of the first-level cache."""

MOST_ROW_BYTES = 16384
"""Of a row in the arrangements of one plane; where they had more, activations stay as they are. A tile of
rows lies on the stack."""


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
    def pitch(self) -> int:
        """Groups from one arrangement of a row to the next: whole registers."""
        return align(self.steps * self.depth, LINE) // self.depth

    @property
    def planes(self) -> int:
        """How many planes activations are arranged by; 0 where they stay as they are."""
        of_one = len(PAIRINGS) * self.pitch * self.depth
        if len(PLANES) * of_one <= ROW_BYTES:
            return len(PLANES)
        return int(of_one <= MOST_ROW_BYTES)

    @property
    def groups(self) -> int:
        """Of activations that a row has, in all arrangements."""
        return len(arrangements(self.planes)) * self.pitch

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

    def arranged(self, panels: NDArray[np.int8]) -> tuple[NDArray[np.int8], NDArray[np.int32]]:
        """``panels`` with their channels as they are taken, and the groups [panel][step] that they take."""
        panels, numbers = arrange(panels, self.lanes, self.planes)
        return panels, numbers * self.pitch + np.arange(self.steps, dtype=np.int32)

    def further(self, panels: NDArray[np.int8]) -> NDArray[np.bool_]:
        """[panel][register][step]: where ``panels``, once arranged, need a further step."""
        return further_steps(panels, self.lanes * self.depth)

    def pack(self, panels: NDArray[np.int8]) -> NDArray[np.int8]:
        """The bytes for ``panels`` [panel][step][column * depth]; ValueError where ``room`` is too small."""
        panels, groups = self.arranged(panels)
        given = excess(panels)
        rest = (panels - given).astype(np.int8)
        order, fours = order_steps(rest)
        further = self.further(panels)
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
        panel, _, step = np.nonzero(further)
        whole = np.zeros(self.size, np.int8)
        for at, part in (
            (0, np.take_along_axis(rest, order[:, :, None], axis=1)),
            (self.order_at, np.take_along_axis(groups, order, axis=1)),
            (self.bounds_at, bounds),
            (self.extras_at, registers[further]),
            (self.groups_at, groups[panel, step]),
        ):
            data = np.frombuffer(part.tobytes(), np.int8)
            whole[at : at + data.size] = data
        return whole
