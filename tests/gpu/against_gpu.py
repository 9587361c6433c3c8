"""Small PTX kernels on a GPU and on the interpreter, with the same arguments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ptx import Buffer, Module
from ptx_cases import every_case
from snippets import ELEMENTWISE_BLOCK, Array, as_one_module, elementwise, full_range
from tensor_snippets import MOVE, SHAPES, TYPES, copy_kernel, matrix_kernel, product_kernel

from runtime.cuda.driver import Call, Driver


@dataclass(frozen=True)
class Program:
    """A kernel ``k``, its grid and block, and its arguments: arrays, the last ``outputs`` of them written."""

    name: str
    text: str
    grid: int
    block: int
    arguments: tuple[Array, ...]
    outputs: int = 1


def warp_operations() -> list[str]:
    """Shuffles in segments of 8 and 32 lanes, votes, reductions, matches; their result is q."""
    compare, choose = "setp.lt.u32 %p2, a, b;", "selp.b32 %r1, 1000, 0, %p1; add.s32 q, q, %r1;"
    found = [
        f"shfl.sync.{mode}.b32 q|%p1, a, {distance}, {control}, -1; {choose}"
        for distance in (0, 1, 5, 16, 31)
        for mode, controls in SHUFFLES.items()
        for control in controls
    ]
    found.append(f"{compare} vote.sync.ballot.b32 q, %p2, -1;")
    found += [f"{compare} mov.b32 q, 0; vote.sync.{mode}.pred %p1, %p2, -1; {choose}" for mode in VOTES]
    found += [f"redux.sync.{name} q, a, -1;" for name in REDUCTIONS]
    found.append("and.b32 a, a, 3; match.any.sync.b32 q, a, -1;")
    found.append(f"elect.sync q|%p1, -1; {choose}")
    found.append("mov.u32 q, %laneid; mov.u32 %r1, %lanemask_lt; mad.lo.s32 q, %r1, 32, q;")
    return found


SHUFFLES = {"up": (0, 24 << 8)} | dict.fromkeys(("down", "bfly", "idx"), (31, 24 << 8 | 7))
VOTES = ("any", "all", "uni")
REDUCTIONS = ("add.s32", "max.s32", "min.s32", "max.u32", "min.u32", "and.b32", "or.b32", "xor.b32")


def on_elements(text: str, bits: Sequence[int], output: int) -> Program:
    """Instructions that give q, on edges and full-range random data."""
    inputs = full_range(bits, random=256)
    count = len(inputs[0])
    out = np.zeros(count, f"u{output // 8}")
    kernel = elementwise(text, bits, output)
    return Program(text, kernel, count // ELEMENTWISE_BLOCK, ELEMENTWISE_BLOCK, (*inputs, out))


def programs() -> list[Program]:
    """Every instruction of the tests of the interpreter that works on data."""
    random = np.random.default_rng(11)
    found = [on_elements(case.instructions, case.inputs, case.output) for case in every_case()]
    found += [on_elements(text, (32, 32), 32) for text in warp_operations()]
    for m, k in SHAPES:
        for a_type, b_type in TYPES:
            for saturate in ("", ".satfinite"):
                text = product_kernel(m, k, a_type, b_type, saturate)
                a, b = (random.integers(0, 256, (rows, k), dtype=np.uint8) for rows in (m, 8))
                c = random.integers(-(1 << 31), 1 << 31, (m, 8)).astype(np.int32)
                name = f"m{m}n8k{k} {a_type} {b_type}{saturate}"
                found.append(Program(name, text, 1, 32, (a, b, c, np.zeros((m, 8), np.int32))))
    for count in (1, 2, 4):
        for trans in ("", ".trans"):
            source = random.integers(0, 1 << 16, (count, 8, 8), dtype=np.uint16)
            outputs = np.zeros((32, count), np.uint32), np.zeros_like(source)
            text = matrix_kernel(count, trans)
            found.append(Program(f"ldmatrix x{count}{trans}", text, 1, 32, (source, *outputs), 2))
    source = random.integers(0, 1 << 16, (8, 8), dtype=np.uint16)
    found.append(Program("movmatrix", MOVE, 1, 32, (source, np.zeros_like(source))))
    copied = random.integers(0, 256, 2048, dtype=np.uint8)
    for size in ("16", "16, %r5"):
        text = copy_kernel("wait_group 1", size)
        found.append(Program(f"cp.async {size}", text, 1, 64, (copied, np.zeros(1024, np.uint8))))
    return found


def interpreted(program: Program) -> list[Array]:
    """What the interpreter writes."""
    buffers = [Buffer(array) for array in program.arguments]
    Module(program.text).launch("k", (program.grid,), (program.block,), buffers)
    return [buffer.array for buffer in buffers[-program.outputs :]]


def on_gpu(driver: Driver, chosen: Sequence[Program]) -> list[list[Array]]:
    """What the GPU writes, program by program."""
    results: list[list[Array]] = []
    with driver.current():
        module = driver.load(as_one_module([program.text for program in chosen]).encode())
        stream = driver.open_stream()
        for number, program in enumerate(chosen):
            addresses = [driver.allocate(array.nbytes) for array in program.arguments]
            for address, array in zip(addresses, program.arguments, strict=True):
                driver.upload(address, array.reshape(-1).view(np.uint8), stream)
            kernel = driver.kernel(module, f"k{number}", 0)
            driver.launch(Call(kernel, (program.grid, 1, 1), program.block, 0, tuple(addresses)), stream)
            outputs = [np.zeros_like(array) for array in program.arguments[-program.outputs :]]
            for array, address in zip(outputs, addresses[-program.outputs :], strict=True):
                driver.download(array.reshape(-1).view(np.uint8), address, stream)
            driver.wait(stream)
            for address in addresses:
                driver.free(address)
            results.append(outputs)
        driver.close_stream(stream)
        driver.unload(module)
    return results


def differing(driver: Driver, chosen: Sequence[Program]) -> list[str]:
    """The programs whose results differ."""
    pairs = zip(chosen, on_gpu(driver, chosen), strict=True)
    return [
        program.name
        for program, results in pairs
        if not all(map(np.array_equal, results, interpreted(program)))
    ]
