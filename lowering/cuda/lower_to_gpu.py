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
    ArrayAttr,
    DictionaryAttr,
    FunctionType,
    IntegerAttr,
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
    CudaBuilder,
    Facts,
    Geometry,
    argument_types,
)
from lowering.cuda.kernels.registry import cuda_families
from lowering.cuda.spmd import build_spmd
from lowering.cuda.targets import CudaTarget, cuda_target
from lowering.kernels.base import KernelSpec
from lowering.kernels.build import INDEX, LoopBuilder
from lowering.kernels.registry import families
from lowering.launches import ENTRY, independent_groups, interval, kernel_spec, launch_name, overlap
from runtime.cuda_program import Extent, Launch, Memory, Span

KERNELS = "kernels"


@dataclass(frozen=True)
class Kernel:
    """A kernel of the module, and how it is launched."""

    symbol: str
    geometry: Geometry


class CudaKernels:
    """The kernels of a module: one for all launches with equal specs and equal facts."""

    def __init__(self, target: CudaTarget) -> None:
        self._target = target
        self._kernels: dict[tuple[KernelSpec, tuple[Facts, ...]], Kernel] = {}
        self.functions: list[gpu.FuncOp] = []

    def kernel(self, spec: KernelSpec, facts: tuple[Facts, ...]) -> Kernel:
        """The kernel for a launch, built when first asked for. ValueError for one that no kernel takes."""
        key = spec, facts
        if key not in self._kernels:
            entry = Block(arg_types=argument_types(spec))
            builder = CudaBuilder(spec, facts, self._target, entry)
            geometry = self._build(builder)
            builder.insert(gpu.ReturnOp([]))
            symbol = self._fresh(spec)
            self.functions.append(_kernel_function(symbol, builder, entry, geometry))
            self._kernels[key] = Kernel(symbol, geometry)
        return self._kernels[key]

    def _build(self, builder: CudaBuilder) -> Geometry:
        spec = builder.spec
        native = cuda_families().get(spec.kernel)
        if native is not None:
            native.check(spec, self._target)
            _name_arguments(builder, (*native.signature_of(spec).ins, *native.signature_of(spec).outs))
            return native.build(builder)
        family = families().get(spec.kernel)
        if family is None:
            raise ValueError(
                f"has no kernel: expected one of {', '.join(sorted({*families(), *cuda_families()}))}"
            )
        family.check(spec, self._target.spmd)
        _name_arguments(builder, (*family.signature_of(spec).ins, *family.signature_of(spec).outs))
        return build_spmd(family, builder)

    def _fresh(self, spec: KernelSpec) -> str:
        """``kernel_3x16xi8`` after the first output, with a number where that is taken."""
        output = spec.memrefs[spec.inputs]
        stem = "_".join([spec.kernel, "x".join([*map(str, output.get_shape()), str(output.element_type)])])
        taken, count, symbol = {kernel.symbol for kernel in self._kernels.values()}, 1, stem
        while symbol in taken:
            count += 1
            symbol = f"{stem}_{count}"
        return symbol


def _name_arguments(builder: CudaBuilder, names: Sequence[str]) -> None:
    for operand, name in zip((*builder.inputs, *builder.outputs), names, strict=True):
        operand.base.name_hint, operand.stride.name_hint = name, f"{name}_stride"
    for name, value in builder.scalars.items():
        value.name_hint = name
    builder.images.name_hint = "images"


def _kernel_function(symbol: str, builder: CudaBuilder, entry: Block, geometry: Geometry) -> gpu.FuncOp:
    function = gpu.FuncOp(
        symbol,
        FunctionType.from_lists(argument_types(builder.spec), []),
        Region(entry),
        kernel=True,
        known_block_size=[geometry.block, 1, 1],
    )
    # No two memrefs of a launch share bytes that it writes, and what it only reads nobody writes meanwhile.
    described: list[DictionaryAttr] = []
    for operand in (*builder.inputs, *builder.outputs):
        pointer: dict[str, Attribute] = {
            "llvm.noalias": UnitAttr(),
            "llvm.align": IntegerAttr(operand.alignment, i64),
        }
        if operand in builder.inputs:
            pointer["llvm.readonly"] = UnitAttr()
        described += [DictionaryAttr(pointer), DictionaryAttr({})]
    rest = len(argument_types(builder.spec)) - len(described)
    function.attributes["arg_attrs"] = ArrayAttr([*described, *([DictionaryAttr({})] * rest)])
    return function


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
    """Every launch of ``program``, in order; those that may run side by side have one step."""
    table: list[Launch] = []
    launches = [op for op in program.body.block.ops if isinstance(op, plan.LaunchOp)]
    for step, group in enumerate(independent_groups(launches)):
        for op in group:
            _require_apart(op)
            spans = tuple(span_of(value, program) for value in (*op.ins, *op.outs))
            try:
                kernel = kernels.kernel(kernel_spec(op), tuple(map(facts_of, spans)))
            except ValueError as error:
                raise _refused(op, str(error)) from error
            table.append(
                Launch(
                    kernel.symbol,
                    launch_name(op),
                    step,
                    kernel.geometry.grid,
                    kernel.geometry.block,
                    kernel.geometry.shared_bytes,
                    spans,
                    tuple(number for _, number in sorted(op.scalar_values().items())),
                )
            )
    return tuple(table)


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
