"""``cpuid`` instructions in ELF libraries, and in their place what traps: both have two bytes."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

CPUID = b"\x0f\xa2"

TRAP = b"\x37\xa2"
"""An instruction that 64-bit mode does not have; no compiler writes it, as it does ``ud2``."""

_CODE_SECTION = re.compile(r"\] \S+\s+PROGBITS\s+([0-9a-f]+) ([0-9a-f]+) ([0-9a-f]+) [0-9a-f]+\s+\w*X")


def places(library: Path) -> list[int]:
    """Offsets in the file of its ``cpuid`` instructions, as binutils find them.

    FileNotFoundError without binutils; ValueError for a file that they cannot read.
    """
    sections = [
        tuple(int(number, 16) for number in found) for found in _CODE_SECTION.findall(_sections(library))
    ]
    offsets: list[int] = []
    for address in _addresses(library):
        found = [at + address - start for start, at, size in sections if start <= address < start + size]
        if len(found) != 1:
            raise ValueError(
                f"{library}: no section of code has address {address:#x}, where objdump shows cpuid"
            )
        offsets += found
    return offsets


def hide_cpuid(library: Path) -> int:
    """Put ``TRAP`` in the place of each ``cpuid`` of ``library``, in a new file; how many there were."""
    before = library.read_bytes()
    if not before.startswith(b"\x7fELF") or CPUID not in before:
        return 0
    code, found = bytearray(before), places(library)
    for offset in found:
        if before[offset : offset + 2] != CPUID:
            raise ValueError(f"{library}: no cpuid at byte {offset}, where objdump shows one")
        code[offset : offset + 2] = TRAP
    if found:
        mode = library.stat().st_mode
        patched = library.with_name(f".{library.name}.patched")
        patched.write_bytes(code)
        patched.chmod(mode)
        patched.replace(library)  # its other hard links keep what they have
    return len(found)


def _sections(library: Path) -> str:
    return _output("readelf", "--section-headers", "--wide", str(library))


def _addresses(library: Path) -> list[int]:
    """Of the instructions; the disassembly of a large library has gigabytes, so it is read line by line."""
    command = ["objdump", "--disassemble", "--no-show-raw-insn", str(library)]
    found: list[int] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "\tcpuid" in line:
                found.append(int(line.split(":")[0], 16))
    if process.returncode:
        raise ValueError(f"{library}: objdump cannot read it")
    return found


def _output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise ValueError(f"{command[-1]}: {command[0]} cannot read it")
    return done.stdout
