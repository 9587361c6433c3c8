"""``isa``: ``isinstance`` for attributes with parameters too, such as ``TensorType[IntegerType]``."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeGuard, TypeVar, cast, get_origin

from xdsl.ir import Attribute
from xdsl.irdl import AttrConstraint, irdl_to_attr_constraint
from xdsl.irdl.constraints import VerificationContext
from xdsl.utils.exceptions import VerifyException

T = TypeVar("T")


def isa(value: object, hint: type[T]) -> TypeGuard[T]:
    """Whether ``value`` is of the type ``hint``, a class or an attribute with parameters.

    xDSL's ``isa`` makes the constraint of an attribute anew in each call, which takes longer than the check.
    """
    constraint = _constraint(hint)
    if constraint is None:
        return isinstance(value, hint)
    try:
        constraint.verify(cast(Attribute, value), VerificationContext())
    except VerifyException:
        return False
    return True


@cache
def _constraint(hint: type[Any]) -> AttrConstraint[Any] | None:
    return None if get_origin(hint) is None else irdl_to_attr_constraint(hint)
