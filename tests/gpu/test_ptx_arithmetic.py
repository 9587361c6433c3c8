"""Each integer instruction against Python's unbounded integers, on edges and full-range random data."""

from __future__ import annotations

import numpy as np
import pytest
from ptx import Module, PTXError, floating_point_instructions
from ptx_cases import Case, every_case, u
from snippets import as_one_module, elementwise, full_range, kernel, run_elementwise

from lowering.cuda.ptxas import assemble, find_ptxas
from lowering.cuda.targets import cuda_target

CASES = every_case()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_instruction(case: Case) -> None:
    operands = full_range(case.inputs, random=256)
    found = run_elementwise(case.instructions, operands, case.output)
    expected = [u(case.reference(*map(int, values)), case.output) for values in zip(*operands, strict=True)]
    np.testing.assert_array_equal(found, np.array(expected, found.dtype))


def test_the_cases_are_ptx() -> None:
    """All cases in one module, for the assembler that knows."""
    if find_ptxas() is None:
        pytest.skip("no ptxas on PATH nor in nvidia-cuda-nvcc")
    texts = [elementwise(case.instructions, case.inputs, case.output) for case in CASES]
    assert assemble(as_one_module(texts), cuda_target("cuda:sm_90")) is not None


def run_one_thread(text: str) -> None:
    Module(text).launch("k", (1,), (1,), [np.zeros(4, np.int32)])


def test_unknown_instruction_is_named() -> None:
    text = kernel("ptr out", "frobnicate.s32 %r1, %r2;")
    with pytest.raises(PTXError, match=r"line \d+: `frobnicate\.s32 %r1, %r2`: .*does not know"):
        run_one_thread(text)


@pytest.mark.parametrize(
    "line",
    ["add.cc.u32 %r1, %r2, %r3;", "mul.weird.s32 %r1, %r2, %r3;", "ld.global.strange.b32 %r1, [out];"],
)
def test_unknown_variant_is_named(line: str) -> None:
    with pytest.raises(PTXError, match=r"line \d+: `\S+ .*does not know"):
        run_one_thread(kernel("ptr out", line))


def test_floating_point_is_refused_and_listed() -> None:
    lines = ["cvt.rn.f32.s32 %r1, %r2", "add.s32 %r1, %r1, %r2", "fma.rn.f32 %r1, %r2, %r2, %r2"]
    text = kernel("ptr out", ";\n".join(lines) + ";")
    with pytest.raises(PTXError, match="floating-point instruction"):
        run_one_thread(text)
    assert [line.split(": ")[1] for line in floating_point_instructions(text)] == [lines[0], lines[2]]


def test_narrow_register_is_refused() -> None:
    with pytest.raises(PTXError, match="%rs1 has 16 bits, not 32"):
        run_one_thread(kernel("ptr out", "add.s32 %r1, %rs1, %r2;"))


def test_arguments_have_to_fit() -> None:
    module = Module(kernel("ptr out, u32 n", "", block=32))
    out = np.zeros(4, np.int32)
    with pytest.raises(PTXError, match="has 2 parameters, and 1 were given"):
        module.launch("k", (1,), (32,), [out])
    with pytest.raises(PTXError, match="p_out takes 8 bytes"):
        module.launch("k", (1,), (32,), [5, 5])
    with pytest.raises(PTXError, match="built for blocks of"):
        module.launch("k", (1,), (64,), [out, 5])
    with pytest.raises(PTXError, match="there is no kernel other; the module has k"):
        module.launch("other", (1,), (32,), [out, 5])
