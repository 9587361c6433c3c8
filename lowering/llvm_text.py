"""Types, constants, names and attributes of LLVM IR as text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import NoReturn

from xdsl.dialects import llvm
from xdsl.dialects.builtin import (
    ArrayAttr,
    DenseArrayBase,
    DenseIntOrFPElementsAttr,
    DictionaryAttr,
    IntAttr,
    IntegerAttr,
    IntegerType,
    StringAttr,
    UnitAttr,
    VectorType,
)
from xdsl.ir import Attribute
from xdsl.utils.exceptions import LLVMTranslationException

from ivit_dialect.hints import isa


def refuse(what: str, message: str) -> NoReturn:
    """Stops the emission with one line."""
    raise LLVMTranslationException(f"{what}: {message}")


@cache
def type_text(attr: Attribute) -> str:
    """An LLVM type. Raises LLVMTranslationException for what is not one, floats included."""
    if isa(attr, IntegerType):
        return f"i{attr.width.data}"
    if isinstance(attr, llvm.LLVMPointerType):
        space = attr.addr_space
        return f"ptr addrspace({space.data})" if isinstance(space, IntAttr) and space.data else "ptr"
    if isa(attr, VectorType) and attr.get_num_dims() == 1 and not attr.get_num_scalable_dims():
        return f"<{attr.get_shape()[0]} x {type_text(attr.element_type)}>"
    if isinstance(attr, llvm.LLVMArrayType):
        return f"[{attr.size.data} x {type_text(attr.type)}]"
    if isinstance(attr, llvm.LLVMStructType):
        return f"{{{', '.join(type_text(t) for t in attr.types)}}}"
    if isinstance(attr, llvm.LLVMVoidType):
        return "void"
    refuse(str(attr), "is not an integer type of LLVM; convert the module to the llvm dialect first")


def integer_text(value: int, width: int) -> str:
    """An integer constant, in the signed range of its width."""
    if width == 1:
        return "true" if value & 1 else "false"
    value &= (1 << width) - 1
    return str(value - (1 << width) if value >> (width - 1) else value)


def _element_width(attr: Attribute) -> int:
    if not isa(attr, IntegerType):
        refuse(str(attr), "is not an integer type of LLVM")
    return attr.width.data


def elements_text(value: DenseIntOrFPElementsAttr[IntegerType], element: Attribute, count: int) -> str:
    """The constant for a vector or an array of ``count`` integers of type ``element``."""
    width = _element_width(element)
    numbers = list(value.get_values())
    if not any(numbers):
        return "zeroinitializer"
    if len(numbers) == 1:
        numbers *= count
    prefix = type_text(element)
    return ", ".join(f"{prefix} {integer_text(n, width)}" for n in numbers)


def constant_text(value: Attribute, attr: Attribute) -> str:
    """A constant ``value`` of LLVM type ``attr``."""
    if isa(value, IntegerAttr):
        return integer_text(value.value.data, _element_width(attr))
    if isa(value, DenseIntOrFPElementsAttr[IntegerType]) and isa(attr, VectorType):
        element = attr.element_type
        if value.is_splat() or attr.get_shape()[0] == 1:
            number = value.get_values()[0]
            if number:
                return f"splat ({type_text(element)} {integer_text(number, _element_width(element))})"
            return "zeroinitializer"
        text = elements_text(value, element, attr.get_shape()[0])
        return text if text == "zeroinitializer" else f"<{text}>"
    if isa(value, DenseIntOrFPElementsAttr[IntegerType]) and isinstance(attr, llvm.LLVMArrayType):
        return _array_text(value, attr)
    refuse(str(attr), f"cannot hold the constant {value}")


def _array_text(value: DenseIntOrFPElementsAttr[IntegerType], attr: llvm.LLVMArrayType) -> str:
    if _element_width(attr.type) != 8:
        text = elements_text(value, attr.type, attr.size.data)
        return text if text == "zeroinitializer" else f"[{text}]"
    numbers = [n & 0xFF for n in value.get_values()]
    if len(numbers) == 1:
        numbers *= attr.size.data
    return f'c"{escaped(bytes(numbers))}"'


def escaped(data: bytes) -> str:
    """The inside of an LLVM string literal."""
    return "".join(chr(b) if 32 <= b < 127 and b not in b'"\\' else f"\\{b:02X}" for b in data)


_PLAIN_NAME = re.compile(r"[A-Za-z$._][-A-Za-z0-9$._]*")


def global_name(name: str) -> str:
    """``@name``, quoted where it must be."""
    return f"@{name}" if _PLAIN_NAME.fullmatch(name) else f'@"{escaped(name.encode())}"'


_ARGUMENT_FLAGS = {
    "llvm.inreg": "inreg",
    "llvm.noalias": "noalias",
    "llvm.nocapture": "captures(none)",
    "llvm.nofree": "nofree",
    "llvm.nonnull": "nonnull",
    "llvm.noundef": "noundef",
    "llvm.readnone": "readnone",
    "llvm.readonly": "readonly",
    "llvm.returned": "returned",
    "llvm.signext": "signext",
    "llvm.writeonly": "writeonly",
    "llvm.zeroext": "zeroext",
}

_ARGUMENT_NUMBERS = {
    "llvm.align": "align {}",
    "llvm.dereferenceable": "dereferenceable({})",
    "llvm.dereferenceable_or_null": "dereferenceable_or_null({})",
}

_ARGUMENT_TYPES = {"llvm.byval": "byval", "llvm.byref": "byref", "llvm.sret": "sret"}


def argument_attributes(attributes: DictionaryAttr, what: str) -> str:
    """Attributes of an argument or a result, with a trailing space; other dialects' say nothing to LLVM.

    Raises LLVMTranslationException for an ``llvm.`` attribute that it does not know.
    """
    parts: list[str] = []
    for name, value in attributes.data.items():
        if name in _ARGUMENT_FLAGS:
            parts.append(_ARGUMENT_FLAGS[name])
        elif name in _ARGUMENT_NUMBERS and isa(value, IntegerAttr):
            parts.append(_ARGUMENT_NUMBERS[name].format(value.value.data))
        elif name in _ARGUMENT_TYPES:
            parts.append(f"{_ARGUMENT_TYPES[name]}({type_text(value)})")
        elif name.startswith("nvvm."):
            parts.append(string_attribute(name, value))
        elif name.startswith("llvm.") or "." not in name:
            refuse(what, f"argument attribute '{name}' is not known")
    return "".join(f"{part} " for part in parts)


def string_attribute(name: str, value: Attribute) -> str:
    """``"name"="value"``, numbers joined by commas."""
    if isinstance(value, UnitAttr):
        return f'"{name}"'
    if isinstance(value, StringAttr):
        text = value.data
    elif isa(value, IntegerAttr):
        text = str(value.value.data)
    elif isinstance(value, DenseArrayBase):
        text = ",".join(str(v) for v in value.get_values())
    else:
        refuse(name, f"{value} is neither a string, a number nor an array of numbers")
    return f'"{name}"="{escaped(text.encode())}"'


def passthrough_attributes(value: Attribute | None, what: str) -> Iterable[str]:
    """MLIR's ``passthrough``: a name is an enum attribute, a pair is a string attribute."""
    if value is None:
        return
    if not isa(value, ArrayAttr[Attribute]):
        refuse(what, f"passthrough {value} is not an array")
    for item in value:
        if isinstance(item, StringAttr):
            yield item.data
        elif isa(item, ArrayAttr[StringAttr]) and len(item) == 2:
            yield string_attribute(item.data[0].data, item.data[1])
        else:
            refuse(what, f"passthrough {item} is neither a name nor a pair")
