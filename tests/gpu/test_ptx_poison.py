"""Poison, bit by bit: what nobody wrote never decides a bit that the interpreter takes for known."""

from __future__ import annotations

import numpy as np
import pytest
from ptx import Buffer, Module
from ptx.buffers import GlobalMemory
from ptx.machine import Machine
from ptx.module import parameter_bytes
from ptx.statistics import Counters
from ptx_cases import Case, every_case, u
from snippets import Array, elementwise, full_range

CASES = [case for case in every_case() if "@" not in case.instructions]
"""Not those with guards: poison in a guard is an error."""
LANES = 256


def run(case: Case, inputs: list[Buffer]) -> tuple[Array, Array]:
    """Values and poisoned bits of the register q, after the one warp has run on all its lanes."""
    module = Module(
        elementwise(case.instructions, case.inputs, case.output).replace("st.global", "// st.global")
    )
    kernel = module.kernel("k")
    arguments = [*inputs, Buffer(np.zeros(1, np.uint64))]
    machine = Machine(
        kernel,
        GlobalMemory(arguments),
        parameter_bytes(kernel, arguments),
        grid=(LANES // 32, 1, 1),
        block=(32, 1, 1),
        first_cta=0,
        ctas=LANES // 32,
        shared_bytes=0,
        order="serial",
        copies="late",
        races=True,
        random=np.random.default_rng(0),
        step_limit=10**6,
        counters=Counters(len(kernel.steps), False),
    )
    with np.errstate(all="ignore"):
        machine.run()
    register = list(kernel.function.registers).index("q")
    slot = machine.slots[0]
    poison = slot.poison[register]
    values = slot.values[register]
    return values, np.zeros_like(values) if poison is None else poison


@pytest.mark.parametrize("case", CASES, ids=str)
def test_poison_is_sound(case: Case) -> None:
    """Other bits where nobody wrote give the same bits of the result, but for those that are marked."""
    random = np.random.default_rng(5)
    operands = [values[:LANES].copy() for values in full_range(case.inputs, random=256)]
    spoilt = [random.random((LANES, values.dtype.itemsize)) < 0.3 for values in operands]
    inputs: list[Buffer] = []
    for values, where in zip(operands, spoilt, strict=True):
        buffer = Buffer(values)
        buffer.poison = np.zeros_like(buffer.storage)
        buffer.poison[: buffer.size] = where.reshape(-1)
        inputs.append(buffer)
    found, poison = run(case, inputs)
    for fill in (0, 0xFF, None):
        others: list[Array] = []
        for values, where in zip(operands, spoilt, strict=True):
            data = values.copy().view(np.uint8).reshape(where.shape)
            noise = random.integers(0, 256, where.shape, dtype=np.uint8)
            data[where] = noise[where] if fill is None else fill
            others.append(data.reshape(-1).view(values.dtype))
        expected = [u(case.reference(*map(int, each)), case.output) for each in zip(*others, strict=True)]
        np.testing.assert_array_equal((np.array(expected, found.dtype) ^ found) & ~poison, 0)
    clean = ~np.any([where.any(1) for where in spoilt], axis=0)
    assert not poison[clean].any()


def mask_of(instructions: str, *masks: int) -> int:
    """The poisoned bits of q, of 32-bit inputs 0x12345678 with these bytes poisoned (bit i: byte i)."""
    inputs: list[Buffer] = []
    for mask in masks:
        buffer = Buffer(np.full(LANES, 0x12345678, np.uint32))
        marks = np.array([mask >> byte & 1 for byte in range(4)], np.uint8)
        buffer.poison = np.zeros_like(buffer.storage)
        buffer.poison[: buffer.size] = np.tile(marks, LANES)
        inputs.append(buffer)
    _, poison = run(Case(instructions, (32,) * len(masks), 32, int), inputs)
    assert (poison == poison[0]).all()
    return int(poison[0])


@pytest.mark.parametrize(
    ("instructions", "masks", "expected"),
    [
        ("mov.b32 q, a;", [0b0101], 0x00FF00FF),
        ("and.b32 q, a, 0xFF0;", [0b0001], 0x000000F0),
        ("or.b32 q, a, 0xF000000F;", [0b1001], 0x0F0000F0),
        ("xor.b32 q, a, b;", [0b0001, 0b1000], 0xFF0000FF),
        ("not.b32 q, a;", [0b0010], 0x0000FF00),
        ("add.s32 q, a, b;", [0b0100, 0], 0xFFFF0000),
        ("mul.lo.s32 q, a, b;", [0b1000, 0], 0xFF000000),
        ("mul.hi.s32 q, a, b;", [0b1000, 0], 0xFFFFFFFF),
        ("shl.b32 q, a, 4;", [0b0001], 0x00000FF0),
        ("shr.u32 q, a, 28;", [0b1000], 0x0000000F),
        ("shr.s32 q, a, 20;", [0b1000], 0xFFFFFFF0),
        ("shl.b32 q, a, b;", [0, 0b0001], 0xFFFFFFFF),
        ("prmt.b32 q, a, b, 0x5410U;", [0b0001, 0b1110], 0xFF0000FF),
        ("prmt.b32 q, a, 0, 0x8880U;", [0b0001], 0xFFFFFFFF),
        ("prmt.b32 q, a, 0, 0x8880U;", [0b0010], 0),
        ("bfe.u32 q, a, 8, 8;", [0b0011], 0x000000FF),
        ("cvt.u32.u8 q, a;", [0b1110], 0),
        ("cvt.s32.s8 q, a;", [0b0001], 0xFFFFFFFF),
        ("mov.b32 {%rs1, %rs2}, a; cvt.u32.u16 q, %rs2;", [0b0011], 0),
        ("mov.b32 {%rs1, %rs2}, a; mov.b32 q, {%rs2, %rs1};", [0b0011], 0xFFFF0000),
        ("min.s16x2 q, a, b;", [0b0100, 0], 0xFFFF0000),
        ("setp.eq.s32 %p1, 0, 0; selp.b32 q, a, b, %p1;", [0b0001, 0b1000], 0x000000FF),
        ("setp.eq.s32 %p1, a, 0; selp.b32 q, 1, 2, %p1;", [0b0001], 0xFFFFFFFF),
        ("dp4a.s32.s32 q, a, b, 0;", [0b0001, 0], 0xFFFFFFFF),
    ],
)
def test_poison_is_no_wider_than_it_must_be(instructions: str, masks: list[int], expected: int) -> None:
    assert mask_of(instructions, *masks) == expected
