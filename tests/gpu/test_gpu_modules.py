"""Whole modules on the PTX interpreter: unfused, decomposed and fused, and a whole small Vision Transformer.

Every kernel family is in one of them (``test_kernels_modules`` sees to that); images of a batch differ.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import test_compile as vit
import test_kernels_modules as modules
from numpy.typing import NDArray
from programs import run_program
from ptx import floating_point_instructions

from ivit_dialect.interpreter import run
from ivit_dialect.load import parse_module
from ivit_dialect.store import StoreContext
from lowering.cuda.compile import compile_cuda
from lowering.cuda.kernels.registry import cuda_families
from lowering.cuda.ptxas import assemble
from lowering.cuda.targets import CUDA_TARGETS, cuda_target
from lowering.plan import LaunchOp
from lowering.plan_memory import PlanMemoryPass
from runtime.cuda_program import CudaProgram

IMAGES = 2
DECOMPOSED = ("exact", "probabilities")
"""These have every primitive that a decomposition makes."""

CASES = [
    (name, pipeline)
    for name, pipeline in modules.CASES
    if (name in DECOMPOSED if modules.NAMES[pipeline] == "decomposed" else name != "per_head")
]
ASSEMBLED = ("cuda:sm_75", "cuda:sm_80", "cuda:sm_86", "cuda:sm_89", "cuda:sm_90a", "cuda:sm_100a")


@cache
def compiled_vit(target: str) -> CudaProgram:
    """Patch embedding, a block and the head."""
    ctx = StoreContext(store=vit.weights())
    return compile_cuda(parse_module(vit.text(1), "test.mlir", ctx), ctx, cuda_target(target), cubin=False)


def vit_images(count: int) -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)


def expected_of_vit(images: NDArray[np.uint8]) -> NDArray[Any]:
    ctx = StoreContext(store=vit.weights())
    return run(parse_module(vit.text(1), "test.mlir", ctx), ctx.store, images)


@pytest.mark.parametrize(
    ("name", "pipeline"),
    [pytest.param(*case, id=f"{case[0]}-{modules.NAMES[case[1]]}") for case in CASES],
)
def test_every_form_of_a_module(name: str, pipeline: str) -> None:
    source = modules.MODULES[name]
    program = compile_cuda(*modules.in_form(source, pipeline), cuda_target("cuda:sm_80"), cubin=False)
    assert not floating_point_instructions(program.ptx)
    images, result = modules.expected(source)
    found = run_program(program, images[:IMAGES]).view(result.dtype).reshape(IMAGES, *result.shape[1:])
    np.testing.assert_array_equal(found, result[:IMAGES])
    for target in ASSEMBLED[1:]:  # all take the code of sm_80
        assembled = assemble(program.ptx, cuda_target(target))
        if assembled is None:
            pytest.skip("needs ptxas that knows every target: the PTX is not assembled")
        assert {launch.kernel for launch in program.launches} == set(assembled.usage)
        assert all(usage.spill_bytes == 0 for usage in assembled.usage.values())


@pytest.mark.parametrize("target", ["cuda:sm_61", "cuda:sm_75", "cuda:sm_80", "cuda:sm_90a"])
def test_a_vision_transformer(target: str) -> None:
    pixels = vit_images(3)
    expected = expected_of_vit(pixels)
    found = run_program(compiled_vit(target), pixels, order="random")
    np.testing.assert_array_equal(found.view(expected.dtype).reshape(expected.shape), expected)


@pytest.mark.parametrize("target", sorted(CUDA_TARGETS))
def test_ptx_for_every_target_holds_no_floating_point(target: str) -> None:
    program = compiled_vit(target)
    assert f".target {program.architecture}\n" in program.ptx
    assert not floating_point_instructions(program.ptx)
    if target in ASSEMBLED:
        assembled = assemble(program.ptx, cuda_target(target))
        if assembled is None:
            pytest.skip("ptxas is not installed: the PTX is not assembled")
        assert {launch.kernel for launch in program.launches} == set(assembled.usage)
        assert all(usage.spill_bytes == 0 for usage in assembled.usage.values())


def test_every_kernel_of_the_gpu_is_in_a_module_that_runs() -> None:
    ctx = StoreContext(store=vit.weights())
    kernels: set[str] = set()
    planned = [(parse_module(vit.text(1), "test.mlir", ctx), ctx)]
    planned += [modules.in_form(modules.MODULES[name], pipeline) for name, pipeline in CASES]
    for module, context in planned:
        PlanMemoryPass("cuda:sm_80").apply(context, module)
        kernels |= {op.kernel.data for op in module.walk() if isinstance(op, LaunchOp)}
    assert set(cuda_families()) - kernels == set()
