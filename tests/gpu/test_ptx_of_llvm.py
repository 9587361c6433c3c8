"""What LLVM prints for a GPU, run by the interpreter, equals what LLVM compiles for this CPU."""

from __future__ import annotations

import ctypes

import llvmlite.binding as llvm
import numpy as np
import pytest
from ptx import Buffer, Module, floating_point_instructions
from random_ir import WORDS, random_program
from snippets import Array, full_range

THREADS = 300


def optimized(ir: str, machine: llvm.TargetMachine, level: int) -> llvm.ModuleRef:
    module = llvm.parse_assembly(ir)
    module.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=level)
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    return module


def on_cpu(ir: str, words: Array) -> Array:
    """The output, computed by this machine."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(opt=1)
    engine = llvm.create_mcjit_compiler(optimized(ir, machine, 1), machine)
    engine.finalize_object()
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)
    out = np.zeros_like(words)
    function(engine.get_function_address("f"))(words.ctypes.data, out.ctypes.data, len(words))
    return out


def ptx_of(ir: str, cpu: str, features: str, level: int) -> str:
    """The PTX that LLVM prints."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    target = llvm.Target.from_triple("nvptx64-nvidia-cuda")
    machine = target.create_target_machine(cpu=cpu, features=features, opt=level)
    return machine.emit_assembly(optimized(ir, machine, level))


@pytest.mark.parametrize("seed", range(24))
def test_random_programs(seed: int) -> None:
    """Every integer operation of LLVM in every width, on edges and full-range random words."""
    level, (cpu, features) = (
        (0, 2, 3)[seed % 3],
        (("sm_75", "+ptx65"), ("sm_80", "+ptx70"), ("sm_90", "+ptx80"))[seed % 2],
    )
    words = np.stack(full_range((64,) * WORDS, random=THREADS - 256, seed=seed), axis=1)
    expected = on_cpu(random_program(seed, 80, gpu=False), words)
    ptx = ptx_of(random_program(seed, 80, gpu=True), cpu, features, level)
    assert not floating_point_instructions(ptx)
    out = Buffer(np.zeros_like(words), "out", initialised=False)
    Module(ptx).launch("f", (-(-THREADS // 128),), (128,), [words, out, THREADS])
    np.testing.assert_array_equal(out.array, expected)
