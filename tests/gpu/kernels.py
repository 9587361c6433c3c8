"""Runs one ivit op through its GPU kernel on the PTX interpreter: planned, built, emitted, launched.

``check`` is ``kernel_harness.check`` for GPU targets; several images of the same data run at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field
from functools import cache
from typing import Unpack

import numpy as np
from kernel_harness import Array, Operands, resolve, spec_of
from programs import Device, Options
from ptx import Module, Statistics, floating_point_instructions
from xdsl.context import Context
from xdsl.dialects.builtin import MemRefType, ModuleOp
from xdsl.ir import Operation, SSAValue

from ivit_dialect.element_types import numpy_dtype
from ivit_dialect.types import tensor_types
from lowering.arena import align
from lowering.compile import lower_to_llvm
from lowering.cuda.build import Facts
from lowering.cuda.emit_ptx import emit_ptx
from lowering.cuda.kernel_functions import CudaKernels, Kernel
from lowering.cuda.kernels.registry import plan_launch, plan_spmd
from lowering.cuda.lower_to_gpu import device_module, facts_of
from lowering.cuda.ptxas import Usage, assemble
from lowering.cuda.targets import CudaTarget, cuda_target
from lowering.kernels.base import KernelSpec, Launch, Packed
from lowering.plan import ALIGNMENT, byte_size
from passes.pipelines import LOWER_GPU_TO_LLVM
from runtime.cuda_program import CudaProgram, Span
from runtime.cuda_program import Launch as CudaLaunch

DEFAULT = "cuda:sm_80"
IMAGES = 2


def ptx_of(module: ModuleOp, target: CudaTarget) -> str:
    """The PTX of a module of kernels, which is consumed."""
    module.verify()
    lower_to_llvm(module, Context(), LOWER_GPU_TO_LLVM)
    return emit_ptx(module, target)


@cache
def built(spec: KernelSpec, facts: tuple[Facts, ...], name: str) -> tuple[Kernel, str]:
    """A kernel and its PTX."""
    kernels = CudaKernels(cuda_target(name))
    kernel = kernels.kernel(spec, facts)
    return kernel, ptx_of(ModuleOp([device_module(kernels.functions)]), cuda_target(name))


@dataclass(frozen=True)
class Ran:
    """What came of a launch: an array for each result and image, the code, and how it went."""

    results: list[Array]
    ptx: str
    launch: CudaLaunch
    statistics: Statistics

    def usage(self, target: str = DEFAULT) -> Usage | None:
        """What ptxas says of the kernel; None where there is no ptxas for the target."""
        assembled = assemble(self.ptx, cuda_target(target))
        return None if assembled is None else assembled.usage[self.launch.kernel]


def launch_on(op: Operation, target: CudaTarget, *, spmd: bool = False) -> Launch:
    """How the compiler would compute ``op``; ``spmd`` passes by the kernels that are the GPU's own."""
    op.verify_()
    launch = (plan_spmd if spmd else plan_launch)(op, target)
    assert launch is not None
    return launch


def replace_activations(operands: Operands, activations: Mapping[SSAValue, Array]) -> Operands:
    """The operands of another image."""
    other = copy(operands)
    other.activations = dict(activations)
    return other


def run_launch(
    op: Operation,
    operands: Operands,
    target: str = DEFAULT,
    images: int = IMAGES,
    *,
    spmd: bool = False,
    apart: int = 0,
    second: Mapping[SSAValue, Array] | None = None,
    **options: Unpack[Options],
) -> Ran:
    """Compute ``op`` on ``images`` equal images, whose parts lie ``apart`` bytes (a multiple of 64) from each
    other: 0 makes one array of them, as in a buffer of their own. The ``second`` image may have activations
    of its own."""
    launch = launch_on(op, cuda_target(target), spmd=spmd)
    inputs, elements = zip(*(resolve(operand, operands) for operand in launch.inputs), strict=True)
    results = [(kind.get_shape()[1:], kind.element_type) for kind in tensor_types(*op.results)]
    outputs = [MemRefType(element, launch.output_shape or shape) for shape, element in results]
    spec = spec_of(launch, [MemRefType(e, x.shape) for x, e in zip(inputs, elements, strict=True)], outputs)

    weights, spans, arena = bytearray(), list[Span](), 0
    for number, kind in enumerate(spec.memrefs):
        size = byte_size(kind)
        if number < len(inputs) and isinstance(launch.inputs[number], Packed):
            spans.append(Span("weights", 0, len(weights), 0, size))
            weights += np.ascontiguousarray(inputs[number]).tobytes().ljust(align(size, ALIGNMENT), b"\0")
            continue
        stride = size + apart
        spans.append(Span("arena", arena, 0, stride, size))
        arena += align(stride, ALIGNMENT)
    kernel, ptx = built(spec, tuple(map(facts_of, spans)), target)
    geometry = kernel.geometry
    scalars = tuple(launch.scalars[name] for name in spec.scalars)
    shared = geometry.shared_bytes
    call = CudaLaunch(kernel.symbol, "", 0, geometry.grid, geometry.block, shared, tuple(spans), scalars)
    blob = np.frombuffer(bytes(weights), np.uint8)
    program = CudaProgram(ptx, (call,), arena, 1, 1, blob, target, cuda_target(target).cpu)
    device = Device(program, images)
    device.fill("weights", blob)
    for image in range(images):
        given = replace_activations(operands, second) if image == 1 and second else operands
        for span, operand in zip(spans, launch.inputs, strict=False):
            if span.memory == "arena":
                device.put(span, image, resolve(operand, given)[0])
    statistics = device.launch(Module(ptx), call, **options)
    found = [
        np.stack(
            [device.get(span, image).view(numpy_dtype(element)).reshape(shape) for image in range(images)]
        )
        for span, (shape, element) in zip(spans[len(inputs) :], results, strict=True)
    ]
    return Ran(found, ptx, call, statistics)


def check(
    op: Operation,
    operands: Operands,
    *expected: Array,
    target: str = DEFAULT,
    images: int = IMAGES,
    spmd: bool = False,
    apart: int = 0,
    second: Mapping[SSAValue, Array] | None = None,
    **options: Unpack[Options],
) -> Ran:
    """The kernel's results equal ``expected`` for every image, bit for bit."""
    ran = run_launch(op, operands, target, images, spmd=spmd, apart=apart, second=second, **options)
    for got, want in zip(ran.results, expected, strict=True):
        assert got.dtype == want.dtype
        differs = np.argwhere(got != want)
        assert not len(differs), f"{len(differs)} differ, the first at {differs[0]} (image first)"
    return ran


@dataclass
class Stand:
    """Stands in for ``kernel_harness.run_op``: the tests of the CPU's kernels then test a GPU's.

    ``launched`` has the name of every kernel that ran.
    """

    target: str = DEFAULT
    spmd: bool = False
    launched: set[str] = field(default_factory=set[str])

    def run_op(self, op: Operation, operands: Operands, target: str, threads: int = 1) -> list[Array]:
        """The results for one image; all images must have the same."""
        del target, threads
        ran = run_launch(op, operands, self.target, spmd=self.spmd)
        self.launched.add(launch_on(op, cuda_target(self.target), spmd=self.spmd).kernel)
        assert not floating_point_instructions(ran.ptx)
        for result in ran.results:
            np.testing.assert_array_equal(result, np.broadcast_to(result[:1], result.shape))
        return [result[0] for result in ran.results]
