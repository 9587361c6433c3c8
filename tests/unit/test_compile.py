"""Whole small modules as native code: the interpreter's bits on every target, with any number of threads."""

from __future__ import annotations

import ctypes
import threading
import time
from typing import Any

import numpy as np
import pytest
from integer_code import check_integer_only
from kernel_harness import TARGETS
from numpy.typing import NDArray
from xdsl.dialects.func import FuncOp
from xdsl.utils.exceptions import PassFailedException

from ivit_dialect.interpreter import run
from ivit_dialect.load import parse_module
from ivit_dialect.store import StoreContext, WeightStore
from lowering import plan
from lowering.compile import CompiledProgram, Dump, compile_program
from lowering.lower_to_loops import LowerToLoopsPass
from lowering.plan_memory import PlanMemoryPass
from lowering.targets import target_by_name
from runtime.jit import LoadedObject
from runtime.memory import aligned_bytes

ROOT = """
func.func @main(%image: tensor<?x8x8x3xui8>) -> tensor<?x10xi32> {
  %pw = ivit.constant "patch.weight" : tensor<16x48xi8>
  %pb = ivit.constant "patch.bias" : tensor<16xi32>
  %pm = ivit.constant "patch.multipliers" : tensor<16xi32>
  %pos = ivit.constant "positions" : tensor<1x4x16xi16>
  %cls = ivit.constant "prefix" : tensor<1x1x16xi16>
  %ns = ivit.constant "norm.scale" : tensor<16xi32>
  %no = ivit.constant "norm.offset" : tensor<16xi64>
  %w = ivit.constant "weight" : tensor<16x16xi8>
  %b = ivit.constant "bias" : tensor<16xi32>
  %m = ivit.constant "multipliers" : tensor<16xi32>
  %one = ivit.constant "multiplier" : tensor<1xi32>
  %exp = ivit.constant "exp.table" : tensor<256xui8>
  %gelu = ivit.constant "gelu.table" : tensor<256xi8>
  %hw = ivit.constant "head.weight" : tensor<10x16xi8>
  %hb = ivit.constant "head.bias" : tensor<10xi32>

  %p = ivit.patchify %image kernel 4 x 4 : tensor<?x8x8x3xui8> -> tensor<?x4x48xi8>
  %patches = ivit.linear %p, %pw, %pb requant(%pm shift 35 : tensor<16xi32>)
    residual(%pos * 1100000000 shift 31 : tensor<1x4x16xi16>)
    : (tensor<?x4x48xi8>, tensor<16x48xi8>, tensor<16xi32>) -> tensor<?x4x16xi16>
  %x0 = ivit.prepend_tokens %cls, %patches
    : (tensor<1x1x16xi16>, tensor<?x4x16xi16>) -> tensor<?x5x16xi16>
"""
BLOCK = """
  %n{i} = ivit.layernorm %x{i} * %ns + %no shift 40 epsilon 12
    : (tensor<?x5x16xi16>, tensor<16xi32>, tensor<16xi64>) -> tensor<?x5x16xi8>
  %q{i} = ivit.linear %n{i}, %w, %b requant(%m shift {shift} : tensor<16xi32>)
    : (tensor<?x5x16xi8>, tensor<16x16xi8>, tensor<16xi32>) -> tensor<?x5x16xi8>
  %k{i} = ivit.linear %n{i}, %w, %b requant(%one shift {shift} : tensor<1xi32>) zero_point 3
    : (tensor<?x5x16xi8>, tensor<16x16xi8>, tensor<16xi32>) -> tensor<?x5x16xi8>
  %a{i} = ivit.attention %q{i}, %k{i}, %k{i} heads 2
    softmax #ivit.delta_softmax<
      multiplier = 1717986918, shift = 38, dividend = 274877906944, context_shift = 38>
    table(%exp : tensor<256xui8>)
    : (tensor<?x5x16xi8>, tensor<?x5x16xi8>, tensor<?x5x16xi8>) -> tensor<?x5x16xi8>
  %y{i} = ivit.linear %a{i}, %w, %b requant(%m shift {shift} : tensor<16xi32>)
    residual(%x{i} * 1100000000 shift 31 : tensor<?x5x16xi16>)
    : (tensor<?x5x16xi8>, tensor<16x16xi8>, tensor<16xi32>) -> tensor<?x5x16xi16>
  %g{i} = ivit.linear %n{i}, %w, %b requant(%m shift {shift} : tensor<16xi32>)
    lookup(%gelu : tensor<256xi8>) zero_point -91
    : (tensor<?x5x16xi8>, tensor<16x16xi8>, tensor<16xi32>) -> tensor<?x5x16xi8>
  %x{next} = ivit.linear %g{i}, %w, %b requant(%m shift {shift} : tensor<16xi32>)
    residual(%y{i} * 1000000000 shift 30 : tensor<?x5x16xi16>)
    : (tensor<?x5x16xi8>, tensor<16x16xi8>, tensor<16xi32>) -> tensor<?x5x16xi16>
"""
HEAD = """
  %n = ivit.layernorm %x{last} * %ns + %no shift 40 epsilon 12
    : (tensor<?x5x16xi16>, tensor<16xi32>, tensor<16xi64>) -> tensor<?x5x16xi8>
  %ct = ivit.slice_tokens %n [0, 1] : tensor<?x5x16xi8> -> tensor<?x1x16xi8>
  %cc = tensor.collapse_shape %ct [[0], [1, 2]] : tensor<?x1x16xi8> into tensor<?x16xi8>
  %logits = ivit.linear %cc, %hw, %hb
    : (tensor<?x16xi8>, tensor<10x16xi8>, tensor<10xi32>) -> tensor<?x10xi32>
  func.return %logits : tensor<?x10xi32>
}}
"""


