"""Small hand-written PTX kernels: what the tests of the interpreter run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ptx import Buffer, Module

Array = NDArray[Any]

HEADER = ".version 8.0\n.target sm_90\n.address_size 64\n"

ELEMENTWISE_BLOCK = 128


def kernel(parameters: str, body: str, *, module: str = "", variables: str = "", block: int = 0) -> str:
    """A module with one kernel ``k``: parameters ``"ptr a, u32 n"``, registers %r, %rd, %rs, %p declared.

    ``module`` is declared outside the kernel, ``variables`` inside.

    Pointers are loaded into registers of their names; an integer ``n`` too.
    """
    names = [item.split() for item in parameters.split(",") if item.strip()]
    declared: list[str] = []
    loads: list[str] = []
    for kind, name in names:
        if kind == "ptr":
            declared.append(f".param .u64 .ptr .global .align 16 p_{name}")
            loads += [f".reg .b64 {name};", f"ld.param.b64 {name}, [p_{name}];"]
        else:
            declared.append(f".param .{kind} p_{name}")
            width = max(int(kind[1:]), 16)
            loads += [f".reg .b{width} {name};", f"ld.param.{kind} {name}, [p_{name}];"]
    reqntid = f".reqntid {block}\n" if block else ""
    return (
        f"{HEADER}{module}\n.visible .entry k({', '.join(declared)})\n{reqntid}{{\n"
        ".reg .pred %p<16>;\n.reg .b16 %rs<32>;\n.reg .b32 %r<64>;\n.reg .b64 %rd<32>;\n"
        + "\n".join([variables, *loads])
        + f"\n{body}\nret;\n}}\n"
    )


THREAD = """
mov.u32 %r60, %ctaid.x;
mov.u32 %r61, %ntid.x;
mov.u32 %r62, %tid.x;
mad.lo.s32 %r63, %r60, %r61, %r62;
"""
"""%r63 = the number of the thread in the grid."""


def elementwise(instructions: str, inputs: Sequence[int], output: int) -> str:
    """A kernel that runs ``instructions`` on inputs a, b, c, d of some bits and stores q of ``output``."""
    names = "abcd"[: len(inputs)]
    lines = [THREAD]
    for name, bits in zip(names, inputs, strict=True):
        lines += [
            f".reg .b{bits} {name};",
            f"mad.wide.u32 %rd0, %r63, {bits // 8}, p{name};",
            f"ld.global.b{bits} {name}, [%rd0];",
        ]
    lines += [
        f".reg .b{output} q;",
        instructions,
        f"mad.wide.u32 %rd1, %r63, {output // 8}, out;",
        f"st.global.b{output} [%rd1], q;",
    ]
    parameters = ", ".join([f"ptr p{name}" for name in names] + ["ptr out"])
    return kernel(parameters, "\n".join(lines))


def as_one_module(texts: Sequence[str]) -> str:
    """Modules of one kernel ``k`` each, as one module of kernels k0, k1, ...: for an assembler."""
    bodies = [text[text.index(".visible") :] for text in texts]
    return HEADER + "\n".join(
        body.replace("entry k(", f"entry k{number}(", 1) for number, body in enumerate(bodies)
    )


def run_elementwise(instructions: str, inputs: Sequence[Array], output: int) -> Array:
    """``q`` for each element; inputs are unsigned arrays of one length, a multiple of the block."""
    text = elementwise(instructions, [8 * each.dtype.itemsize for each in inputs], output)
    count = len(inputs[0])
    out = Buffer(np.zeros(count, f"u{output // 8}"), "out", initialised=False)
    Module(text).launch("k", (count // ELEMENTWISE_BLOCK,), (ELEMENTWISE_BLOCK,), [*inputs, out])
    assert out.written.all()
    return out.array


_EDGES = {
    16: [0, 1, 2, 7, 15, 16, 17, 127, 128, 255, 256, 0x7FFE, 0x7FFF, 0x8000, 0x8001, 0xFFFF],
    32: [
        *(0, 1, 2, 31, 32, 33, 127, 128, 255, 0x7FFF, 0x8000, 0xFFFF),
        *(0x7FFFFFFF, 0x80000000, 0x80000001, 0xFFFFFFFF),
    ],
    64: [
        *(0, 1, 2, 63, 64, 255, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x100000000),
        *(0x7FFFFFFFFFFFFFFF, 0x8000000000000000, 0x8000000000000001, 0xFFFFFFFF00000000, 0xFFFFFFFFFFFFFFFF),
        0x0123456789ABCDEF,
    ],
}


def full_range(widths: Sequence[int], random: int = 768, seed: int = 0) -> list[Array]:
    """Operands: every pair of edge values in the first two, full-range random bits after them."""
    generator = np.random.default_rng(seed)
    operands: list[Array] = []
    for place, bits in enumerate(widths):
        edges = np.array(_EDGES[bits], np.uint64)
        if place == 0:
            first = np.repeat(edges, 16)
        elif place == 1:
            first = np.tile(edges, 16)
        else:
            first = generator.permutation(np.tile(edges, 16))
        rest = generator.integers(0, 1 << 64, random, dtype=np.uint64, endpoint=False)
        # small numbers too: amounts and lengths are rarely large
        rest[::2] >>= generator.integers(0, 64, len(rest[::2]), dtype=np.uint64)
        mask = np.uint64((1 << bits) - 1)
        operands.append((np.concatenate([first, rest]) & mask).astype(f"u{bits // 8}"))
    return operands
