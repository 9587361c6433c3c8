"""``verify-integer-only``: fails unless the whole computation is integer. Changes nothing.

Rejects float types, float attributes, and ops outside ``ivit``, ``func``, ``tensor`` and ``builtin`` (an
``arith.constant`` of index type, the extent of a dynamic reshape, is the one exception). Floats are allowed
in the attributes ``ivit.input`` and ``ivit.output`` of a function, which only the host reads; and ops of
``ivit_float`` in a module that says of itself, by its attribute ``ivit.simulation``, that it is none to run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

from xdsl.context import Context
from xdsl.dialects.arith import ConstantOp
from xdsl.dialects.builtin import AnyFloat, ArrayAttr, DictionaryAttr, IndexType, ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, Operation, ParametrizedAttribute
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from ivit_dialect.load import location_text
from ivit_dialect.ops.floating import SIMULATION

INTEGER_DIALECTS = ("ivit", "func", "tensor", "builtin")
SIMULATION_DIALECT = "ivit_float"
BOUNDARY_ATTRIBUTES = ("ivit.input", "ivit.output")


@lru_cache(maxsize=1024)
def contains_float(attribute: Attribute) -> bool:
    """Whether a type or attribute is, or holds at any depth, a float."""
    if isinstance(attribute, AnyFloat):
        return True
    return any(contains_float(part) for part in _parts(attribute))


def _parts(attribute: Attribute) -> tuple[Attribute, ...]:
    if isinstance(attribute, ParametrizedAttribute):
        return attribute.parameters
    if isinstance(attribute, ArrayAttr):
        return cast(ArrayAttr[Attribute], attribute).data
    if isinstance(attribute, DictionaryAttr):
        return tuple(attribute.data.values())
    return ()


def _float_uses(op: Operation) -> Iterator[str]:
    """What in ``op`` is a float, in words."""
    for result in op.results:
        if contains_float(result.type):
            yield f"result of type {result.type}"
    for operand in op.operands:
        if contains_float(operand.type):
            yield f"operand of type {operand.type}"
    for region in op.regions:
        for block in region.blocks:
            for argument in block.args:
                if contains_float(argument.type):
                    yield f"argument of type {argument.type}"
    for name, attribute in (*op.properties.items(), *op.attributes.items()):
        if isinstance(op, FuncOp) and name in BOUNDARY_ATTRIBUTES:
            continue
        if contains_float(attribute):
            yield f"attribute {name} = {attribute}"


def _is_integer_op(op: Operation) -> bool:
    if isinstance(op, ConstantOp):
        return isinstance(op.result.type, IndexType)
    return op.dialect_name() in INTEGER_DIALECTS


@dataclass(frozen=True)
class VerifyIntegerOnlyPass(ModulePass):
    """See the module's docstring."""

    name = "verify-integer-only"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        simulated = SIMULATION in op.attributes
        for inner in op.walk():
            if inner.dialect_name() == SIMULATION_DIALECT:
                if simulated:
                    continue
                raise PassFailedException(
                    f"{location_text(inner)}: {inner.name} computes in floating point: choose another family"
                    " than float for it, as softmax=exact; or, to simulate, say softmax=float,"
                    " gelu=float or layernorm=float to --lower-to-int"
                )
            if not _is_integer_op(inner):
                raise PassFailedException(
                    f"{location_text(inner)}: {inner.name} is not an integer op:"
                    f" only {', '.join(INTEGER_DIALECTS)} ops may take part"
                )
            for use in _float_uses(inner):
                raise PassFailedException(f"{location_text(inner)}: {inner.name} has a float: {use}")
