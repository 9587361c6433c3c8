"""``lower-to-loops``: a ``plan.program`` becomes one function per distinct kernel, and the native entry.

The entry runs on every worker thread at once (SPMD): each kernel does its thread's share, and a barrier
stands between launches that depend on each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    ArrayAttr,
    FunctionType,
    MemRefType,
    ModuleOp,
    StringAttr,
    i8,
    i64,
)
from xdsl.ir import Attribute, Block, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter
from xdsl.utils.exceptions import PassFailedException

from ivit_dialect.element_types import held_bits
from ivit_dialect.hints import isa
from ivit_dialect.load import location_text
from lowering import plan
from lowering.kernels.barrier import BARRIER, BARRIER_TYPE, build_barrier, build_yield
from lowering.kernels.base import KernelSpec, build_function
from lowering.kernels.build import INDEX, LoopBuilder
from lowering.kernels.registry import families
from lowering.launches import ENTRY, independent_groups, kernel_spec
from lowering.stamps import Stamps, StampWriter, build_clock
from lowering.targets import Target, target_by_name

NOT_INLINED = ArrayAttr([StringAttr("noinline")])
"""LLVM would make one large function of the entry, its barriers and the kernels that are called once, which
takes longer to compile and runs no faster."""


def _refused(launch: plan.LaunchOp, reason: str) -> PassFailedException:
    return PassFailedException(
        f"lower-to-loops: {location_text(launch)}: {launch.name} {launch.kernel} {reason}"
    )


class Kernels:
    """The functions of a module, one per distinct kernel."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._symbols: dict[KernelSpec, str] = {}
        self.functions: list[func.FuncOp] = []

    def symbol(self, launch: plan.LaunchOp) -> str:
        """The function that computes a launch, built when first asked for."""
        spec = kernel_spec(launch)
        if spec not in self._symbols:
            family = families().get(spec.kernel)
            if family is None:
                raise _refused(launch, f"has no kernel: expected one of {', '.join(sorted(families()))}")
            try:
                family.check(spec, self._target)
            except ValueError as error:
                raise _refused(launch, str(error)) from error
            symbol = self._fresh(spec)
            self.functions.append(build_function(family, spec, self._target, symbol))
            self._symbols[spec] = symbol
        return self._symbols[spec]

    def _fresh(self, spec: KernelSpec) -> str:
        """``kernel_3x16xi8`` after the first output, with a number where that is taken."""
        output = spec.memrefs[spec.inputs]
        stem = "_".join([spec.kernel, "x".join([*map(str, output.get_shape()), str(output.element_type)])])
        taken, count, symbol = set(self._symbols.values()), 1, stem
        while symbol in taken:
            count += 1
            symbol = f"{stem}_{count}"
        return symbol


