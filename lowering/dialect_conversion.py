"""Dialect conversion in one walk: each op of a dialect is replaced by ops of the ``llvm`` dialect.

The scheme is MLIR's: a value whose type changes is bridged to its remaining users by a
``builtin.unrealized_conversion_cast``, so that each pass alone leaves valid IR. A cast that would undo
another is never made, hence few are left for ``reconcile-unrealized-casts``. One walk over a snapshot of the
ops, no fixed point: linear in the size of the module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NoReturn, TypeAlias, TypeVar

from xdsl.dialects import func, llvm
from xdsl.dialects.builtin import (
    DenseArrayBase,
    IntegerAttr,
    IntegerType,
    ModuleOp,
    UnrealizedConversionCastOp,
    VectorType,
    i32,
)
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter
from xdsl.utils.exceptions import PassFailedException

from lowering.llvm_types import INDEX, UnsupportedType, llvm_type

OpT = TypeVar("OpT", bound=Operation)


def fail(op: Operation, message: str) -> NoReturn:
    """Stops the pass with one line that names the op and its function."""
    parent: Operation | None = op
    while parent is not None and not isinstance(parent, func.FuncOp | llvm.FuncOp):
        parent = parent.parent_op()
    where = "" if parent is None else f" in @{parent.sym_name.data}"
    raise PassFailedException(f"{op.name}{where}: {message}")


def _inverse_cast_input(value: SSAValue, target: Attribute) -> SSAValue | None:
    """The value of type ``target`` that ``value`` was cast from, if it was."""
    owner = value.owner
    if isinstance(owner, UnrealizedConversionCastOp) and len(owner.inputs) == 1 and len(owner.outputs) == 1:
        source = owner.inputs[0]
        if source.type == target:
            return source
    return None


class Converter:
    """What a conversion works with: operands as LLVM types, and a place to insert new ops."""

    def __init__(self) -> None:
        self._casts: list[UnrealizedConversionCastOp] = []
        self._converted: dict[SSAValue, SSAValue] = {}
        self._op: Operation | None = None

    def begin(self, op: Operation) -> None:
        """New ops go before ``op`` from here on."""
        self._op = op

    def note_cast(self, cast: UnrealizedConversionCastOp) -> None:
        """Remembers a cast, so that it goes when nothing needs it."""
        self._casts.append(cast)

    @property
    def op(self) -> Operation:
        assert self._op is not None
        return self._op

    def insert(self, op: OpT) -> OpT:
        """Inserts ``op`` before the op under conversion."""
        Rewriter.insert_op(op, InsertPoint.before(self.op))
        return op

    def type(self, attr: Attribute) -> Attribute:
        """``attr`` as an LLVM type, or a failure of the pass at the op under conversion."""
        try:
            return llvm_type(attr)
        except UnsupportedType as e:
            fail(self.op, str(e))

    def operand(self, value: SSAValue) -> SSAValue:
        """``value`` as a value of LLVM type."""
        target = self.type(value.type)
        if target == value.type:
            return value
        source = _inverse_cast_input(value, target)
        if source is not None:
            return source
        known = self._converted.get(value)
        if known is not None:
            return known
        cast, result = UnrealizedConversionCastOp.cast_one(value, target)
        Rewriter.insert_op(cast, _after_definition(value))
        self._casts.append(cast)
        self._converted[value] = result
        return result

    def operands(self, values: Sequence[SSAValue]) -> list[SSAValue]:
        """Each value as a value of LLVM type."""
        return [self.operand(v) for v in values]

    def constant(self, value: int, attr: IntegerType = INDEX) -> SSAValue:
        """An integer constant of scalar LLVM type ``attr``."""
        return self.insert(llvm.ConstantOp(IntegerAttr(value, attr), attr)).result

    def splat(self, value: SSAValue, vector_type: VectorType) -> SSAValue:
        """A scalar in every lane: LLVM's canonical form, insert into lane 0 and shuffle lane 0 everywhere."""
        undef = self.insert(llvm.UndefOp(vector_type)).res
        seed = self.insert(llvm.InsertElementOp(undef, value, self.constant(0, i32))).res
        mask = _zeros(vector_type.get_shape()[0])
        return self.insert(llvm.ShuffleVectorOp(seed, undef, mask, vector_type)).res

    def replace_value(self, old: SSAValue, new: SSAValue, after: InsertPoint) -> None:
        """All uses of ``old`` become uses of ``new``, through a cast at ``after`` where types differ."""
        if new.name_hint is None:
            new.name_hint = old.name_hint
        if old.type == new.type:
            old.replace_all_uses_with(new)
            return
        for use in list(old.uses):
            user = use.operation
            if (
                isinstance(user, UnrealizedConversionCastOp)
                and len(user.outputs) == 1
                and user.outputs[0].type == new.type
            ):
                user.outputs[0].replace_all_uses_with(new)
        cast, result = UnrealizedConversionCastOp.cast_one(new, old.type)
        Rewriter.insert_op(cast, after)
        self._casts.append(cast)
        old.replace_all_uses_with(result)

    def replace(self, op: Operation, results: Sequence[SSAValue]) -> None:
        """Removes ``op``, whose results become ``results``."""
        assert len(results) == len(op.results), op.name
        for old, new in zip(op.results, results, strict=True):
            self.replace_value(old, new, InsertPoint.before(op))
            self._converted.pop(old, None)
        block = op.parent
        assert block is not None
        block.erase_op(op)

    def convert_block_arguments(self, block: Block) -> None:
        """Gives every argument of ``block`` its LLVM type."""
        for arg in block.args:
            target = self.type(arg.type)
            if target == arg.type:
                continue
            new = block.insert_arg(target, arg.index)
            self.replace_value(arg, new, InsertPoint.at_start(block))
            self._converted.pop(arg, None)
            block.erase_arg(arg)

    def erase_dead_casts(self) -> None:
        """Removes the casts that nothing uses, the last made first."""
        pending = list(self._casts)
        while pending:
            cast = pending.pop()
            block = cast.parent
            if block is None or any(result.uses for result in cast.results):
                continue
            pending.extend(v.owner for v in cast.inputs if isinstance(v.owner, UnrealizedConversionCastOp))
            block.erase_op(cast)