def text(layers: int = 2) -> str:
    """A ViT of two heads and four patches."""
    blocks = [BLOCK.format(i=i, next=i + 1, shift=38 + i) for i in range(layers)]
    return "\n".join([ROOT, *blocks, HEAD.format(last=layers)])


def weights() -> WeightStore:
    rng = np.random.default_rng(5)

    def draw(low: int, high: int, kind: Any, *shape: int) -> NDArray[Any]:
        return rng.integers(low, high, shape, np.int64).astype(kind)

    exp = np.round(255 * np.exp(-np.arange(256) / 24)).astype(np.uint8)
    return WeightStore(
        {
            "patch.weight": draw(-127, 128, np.int8, 16, 48),
            "patch.bias": draw(-9999, 9999, np.int32, 16),
            "patch.multipliers": draw(1 << 29, 1 << 30, np.int32, 16),
            "positions": draw(-300, 300, np.int16, 1, 4, 16),
            "prefix": draw(-30, 30, np.int16, 1, 1, 16),
            "norm.scale": draw(1 << 24, 1 << 25, np.int32, 16),
            "norm.offset": draw(-(1 << 42), 1 << 42, np.int64, 16),
            "weight": draw(-127, 128, np.int8, 16, 16),
            "bias": draw(-999, 999, np.int32, 16),
            "multipliers": draw(1 << 29, 1 << 30, np.int32, 16),
            "multiplier": np.array([1 << 29], np.int32),
            "exp.table": exp,
            "gelu.table": draw(-128, 128, np.int8, 256),
            "head.weight": draw(-127, 128, np.int8, 10, 16),
            "head.bias": draw(-999, 999, np.int32, 10),
        }
    )


def compiled(target: str, dump: Dump | None = None, stamped: bool = False) -> CompiledProgram:
    ctx = StoreContext(store=weights())
    module = parse_module(text(), "test.mlir", ctx)
    return compile_program(module, ctx, target_by_name(target), dump, stamped)


def call(program: CompiledProgram, images: NDArray[Any], threads: int) -> NDArray[Any]:
    """All threads share each image, as the entry point has it."""
    return call_keeping_arena(program, images, threads)[0]


def call_keeping_arena(
    program: CompiledProgram, images: NDArray[Any], threads: int
) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    """The output, and the arena afterwards."""
    loaded = LoadedObject(program.object_code, [program.entry])
    output = np.zeros((len(images), *program.output_shape), program.output_dtype)
    arena, barrier = aligned_bytes(program.arena_bytes), aligned_bytes(64)
    blob = aligned_bytes(program.weights.size)
    blob[:] = program.weights
    arena[:] = 0x5A
    barrier[:] = 0
    entry = ctypes.CFUNCTYPE(None)(loaded.address(program.entry))
    pointers = [ctypes.c_void_p(array.ctypes.data) for array in (images, output, arena, blob, barrier)]

    def work(thread: int) -> None:
        entry(ctypes.c_int64(len(images)), *pointers, ctypes.c_int64(thread), ctypes.c_int64(threads))

    team = [threading.Thread(target=work, args=(thread,)) for thread in range(threads)]
    for worker in team:
        worker.start()
    for worker in team:
        worker.join()
    return output, arena


