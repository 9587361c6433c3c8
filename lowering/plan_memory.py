"""``plan-memory``: the fused integer graph becomes a straight list of launches over one arena.

The batch dimension goes: a program computes one image. Kernel families (``lowering/kernels``) say which
kernel computes an op; ops that only rename memory (reshapes, slices of tokens, tokens after a prefix) become
views, so that their data is written in place. Buffers whose lifetimes do not meet share bytes of the arena.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from xdsl.context import Context
from xdsl.dialects import func, tensor
from xdsl.dialects.builtin import LocationAttr, ModuleOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter
from xdsl.transforms.dead_code_elimination import dce
from xdsl.utils.exceptions import PassFailedException, VerifyException

from ivit_dialect.hints import isa
from ivit_dialect.load import location_text
from ivit_dialect.ops.elementwise import ConstantOp, SplatOp
from ivit_dialect.ops.floating import IvitFloat
from ivit_dialect.ops.linear import Conv2dOp
from ivit_dialect.ops.shape import PrependTokensOp, SliceTokensOp
from ivit_dialect.types import IntegerTensor, tensor_types
from lowering import plan
from lowering.arena import Lifetime, align, arena_size, largest_live_set, place
from lowering.cuda.targets import cuda_target, is_cuda
from lowering.kernels.base import Launch, Packed, Viewed
from lowering.kernels.registry import plans
from lowering.places import Buffer, Input, Place, Step, buffer_type, elements, refused, seen
from lowering.plan_emission import Emitter
from lowering.targets import target_by_name
from passes.location import describe_result

IMAGE, OUTPUT = "image", "output"
LaunchFunction: TypeAlias = Callable[[Operation], Launch | None]
"""How a target computes an op; None where it has no kernel for it."""


def image_type(value: SSAValue) -> plan.Buffer:
    """The memref of one image's share of a tensor: the batch dimension goes."""
    try:
        kind = tensor_types(value)[0]
    except VerifyException as error:
        raise refused(value, f"cannot be planned: {error}") from error
    return buffer_type(kind.get_shape()[1:], kind.element_type)


@dataclass
class Planner:
    """Resolves every value of a function to a place, in program order."""

    launch_of: LaunchFunction
    places: dict[SSAValue, Place] = field(default_factory=dict[SSAValue, Place])
    steps: list[Step] = field(default_factory=list[Step])

    def add(self, op: Operation) -> None:
        """Plan one op."""
        if isinstance(op, ConstantOp | SplatOp):  # a splat is a scalar of the launches that use it
            return
        alias = _ALIASES.get(type(op))
        if alias is not None:
            alias(self, op)
            return
        try:
            launch = self.launch_of(op)
        except VerifyException as error:
            raise PassFailedException(f"plan-memory: {describe_result(op)}: {error}") from error
        if launch is None:
            raise PassFailedException(
                f"plan-memory: {describe_result(op)}: no kernel computes {op.name}; {_remedy(op)}"
            )
        inputs = tuple(self.resolve(value) for value in launch.inputs)
        outputs = tuple(self.allocate(result, image_type(result)) for result in op.results)
        if launch.output_shape is not None:
            outputs = (seen(outputs[0], launch.output_shape),)
        self.append(Step(launch, inputs, outputs, op.location))

    def resolve(self, value: SSAValue | Viewed | Packed) -> tuple[Input, tuple[int, ...] | None]:
        """An operand of a launch, and the shape that it is seen with if that is another."""
        if isinstance(value, Packed):
            return value, None
        if isinstance(value, Viewed):
            return self.place_of(value.value), value.shape
        if isinstance(value.owner, ConstantOp):
            return Packed((value,)), None
        return self.place_of(value), None

    def place_of(self, value: SSAValue) -> Place:
        """Where an activation lies."""
        if value not in self.places:
            raise refused(value, "is a constant where an activation is needed")
        return self.places[value]

    def allocate(self, value: SSAValue, kind: plan.Buffer) -> Place:
        """A new buffer for ``value``."""
        self.places[value] = Place(Buffer(plan.byte_size(kind), name=value.name_hint), 0, kind)
        return self.places[value]

    def append(self, step: Step) -> None:
        """Put a launch at the end of the list."""
        for operand, _ in step.inputs:
            if isinstance(operand, Place):
                operand.buffer.touch(len(self.steps))
        for output in step.outputs:
            output.buffer.touch(len(self.steps))
        self.steps.append(step)

    def copy(self, source: Input, target: Place, location: LocationAttr) -> None:
        """Launch a flat copy of all of ``source``, on behalf of the op at ``location``."""
        count = elements(target.kind)
        flat = Place(target.buffer, target.offset, buffer_type([count], target.kind.element_type))
        self.append(Step(Launch("copy", ()), ((source, (count,)),), (flat,), location))

    def reshape(self, op: Operation) -> None:
        """The same bytes with another shape."""
        source = self.place_of(op.operands[0])
        self.places[op.results[0]] = Place(source.buffer, source.offset, image_type(op.results[0]))

    def slice_tokens(self, op: Operation) -> None:
        """Consecutive rows of the input."""
        assert isinstance(op, SliceTokensOp)
        source, kind = self.place_of(op.input), image_type(op.output)
        start = op.offset.value.data * kind.get_shape()[1] * plan.element_bytes(kind)
        self.places[op.output] = Place(source.buffer, source.offset + start, kind)

    def prepend_tokens(self, op: Operation) -> None:
        """The input is written after the prefix by whatever computes it; else both are copied."""
        assert isinstance(op, PrependTokensOp)
        if not isinstance(op.prefix.owner, ConstantOp):
            raise refused(op.prefix, f"must be a constant, as the prefix of {op.name} at {location_text(op)}")
        source, whole = self.place_of(op.input), self.allocate(op.output, image_type(op.output))
        prefix = buffer_type(tensor_types(op.prefix)[0].get_shape()[1:], whole.kind.element_type)
        start = plan.byte_size(prefix)
        self.copy(Packed((op.prefix,), "unbatched"), Place(whole.buffer, 0, prefix), op.location)
        if source.is_whole():
            source.buffer.become_part_of(whole.buffer, start)
        else:
            self.copy(source, Place(whole.buffer, start, source.kind), op.location)

    def finish(self, result: SSAValue, output: Buffer, location: LocationAttr) -> None:
        """Have the program's result in ``output``."""
        place_of_result = self.place_of(result)
        if place_of_result.is_whole():
            place_of_result.buffer.become_part_of(output, 0)
        else:
            self.copy(place_of_result, Place(output, 0, image_type(result)), location)


