"""Reads assembly text: which instructions it holds, and which of them compute on floating point."""

from __future__ import annotations

import re

_INSTRUCTION = re.compile(r"^\s+(?P<mnemonic>[a-z][a-z0-9._]*)(\s|$)")

_PREFIXES = {"lock", "rep", "repe", "repne", "repz", "repnz", "data16", "notrack"}

_ARITHMETIC = (
    "add sub mul div sqrt min max rcp rcp14 rcp28 rsqrt rsqrt14 rsqrt28 round rndscale hadd hsub addsub dp"
    " getexp getmant scalef reduce range fixupimm fpclass exp2 comi ucomi"
)

_X86 = re.compile(
    rf"""
      v?({"|".join(_ARITHMETIC.split())})(s[sdh]|p[sdh]|n?e?pbf16|bf16)[xyz]?
    | v?cmp[a-z_]*(s[sdh]|p[sdh])
    | vfn?m(add|sub|addsub|subadd)\d*(s[sdh]|p[sdh]|n?e?pbf16)
    | vf?c?(madd|mul)c(s|p)h
    | v?cvt[a-z0-9]*
    | v?dpbf16ps
    | tdp(bf16|fp16)ps
    | f[a-z0-9]+
    """,
    re.VERBOSE,
)

_AARCH64 = re.compile(r"f(?!mov$|neg$)[a-z0-9]+|[su]cvtf|bf(cvt[a-z0-9]*|dot|mmla|mlal[bt]|ml[as]l[bt]?)")

_RISCV = re.compile(
    r"(f(n?m(add|sub)|add|sub|mul|div|sqrt|min|max|cvt|eq|lt|le|class|round|li)[a-z]*|vf[a-z0-9]+)"
    r"(\.[a-z0-9]+)*"
)

_FLOATING_POINT = {"x86_64": _X86, "aarch64": _AARCH64, "riscv64": _RISCV}


def mnemonics(assembly: str) -> list[str]:
    """The mnemonic of every instruction in AT&T assembly, in order."""
    found: list[str] = []
    for line in assembly.splitlines():
        code = line.split("#", maxsplit=1)[0]
        match = _INSTRUCTION.match(code)
        while match is not None and match["mnemonic"] in _PREFIXES:
            code = code[match.end("mnemonic") :]
            match = _INSTRUCTION.match(code)
        if match is not None and not code.rstrip().endswith(":"):
            found.append(match["mnemonic"])
    return found


def floating_point_instructions(assembly: str, architecture: str = "x86_64") -> list[str]:
    """The instructions of ``assembly`` that compute on, compare or convert floating point, in order.

    Moves, shuffles and bitwise operations whose names end in ``ps`` or ``pd`` (``movaps``, ``vpermilps``,
    ``xorps``, …; on AArch64 ``fmov`` and ``fneg``, which flips one bit; on RISC-V ``fmv.x.d``) are not among
    them: no value is read as a number, and LLVM uses them on integers wherever they are shorter or on the
    better port.
    ValueError for an architecture other than x86_64, aarch64 and riscv64.
    """
    pattern = _FLOATING_POINT.get(architecture)
    if pattern is None:
        raise ValueError(f"no list of instructions for '{architecture}', only {', '.join(_FLOATING_POINT)}")
    return [m for m in mnemonics(assembly) if pattern.fullmatch(m)]
