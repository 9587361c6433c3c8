"""Types of the torch dialect, spelled as torch-mlir spells them.

Inside another torch type the prefix ``!torch.`` is left out (``!torch.list<int>``,
``!torch.optional<vtensor<[1,2],f32>>``), as in torch-mlir's TorchTypes.cpp.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import DYNAMIC_INDEX, ArrayAttr, IntAttr, NoneAttr
from xdsl.ir import Attribute, ParametrizedAttribute, TypeAttribute
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException


@irdl_attr_definition
class ValueTensorType(ParametrizedAttribute, TypeAttribute):
    """``!torch.vtensor<[sizes],dtype>``: an immutable tensor.

    ``shape`` is absent (NoneAttr) when the rank is not known; a size of DYNAMIC_INDEX prints ``?``.
    ``dtype`` is a builtin float type, a signed or unsigned integer type, ``i1``, or absent.
    """

    name = "torch.vtensor"

    shape: ArrayAttr[IntAttr] | NoneAttr
    dtype: Attribute

    def __init__(self, sizes: Sequence[int | None] | None, dtype: Attribute | None) -> None:
        shape = (
            NoneAttr()
            if sizes is None
            else ArrayAttr([IntAttr(DYNAMIC_INDEX if size is None else size) for size in sizes])
        )
        super().__init__(shape, NoneAttr() if dtype is None else dtype)

    @property
    def sizes(self) -> tuple[int | None, ...] | None:
        """The sizes, None for one that is only known at run time; None where the rank is not known."""
        if isinstance(self.shape, NoneAttr):
            return None
        return tuple(None if size.data == DYNAMIC_INDEX else size.data for size in self.shape)

    @property
    def rank(self) -> int | None:
        return None if isinstance(self.shape, NoneAttr) else len(self.shape)

    def with_sizes(self, sizes: Sequence[int | None] | None) -> ValueTensorType:
        """The same dtype, other sizes."""
        return ValueTensorType(sizes, None if isinstance(self.dtype, NoneAttr) else self.dtype)

    def verify(self) -> None:
        for size in self.sizes or ():
            if size is not None and size < 0:
                raise VerifyException(f"sizes of a torch.vtensor must not be negative, got {size}")

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        if parser.parse_optional_punctuation("<") is None:
            return (NoneAttr(), NoneAttr())
        shape: ArrayAttr[IntAttr] | NoneAttr = NoneAttr()
        if parser.parse_optional_punctuation("*") is None:
            sizes = parser.parse_comma_separated_list(
                parser.Delimiter.SQUARE, lambda: _parse_size(parser), " in the sizes of a torch.vtensor"
            )
            shape = ArrayAttr(sizes)
        parser.parse_punctuation(",")
        dtype = NoneAttr() if parser.parse_optional_keyword("unk") else parser.parse_type()
        parser.parse_punctuation(">")
        return (shape, dtype)

    def print_parameters(self, printer: Printer) -> None:
        if isinstance(self.shape, NoneAttr) and isinstance(self.dtype, NoneAttr):
            return
        with printer.in_angle_brackets():
            if isinstance(self.shape, NoneAttr):
                printer.print_string("*")
            else:
                sizes = self.sizes or ()
                printer.print_string(f"[{','.join('?' if size is None else str(size) for size in sizes)}]")
            printer.print_string(",")
            if isinstance(self.dtype, NoneAttr):
                printer.print_string("unk")
            else:
                printer.print_attribute(self.dtype)


def _parse_size(parser: AttrParser) -> IntAttr:
    if parser.parse_optional_punctuation("?") is not None:
        return IntAttr(DYNAMIC_INDEX)
    return IntAttr(parser.parse_integer(allow_boolean=False))


@irdl_attr_definition
class IntType(ParametrizedAttribute, TypeAttribute):
    """``!torch.int``: a 64-bit signed integer."""

    name = "torch.int"


@irdl_attr_definition
class FloatType(ParametrizedAttribute, TypeAttribute):
    """``!torch.float``: a Python float."""

    name = "torch.float"


@irdl_attr_definition
class NumberType(ParametrizedAttribute, TypeAttribute):
    """``!torch.number``: an int or a float."""

    name = "torch.number"


@irdl_attr_definition
class BoolType(ParametrizedAttribute, TypeAttribute):
    name = "torch.bool"


@irdl_attr_definition
class StringType(ParametrizedAttribute, TypeAttribute):
    name = "torch.str"


@irdl_attr_definition
class NoneType(ParametrizedAttribute, TypeAttribute):
    """``!torch.none``: the type of Python's None."""

    name = "torch.none"


@irdl_attr_definition
class DeviceType(ParametrizedAttribute, TypeAttribute):
    name = "torch.Device"


def _parse_inner(parser: AttrParser) -> Attribute:
    """A torch type without its prefix, or any type with its prefix."""
    if (name := parser.parse_optional_identifier()) is None:
        return parser.parse_type()
    inner = _INNER_TYPES.get(name)
    if inner is None:
        parser.raise_error(f"unknown torch type '{name}'; known: {', '.join(sorted(_INNER_TYPES))}")
    return inner.new(inner.parse_parameters(parser))


def _print_inner(inner: Attribute, printer: Printer) -> None:
    name = inner.name.removeprefix("torch.")
    if not isinstance(inner, ParametrizedAttribute) or name not in _INNER_TYPES:
        printer.print_attribute(inner)
        return
    printer.print_string(name)
    inner.print_parameters(printer)


@irdl_attr_definition
class ListType(ParametrizedAttribute, TypeAttribute):
    """``!torch.list<T>``."""

    name = "torch.list"

    contained: Attribute

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        with parser.in_angle_brackets():
            return (_parse_inner(parser),)

    def print_parameters(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            _print_inner(self.contained, printer)


@irdl_attr_definition
class OptionalType(ParametrizedAttribute, TypeAttribute):
    """``!torch.optional<T>``: a T or None."""

    name = "torch.optional"

    contained: Attribute

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        with parser.in_angle_brackets():
            return (_parse_inner(parser),)

    def print_parameters(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            _print_inner(self.contained, printer)


@irdl_attr_definition
class TupleType(ParametrizedAttribute, TypeAttribute):
    """``!torch.tuple<T, U>``."""

    name = "torch.tuple"

    contained: ArrayAttr[Attribute]

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        inner = parser.parse_comma_separated_list(parser.Delimiter.ANGLE, lambda: _parse_inner(parser))
        return (ArrayAttr(inner),)

    def print_parameters(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_list(self.contained, lambda inner: _print_inner(inner, printer))


TORCH_TYPES: tuple[type[ParametrizedAttribute], ...] = (
    ValueTensorType,
    IntType,
    FloatType,
    NumberType,
    BoolType,
    StringType,
    NoneType,
    DeviceType,
    ListType,
    OptionalType,
    TupleType,
)
_INNER_TYPES: dict[str, type[ParametrizedAttribute]] = {
    inner.name.removeprefix("torch."): inner for inner in TORCH_TYPES
}
