"""``lower-to-gpu``: a ``plan.program`` becomes GPU kernels, one per distinct kernel, and the host's launches.

``gpu.module @kernels`` holds the kernels, ``@ivit_main(images, input, output, arena, weights)`` launches them
in order. The same launches make the table that the runtime replays (``runtime.cuda_program``). All images of
a call run at once: a buffer at byte ``o`` of the plan's arena lies at ``o * images``, the images' parts of it
one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd

from xdsl.context import Context
from xdsl.dialects import func, gpu, llvm, memref
from xdsl.dialects.builtin import (
    FunctionType,
    ModuleOp,
    StringAttr,
    SymbolRefAttr,
    UnitAttr,
    i8,
    i32,
    i64,
)
from xdsl.ir import Attribute, Block, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter
from xdsl.utils.exceptions import PassFailedException

from ivit_dialect.hints import isa
from ivit_dialect.load import location_text
from lowering import plan
from lowering.cuda.build import (
    BYTES,
    DYNAMIC_SHARED,
    SHARED_ALIGNMENT,
    Facts,
)
from lowering.cuda.kernel_functions import CudaKernels
from lowering.cuda.side_by_side import Asked, joined, together
from lowering.cuda.targets import CudaTarget, cuda_target
from lowering.kernels.base import KernelSpec
from lowering.kernels.build import INDEX, LoopBuilder
from lowering.launches import ENTRY, independent_groups, interval, kernel_spec, launch_name, overlap
from runtime.cuda_program import Extent, Launch, Memory, Span

KERNELS = "kernels"


def span_of(value: SSAValue, program: plan.ProgramOp) -> Span:
    """Where a memref of the program lies."""
    size, offset = plan.byte_size(value.type), 0
    while isinstance(value.owner, plan.ViewOp):
        offset += value.owner.offset.value.data
        value = value.owner.source
    memory: Memory = "input" if value is program.image else "output"
    if isinstance(value.owner, plan.WeightOp):
        return Span("weights", 0, value.owner.first_byte + offset, 0, size)
    root = 0
    if isinstance(value.owner, plan.SliceOp):
        memory, root = "arena", value.owner.first_byte
    return Span(memory, root, offset, plan.byte_size(value.type), size)


def facts_of(span: Span) -> Facts:
    """What a kernel is told of an operand there."""
    weight = span.memory == "weights"
    alignment = gcd(plan.ALIGNMENT, span.offset, span.stride)
    return Facts(alignment, contiguous=not weight and span.size == span.stride, shared_by_images=weight)


def _refused(launch: plan.LaunchOp, reason: str) -> PassFailedException:
    return PassFailedException(
        f"lower-to-gpu: {location_text(launch)}: {launch.name} {launch.kernel} {reason}"
    )


def _require_apart(launch: plan.LaunchOp) -> None:
    """Kernels rely on it: what is written is not read or written otherwise by the same launch."""
    places = [(value, interval(value)) for value in (*launch.ins, *launch.outs)]
    written = [(value, found) for value, found in places[len(launch.ins) :] if found is not None]
    for i, (_, out) in enumerate(written):
        others = [found for _, found in (*places[: len(launch.ins)], *written[i + 1 :])]
        if any(found is not None and overlap(out, found) for found in others):
            raise _refused(launch, "writes memory that it reads or writes twice; plan it anew")


def launch_table(program: plan.ProgramOp, kernels: CudaKernels) -> tuple[Launch, ...]:
    """Every launch of ``program``, in order; those that may run side by side have one step.

    Those of one step with equal kernels are one launch where the kernel's grid has room.
    """
    table: list[Launch] = []
    launches = [op for op in program.body.block.ops if isinstance(op, plan.LaunchOp)]
    for step, group in enumerate(independent_groups(launches)):
        alike: dict[tuple[KernelSpec, tuple[Facts, ...]], list[Asked]] = {}
        for op in group:
            _require_apart(op)
            spec, spans = kernel_spec(op), tuple(span_of(value, program) for value in (*op.ins, *op.outs))
            try:
                kernels.check(spec)
            except ValueError as error:
                raise _refused(op, str(error)) from error
            scalars = tuple(number for _, number in sorted(op.scalar_values().items()))
            asked = Asked(launch_name(op), spans, scalars)
            alike.setdefault((spec, tuple(map(facts_of, spans))), []).append(asked)
        for (spec, facts), each in alike.items():
            table += _launches(kernels, spec, facts, each, step)
    return tuple(table)


def _launches(
    kernels: CudaKernels, spec: KernelSpec, facts: tuple[Facts, ...], asked: Sequence[Asked], step: int
) -> list[Launch]:
    """Launches of one kernel: one for all, or one for each."""
    kernel = kernels.side_by_side(spec, facts, together(asked)) if len(asked) > 1 else None
    asked = asked if kernel is None else [joined(asked)]
    kernel = kernel or kernels.kernel(spec, facts)
    grid, block, shared = kernel.geometry.grid, kernel.geometry.block, kernel.geometry.shared_bytes
    symbol = kernel.symbol
    return [Launch(symbol, each.name, step, grid, block, shared, each.spans, each.scalars) for each in asked]


class HostBuilder(LoopBuilder):
    """Emits the host's function: where each memref lies, the grid, and the launch."""

    def __init__(self, entry: Block) -> None:
        super().__init__(entry)
        self._images: SSAValue = entry.args[0]
        self._memories: dict[str, SSAValue] = dict(
            zip(("input", "output", "arena", "weights"), entry.args[1:], strict=True)
        )

    def launch(self, launch: Launch) -> None:
        """One launch of the table."""
        grid = [self._extent(extent) for extent in launch.grid]
        block = [self.index(launch.block), self.index(1), self.index(1)]
        operands: list[SSAValue] = []
        for span in launch.spans:
            operands += [self._bytes(span), self.index(span.stride)]
        operands += [self.constant(number, i64) for number in launch.scalars]
        operands.append(self._images)
        shared = self.constant(launch.shared_bytes, i32) if launch.shared_bytes else None
        symbol = SymbolRefAttr(KERNELS, [launch.kernel])
        self.insert(
            gpu.LaunchFuncOp(symbol, grid, block, kernelOperands=operands, dynamicSharedMemorySize=shared)
        )

    def _extent(self, extent: Extent) -> SSAValue:
        if not extent.batched:
            return self.index(extent.at(1))
        total = self.mul(self._images, extent.count)
        if extent.per == 1:
            return total
        return self.div_unsigned(self.add(total, extent.per - 1), extent.per)

    def _bytes(self, span: Span) -> SSAValue:
        """From the first byte of image 0 to the end of the buffer."""
        start = self.add(self.mul(self._images, span.root), span.offset) if span.root else span.offset
        size = self.index(span.size)
        if span.stride:
            size = self.mul(self._images, span.stride)
            size = self.sub(size, span.offset) if span.offset else size
        view = memref.ViewOp(self._memories[span.memory], self.value(start), [size], BYTES)
        return self.insert(view).result


