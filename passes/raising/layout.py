"""Chains of views and permutes as index factorisations.

Any such chain splits the source's dimensions into factors, reorders the factors and joins them into the
result's dimensions. So it equals one view, one permute and one view, and that form is canonical: torch-mlir's
two forms of a model differ in how they spell the chains (heads × batch merged and split again, transposes
undone), not in what the chains do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from xdsl.ir import Operation, SSAValue

from ivit_dialect.torch.constants import constant_ints
from ivit_dialect.torch.ops_shape import AtenPermuteOp, AtenViewOp
from passes.raising import build
from passes.raising.build import Sizes, sizes_of


@dataclass(eq=False)
class Factor:
    """A factor of a dimension, compared by identity; a size of None is the run-time size (the batch)."""

    size: int | None


@dataclass
class Layout:
    """A tensor as a rearrangement of ``source``: both as lists of dimensions, each a list of factors.

    Dimensions of size one have no factors, save the one that stands for the batch of a batch-1 export.
    """

    source: SSAValue
    source_dims: list[list[Factor]]
    dims: list[list[Factor]]

    @classmethod
    def of(cls, value: SSAValue) -> Layout | None:
        """Follow views and permutes up from ``value``; None where a view cuts across factors."""
        chain: list[AtenViewOp | AtenPermuteOp] = []
        source = value
        while isinstance(source.owner, AtenViewOp | AtenPermuteOp):
            chain.append(source.owner)
            source = source.owner.input
        layout = cls.identity(source)
        for op in reversed(chain):
            if isinstance(op, AtenPermuteOp):
                order = constant_ints(op.dims)
                if order is None:
                    return None
                layout.dims = [layout.dims[dim] for dim in order]
            elif not layout.reshape(sizes_of(op.result)):
                return None
        layout.place_batch()
        return layout

    @classmethod
    def identity(cls, source: SSAValue) -> Layout:
        source_dims = [[] if size == 1 else [Factor(size)] for size in sizes_of(source)]
        return cls(source, source_dims, [list(dim) for dim in source_dims])

    def reshape(self, sizes: Sizes) -> bool:
        """Regroup the factors, in order, into ``sizes``; False where a factor cannot be split that way."""
        rest = [factor for dim in self.dims for factor in dim]
        unknown = [position for position, size in enumerate(sizes) if size is None]
        if len(unknown) > 1:
            return False
        split = unknown[0] if unknown else len(sizes)
        front: list[list[Factor]] = []
        for size in sizes[:split]:
            taken = self._take(rest, size, from_end=False)
            if taken is None:
                return False
            front.append(taken)
        back: list[list[Factor]] = []
        for size in reversed(sizes[split + 1 :]):
            taken = self._take(rest, size, from_end=True)
            if taken is None:
                return False
            back.append(taken)
        if not unknown and rest:
            return False
        self.dims = [*front, *([rest] if unknown else []), *reversed(back)]
        return True

    def _take(self, rest: list[Factor], size: int | None, from_end: bool) -> list[Factor] | None:
        """Factors of product ``size`` off one end of ``rest``, the last one split where need be."""
        taken: list[Factor] = []
        missing = size or 0
        while missing > 1:
            factor = rest.pop(-1 if from_end else 0) if rest else None
            if factor is None or factor.size is None:
                return None
            if missing % factor.size:
                if factor.size % missing:
                    return None
                major, minor = (
                    (factor.size // missing, missing) if from_end else (missing, factor.size // missing)
                )
                parts = self._split(factor, major, minor)
                rest.insert(len(rest) if from_end else 0, parts[0] if from_end else parts[1])
                factor = parts[1] if from_end else parts[0]
            taken.append(factor)
            missing //= factor.size or 1
        return taken[::-1] if from_end else taken

    def _split(self, factor: Factor, major: int, minor: int) -> tuple[Factor, Factor]:
        parts = Factor(major), Factor(minor)
        for dim in self.source_dims:
            if factor in dim:
                position = dim.index(factor)
                dim[position : position + 1] = parts
        return parts

    def batch(self) -> Factor | None:
        """The factor of the batch: the run-time one or, for a batch-1 export, the source's first size 1.

        The latter gets a factor of its own in the source; the caller places it among ``dims``.
        """
        for dim in self.source_dims:
            for factor in dim:
                if factor.size is None or factor.size == 1:
                    return factor
        for dim in self.source_dims:
            if not dim:
                unit = Factor(1)
                dim.append(unit)
                return unit
        return None

    def place_batch(self) -> None:
        """Give the batch of a batch-1 export to the first result dimension of size 1, where there is one."""
        if any(factor.size is None for dim in self.source_dims for factor in dim):
            return
        free = next((dim for dim in self.dims if not dim), None)
        if free is not None and (unit := self.batch()) is not None:
            free.append(unit)

    def sizes(self) -> Sizes:
        return tuple(_size(dim) for dim in self.dims)

    def emit(self, sizes: Sizes) -> list[Operation]:
        """View, permute, view from the source to this layout, of type ``sizes``; each only where needed."""
        result_order = [factor for dim in self.dims for factor in dim]
        kept = set(result_order)
        source_order = [factor for dim in self.source_dims for factor in dim if factor in kept]
        groups = _groups(source_order, result_order)
        order = sorted(range(len(groups)), key=lambda index: source_order.index(groups[index][0]))
        ops: list[Operation] = []
        value = self.source
        if order != list(range(len(groups))):
            split: Sizes = tuple(_size(groups[index]) for index in order)
            if split != sizes_of(value):
                ops += build.view(value, split)
                value = ops[-1].results[0]
            ops += build.permute(value, [order.index(position) for position in range(len(groups))])
            value = ops[-1].results[0]
        if sizes != sizes_of(value):
            ops += build.view(value, sizes)
        return ops


def _groups(source_order: Sequence[Factor], result_order: Sequence[Factor]) -> list[list[Factor]]:
    """``result_order`` cut where it leaves the source's order; the batch is always a group of its own."""
    position = {id(factor): index for index, factor in enumerate(source_order)}
    groups: list[list[Factor]] = []
    for factor in result_order:
        previous = groups[-1][-1] if groups else None
        joins = (
            previous is not None
            and position[id(factor)] == position[id(previous)] + 1
            and not _is_batch(factor)
            and not _is_batch(previous)
        )
        if joins:
            groups[-1].append(factor)
        else:
            groups.append([factor])
    return groups


def _is_batch(factor: Factor) -> bool:
    return factor.size is None or factor.size == 1


def _size(factors: Sequence[Factor]) -> int | None:
    sizes = [factor.size for factor in factors]
    return None if None in sizes else prod(size for size in sizes if size is not None)
