"""``generalize-batch``: a graph exported for one image takes any number of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from xdsl.context import Context
from xdsl.dialects.builtin import FunctionType, ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriteWalker
from xdsl.rewriter import Rewriter
from xdsl.utils.exceptions import PassFailedException

from ivit_dialect.load import location_text
from ivit_dialect.torch.ops_scalar import AtenSizeIntOp, PrimListConstructOp
from ivit_dialect.torch.ops_shape import AtenCatOp
from ivit_dialect.torch.types import ValueTensorType
from passes.batching.axes import RULES, CannotGeneralize, list_axis
from passes.raising.build import sizes_of, tensor_type
from passes.raising.schedule import schedule
from passes.raising.shapes import NormaliseView, broadcast
from passes.ranges import describe
from passes.wording import NO_INTEGER_FORM


@dataclass(frozen=True)
class GeneralizeBatchPass(ModulePass):
    """Dimension 0 of the first argument, and every dimension that it becomes, turns into ``?``.

    Takes what ``raise-torch`` leaves. Refuses, with op, location and reason, a graph that was exported for
    another number of images than one and any op that is not the same function on each image.
    """

    name = "generalize-batch"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in op.body.block.ops:
            if isinstance(function, FuncOp) and not function.is_declaration:
                _generalize(function)


def _generalize(function: FuncOp) -> None:
    block = function.body.block
    _check_argument(function)
    batch = _Batch()
    batch.open(block.args[0], 0)
    for op in list(block.ops):
        if isinstance(op, ReturnOp):
            batch.check_results(op)
        elif not isinstance(op, AtenSizeIntOp | PrimListConstructOp):
            batch.visit(op)
    results = [value.type for value in block.last_op.operands] if block.last_op is not None else []
    function.function_type = FunctionType.from_lists([argument.type for argument in block.args], results)
    PatternRewriteWalker(NormaliseView()).rewrite_region(function.body)
    schedule(block)


@dataclass
class _Batch:
    """The batch dimension of each value that has one."""

    axes: dict[SSAValue, int] = field(default_factory=dict[SSAValue, int])

    def open(self, value: SSAValue, axis: int) -> None:
        """Make dimension ``axis`` of ``value`` the batch."""
        sizes = list(sizes_of(value))
        sizes[axis] = None
        opened = Rewriter.replace_value_with_new_type(value, tensor_type(value).with_sizes(sizes))
        self.axes[opened] = axis

    def visit(self, op: Operation) -> None:
        """Find the batch dimension of the result of ``op`` and open it."""
        if isinstance(op, AtenCatOp):
            self._broadcast_constants(op)
        operands = [self._axis(op, operand) for operand in op.operands]
        if all(axis is None for axis in operands):
            return
        rule = RULES.get(type(op))
        if rule is None:
            raise PassFailedException(f"{describe(op)}: {NO_INTEGER_FORM}")
        try:
            axis = rule(op, operands)
        except CannotGeneralize as error:
            raise _refusal(op, str(error)) from error
        self.open(op.results[0], axis)

    def _axis(self, op: Operation, operand: SSAValue) -> int | None:
        if isinstance(operand.owner, PrimListConstructOp):
            try:
                return list_axis([self.axes.get(element) for element in operand.owner.elements])
            except CannotGeneralize as error:
                raise _refusal(op, str(error)) from error
        return self.axes.get(operand)

    def _broadcast_constants(self, op: AtenCatOp) -> None:
        """A class token [1, 1, C] that joins a batch of patches is repeated for each image."""
        tensors = op.tensors.owner
        axis = self._axis(op, op.tensors)
        if not isinstance(tensors, PrimListConstructOp) or axis is None:
            return
        for index, element in enumerate(tensors.elements):
            sizes = sizes_of(element)
            if element in self.axes or sizes[axis] != 1:
                continue
            if axis != 0:
                raise _refusal(op, f"it joins a constant to a batch in dimension {axis}")
            ops = broadcast(op, element, tensor_type(element).with_sizes([None, *sizes[1:]]))
            block = op.parent
            if ops is None or block is None:
                raise _refusal(op, "the function has no argument to take the batch size from")
            for new in ops:
                new.location = op.location
                block.insert_op_before(new, tensors)
            tensors.operands[index] = ops[-1].results[0]
            self.axes[ops[-1].results[0]] = axis

    def check_results(self, op: ReturnOp) -> None:
        for index, value in enumerate(op.operands):
            axis = self.axes.get(value)
            if axis != 0:
                where = "without a batch" if axis is None else f"with the batch in dimension {axis}"
                raise _refusal(op, f"result {index} is {where}, not in dimension 0")


def _check_argument(function: FuncOp) -> None:
    arguments = function.body.block.args
    if len(arguments) != 1 or not isinstance(arguments[0].type, ValueTensorType):
        raise _refusal(function, f"one tensor argument is expected, got {len(arguments)} arguments")
    sizes = arguments[0].type.sizes
    if not sizes:
        raise _refusal(function, f"the argument has no batch dimension: {arguments[0].type}")
    if sizes[0] not in (1, None):
        raise _refusal(
            function,
            f"the model was exported for {sizes[0]} images: export it for 1, or with a dynamic batch",
        )
    if None in sizes[1:]:
        raise _refusal(function, f"only the batch may be dynamic, the argument is {arguments[0].type}")


def _refusal(op: Operation, reason: str) -> PassFailedException:
    return PassFailedException(f"{location_text(op)}: {op.name}: the batch cannot be generalised: {reason}")