def build_host(table: Sequence[Launch]) -> func.FuncOp:
    """``@ivit_main(images, input, output, arena, weights)``, which launches ``table``."""
    types: list[Attribute] = [INDEX, *([BYTES] * 4)]
    entry = Block(arg_types=types)
    names = ("images", "input", "output", "arena", "weights")
    for argument, name in zip(entry.args, names, strict=True):
        argument.name_hint = name
    host = HostBuilder(entry)
    for launch in table:
        host.launch(launch)
    host.insert(func.ReturnOp())
    return func.FuncOp(ENTRY, FunctionType.from_lists(types, []), Region(entry))


def device_module(functions: Sequence[gpu.FuncOp]) -> gpu.ModuleOp:
    """``gpu.module @kernels`` of ``functions``."""
    addressed = any(isinstance(op, llvm.AddressOfOp) for function in functions for op in function.walk())
    body = Block([*([dynamic_shared_memory()] if addressed else []), *functions])
    # The op's own constructor asks for a symbol reference, where its verifier wants a string.
    return gpu.ModuleOp.create(properties={"sym_name": StringAttr(KERNELS)}, regions=[Region(body)])


def dynamic_shared_memory() -> llvm.GlobalOp:
    """The declaration of what a launch asks for."""
    return llvm.GlobalOp(
        llvm.LLVMArrayType(0, i8),
        DYNAMIC_SHARED,
        "external",
        addr_space=3,
        alignment=8 * SHARED_ALIGNMENT,
    )


def lower_program_to_gpu(program: plan.ProgramOp, target: CudaTarget) -> tuple[Launch, ...]:
    """Replace ``program`` by its kernels for ``target`` and the host's function; the table of launches."""
    module = program.parent_op()
    assert isa(module, ModuleOp)
    kernels = CudaKernels(target)
    table = launch_table(program, kernels)
    for op in (device_module(kernels.functions), build_host(table)):
        Rewriter.insert_op(op, InsertPoint.before(program))
    Rewriter.erase_op(program)
    module.attributes["gpu.container_module"] = UnitAttr()
    return table


@dataclass(frozen=True)
class LowerToGpuPass(ModulePass):
    """Replaces a ``plan.program`` that was planned for a GPU target by kernels and launches."""

    name = "lower-to-gpu"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        programs = [program for program in op.ops if isinstance(program, plan.ProgramOp)]
        if len(programs) != 1:
            raise PassFailedException(f"lower-to-gpu: a module needs one plan.program, got {len(programs)}")
        (program,) = programs
        try:
            target = cuda_target(program.target.data)
        except ValueError as error:
            where = f"{location_text(program)}: @{program.sym_name.data}"
            raise PassFailedException(f"lower-to-gpu: {where}: {error}") from error
        lower_program_to_gpu(program, target)
