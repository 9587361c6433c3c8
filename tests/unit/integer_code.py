"""What native code may hold: no floating-point instruction, and no call that computes."""

from __future__ import annotations

import re

import llvmlite.binding as binding

from lowering.emit_object import MachineSpec, ObjectCode
from lowering.mnemonics import floating_point_instructions

_CALL = re.compile(r"^\s+(?:callq?|jmp|bl|b)\s+(?P<symbol>[A-Za-z_]\w*)(?:@PLT)?\s*$", re.MULTILINE)
_DEFINED = re.compile(r"^(?P<symbol>[A-Za-z_]\w*):", re.MULTILINE)
FOREIGN_FUNCTIONS = {"memset", "memcpy", "memmove", "sched_yield"}
"""What LLVM may make of loops that copy or clear, and what waiting threads call."""


def text_section(object_code: bytes) -> bytes:
    """The machine code of an object file."""
    sections = binding.ObjectFileRef.from_data(object_code).sections()
    return b"".join(section.data() for section in sections if section.is_text())


def assembled(assembly: str, spec: MachineSpec) -> bytes:
    """The object that LLVM's assembler makes of the text; for the architecture of this machine only."""
    binding.initialize_native_asmparser()
    lines = [line.replace("\\", "\\5C").replace('"', "\\22") for line in assembly.splitlines()]
    source = "\n".join([f'target triple = "{spec.triple}"', *(f'module asm "{line}"' for line in lines)])
    return spec.machine().emit_object(binding.parse_assembly(source))


def foreign_calls(assembly: str) -> set[str]:
    """Functions that are called and not defined: LLVM calls libraries for what the processor lacks."""
    defined = {match["symbol"] for match in _DEFINED.finditer(assembly)}
    return {match["symbol"] for match in _CALL.finditer(assembly)} - defined


def check_integer_only(code: ObjectCode) -> None:
    """The object computes on integers alone.

    The text that is read is the object's own: assembled again, it gives the same machine code byte by byte
    (where this machine has the assembler).
    """
    assembly, architecture = code.assembly, code.spec.triple.partition("-")[0]
    if architecture == binding.get_process_triple().partition("-")[0]:
        machine_code = text_section(code.object_code)
        assert len(machine_code) > 0
        assert text_section(assembled(assembly, code.spec)) == machine_code
    assert floating_point_instructions(assembly, architecture) == []
    assert foreign_calls(assembly) <= FOREIGN_FUNCTIONS