class EntryBuilder(LoopBuilder):
    """Emits the entry: views of the memories, calls and barriers."""

    def __init__(
        self, entry: Block, program: plan.ProgramOp, kernels: Kernels, stamps: Stamps | None
    ) -> None:
        super().__init__(entry)
        self._program = program
        self._stamps = stamps
        self._kernels = kernels
        self._images, self._input, self._output, self._arena = entry.args[:4]
        self._weights, self._barrier, self._thread, self._threads = entry.args[4:]
        self._values: dict[SSAValue, SSAValue] = {}

    def build(self) -> None:
        """Views of arena and weights once, then the launches for each image."""
        launches = [op for op in self._program.body.block.ops if isinstance(op, plan.LaunchOp)]
        used = dict.fromkeys(value for launch in launches for value in (*launch.ins, *launch.outs))
        moving: list[SSAValue] = []
        for value in used:
            memory, offset = self._memory(value)
            if memory in (self._arena, self._weights):
                self._values[value] = self._bytes(memory, offset, value)
            else:
                moving.append(value)
        with self.loop(0, self._images) as image:
            for value in moving:
                memory, offset = self._memory(value)
                whole = self._program.image if memory is self._input else self._program.output
                start = self.mul(image.index, plan.byte_size(whole.type))
                self._values[value] = self._bytes(memory, self.add(start, offset), value)
            self._launches(launches)
        self.insert(func.ReturnOp())

    def _memory(self, value: SSAValue) -> tuple[SSAValue, int]:
        """The memory that a memref lies in, and the byte where it begins (within one image)."""
        offset = 0
        while isinstance(value.owner, plan.ViewOp):
            offset += value.owner.offset.value.data
            value = value.owner.source
        if isinstance(value.owner, plan.SliceOp):
            return self._arena, offset + value.owner.first_byte
        if isinstance(value.owner, plan.WeightOp):
            return self._weights, offset + value.owner.first_byte
        return (self._input if value is self._program.image else self._output), offset

    def _bytes(self, memory: SSAValue, offset: SSAValue | int, value: SSAValue) -> SSAValue:
        kind = value.type
        assert isa(kind, plan.Buffer)
        view = self.view(memory, offset, kind.get_shape(), held_bits(kind.element_type))
        view.name_hint = value.name_hint
        return view

    def _launches(self, launches: Sequence[plan.LaunchOp]) -> None:
        clock = None if self._stamps is None else StampWriter(self, self._arena, self._thread, self._stamps)
        if clock is not None:
            clock.write()
        for group in independent_groups(launches):
            for launch in group:
                memrefs = [self._values[value] for value in (*launch.ins, *launch.outs)]
                scalars = [self.constant(value, i64) for _, value in sorted(launch.scalar_values().items())]
                arguments = [*memrefs, *scalars, self._thread, self._threads]
                self.insert(func.CallOp(self._kernels.symbol(launch), arguments, []))
                if clock is not None:
                    clock.write()
            self.insert(func.CallOp(BARRIER, [self._barrier, self._threads], []))


def build_entry(program: plan.ProgramOp, kernels: Kernels, stamps: Stamps | None = None) -> func.FuncOp:
    """``@ivit_main(images, input, output, arena, weights, barrier, thread, threads)``.

    With ``stamps`` it keeps the times of the launches there.
    """
    names = ("images", "input", "output", "arena", "weights", "barrier", "thread", "threads")
    stream = MemRefType(i8, [DYNAMIC_INDEX])
    arena = MemRefType(i8, [program.arena.value.data])
    weights = MemRefType(i8, [program.weights.value.data])
    types: list[Attribute] = [INDEX, stream, stream, arena, weights, BARRIER_TYPE, INDEX, INDEX]
    entry = Block(arg_types=types)
    for argument, name in zip(entry.args, names, strict=True):
        argument.name_hint = name
    EntryBuilder(entry, program, kernels, stamps).build()
    return func.FuncOp(ENTRY, FunctionType.from_lists(types, []), Region(entry))


@dataclass(frozen=True)
class LowerToLoopsPass(ModulePass):
    """Replaces a ``plan.program`` by functions at the loops level.

    ``target`` may name another processor than the plan was made for as long as it packs constants alike,
    else PassFailedException; by default it is the plan's own.
    """

    name = "lower-to-loops"

    target: str | None = None

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        programs = [program for program in op.ops if isinstance(program, plan.ProgramOp)]
        if len(programs) != 1:
            raise PassFailedException(f"lower-to-loops: a module needs one plan.program, got {len(programs)}")
        (program,) = programs
        where = f"{location_text(program)}: @{program.sym_name.data}"
        try:
            planned = target_by_name(program.target.data)
            target = planned if self.target is None else target_by_name(self.target)
        except ValueError as error:
            raise PassFailedException(f"lower-to-loops: {where}: {error}") from error
        if not target.packs_like(planned):
            raise PassFailedException(
                f"lower-to-loops: {where}: the plan packs weights for {planned.name}, which does not suit"
                f" {target.name}: plan for it, with --lower-to-plan=target={target.name}"
            )
        lower_program(program, target)


def lower_program(program: plan.ProgramOp, target: Target, stamps: Stamps | None = None) -> None:
    """Replace ``program`` by its functions for ``target``, which keep times at ``stamps`` if given."""
    kernels = Kernels(target)
    entry = build_entry(program, kernels, stamps)
    clock = [] if stamps is None else [build_clock()]
    called = (build_barrier(), *kernels.functions)
    for function in called:
        function.attributes["passthrough"] = NOT_INLINED
    for function in (build_yield(), *clock, *called, entry):
        Rewriter.insert_op(function, InsertPoint.before(program))
    Rewriter.erase_op(program)
