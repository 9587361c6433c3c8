"""``python -m benchmarks.instruction_mix MODEL.ptx``: what the inner loops of GPU kernels are made of.

How many of the instructions multiply is a bound on how busy tensor cores can be, and needs no GPU to tell.
Counted is the PTX from the first such instruction to the last, with the whole of the loops that hold them:
short loops are unrolled there, longer ones perhaps later by the assembler, which leaves out some of the other
instructions.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.tables import Sheet, print_sheets
from ivit_dialect.command import exit_code_of

PRODUCTS = ("mma.", "wgmma.", "dp4a.")
"""What multiplies several bytes at once, by the beginning of the opcode."""

_ENTRY = re.compile(r"^\.visible \.entry (\w+)")
_LABEL = re.compile(r"^(\$\w+):")
_INSTRUCTION = re.compile(r"^\s+(?:@!?%p\d+\s+)?([a-z]\w*(?:[.:]+\w+)*)(?:\s+([^;]*))?")


@dataclass(frozen=True)
class Mix:
    """The inner part of a kernel: how often each opcode stands in it."""

    kernel: str
    instructions: Mapping[str, int]

    @property
    def size(self) -> int:
        """All instructions."""
        return sum(self.instructions.values())

    @property
    def products(self) -> int:
        """Those that multiply several bytes at once."""
        return sum(count for opcode, count in self.instructions.items() if opcode.startswith(PRODUCTS))

    @property
    def share(self) -> float:
        """Of the products, in all instructions."""
        return self.products / self.size


def instruction_mix(ptx: str) -> list[Mix]:
    """The inner parts of all kernels in PTX text that multiply bytes, in their order there."""
    return [mix for kernel, lines in _kernels(ptx) if (mix := _inner(kernel, lines)) is not None]


def _kernels(ptx: str) -> Iterator[tuple[str, list[str]]]:
    kernel, lines = "", list[str]()
    for line in ptx.splitlines():
        entry = _ENTRY.match(line)
        if entry is not None:
            kernel, lines = entry[1], []
        elif line == "}" and kernel:
            yield kernel, lines
            kernel = ""
        else:
            lines.append(line)


def _inner(kernel: str, lines: Sequence[str]) -> Mix | None:
    opcodes, loops = _read(lines)
    found = [place for place, opcode in enumerate(opcodes) if opcode.startswith(PRODUCTS)]
    if not found:
        return None
    first, last = found[0], found[-1] + 1
    for start, end in loops:
        # Of the loops around the first or the last product, the innermost.
        first = start if start <= found[0] < end else first
        last = end if start <= found[-1] < end else last
    return Mix(kernel, Counter(opcodes[first:last]))


def _read(lines: Sequence[str]) -> tuple[list[str], list[tuple[int, int]]]:
    """The opcodes, and the places [first, last) of the loops, the outer ones before those inside."""
    opcodes: list[str] = []
    labels: dict[str, int] = {}
    ends: dict[int, int] = {}
    for line in lines:
        label, instruction = _LABEL.match(line), _INSTRUCTION.match(line)
        if label is not None:
            labels[label[1]] = len(opcodes)
        elif instruction is not None:
            opcodes.append(instruction[1])
            target = labels.get((instruction[2] or "").strip()) if instruction[1].startswith("bra") else None
            if target is not None:
                ends[target] = len(opcodes)
    return opcodes, sorted(ends.items())


def sheet(mixes: Sequence[Mix]) -> Sheet:
    """The kernels that multiply bytes."""
    rows = [(mix.kernel, f"{mix.size}", f"{mix.products}", f"{100 * mix.share:.0f}") for mix in mixes]
    return Sheet("Inner loops", ("kernel", "instructions", "products of bytes", "share %"), rows, [])


def main(arguments: Sequence[str]) -> int:
    """Print the table for a file of PTX; the exit code."""
    if len(arguments) != 1:
        print("usage: python -m benchmarks.instruction_mix MODEL.ptx", file=sys.stderr)
        return 2
    from rich.console import Console

    def show() -> None:
        mixes = instruction_mix(Path(arguments[0]).read_text(encoding="utf-8"))
        if not mixes:
            raise ValueError(
                f"{arguments[0]}: no PTX of kernels that multiply bytes: ivit compile --emit ptx"
            )
        print_sheets(arguments[0], [sheet(mixes)], Console())

    return exit_code_of("benchmarks.instruction_mix", show, ())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