@cache
def _zeros(count: int) -> DenseArrayBase:
    return DenseArrayBase.from_list(i32, [0] * count)


def _after_definition(value: SSAValue) -> InsertPoint:
    owner = value.owner
    return InsertPoint.at_start(owner) if isinstance(owner, Block) else InsertPoint.after(owner)


Conversion: TypeAlias = Callable[[Any, Converter], Sequence[SSAValue] | None]
"""Builds an op's replacement and gives the values for its results; None where it replaced the op itself."""


def _check_attributes(op: Operation) -> None:
    """A dialect-prefixed attribute is discardable by MLIR's rules; any other would be lost silently."""
    for name in op.attributes:
        if "." not in name:
            fail(op, f"attribute '{name}' is not understood here; remove it or prefix it with a dialect")


def _ops_to_convert(
    module: ModuleOp, conversions: Mapping[type[Operation], Conversion], converter: Converter
) -> Iterator[tuple[Operation, Conversion]]:
    for op in list(module.walk()):
        if isinstance(op, UnrealizedConversionCastOp):
            converter.note_cast(op)
            continue
        conversion = conversions.get(type(op))
        if conversion is not None:
            yield op, conversion


def convert_ops(
    module: ModuleOp,
    conversions: Mapping[type[Operation], Conversion],
    *,
    own_attributes: frozenset[type[Operation]] = frozenset(),
) -> None:
    """Converts every op whose type is in ``conversions``.

    ``own_attributes`` are the ops whose conversion deals with unprefixed attributes itself.
    Raises PassFailedException, one line, for what cannot be converted.
    """
    converter = Converter()
    for op, conversion in _ops_to_convert(module, conversions, converter):
        converter.begin(op)
        if type(op) not in own_attributes:
            _check_attributes(op)
        results = conversion(op, converter)
        if results is not None:
            converter.replace(op, results)
    converter.erase_dead_casts()


def refuse_rest(module: ModuleOp, dialect: str, reason: Callable[[Operation], str]) -> None:
    """Fails at the first op of ``dialect`` that is left."""
    for op in module.walk():
        if op.name.startswith(f"{dialect}."):
            fail(op, reason(op))
