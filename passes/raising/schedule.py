"""The one order of a function's ops: constants first, then depth first from the results.

Two graphs with the same operations then have the same text, whatever order they were exported in. What no
result needs is gone, equal ops are one op, and each list stands right before the op that takes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.traits import ConstantLike

from ivit_dialect.torch.ops_constant import (
    ConstantBoolOp,
    ConstantFloatOp,
    ConstantIntOp,
    ConstantNoneOp,
    ConstantStrOp,
    ValueTensorLiteralOp,
)
from ivit_dialect.torch.ops_scalar import PrimListConstructOp

UNNAMED_RESOURCE = "torch_tensor_"  # what torch-mlir calls a literal whose parameter it does not know
Key: TypeAlias = tuple[object, ...]


def schedule(block: Block) -> None:
    """Reorder ``block``, whose ops but the last are free of side effects."""
    terminator = block.last_op
    if terminator is None:
        return
    order = _merge_equal(_depth_first(terminator, block))
    old = list(block.ops)
    for op in old:
        op.detach()
    constants = [op for op in order if op.has_trait(ConstantLike)]
    for op in constants:
        op.results[0].name_hint = _name(op)
    block.add_ops(constants)
    for op in order:
        if not op.has_trait(ConstantLike) and not isinstance(op, PrimListConstructOp):
            block.add_ops([*_own_lists(op), op])
    for op in reversed(old):
        if op.parent is None:
            op.erase(safe_erase=False)


def _name(constant: Operation) -> str | None:
    """``%int1``, ``%none`` and the like, as torch-mlir names them; a weight has the name of its key."""
    match constant:
        case ConstantIntOp():
            return f"int{constant.data}"
        case ConstantFloatOp():
            return f"float{constant.data:e}".replace("+", "")
        case ConstantBoolOp():
            return "true" if constant.data else "false"
        case ConstantNoneOp():
            return "none"
        case ConstantStrOp():
            return "str"
        case ValueTensorLiteralOp(key=str(key)) if not key.startswith(UNNAMED_RESOURCE):
            return key
        case _:
            return None


def _merge_equal(order: list[Operation]) -> list[Operation]:
    """``order`` without the ops that compute what an earlier one does, whose results take their place."""
    known: dict[Key, Operation] = {}
    for op in order:
        twin = known.setdefault(_key(op), op)
        if twin is not op:
            for result, same in zip(op.results, twin.results, strict=True):
                result.replace_all_uses_with(same)
    return list(known.values())


def _own_lists(op: Operation) -> list[Operation]:
    """A list of its own for each list that ``op`` takes."""
    lists: list[Operation] = []
    for index, operand in enumerate(op.operands):
        if isinstance(operand.owner, PrimListConstructOp):
            lists.append(operand.owner.clone())
            op.operands[index] = lists[-1].results[0]
    return lists


def _depth_first(root: Operation, block: Block) -> list[Operation]:
    """Ops of ``block`` that ``root`` needs, operands before users, first operand first."""
    order: list[Operation] = []
    seen: set[Operation] = {root}
    stack: list[tuple[Operation, Iterator[SSAValue]]] = [(root, iter(root.operands))]
    while stack:
        op, operands = stack[-1]
        for operand in operands:
            producer = operand.owner
            if isinstance(producer, Operation) and producer.parent is block and producer not in seen:
                seen.add(producer)
                stack.append((producer, iter(producer.operands)))
                break
        else:
            order.append(op)
            stack.pop()
    return order


def _key(op: Operation) -> Key:
    """Equal for ops that compute the same."""
    attributes: dict[str, Attribute] = {**op.properties, **op.attributes}
    return (
        op.name,
        tuple(id(operand) for operand in op.operands),
        tuple(sorted(attributes.items(), key=lambda item: item[0])),
        tuple(op.result_types),
    )
