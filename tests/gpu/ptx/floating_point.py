"""The promise that kernels are integer-only, checked on PTX text."""

from __future__ import annotations

from ptx.decoding import is_floating_point
from ptx.parser import parse


def floating_point_instructions(ptx: str) -> list[str]:
    """The instructions of a module, of all its functions, that have a floating-point type."""
    return [
        f"line {instruction.line}: {instruction.text}"
        for function in parse(ptx).functions.values()
        for instruction in function.code
        if is_floating_point(instruction)
    ]
