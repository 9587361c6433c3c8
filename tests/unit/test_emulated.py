"""Kernels on processors that this machine is not: the same bits, by emulation.

The cases are of the kernels' own tests, a few of each: whole tiles and tails, every epilogue, odd shapes.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import emulated_others
import numpy as np
import pytest
import test_compile
import test_gemm
import test_kernels_arithmetic as arithmetic
import test_kernels_attention as attention
import test_kernels_elementwise as elementwise
import test_kernels_ibert as ibert
import test_kernels_rows as rows
import test_kernels_widths as widths
import test_pairs
from emulated import EMULATED, EmulatedObject, emulated_call
from emulated_others import PROCESSORS
from kernel_harness import TARGETS as RUNNABLE
from test_gemm import Case
from unicorn import UcError
from xdsl.dialects.builtin import IntegerType

from ivit_dialect.interpreter import run
from ivit_dialect.load import parse_module
from ivit_dialect.ops.arithmetic import ReduceKind
from ivit_dialect.store import StoreContext
from lowering.emit_object import MachineSpec, compile_llvm_ir
from lowering.targets import TARGETS, target_by_name

Check: TypeAlias = Callable[[str], None]

ELSEWHERE = [name for name in EMULATED if name not in RUNNABLE]
"""What only an emulator runs here; the kernels' own tests run the others."""


def drawn(test: Any, **arguments: Any) -> Check:
    """A property-based test at one point."""
    return partial(test.hypothesis.inner_test, **arguments)


def linear(**parts: Any) -> Check:
    """A linear layer, its work shared by three threads, one after the other."""

    def check(target: str) -> None:
        np.testing.assert_array_equal(*test_gemm.run_and_expect(Case(**parts), target, 3))

    return check


def widened(**parts: Any) -> Check:
    """A linear layer of other widths than 8 bits."""
    bits = {name: IntegerType(parts.pop(name)) for name in ("x_type", "w_type", "y_type")}
    return drawn(widths.test_linear, **parts, **bits)


