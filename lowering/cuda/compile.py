"""A fused integer module to GPU code: plan, loops with the gpu dialect, llvm, PTX, cubin."""

from __future__ import annotations

from collections.abc import Callable

from xdsl.dialects.builtin import ModuleOp

from ivit_dialect.load import module_text
from ivit_dialect.store import StoreContext
from lowering import plan
from lowering.compile import Dump, lower_to_llvm
from lowering.cuda.emit_ptx import emit_ptx
from lowering.cuda.lower_to_gpu import lower_program_to_gpu
from lowering.cuda.ptxas import assemble
from lowering.cuda.targets import CudaTarget
from lowering.plan_memory import PlanMemoryPass
from lowering.weights import pack_weights
from passes.pipelines import LOWER_GPU_TO_LLVM
from runtime.cuda_program import CudaProgram


def compile_cuda(
    module: ModuleOp, ctx: StoreContext, target: CudaTarget, dump: Dump | None = None, *, cubin: bool = True
) -> CudaProgram:
    """Compile a fused ``ivit`` module, which is consumed: it ends at the ``llvm`` level.

    ``dump`` gets ``plan``, ``gpu``, ``llvm`` and ``ptx``. With ``cubin`` the program holds one where ptxas is
    installed. PassFailedException (one line) for an op that no kernel computes; ValueError for a weight that
    is missing.
    """
    PlanMemoryPass(target.name).apply(ctx, module)
    module.verify()
    if dump is not None:
        dump("plan", module_text(module))
    return compile_planned(module, ctx, target, dump, cubin=cubin)


def compile_planned(
    module: ModuleOp, ctx: StoreContext, target: CudaTarget, dump: Dump | None = None, *, cubin: bool = False
) -> CudaProgram:
    """The same for a module at the ``plan`` level."""

    def note(name: str, text: Callable[[], str]) -> None:
        if dump is not None:
            dump(name, text())

    program = next(op for op in module.ops if isinstance(op, plan.ProgramOp))
    weights = pack_weights(program, ctx.store)
    arena = program.arena.value.data
    input_bytes, output_bytes = plan.byte_size(program.image.type), plan.byte_size(program.output.type)

    launches = lower_program_to_gpu(program, target)
    note("gpu", lambda: module_text(module))
    lower_to_llvm(module, ctx, LOWER_GPU_TO_LLVM)
    note("llvm", lambda: module_text(module))
    ptx = emit_ptx(module, target)
    note("ptx", lambda: ptx)
    assembled = assemble(ptx, target) if cubin else None
    return CudaProgram(
        ptx=ptx,
        launches=launches,
        arena_bytes=arena,
        input_bytes=input_bytes,
        output_bytes=output_bytes,
        weights=weights,
        target=target.name,
        architecture=target.cpu,
        cubin=None if assembled is None else assembled.cubin,
    )
