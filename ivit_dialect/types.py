"""Element types and constraints that the dialect's ops share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

from typing_extensions import TypeVar
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
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
from xdsl.irdl.constraints import IntConstraint, VerificationContext
from xdsl.utils.exceptions import VerifyException

from ivit_dialect.hints import isa

ui8 = IntegerType(8, Signedness.UNSIGNED)

IntegerTensor: TypeAlias = TensorType[IntegerType]


@dataclass(frozen=True)
class IntegerWidths(AttrConstraint[IntegerType]):
    """Signed integers of 2 to ``signed`` bits, unsigned of 2 to ``unsigned``, and the widths ``whole``."""

    signed: int
    unsigned: int = 0
    whole: tuple[int, ...] = ()

    def verify(self, attr: Attribute, constraint_context: VerificationContext) -> None:
        if not (isa(attr, IntegerType) and self.fits(attr)):
            raise VerifyException(f"Expected one of {self} but got {attr}")

    def fits(self, element: IntegerType) -> bool:
        """Whether ``element`` is among them; ``si8`` and the like never are: signless is signed here."""
        width = element.width.data
        if element.signedness.data is Signedness.UNSIGNED:
            return 2 <= width <= self.unsigned
        signless = element.signedness.data is Signedness.SIGNLESS
        return signless and (2 <= width <= self.signed or width in self.whole)

    def mapping_type_vars(
        self, type_var_mapping: Mapping[TypeVar, AttrConstraint | IntConstraint]
    ) -> IntegerWidths:
        return self

    def get_bases(self) -> set[type[Attribute]]:
        return {IntegerType}

    def __str__(self) -> str:
        signed = [f"i2..i{self.signed}"] if self.signed else []
        unsigned = [f"ui2..ui{self.unsigned}"] if self.unsigned else []
        return ", ".join([*signed, *unsigned, *(f"i{width}" for width in self.whole)])


MOST_BITS = 16
"""Of an activation. Wider integers are i32 and i64."""
MOST_INDEX_BITS = 12
"""Of what indexes a table."""

INTEGER = IntegerWidths(MOST_BITS, MOST_BITS, (32, 64))
INTEGER_TENSOR = TensorType.constr(INTEGER)
ACTIVATION = IntegerWidths(MOST_BITS)
ACTIVATION_TENSOR = TensorType.constr(ACTIVATION)
NARROW_TENSOR = TensorType.constr(IntegerWidths(8))
INDEX_TENSOR = TensorType.constr(IntegerWidths(MOST_INDEX_BITS, MOST_INDEX_BITS))
CODE_TENSOR = TensorType.constr(IntegerWidths(0, 8))
PROBABILITY_TENSOR = TensorType.constr(IntegerWidths(MOST_BITS, 8))
I8_TENSOR = TensorType.constr(EqAttrConstraint(i8))
I8_OR_UI8_TENSOR = TensorType.constr(AttrSetConstraint.get(i8, ui8))
I16_TENSOR = TensorType.constr(EqAttrConstraint(i16))
I32_TENSOR = TensorType.constr(EqAttrConstraint(i32))
I64_TENSOR = TensorType.constr(EqAttrConstraint(i64))
I64_ATTR = cast(AttrConstraint[IntegerAttr[I64]], IntegerAttr.constr(type=EqAttrConstraint(i64)))


def tensor_types(*values: SSAValue) -> list[IntegerTensor]:
    """The types of ``values``, which constraints have already shown to be tensors of integers.

    VerifyException unless their extents are positive and at most the first one (the batch) is dynamic.
    """
    types = [cast(IntegerTensor, value.type) for value in values]
    for type_ in types:
        batch, *others = type_.get_shape() or (0,)
        if not (batch > 0 or batch == DYNAMIC_INDEX) or any(extent <= 0 for extent in others):
            raise VerifyException(f"extents must be positive, and only the first may be dynamic, got {type_}")
    return types


def integer_range(element: Attribute) -> tuple[int, int]:
    """Smallest and largest value of an integer element type; signless counts as signed."""
    integer = cast(IntegerType, element)
    width = integer.width.data
    if integer.signedness.data is Signedness.UNSIGNED:
        return 0, (1 << width) - 1
    return -(1 << (width - 1)), (1 << (width - 1)) - 1


def is_activation(element: Attribute) -> bool:
    """Whether an element type is a signed one of 2 to 16 bits."""
    return isa(element, IntegerType) and ACTIVATION.fits(element)


def most(tensor: IntegerTensor) -> int:
    """The largest magnitude of a tensor's element type."""
    return max(abs(bound) for bound in integer_range(tensor.element_type))


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


def shape_text(shape: Sequence[int]) -> str:
    """``[?, 5, 16]``."""
    return f"[{', '.join('?' if extent == DYNAMIC_INDEX else str(extent) for extent in shape)}]"


def require_shape(tensor: IntegerTensor, shape: tuple[int, ...], what: str) -> None:
    """Exactly these extents, dynamic ones included."""
    require(
        tensor.get_shape() == shape,
        f"{what} must have shape {shape_text(shape)}, got {shape_text(tensor.get_shape())}",
    )


def require_same_shape(a: IntegerTensor, b: IntegerTensor, what: str) -> None:
    """Equal static and dynamic extents."""
    require(
        a.get_shape() == b.get_shape(),
        f"{what} must have the same shape, got {shape_text(a.get_shape())} and {shape_text(b.get_shape())}",
    )


def require_zero_point(zero_point: IntegerAttr[I64] | None, element: Attribute) -> None:
    """A zero point, where there is one, is a value of the element type that it shifts."""
    low, high = integer_range(element)
    value = 0 if zero_point is None else zero_point.value.data
    require(low <= value <= high, f"zero_point must lie in [{low}, {high}], got {value}")


def index_bits(table: IntegerTensor) -> int:
    """The width of what indexes ``table``; VerifyException unless its length is that of a width."""
    (entries,) = table.get_shape() if table.get_num_dims() == 1 else (0,)
    bits = entries.bit_length() - 1
    require(
        2 <= bits <= MOST_INDEX_BITS and entries == 1 << bits,
        f"table must have 2^b entries, b in [2, {MOST_INDEX_BITS}], got {shape_text(table.get_shape())}",
    )
    return bits


def require_table(table: IntegerTensor, bits: int, output: IntegerTensor) -> None:
    """A table of one entry for each value of ``bits`` bits."""
    require_shape(table, (1 << bits,), "table")
    require(table.element_type == output.element_type, "table and output must share an element type")


def require_row_multiplier(dividend: int, min_divisor: int) -> None:
    """A row's multiplier, ``floor(dividend / divisor)``, fits 31 bits and can be more than 0."""
    require(
        1 <= dividend // min_divisor < 1 << 31,
        f"dividend / min_divisor must lie in [1, 2^31), got {dividend} / {min_divisor}",
    )
