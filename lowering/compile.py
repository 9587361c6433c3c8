"""A fused integer module to native code: plan, loops, llvm, object."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import PassPipeline
from xdsl.transforms.reconcile_unrealized_casts import ReconcileUnrealizedCastsPass

from ivit_dialect.element_types import numpy_dtype
from ivit_dialect.hints import isa
from ivit_dialect.load import module_text
from ivit_dialect.store import StoreContext
from lowering import plan
from lowering.emit_object import MachineSpec, ObjectCode, compile_module
from lowering.launches import ENTRY, launch_name
from lowering.lower_to_loops import lower_program
from lowering.pair_weights import PairWeightsPass
from lowering.plan_memory import PlanMemoryPass
from lowering.registry import get_passes
from lowering.stamps import Stamps, reserve_stamps
from lowering.targets import Target
from lowering.weights import pack_weights
from passes.pipelines import LOWER_TO_LLVM, NamedPipeline

Dump = Callable[[str, str], None]
"""Gets each stage, by name (``plan``, ``loops``, ``llvm``, ``asm``) and text."""


@dataclass(frozen=True)
class Launch:
    """One call of a kernel; ``name`` is that of what it computes."""

    kernel: str
    name: str


@dataclass(frozen=True)
class CompiledProgram:
    """Native code, and what it takes to call it.

    ``entry`` is ``void (int64 images, const void *input, void *output, void *arena, const void *weights,
    void *barrier, int64 thread, int64 threads)``. Shapes are of one image; dtypes are NumPy's names;
    ``weights`` is the packed blob; ``stamps`` says where in the arena the times of ``launches`` are kept.
    ``live_bytes`` is the largest sum of buffers alive at once, which no arena can go below.
    """

    entry: str
    arena_bytes: int
    weights: NDArray[np.uint8]
    input_shape: tuple[int, ...]
    input_dtype: str
    output_shape: tuple[int, ...]
    output_dtype: str
    target: str
    code: ObjectCode = field(repr=False)
    launches: tuple[Launch, ...] = field(default=(), repr=False)
    stamps: Stamps | None = None
    live_bytes: int = 0

    @property
    def object_code(self) -> bytes:
        """The object file."""
        return self.code.object_code

    @property
    def assembly(self) -> str:
        """Assembly of the object, made when asked for."""
        return self.code.assembly

    @property
    def cpu(self) -> str:
        """The processor that the code is tuned for, by LLVM's name."""
        return self.code.spec.cpu

    @property
    def features(self) -> str:
        """LLVM's list of features, beyond the processor's, that the code may use."""
        return self.code.spec.features


def compile_program(
    module: ModuleOp, ctx: StoreContext, target: Target, dump: Dump | None = None, stamped: bool = False
) -> CompiledProgram:
    """Compile a fused ``ivit`` module, which is consumed: it ends at the ``llvm`` level.

    ``stamped`` code keeps the times of its launches (see ``lowering.stamps``).
    PassFailedException (one line) for an op that no kernel computes; ValueError for a weight that is missing.
    """

    def note(name: str, text: Callable[[], str]) -> None:
        if dump is not None:
            dump(name, text())

    to_plan(module, ctx, target.name)
    module.verify()
    note("plan", lambda: module_text(module))
    program = next(op for op in module.ops if isinstance(op, plan.ProgramOp))
    weights = pack_weights(program, ctx.store)
    input_shape, input_dtype = _array(program.image.type)
    output_shape, output_dtype = _array(program.output.type)
    launches = tuple(
        Launch(op.kernel.data, launch_name(op))
        for op in program.body.block.ops
        if isinstance(op, plan.LaunchOp)
    )
    stamps = reserve_stamps(program) if stamped else None
    arena, live = program.arena.value.data, program.live.value.data

    # Not verified: the tests do that for every kernel, and LLVM for what becomes of them.
    lower_program(program, target, stamps)
    note("loops", lambda: module_text(module))
    lower_to_llvm(module, ctx)
    note("llvm", lambda: module_text(module))
    code = compile_module(module, MachineSpec(target.triple, target.cpu, target.features))
    note("asm", lambda: code.assembly)
    return CompiledProgram(
        entry=ENTRY,
        arena_bytes=arena,
        weights=weights,
        input_shape=input_shape,
        input_dtype=input_dtype,
        output_shape=output_shape,
        output_dtype=output_dtype,
        target=target.name,
        code=code,
        launches=launches,
        stamps=stamps,
        live_bytes=live,
    )


def to_plan(module: ModuleOp, ctx: Context, target: str) -> None:
    """A fused ``ivit`` module to the ``plan`` level for the target of that name, in place."""
    PairWeightsPass(target).apply(ctx, module)
    PlanMemoryPass(target).apply(ctx, module)


def lower_to_llvm(module: ModuleOp, ctx: Context, pipeline: NamedPipeline = LOWER_TO_LLVM) -> None:
    """From the ``loops`` level to the ``llvm`` dialect, in place."""
    passes = {**get_passes(), ReconcileUnrealizedCastsPass.name: lambda: ReconcileUnrealizedCastsPass}
    PassPipeline(tuple(passes[name]()() for name in pipeline.passes)).apply(ctx, module)


def _array(kind: object) -> tuple[tuple[int, ...], str]:
    """Shape and NumPy dtype of a memref's elements."""
    assert isa(kind, plan.Buffer)
    return kind.get_shape(), numpy_dtype(kind.element_type).name
