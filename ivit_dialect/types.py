"""Element types and constraints that the dialect's ops share."""

from __future__ import annotations

from typing import TypeAlias, cast

from xdsl.dialects.builtin import (
    I64,
    IntegerAttr,
    IntegerType,
    Signedness,
    TensorType,
    i8,
    i16,
    i32,
    i64,
)
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import AttrConstraint, AttrSetConstraint, EqAttrConstraint
from xdsl.utils.exceptions import VerifyException

ui8 = IntegerType(8, Signedness.UNSIGNED)

IntegerTensor: TypeAlias = TensorType[IntegerType]

INTEGER_TENSOR = TensorType.constr(AttrSetConstraint.get(i8, ui8, i16, i32, i64))
I8_TENSOR = TensorType.constr(EqAttrConstraint(i8))
I8_OR_UI8_TENSOR = TensorType.constr(AttrSetConstraint.get(i8, ui8))
I16_TENSOR = TensorType.constr(EqAttrConstraint(i16))
I32_TENSOR = TensorType.constr(EqAttrConstraint(i32))
I64_TENSOR = TensorType.constr(EqAttrConstraint(i64))
I64_ATTR = cast(AttrConstraint[IntegerAttr[I64]], IntegerAttr.constr(type=EqAttrConstraint(i64)))


def tensor_types(*values: SSAValue) -> list[IntegerTensor]:
    """The types of ``values``, which constraints have already shown to be tensors of integers."""
    return [cast(IntegerTensor, value.type) for value in values]


def integer_range(element: Attribute) -> tuple[int, int]:
    """Smallest and largest value of an integer element type; signless counts as signed."""
    integer = cast(IntegerType, element)
    width = integer.width.data
    if integer.signedness.data is Signedness.UNSIGNED:
        return 0, (1 << width) - 1
    return -(1 << (width - 1)), (1 << (width - 1)) - 1


def i64_attr(value: int) -> IntegerAttr[I64]:
    """``value`` as a 64-bit attribute."""
    return IntegerAttr(value, i64)


def require(condition: bool, message: str) -> None:
    """Raise VerifyException(message) unless ``condition`` holds."""
    if not condition:
        raise VerifyException(message)


def require_shift(shift: IntegerAttr[I64], least: int = 1) -> None:
    """A right shift of an exact 64-bit product."""
    require(least <= shift.value.data <= 62, f"shift must lie in [{least}, 62], got {shift.value.data}")


def require_multiplier(multiplier: IntegerAttr[I64]) -> None:
    """A dyadic numerator: the product with any 32-bit integer must fit 64 bits."""
    require(
        -(1 << 31) < multiplier.value.data < (1 << 31),
        f"multiplier must lie in (-2^31, 2^31), got {multiplier.value.data}",
    )


def require_same_shape(a: IntegerTensor, b: IntegerTensor, what: str) -> None:
    """Equal static and dynamic extents."""
    require(
        a.get_shape() == b.get_shape(),
        f"{what} must have the same shape, got {a.get_shape()} and {b.get_shape()}",
    )
