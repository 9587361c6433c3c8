"""Which target a machine gets, and that code for targets that it cannot run is what that target runs."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import llvmlite.binding as llvm
import numpy as np
import pytest
from kernel_harness import TARGETS as RUNNABLE
from kernel_harness import Operands, launch_of, loops_module, run_op, spec_of, tensor_type
from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects.builtin import DYNAMIC_INDEX, IntegerType, MemRefType, i8, i32

from ivit_dialect.ops.linear import LinearOp
from ivit_dialect.reference.linear import linear
from lowering.compile import lower_to_llvm
from lowering.emit_object import MachineSpec, compile_module
from lowering.targets import NARROW_BITS, TARGETS, Target, host_target, host_targets, target_by_name

AVX2 = ("avx2", "fma", "bmi2")
AVX512 = (*AVX2, "avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl")

INSTRUCTIONS = {
    "x86-64-avx512vbmi": r"vpdpbusd\s.*%zmm",
    "x86-64-avx512vnni": r"vpdpbusd\s.*%zmm",
    "x86-64-avx512vnni-256": r"vpdpbusd\s.*%ymm",
    "x86-64-avx512": r"vpmaddwd\s.*%zmm",
    "x86-64-avxvnni": r"\{vex\}\s+vpdpbusd\s.*%ymm",
    "x86-64-avx2": r"vpmaddwd\s.*%ymm",
    "aarch64-dotprod": r"sdot\s+v",
    "aarch64": r"smlal2?\s+v",
    "riscv64": r"mulw?\s",
    "generic": r"pmullw|pmulld|pmaddwd|pmuludq",
}
"""By target: the instruction that its matrix products are made of."""


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        ((), "generic"),
        (AVX2, "x86-64-avx2"),
        ((*AVX2, "avxvnni"), "x86-64-avxvnni"),
        (AVX512, "x86-64-avx512"),
        ((*AVX512, "avx512vnni"), "x86-64-avx512vnni"),
        ((*AVX512, "avx512vnni", "avx512vbmi"), "x86-64-avx512vbmi"),
    ],
)
def test_a_machine_gets_the_most_capable_target(
    monkeypatch: pytest.MonkeyPatch, features: tuple[str, ...], expected: str
) -> None:
    present = dict.fromkeys(features, True)
    monkeypatch.setattr(llvm, "get_host_cpu_features", lambda: llvm.FeatureMap(present))
    assert host_target().name == expected
    assert host_targets()[-1].name == "generic"


def assembly_of_a_linear(name: str, bits: int = 8) -> str:
    target = target_by_name(name)
    operands = Operands()
    op = LinearOp(
        operands.activation(np.zeros((12, 64), np.int8)),
        operands.constant(np.zeros((64, 64), np.int8), IntegerType(bits)),
        operands.constant(np.zeros(64, np.int32)),
        tensor_type([DYNAMIC_INDEX, 12, 64], np.int32),
    )
    launch = launch_of(op, target)
    depth, columns = target.weight_instruction(bits).depth, target.tile_columns
    weights = MemRefType(IntegerType(bits), [64 // columns, 64 // depth, columns * depth])
    spec = spec_of(
        launch, [MemRefType(i8, [12, 64]), weights, MemRefType(i32, [64])], [MemRefType(i32, [12, 64])]
    )
    module = loops_module(spec, target)
    lower_to_llvm(module, Context())
    return compile_module(module, MachineSpec(target.triple, target.cpu, target.features)).assembly


@pytest.mark.parametrize("name", TARGETS)
def test_matrix_products_are_made_of_the_targets_instruction(name: str) -> None:
    """Assembled here whether this machine has the instruction or not."""
    text = assembly_of_a_linear(name)
    assert re.search(INSTRUCTIONS[name], text)
    if TARGETS[name].vector_bytes < 64:
        assert "%zmm" not in text
    if name == "x86-64-avxvnni":
        assert not re.search(r"%[xy]mm(1[6-9]|2\d|3[01])|%k\d", text), "AVX-512's encoding"


def test_constants_are_packed_alike_where_activations_are_offset_alike() -> None:
    """Biases differ between signed and unsigned instructions of the same shape."""
    signed, unsigned = TARGETS["aarch64-dotprod"], TARGETS["x86-64-avxvnni"]
    assert (signed.tile_columns, signed.weight_dot.depth) == (
        unsigned.tile_columns,
        unsigned.weight_dot.depth,
    )
    assert not signed.packs_like(unsigned)
    assert signed.packs_like(replace(signed, cpu="cortex-a76"))
    assert TARGETS["x86-64-avx512vnni-256"].packs_like(unsigned)


NARROW = [name for name, target in TARGETS.items() if target.narrow_dot is not None]


def largest_sums(bits: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Activations of 127, which are 255 with their offset, and weights of ``bits`` at both of their ends."""
    weight = np.full((32, 64), -(1 << (bits - 1)), np.int8)
    weight[1::2] = (1 << (bits - 1)) - 1
    return np.full((6, 64), 127, np.int8), weight


def linear_on(target: Target, bits: int) -> NDArray[Any]:
    """The native product of ``largest_sums``."""
    x, weight = largest_sums(bits)
    operands = Operands()
    op = LinearOp(
        operands.activation(x),
        operands.constant(weight, IntegerType(bits)),
        operands.constant(np.zeros(32, np.int32)),
        tensor_type([DYNAMIC_INDEX, 6, 32], np.int32),
    )
    return run_op(op, operands, target.name)[0]


@pytest.mark.parametrize("name", [name for name in NARROW if name in RUNNABLE])
def test_the_bound_of_saturating_products(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights of 7 bits are the widest for which they are exact: with 8 the same instruction saturates."""
    target = TARGETS[name]
    assert target.narrow_dot is not None
    x, weight = largest_sums(NARROW_BITS)
    assert abs(255 * 2 * weight.astype(int)).max() == 2**15 - 2**7
    np.testing.assert_array_equal(linear_on(target, NARROW_BITS), linear(x, weight, np.zeros(32, np.int32)))
    x, weight = largest_sums(8)
    exact = linear(x, weight, np.zeros(32, np.int32))
    np.testing.assert_array_equal(linear_on(target, 8), exact)
    unproven = replace(target, name=f"{name}-unproven", weight_dot=target.narrow_dot)
    monkeypatch.setitem(TARGETS, unproven.name, unproven)
    assert (linear_on(unproven, 8) != exact).all()


@pytest.mark.parametrize("name", NARROW)
def test_saturating_products_are_made_for_narrow_weights_alone(name: str) -> None:
    assert "vpmaddubsw" not in assembly_of_a_linear(name)
    assert "vpmaddubsw" in assembly_of_a_linear(name, NARROW_BITS)
    assert TARGETS[name].weight_instruction(NARROW_BITS + 1) is TARGETS[name].weight_dot
