"""Python values of SSA values that are constants of the torch dialect."""

from __future__ import annotations

from xdsl.ir import SSAValue

from ivit_dialect.torch.ops_constant import (
    ConstantBoolOp,
    ConstantFloatOp,
    ConstantIntOp,
    ConstantNoneOp,
)
from ivit_dialect.torch.ops_scalar import PrimListConstructOp


def constant_int(value: SSAValue) -> int | None:
    """The int, or None where ``value`` is not a ``torch.constant.int``."""
    return value.owner.data if isinstance(value.owner, ConstantIntOp) else None


def constant_number(value: SSAValue) -> int | float | None:
    """The int or float, or None where ``value`` is neither constant."""
    return value.owner.data if isinstance(value.owner, ConstantIntOp | ConstantFloatOp) else None


def constant_bool(value: SSAValue) -> bool | None:
    """The bool, or None where ``value`` is not a ``torch.constant.bool``."""
    return value.owner.data if isinstance(value.owner, ConstantBoolOp) else None


def constant_ints(value: SSAValue) -> tuple[int, ...] | None:
    """The ints of a ``torch.prim.ListConstruct`` of constant ints, else None."""
    if not isinstance(value.owner, PrimListConstructOp):
        return None
    elements = [constant_int(element) for element in value.owner.elements]
    known = tuple(element for element in elements if element is not None)
    return known if len(known) == len(elements) else None


def list_elements(value: SSAValue) -> tuple[SSAValue, ...] | None:
    """The elements of a ``torch.prim.ListConstruct``, else None."""
    return tuple(value.owner.elements) if isinstance(value.owner, PrimListConstructOp) else None


def is_none(value: SSAValue) -> bool:
    """Whether ``value`` is ``torch.constant.none``."""
    return isinstance(value.owner, ConstantNoneOp)
