"""Which target a machine gets, and that code for targets that it cannot run is what that target runs."""

from __future__ import annotations

import re

import llvmlite.binding as llvm
import numpy as np
import pytest
from kernel_harness import Operands, launch_of, loops_module, spec_of, tensor_type
from xdsl.context import Context
from xdsl.dialects.builtin import DYNAMIC_INDEX, MemRefType, i8, i32

from ivit_dialect.ops.linear import LinearOp
from lowering.compile import lower_to_llvm
from lowering.emit_object import MachineSpec, compile_module
from lowering.targets import TARGETS, host_target, host_targets, target_by_name

AVX2 = ("avx2", "fma", "bmi2")
AVX512 = (*AVX2, "avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl")

INSTRUCTIONS = {
    "x86-64-avx512vbmi": r"vpdpbusd\s.*%zmm",
    "x86-64-avx512vnni": r"vpdpbusd\s.*%zmm",
    "x86-64-avx512vnni-256": r"vpdpbusd\s.*%ymm",
    "x86-64-avx512": r"vpmaddwd\s.*%zmm",
    "x86-64-avxvnni": r"\{vex\}\s+vpdpbusd\s.*%ymm",
    "x86-64-avx2": r"vpmaddwd\s.*%ymm",
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


def assembly_of_a_linear(name: str) -> str:
    target = target_by_name(name)
    operands = Operands()
    op = LinearOp(
        operands.activation(np.zeros((12, 64), np.int8)),
        operands.constant(np.zeros((64, 64), np.int8)),
        operands.constant(np.zeros(64, np.int32)),
        tensor_type([DYNAMIC_INDEX, 12, 64], np.int32),
    )
    launch = launch_of(op, target)
    depth, columns = target.weight_dot.depth, target.tile_columns
    weights = MemRefType(i8, [64 // columns, 64 // depth, columns * depth])
    spec = spec_of(
        launch, [MemRefType(i8, [12, 64]), weights, MemRefType(i32, [64])], [MemRefType(i32, [12, 64])]
    )
    module = loops_module(spec, target)
    lower_to_llvm(module, Context())
    machine = MachineSpec("x86_64-unknown-linux-gnu", target.cpu, target.features)
    return compile_module(module, machine).assembly


@pytest.mark.parametrize("name", TARGETS)
def test_matrix_products_are_made_of_the_targets_instruction(name: str) -> None:
    """Assembled here for any x86-64, whether this machine has the instruction or not."""
    text = assembly_of_a_linear(name)
    assert re.search(INSTRUCTIONS[name], text)
    if TARGETS[name].vector_bytes < 64:
        assert "%zmm" not in text
    if name == "x86-64-avxvnni":
        assert not re.search(r"%[xy]mm(1[6-9]|2\d|3[01])|%k\d", text), "AVX-512's encoding"
