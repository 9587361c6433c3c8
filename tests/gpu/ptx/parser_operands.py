"""The operands of one PTX instruction, from text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from ptx.errors import PTXError
from ptx.syntax import Address, Immediate, Name, Negated, Operand, Vector

_NUMBER = re.compile(r"[+-]?\s*(0[xX][0-9a-fA-F]+|0[bB][01]+|\d+)U?")
_NAME = re.compile(r"[\w$%.#]+")

Resolve = Callable[[str], str]
"""A name as it is written -> the name as the function has it (inner scopes may hide outer ones)."""


def split_operands(text: str) -> Iterator[str]:
    """The operands, split at the commas that are outside braces, brackets and parentheses."""
    depth, start = 0, 0
    for position, character in enumerate(text):
        if character in "{[(":
            depth += 1
        elif character in "}])":
            depth -= 1
        elif character == "," and depth == 0:
            yield text[start:position].strip()
            start = position + 1
    if text[start:].strip():
        yield text[start:].strip()


def parse_operand(text: str, resolve: Resolve, line: int) -> Operand:
    """One operand.

    Raises:
        PTXError: where it is none, with the line.
    """
    if text[0] in "{(":
        return Vector(tuple(parse_operand(item, resolve, line) for item in split_operands(text[1:-1])))
    if text[0] == "[":
        return _address(text[1:-1].strip(), resolve, line)
    if "|" in text:
        return Vector(tuple(parse_operand(item.strip(), resolve, line) for item in text.split("|")))
    if text[0] == "!":
        return Negated(Name(resolve(text[1:].strip())))
    return _plain(text, resolve, line)


def _plain(text: str, resolve: Resolve, line: int) -> Name | Immediate:
    if _NUMBER.fullmatch(text):
        return Immediate(_number(text))
    if re.fullmatch(r"0[fFdD][0-9a-fA-F]+", text):
        raise PTXError(f"line {line}: a floating-point number: {text}")
    if _NAME.fullmatch(text):
        return Name(resolve(text))
    raise PTXError(f"line {line}: not an operand: {text}")


def _number(text: str) -> int:
    return int(re.sub(r"\s+", "", text).rstrip("U"), 0)


def _address(text: str, resolve: Resolve, line: int) -> Address:
    found = re.fullmatch(r"(.+?)\s*([+-]\s*\d+|\+\s*-\s*\d+)?", text, re.S)
    if found is None:
        raise PTXError(f"line {line}: not an address: [{text}]")
    offset = int(re.sub(r"[\s+]", "", found[2])) if found[2] else 0
    return Address(_plain(found[1].strip(), resolve, line), offset)
