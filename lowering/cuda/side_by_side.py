"""Several launches of one kernel as one launch: each has a part of the grid, along an axis that is free.

Independent launches of equal kernels differ in where their operands lie and in scalars. What they have in
common is passed once; of all else each block chooses its launch's by its number along the axis. One launch
costs less than several, and fills a GPU better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from xdsl.dialects import gpu
from xdsl.ir import Attribute, Block, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from lowering.cuda.build import Geometry
from lowering.kernels.base import KernelSpec
from lowering.kernels.build import LoopBuilder
from runtime.cuda_program import ONE, Extent, Span

AXES = ("x", "y", "z")


@dataclass(frozen=True)
class Together:
    """``count`` launches; for each operand whether all of them have the same. Scalars are passed for each."""

    count: int
    common: tuple[bool, ...]

    def of(self, number: int) -> int:
        """How many of an operand, or after these of a scalar, are passed."""
        return 1 if number < len(self.common) and self.common[number] else self.count


@dataclass(frozen=True)
class Asked:
    """What a launch is passed, and the name of what it computes."""

    name: str
    spans: tuple[Span, ...]
    scalars: tuple[int, ...]


def together(launches: Sequence[Asked]) -> Together:
    """How launches of one kernel go side by side."""
    operands = zip(*(launch.spans for launch in launches), strict=True)
    return Together(len(launches), tuple(len(set(spans)) == 1 for spans in operands))


def joined(launches: Sequence[Asked]) -> Asked:
    """One launch for all: in the kernel's order, what differs as often as there are launches."""
    first, how = launches[0], together(launches)
    spans = [launch.spans[i] for i in range(len(first.spans)) for launch in launches[: how.of(i)]]
    by_number = zip(*(launch.scalars for launch in launches), strict=True)
    scalars = [value for values in by_number for value in values]
    return Asked(" + ".join(launch.name for launch in launches), tuple(spans), tuple(scalars))


def free_axis(body: Block, geometry: Geometry) -> int | None:
    """The last axis along which there is one block, and of which the body knows nothing."""
    known = {op.dimension.data for op in body.walk() if isinstance(op, gpu.BlockIdOp | gpu.GridDimOp)}
    free = [i for i, axis in enumerate(AXES) if geometry.grid[i] == ONE and axis not in known]
    return free[-1] if free else None


def spread(geometry: Geometry, axis: int, how: Together) -> Geometry:
    """The grid of all launches."""
    x, y, z = (Extent(how.count) if i == axis else extent for i, extent in enumerate(geometry.grid))
    return replace(geometry, grid=(x, y, z))


def side_by_side(body: Block, spec: KernelSpec, axis: int, how: Together) -> Block:
    """The body of a kernel for all launches: ``body`` with the arguments of the block's launch."""
    arguments: list[SSAValue] = list(body.args)
    pairs = 2 * len(spec.memrefs)
    kinds = [arguments[i : i + 2] for i in range(0, pairs, 2)] + [[x] for x in arguments[pairs:-1]]
    types: list[Attribute] = [
        value.type for i, values in enumerate(kinds) for _ in range(how.of(i)) for value in values
    ]
    entry = Block(arg_types=[*types, arguments[-1].type])
    b = LoopBuilder(entry)
    dimension = gpu.DimensionAttr(gpu.DimensionEnum(AXES[axis]))
    number = b.insert(gpu.BlockIdOp(dimension)).result
    is_launch = [b.compare("eq", number, i) for i in range(how.count)]
    given, chosen = iter(entry.args), list[SSAValue]()
    for i, values in enumerate(kinds):
        sets = [[next(given) for _ in values] for _ in range(how.of(i))]
        for position, value in enumerate(values):
            found = sets[0][position]
            for launch, of_launch in enumerate(sets):
                of_launch[position].name_hint = value.name_hint
                found = b.select(is_launch[launch], of_launch[position], found) if launch else found
            chosen.append(found)
    images = next(given)
    images.name_hint = "images"
    Rewriter.inline_block(body, InsertPoint.at_end(entry), [*chosen, images])
    return entry
