"""Bugs planted in PTX text, one at a time: what a test of kernels has to catch."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

Replacement: TypeAlias = Callable[[re.Match[str]], str]


def _wait_for_one_less(found: re.Match[str]) -> str:
    return f"{found[1]}{int(found[2]) + 1}"


def _next_chunk(found: re.Match[str]) -> str:
    return f"{found[1]}+{int((found[2] or '+0')[1:]) + 16}"


_REGISTERS = r"\{[^}]*\}"

BUGS: dict[str, tuple[str, Replacement]] = {
    "a missing barrier": (r"bar\.sync\s[^;]*;", lambda found: ""),
    "a missing copy": (r"cp\.async\.c[ag]\.[^;]*;", lambda found: ""),
    "a wait for one group less": (r"(cp\.async\.wait_group\s+)(\d+)", _wait_for_one_less),
    "fragments of A swapped": (
        rf"(mma\.sync\S*\s*{_REGISTERS},\s*\{{)(%r\d+), (%r\d+)",
        lambda found: f"{found[1]}{found[3]}, {found[2]}",
    ),
    "fragments of B swapped": (
        rf"(mma\.sync\S*\s*{_REGISTERS},\s*{_REGISTERS},\s*\{{)(%r\d+), (%r\d+)\}}",
        lambda found: f"{found[1]}{found[3]}, {found[2]}}}",
    ),
    "A and B exchanged": (
        r"(mma\.sync\S*m8n8k16\S*\s*\{[^}]*\},\s*)(\{%r\d+\}),(\s*)(\{%r\d+\})",
        lambda found: f"{found[1]}{found[4]},{found[3]}{found[2]}",
    ),
    "dp4a of the wrong word": (
        r"(dp4a\S*\s+%r\d+, )(%r\d+), (%r\d+)",
        lambda found: f"{found[1]}{found[2]}, {found[2]}",
    ),
    "the next chunk of a matrix": (r"(ldmatrix[^\[]*\[%rd?\d+)(\+\d+)?", _next_chunk),
    "a shuffle from the wrong lane": (
        r"(shfl\.sync\.bfly\S*\s+%r\d+, %r\d+, )(\d+)",
        lambda found: f"{found[1]}{int(found[2]) ^ 24}",
    ),
    "a branch turned round": (r"@(%p\d+)(\s+bra)", lambda found: f"@!{found[1]}{found[2]}"),
}


@dataclass(frozen=True)
class Planted:
    """A bug, and the text that has it."""

    name: str
    text: str


def planted(text: str, name: str, most: int) -> Iterator[Planted]:
    """At most ``most`` places of the bug ``name``, spread over the text, each planted alone."""
    pattern, replacement = BUGS[name]
    found = list(re.finditer(pattern, text))
    for match in found[:: max(1, -(-len(found) // most))]:
        line = text.count("\n", 0, match.start()) + 1
        mutated = text[: match.start()] + replacement(match) + text[match.end() :]
        yield Planted(f"{name}, line {line}", mutated)