CASES: dict[str, Check] = {
    "linear": linear(seed=1, rows=13, columns=70, inner=147, out=np.int32),
    "linear_row": linear(seed=2, rows=0, columns=10, inner=3, out=np.int16, shift=33),
    "linear_requant": linear(seed=3, rows=7, columns=130, inner=33, out=np.int8, shift=40, zero_point=-91),
    "linear_lookup": linear(seed=4, rows=6, columns=70, inner=64, out=np.int8, shift=38, table=True),
    "linear_residual": linear(
        seed=5, rows=7, columns=33, inner=33, out=np.int16, shift=34, residual=np.int16, residual_shift=40
    ),
    "linear_nibbles": widened(
        seed=6, rows=7, columns=33, inner=33, x_type=8, w_type=4, y_type=8, index_bits=None, threads=2
    ),
    "linear_i12_by_nibbles": widened(
        seed=7, rows=6, columns=70, inner=64, x_type=12, w_type=4, y_type=12, index_bits=7, threads=1
    ),
    "linear_i7": widened(
        seed=8, rows=13, columns=33, inner=147, x_type=8, w_type=7, y_type=16, index_bits=None, threads=1
    ),
    "linear_by_pairs": partial(
        test_pairs.test_linear_by_pairs_equals_reference, rows=7, outs=20, ins=33, weights="random"
    ),
    "linear_by_fours": partial(
        test_pairs.test_linear_by_pairs_equals_reference, rows=6, outs=64, ins=40, weights="tiny"
    ),
    "matmul": partial(attention.test_matmul_in_blocks_of_columns, transposed=False),
    "matmul_transposed": drawn(
        attention.test_matmul,
        seed=1,
        heads=2,
        rows=13,
        inner=65,
        columns=77,
        left=np.uint8,
        transposed=True,
        scale=(-(2**31) + 1, 40, -9, np.int8),
        threads=2,
    ),
    "attention": attention.test_attention_of_a_vision_transformer,
    "attention_per_head": drawn(
        attention.test_delta_attention_with_a_scale_for_each_head,
        seed=1,
        shape=(5, 3, 8),
        shift=40,
        threads=1,
    ),
    "attention_odd": drawn(
        attention.test_delta_attention,
        seed=1,
        shape=(13, 2, 5),
        multiplier=1 << 30,
        shift=36,
        dividend=255000,
        context_shift=24,
        smooth=True,
        threads=3,
    ),
    "attention_shiftmax": drawn(
        attention.test_shiftmax_attention,
        seed=1,
        shape=(13, 2, 5),
        multiplier=1 << 30,
        shift=36,
        x0=20,
        bits=16,
        context_multiplier=1 << 30,
        context_shift=40,
        threads=2,
    ),
    "softmax": drawn(
        rows.test_softmax,
        seed=1,
        rows=3,
        columns=33,
        multiplier=1 << 30,
        shift=36,
        narrowing=0,
        threads=2,
    ),
    "shiftmax": drawn(rows.test_shiftmax, seed=1, rows=3, columns=33, x0=20, bits=16, threads=2),
    "shiftgelu": drawn(rows.test_shiftgelu, seed=1, channels=131, x0=20, n=20, threads=2),
    "layernorm": drawn(rows.test_layernorm, seed=1, channels=131, shift=40, epsilon=12, threads=2),
    "layernorm_widest": partial(rows.test_layernorms_of_the_widest_rows, channels=2047),
    "ibert_gelu": drawn(
        ibert.test_gelu,
        seed=1,
        channels=33,
        b=-9999,
        c=-(2**29),
        shift=14,
        x_type=IntegerType(8),
        threads=1,
    ),
    "gelu_table": drawn(elementwise.test_lookup_of_any_length, seed=1, count=200, threads=2),
    "requant": drawn(
        elementwise.test_requant,
        seed=1,
        rows=3,
        channels=131,
        x_type=np.int32,
        y_type=np.uint8,
        multiplier=-(2**31) + 1,
        shift=34,
        zero_point=7,
        threads=2,
    ),
    "requant_int8": partial(elementwise.test_requant_of_all_int8, shift=7),
    "add": drawn(
        elementwise.test_add,
        seed=1,
        rows=3,
        channels=131,
        lhs_type=np.int8,
        rhs_type=np.int16,
        lhs_scale=(2**31 - 1, 33),
        rhs_scale=None,
        constant=True,
        threads=2,
    ),
    "affine": drawn(
        elementwise.test_affine, seed=1, rows=3, channels=131, y_type=np.int16, shift=40, threads=2
    ),
    "reduce": drawn(
        arithmetic.test_reduce,
        seed=1,
        shape=(3, 5, 131),
        dimension=2,
        kind=ReduceKind.SUM,
        x_type=np.int32,
        threads=2,
    ),
}
"""By name: what is computed and compared."""


PRODUCTS_ALONE = (
    "x86-64-avx512vnni",
    "x86-64-avx512vnni-256",
    "x86-64-avx512",
    "x86-64-avxvnni",
    "aarch64-dotprod",
)
"""Targets that differ from another by how they multiply."""

OF_PRODUCTS = ("linear", "matmul", "attention", "layernorm")


OF_NARROW_DOTS = ("linear_by_pairs", "linear_by_fours")


def cases_of(target: str) -> list[str]:
    """The cases whose code this target has, and another one has not."""
    cases = [case for case in CASES if target not in PRODUCTS_ALONE or case.startswith(OF_PRODUCTS)]
    return [case for case in cases if case not in OF_NARROW_DOTS or TARGETS[target].narrow_dot is not None]


@pytest.mark.parametrize(
    ("target", "case"), [(target, case) for target in ELSEWHERE for case in cases_of(target)]
)
def test_kernels_have_the_same_bits_elsewhere(target: str, case: str) -> None:
    CASES[case](target)


@pytest.mark.parametrize("target", PROCESSORS)
def test_threads_meet_at_barriers(target: str) -> None:
    """A whole ViT by three threads that take turns in the middle of what they do."""
    ctx = StoreContext(store=test_compile.weights())
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3)).astype(np.uint8)
    expected = run(parse_module(test_compile.text(), "test.mlir", ctx), ctx.store, images)
    program = test_compile.compiled(target)
    output = np.zeros(expected.shape, program.output_dtype)
    emulated_call(program, images, output, threads=3)
    np.testing.assert_array_equal(output, expected)


