"""Integers of 32 bits clamped to narrower elements and stored together.

GPUs have an instruction that clamps two of them and packs them into what it is given (``cvt.pack.sat``, PTX
ISA); LLVM has no intrinsic for it.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects import llvm
from xdsl.dialects.builtin import IntegerType, Signedness, i32

from lowering.cuda.build import CudaBuilder
from lowering.cuda.wide import store_elements, vector_of
from lowering.kernels.build import Operand, Value, element_width
from lowering.kernels.elements import saturated

WORD = 32


def store_saturated_run(
    b: CudaBuilder,
    values: Sequence[Value],
    element: IntegerType,
    target: Value,
    at: Sequence[Operand],
    alignment: int,
) -> None:
    """Write ``values`` clamped to the range of ``element`` from ``at`` on, where ``alignment`` divides."""
    if b.target.cvt_pack and _packs(values, element):
        words = _packed(b, values, element)
        b.store_wide(b.bitcast(vector_of(b, words), element.width.data), target, at, alignment)
        return
    store_elements(b, [saturated(b, x, element) for x in values], target, at, alignment)


def _packs(values: Sequence[Value], element: IntegerType) -> bool:
    """Whether they make whole words of elements that the instruction knows."""
    width = element.width.data
    return (
        width in (8, 16) and len(values) * width % WORD == 0 and all(element_width(x) == WORD for x in values)
    )


def _packed(b: CudaBuilder, values: Sequence[Value], element: IntegerType) -> list[Value]:
    """The elements' words, the first element in the lowest bits."""
    count, words = WORD // element.width.data, list[Value]()
    for first in range(0, len(values), count):
        word: Value | None = None
        for low in range(first + count - 2, first - 1, -2):
            above = [b.constant(0, i32) if word is None else word] if count == 4 else []
            word = _pack(b, [values[low + 1], values[low], *above], element)
        assert word is not None
        words.append(word)
    return words


def _pack(b: CudaBuilder, operands: Sequence[Value], element: IntegerType) -> Value:
    """``cvt.pack.sat``: the first operand above the second, and a third one's low bits above both."""
    sign = "u" if element.signedness.data is Signedness.UNSIGNED else "s"
    kind = f"{sign}{element.width.data}.s32" + (".b32" if len(operands) == 3 else "")
    places = ", ".join(f"${i}" for i in range(len(operands) + 1))
    registers = ",".join(["=r", *(["r"] * len(operands))])
    text = f"cvt.pack.sat.{kind} {places};"
    return b.insert(llvm.InlineAsmOp(text, registers, operands, [i32])).results[0]