@pytest.mark.parametrize("target", TARGETS)
def test_native_code_equals_the_interpreter(target: str) -> None:
    ctx = StoreContext(store=weights())
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3)).astype(np.uint8)
    expected = run(parse_module(text(), "test.mlir", ctx), ctx.store, images)
    assert len(np.unique(expected)) > 20
    program = compiled(target)
    assert (program.input_shape, program.input_dtype) == ((8, 8, 3), "uint8")
    assert (program.output_shape, program.output_dtype) == ((10,), "int32")
    assert program.target == target
    check_integer_only(program.code)
    for threads in (1, 2, 3, 9):  # nine are more than the cores of most machines: waiting threads give way
        np.testing.assert_array_equal(call(program, images, threads), expected)


def test_stamped_code_gives_the_same_bits_and_the_times_of_its_launches() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3)).astype(np.uint8)
    plain, stamped = compiled("generic"), compiled("generic", stamped=True)
    assert plain.stamps is None
    assert plain.launches == stamped.launches
    launches = [(launch.kernel, launch.name) for launch in stamped.launches]
    assert launches[0] == ("patchify", "p")
    assert launches[-1] == ("linear", "head")
    stamps = stamped.stamps
    assert stamps is not None
    assert (stamps.count, stamps.end) == (len(launches) + 1, stamped.arena_bytes)
    assert stamps.offset % 64 == 0
    assert stamps.offset >= plain.arena_bytes
    for threads in (1, 3):
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        output, arena = call_keeping_arena(stamped, images, threads)
        after = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        np.testing.assert_array_equal(output, call(plain, images, 1))
        seconds, rest = arena[stamps.offset : stamps.end].view(np.int64).reshape(-1, 2).T
        times = seconds * 10**9 + rest
        assert before <= times[0]
        assert (np.diff(times) >= 0).all()
        assert times[-1] <= after


def test_layers_of_one_shape_share_kernels() -> None:
    """Twelve layers that differ in weights and shifts need the functions of one."""
    functions = {layers: loops_functions(text(layers)) for layers in (1, 2, 12)}
    assert functions[1] == functions[2] == functions[12]


def test_a_zero_point_of_zero_is_no_other_kernel() -> None:
    """One of two layers without a zero point before its table."""
    source = text(2)
    without = source.replace("zero_point -91", "", 1)
    assert without.count("zero_point -91") == source.count("zero_point -91") - 1
    assert loops_functions(without) == loops_functions(source)


def loops_functions(source: str) -> list[str]:
    """The names of the functions at the loops level."""

    from lowering.lower_to_loops import LowerToLoopsPass

    ctx = StoreContext(store=weights())
    module = parse_module(source, "test.mlir", ctx)
    PlanMemoryPass("generic").apply(ctx, module)
    LowerToLoopsPass().apply(ctx, module)
    return [op.sym_name.data for op in module.ops if isinstance(op, FuncOp)]


def test_stages_are_dumped_in_order() -> None:
    stages: list[tuple[str, str]] = []

    def note(name: str, text_: str) -> None:
        stages.append((name, text_))

    program = compiled("generic", note)
    assert [name for name, _ in stages] == ["plan", "loops", "llvm", "asm"]
    for (_, text_), word in zip(
        stages, ("plan.launch", "func.func @ivit_main", "llvm.func", "ivit_main:"), strict=True
    ):
        assert word in text_
    assert "define void @ivit_main" in program.code.llvm_ir


@pytest.mark.parametrize("target", ["generic", "x86-64-avx2"])
def test_a_missing_weight_is_named(target: str) -> None:
    ctx = StoreContext(store=weights())
    module = parse_module(text(), "test.mlir", ctx)
    del ctx.store["bias"]
    with pytest.raises(ValueError, match="the weight store has no 'bias'"):
        compile_program(module, ctx, target_by_name(target))


def test_a_plan_of_an_unknown_kernel_is_refused() -> None:
    ctx = StoreContext()
    ctx.load_dialect(plan.Plan)
    source = """
      plan.program @main(%image: memref<4xi8>, %output: memref<4xi8>)
          target "generic" arena 0 live 0 weights 0 {
        plan.launch "fft" ins(%image : memref<4xi8>) outs(%output : memref<4xi8>)
      }"""
    with pytest.raises(PassFailedException, match=r'test\.mlir:4: plan\.launch "fft" has no kernel'):
        LowerToLoopsPass().apply(ctx, parse_module(source, "test.mlir", ctx))
