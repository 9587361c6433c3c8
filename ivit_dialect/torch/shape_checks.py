"""What a file may get wrong about views and permutes: passes trust their sizes and dimensions."""

from __future__ import annotations

from math import prod

from xdsl.utils.exceptions import VerifyException

from ivit_dialect.torch.base import TorchOp
from ivit_dialect.torch.constants import constant_ints
from ivit_dialect.torch.types import ValueTensorType


def _sizes(kind: object) -> tuple[int | None, ...] | None:
    return kind.sizes if isinstance(kind, ValueTensorType) else None


class RegroupingOp(TorchOp):
    """An op whose result has the elements of its first operand, in order."""

    def verify_(self) -> None:
        kinds = self.operands[0].type, self.results[0].type
        before, after = (_count(_sizes(kind)) for kind in kinds)
        if before is not None and after is not None and before != after:
            raise VerifyException(f"{before} elements of {kinds[0]} do not make {kinds[1]}")


def _count(sizes: tuple[int | None, ...] | None) -> int | None:
    """The number of elements, if all sizes are known."""
    known = [size for size in sizes or () if size is not None]
    return None if sizes is None or len(known) < len(sizes) else prod(known)


class SizedViewOp(RegroupingOp):
    """One that is given the sizes of its result, -1 for one to work out."""

    def verify_(self) -> None:
        super().verify_()
        given, result = constant_ints(self.operands[1]), _sizes(self.results[0].type)
        if given is None or result is None:
            return
        if len(given) != len(result) or not all(
            a == -1 or b is None or a == b for a, b in zip(given, result, strict=True)
        ):
            raise VerifyException(f"sizes {list(given)} do not give {self.results[0].type}")


class PermutingOp(TorchOp):
    """One that reorders the dimensions of its first operand as a list says; negative ones count back."""

    def verify_(self) -> None:
        order, sizes = constant_ints(self.operands[1]), _sizes(self.operands[0].type)
        if order is None or sizes is None:
            return
        rank = len(sizes)
        wrapped = [dim + rank if dim < 0 else dim for dim in order]
        if sorted(wrapped) != list(range(rank)):
            raise VerifyException(
                f"dims {list(order)} do not permute the {rank} dimensions of {self.operands[0].type}"
            )
        result = _sizes(self.results[0].type)
        if result is None:
            return
        moved = [sizes[dim] for dim in wrapped]
        if len(result) != rank or any(
            a is not None and b is not None and a != b for a, b in zip(moved, result, strict=True)
        ):
            raise VerifyException(
                f"dims {list(order)} of {self.operands[0].type} do not give {self.results[0].type}"
            )