def test_threads_that_never_end_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second waits for what nobody does."""
    monkeypatch.setattr(emulated_others, "TURNS", 9)
    ir = """define void @f(ptr %flag, i64 %thread, i64 %threads) {
entry:
  %first = icmp eq i64 %thread, 0
  br i1 %first, label %done, label %wait
wait:
  %seen = load atomic i64, ptr %flag seq_cst, align 8
  %set = icmp ne i64 %seen, 0
  br i1 %set, label %done, label %wait
done:
  ret void
}"""
    with pytest.raises(RuntimeError, match="1 threads never end"):
        code(ir, "riscv64").call_by_threads("f", 2, np.zeros(1, np.int64))


def test_every_target_runs() -> None:
    missing = set(TARGETS) - set(RUNNABLE) - set(EMULATED)
    if (platform.system(), platform.machine()) != ("Linux", "x86_64") and missing:
        pytest.skip(f"no emulator of {', '.join(missing)} is built for this platform")
    assert missing == set()


def code(ir: str, target: str, features: str = "") -> EmulatedObject:
    """LLVM IR for a target, with features that it need not have."""
    machine = target_by_name(target)
    spec = MachineSpec(machine.triple, machine.cpu, f"{machine.features},{features}".strip(","))
    return EmulatedObject(compile_llvm_ir(ir, spec).object_code, machine)


@pytest.mark.parametrize("target", EMULATED)
def test_arguments_lie_in_registers_and_on_the_stack(target: str) -> None:
    """Ten numbers, more than any of the calling conventions has registers for; memory is shared."""
    parameters = ", ".join(f"i64 %x{i}" for i in range(10))
    stores = "".join(
        f"%p{i} = getelementptr i64, ptr %to, i64 {i}\n store i64 %x{i}, ptr %p{i}\n" for i in range(10)
    )
    emulated = code(f"define void @f(ptr %to, {parameters}) {{\n{stores} ret void\n}}", target)
    numbers = [-1, 2**62, *range(8)]
    for _ in range(2):
        to = np.zeros(11, np.int64)
        emulated.call("f", to, *numbers)
        assert to.tolist() == [*numbers, 0]


@pytest.mark.parametrize("target", EMULATED)
def test_memory_that_is_not_there_faults(target: str) -> None:
    emulated = code("define void @f(ptr %to) {\n store volatile i8 1, ptr %to\n ret void\n}", target)
    with pytest.raises((RuntimeError, UcError)):
        emulated.call("f", 1 << 40)


SQUARES = """define void @f(ptr %to) {
  %x = load <16 x i32>, ptr %to
  %y = mul <16 x i32> %x, %x
  store <16 x i32> %y, ptr %to
  ret void
}"""
COUNTING = """define void @f(ptr %to) {
  %x = atomicrmw add ptr %to, i32 1 seq_cst
  ret void
}"""


@pytest.mark.parametrize(
    ("target", "features", "ir"),
    [
        ("x86-64-avx2", "+avx512f", SQUARES),
        ("x86-64-avxvnni", "+avx512f", SQUARES),
        ("aarch64", "+lse", COUNTING),
        ("riscv64", "+v", SQUARES),
    ],
)
def test_instructions_that_a_target_lacks_fault(target: str, features: str, ir: str) -> None:
    if target not in EMULATED:
        pytest.skip("no emulator of x86-64 is built for this platform")
    numbers = np.arange(16, dtype=np.int32)
    changed = numbers.copy()
    code(ir, target).call("f", changed)
    assert (changed != numbers).any()
    with pytest.raises((RuntimeError, UcError)):
        code(ir, target, features).call("f", changed)


def test_a_function_that_nobody_defines_is_named() -> None:
    with pytest.raises(KeyError, match="elsewhere"):
        code(
            "declare void @elsewhere()\ndefine void @f() {\n call void @elsewhere()\n ret void\n}", "aarch64"
        )