def _remedy(op: Operation) -> str:
    """How an op that no kernel computes becomes one that a kernel does."""
    if isinstance(op, Conv2dOp):
        return "run --conv2d-to-linear (or --fuse) first"
    return "lower the model with --lower-to-int and --fuse first"


_ALIASES: dict[type[Operation], Callable[[Planner, Operation], None]] = {
    tensor.CollapseShapeOp: Planner.reshape,
    tensor.ExpandShapeOp: Planner.reshape,
    SliceTokensOp: Planner.slice_tokens,
    PrependTokensOp: Planner.prepend_tokens,
}


def _refuse_simulation(module: ModuleOp) -> None:
    for op in module.walk():
        if op.dialect_name() == IvitFloat.name:
            raise PassFailedException(
                f"plan-memory: {location_text(op)}: {op.name} simulates floating point, which only the"
                " interpreter runs: choose another family than float for softmax, gelu and layernorm"
            )


def _main(module: ModuleOp) -> func.FuncOp:
    functions = [op for op in module.ops if isinstance(op, func.FuncOp)]
    if len(functions) != 1:
        raise PassFailedException(f"plan-memory: a module needs one function, got {len(functions)}")
    (main,) = functions
    where = f"{location_text(main)}: @{main.sym_name.data}"
    if len(main.body.blocks) != 1 or len(main.args) != 1:
        raise PassFailedException(f"plan-memory: {where} must take one image in one block")
    kind = main.args[0].type
    if not isa(kind, IntegerTensor):
        raise PassFailedException(
            f"plan-memory: {where} must take a tensor of integers, got {kind}: lower it first,"
            " with --lower-to-int and --fuse"
        )
    return main


def launches_on(name: str) -> tuple[str, LaunchFunction]:
    """The target called ``name``, and how it computes an op; ValueError for an unknown one."""
    if is_cuda(name):
        from lowering.cuda.kernels.registry import plan_launch

        gpu = cuda_target(name)
        return gpu.name, lambda op: plan_launch(op, gpu)
    target = target_by_name(name)

    def plan_op(op: Operation) -> Launch | None:
        found = plans().get(type(op))
        return None if found is None else found(op, target)

    return target.name, plan_op


def plan_function(main: func.FuncOp, target: str, launch_of: LaunchFunction) -> plan.ProgramOp:
    """The program that computes ``main`` for one image; PassFailedException where it cannot."""
    planner = Planner(launch_of)
    kind = image_type(main.args[0])
    image = Place(Buffer(plan.byte_size(kind), IMAGE, IMAGE), 0, kind)
    planner.places[main.args[0]] = image
    *ops, terminator = main.body.block.ops
    for op in ops:
        planner.add(op)
    if len(terminator.operands) != 1:
        raise PassFailedException(
            f"plan-memory: {location_text(terminator)}: @{main.sym_name.data} must return one tensor"
        )
    result = terminator.operands[0]
    output = Buffer(plan.byte_size(image_type(result)), OUTPUT, OUTPUT)
    planner.finish(result, output, terminator.location)

    block = Block(arg_types=[image.kind, image_type(result)])
    for argument, name in zip(block.args, (IMAGE, OUTPUT), strict=True):
        argument.name_hint = name
    offsets, arena, live = _arrange(planner.steps)
    emitter = Emitter(block, {image.buffer: block.args[0], output: block.args[1]}, offsets)
    for step in planner.steps:
        emitter.step(step)
    program = plan.ProgramOp(main.sym_name.data, target, arena, live, emitter.weight_bytes, block)
    program.attributes |= main.attributes
    return program


def _arrange(steps: Sequence[Step]) -> tuple[dict[Buffer, int], int, int]:
    """Offsets of the arena's buffers, the arena's size and the largest live set."""
    roots: dict[Buffer, None] = {}
    for step in steps:
        places = [operand for operand, _ in step.inputs if isinstance(operand, Place)]
        for place_ in (*places, *step.outputs):
            root, _ = place_.buffer.root()
            if root.home == "arena":
                roots[root] = None
    lifetimes = [Lifetime(align(r.size, plan.ALIGNMENT), r.first or 0, r.last) for r in roots]
    offsets = place(lifetimes, plan.ALIGNMENT)
    live = largest_live_set(lifetimes)
    return dict(zip(roots, offsets, strict=True)), arena_size(lifetimes, offsets), live


@dataclass(frozen=True)
class PlanMemoryPass(ModulePass):
    """Replaces the module's function by a ``plan.program`` for ``target`` (a name, or ``host``)."""

    name = "plan-memory"

    target: str = "host"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        try:
            target, launch_of = launches_on(self.target)
        except ValueError as error:
            raise PassFailedException(f"plan-memory: {error}") from error
        dce(op)
        _refuse_simulation(op)
        main = _main(op)
        Rewriter.replace_op(main, plan_function(main, target, launch_of), [])
