"""The way from a source to an artifact: the named pipelines of ``passes`` and ``lowering``, in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp

from ivit.interface import boundary_of
from ivit.progress import Report, silent
from ivit.source import Source
from ivit_dialect.collection import no_collection
from ivit_dialect.load import module_text
from ivit_dialect.ops.elementwise import ConstantOp
from ivit_dialect.store import STORE_ATTRIBUTE, StoreContext, WeightStore
from passes import lower_to_int as integers
from passes.lower_to_int import LowerToIntOptions
from passes.pipeline_text import build_passes
from passes.pipelines import FUSE
from passes.quantization.options import FAMILIES, SIMULATED, QuantizeOptions
from passes.registry import get_passes
from passes.run_passes import one_line_errors, run_passes
from runtime.artifact import Artifact
from runtime.program import NativeProgram
from runtime.program_file import Program

if TYPE_CHECKING:
    from lowering.compile import CompiledProgram
    from lowering.cuda.targets import CudaTarget
    from lowering.targets import Target

Dump: TypeAlias = Callable[[str, ModuleOp | str, WeightStore], None]
"""Gets each level: its name, its module or text, and the weights that it names."""

HOST = "cpu"


def no_dump(name: str, level: ModuleOp | str, weights: WeightStore) -> None:
    """Keeps nothing."""


@dataclass(frozen=True)
class Options:
    """How a model is made into integers and code; ``ivit.compile`` says what each one means."""

    calibration: NDArray[Any] | None = None
    target: str = HOST
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    quantization: QuantizeOptions = field(default_factory=QuantizeOptions)

    def leave_integers(self) -> bool:
        """Whether nothing is asked for that only a torch-level model can follow."""
        given = (self.calibration, self.mean, self.std)
        return all(value is None for value in given) and not self.quantization.given()


@no_collection()
def to_artifact(source: Source, options: Options, report: Report = silent, dump: Dump = no_dump) -> Artifact:
    """``source`` compiled for ``options.target``. ValueError, one line, for what cannot be compiled."""
    target_of(options.target)
    refuse_simulation(options.quantization)
    if source.level == "torch":
        dump("torch", source.module, source.ctx.store)
        lower_to_int(source, options, report)
    elif not options.leave_integers():
        raise ValueError(
            f"{source.name}: holds integers already: calibration, mean, std and the options of quantization"
            " say how a torch-level model becomes integers; leave them out"
        )
    return from_integers(source.module, source.ctx, options.target, report, dump)


def refuse_simulation(options: QuantizeOptions) -> None:
    """ValueError, one line, where ``options`` ask for floating point, of which there is no native code."""
    for kind, families in FAMILIES.items():
        if getattr(options, kind) == SIMULATED:
            others = ", ".join(family for family in families if family != SIMULATED)
            raise ValueError(
                f"{kind}={SIMULATED} is floating point, simulated and not compiled: choose one of {others};"
                f" or simulate: ivit-opt --lower-to-int='{kind}={SIMULATED}' MODEL.mlir -o SIM.mlir, and run"
                " that with ivit_dialect.interpreter"
            )


def lower_to_int(source: Source, options: Options, report: Report) -> None:
    """Torch level to integers, in place: the pipeline ``--lower-to-int``."""
    choices = LowerToIntOptions(**options.quantization.given(), mean=options.mean, std=options.std)
    with one_line_errors(source.name):
        integers.lower_to_int(source.module, source.ctx, choices, options.calibration, report)


@no_collection()
def from_integers(
    module: ModuleOp,
    ctx: StoreContext,
    target: str = HOST,
    report: Report = silent,
    dump: Dump = no_dump,
) -> Artifact:
    """An integer module compiled; ``module`` and ``ctx`` are changed on the way."""
    module.attributes.pop(STORE_ATTRIBUTE, None)
    boundary, text, store = boundary_of(module), module_text(module), _used(module, ctx.store)
    dump("ivit", module, store)
    fuse(module, ctx, report)
    dump("fused", module, ctx.store)
    report("native code", 0, 0)
    return Artifact(boundary, compile_fused(module, ctx, target, dump), text, store)


def compile_fused(module: ModuleOp, ctx: StoreContext, target: str, dump: Dump = no_dump) -> Program:
    """Code of a fused module for the target called ``target``; both are consumed."""
    from lowering.compile import compile_program
    from lowering.cuda.compile import compile_cuda
    from lowering.cuda.targets import CudaTarget

    machine, fused = target_of(target), ctx.store

    def note(name: str, level: str) -> None:
        dump(name, level, fused)

    noted = None if dump is no_dump else note
    with one_line_errors("lowering"):
        if isinstance(machine, CudaTarget):
            return compile_cuda(module, ctx, machine, noted)
        return native_program(compile_program(module, ctx, machine, noted), machine)


def native_program(program: CompiledProgram, machine: Target) -> NativeProgram:
    """What the runtime takes of ``program``, which was compiled for ``machine``."""
    return NativeProgram(
        object_code=program.object_code,
        entry=program.entry,
        arena_bytes=program.arena_bytes,
        weights=program.weights,
        target=program.target,
        triple=machine.triple,
        cpu=program.cpu,
        features=_features(machine),
    )


def is_made_for(machine: Target | CudaTarget, program: Program) -> bool:
    """Whether the code of ``program`` is what compiling for ``machine`` makes."""
    from lowering.cuda.targets import CudaTarget

    if not isinstance(program, NativeProgram) or isinstance(machine, CudaTarget):
        return program.target == machine.name
    made_for = (program.target, program.triple, program.cpu, program.features)
    return made_for == (machine.name, machine.triple, machine.cpu, _features(machine))


def _features(machine: Target) -> str:
    """What code for ``machine`` needs, and may use."""
    from lowering.targets import required_features

    return ",".join(part for part in (required_features(machine), machine.features) if part)


def target_of(target: str) -> Target | CudaTarget:
    """The processor or GPU called ``target``; ``cpu`` and ``cuda`` are those at hand.

    ValueError names the choices.
    """
    from lowering.cuda.targets import PREFIX, cuda_target, is_cuda

    if target == PREFIX:
        return gpu_at_hand()
    return cuda_target(target) if is_cuda(target) else machine_of(target)


def gpu_at_hand() -> CudaTarget:
    """The target of this machine's first GPU. ValueError, one line, where there is none."""
    from lowering.cuda.targets import CUDA_TARGETS, PREFIX, cuda_target_for
    from runtime.cuda.devices import open_device
    from runtime.cuda.driver import CudaError

    try:
        return cuda_target_for(*open_device().capability)
    except (CudaError, ValueError) as error:
        raise ValueError(
            f"target {PREFIX!r} is the GPU of this machine: {error}; for another, none is needed:"
            f" choose one of {', '.join(CUDA_TARGETS)}"
        ) from error


def machine_of(target: str) -> Target:
    """The processor called ``target``, or this machine for ``cpu``; ValueError names the choices."""
    from lowering.cuda.targets import CUDA_TARGETS, PREFIX
    from lowering.targets import TARGETS, target_by_name

    if target != HOST and target not in TARGETS:
        choices = ", ".join((*TARGETS, PREFIX, *CUDA_TARGETS))
        raise ValueError(f"unknown target {target!r}: choose {HOST} (this machine) or one of {choices}")
    return target_by_name("host" if target == HOST else target)


def fuse(module: ModuleOp, ctx: StoreContext, report: Report = silent) -> None:
    """An integer module to its fused form, in place: the pipeline ``--fuse``."""
    with one_line_errors("fuse"):
        run_passes(build_passes(FUSE.specs(), get_passes()), module, ctx, report)


def _used(module: ModuleOp, store: WeightStore) -> WeightStore:
    """The part of ``store`` that ``module`` names."""
    keys = dict.fromkeys(op.key.data for op in module.walk() if isinstance(op, ConstantOp))
    return WeightStore({key: store[key] for key in keys})
