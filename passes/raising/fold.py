"""Constant folding: what depends on no input is computed once, by the float interpreter."""

from __future__ import annotations

from typing import Any

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.interpreter import Interpreter
from xdsl.ir import Block, Operation, SSAValue
from xdsl.traits import ConstantLike

from ivit_dialect.load import location_text
from ivit_dialect.store import WeightStore
from ivit_dialect.torch.interpreter import TorchFunctions
from ivit_dialect.torch.kernels import KERNELS
from ivit_dialect.torch.ops_constant import ConstantIntOp, ValueTensorLiteralOp
from ivit_dialect.torch.ops_scalar import PrimListConstructOp
from ivit_dialect.torch.types import IntType, ValueTensorType
from passes.raising.literals import make_literal
from passes.raising.uniform import SHAPE_ONLY


def fold_constants(function: FuncOp, store: WeightStore, keep_rearranged: bool) -> None:
    """Replace constant expressions of ``function`` by literals, new ones under new keys of ``store``.

    With ``keep_rearranged`` a literal that is only permuted, viewed or broadcast stays so: a product that
    takes a transposed weight then still shows the weight. Raises ValueError (one line with the location)
    where an expression cannot be computed.
    """
    block = function.body.block
    folder = _Folder(store)
    constant = _constant_ops(block)
    for op in list(block.ops):
        if op not in constant or op.has_trait(ConstantLike) or isinstance(op, PrimListConstructOp):
            continue
        if all(use.operation in constant for result in op.results for use in result.uses):
            continue
        if keep_rearranged and _rearranged_literal(op):
            continue
        for result in op.results:
            literal = folder.literal(result)
            if result.first_use is not None and literal is not None:
                literal.location = op.location
                block.insert_op_before(literal, op)
                result.replace_all_uses_with(literal.results[0])


def _constant_ops(block: Block) -> set[Operation]:
    constant: set[Operation] = set()
    for op in block.ops:
        computable = type(op) in KERNELS and bool(op.operands)
        known = op.has_trait(ConstantLike) or isinstance(op, PrimListConstructOp) or computable
        if known and all(operand.owner in constant for operand in op.operands):
            constant.add(op)
    return constant


def _rearranged_literal(op: Operation) -> bool:
    while isinstance(op, SHAPE_ONLY) and isinstance(op.input.owner, Operation):
        op = op.input.owner
    return isinstance(op, ValueTensorLiteralOp)


class _Folder:
    """Computes constant values on demand, each op once."""

    def __init__(self, store: WeightStore) -> None:
        self._store = store
        self._interpreter = Interpreter(ModuleOp([]))
        self._interpreter.register_implementations(TorchFunctions(store))
        self._values: dict[SSAValue, Any] = {}

    def literal(self, value: SSAValue) -> Operation | None:
        """``value`` as a constant op; None for types that need none (their users are folded)."""
        if isinstance(value.type, IntType):
            return ConstantIntOp(int(self._value(value)))
        if not isinstance(value.type, ValueTensorType):
            return None
        array = np.ascontiguousarray(self._value(value))
        parents = sorted(_keys_behind(value))
        if len(parents) == 1 and self._is_stored(array, parents[0]):
            return self._literal_of(value, parents[0])
        stem = f"{parents[0]}.folded" if len(parents) == 1 else "folded"
        return make_literal(array, value.type.with_sizes(array.shape), stem, self._store)

    def _is_stored(self, array: Any, key: str) -> bool:
        stored = self._store[key]
        return stored.dtype == array.dtype and stored.shape == array.shape and np.array_equal(stored, array)

    @staticmethod
    def _literal_of(value: SSAValue, key: str) -> Operation | None:
        """A copy of the literal with ``key`` behind ``value``."""
        pending = [value]
        while pending:
            op = pending.pop().owner
            if isinstance(op, ValueTensorLiteralOp) and op.key == key:
                return op.clone()
            if isinstance(op, Operation):
                pending.extend(op.operands)
        return None

    def _value(self, value: SSAValue) -> Any:
        pending = [value]
        while pending:
            op = pending[-1].owner
            assert isinstance(op, Operation)
            missing = [operand for operand in op.operands if operand not in self._values]
            if missing:
                pending.extend(missing)
                continue
            pending.pop()
            if op.results[0] not in self._values:
                results = self._run(op, tuple(self._values[operand] for operand in op.operands))
                self._values.update(zip(op.results, results, strict=True))
        return self._values[value]

    def _run(self, op: Operation, args: tuple[Any, ...]) -> tuple[Any, ...]:
        try:
            with np.errstate(all="ignore"):
                return self._interpreter.run_op(op, args)
        except Exception as error:  # a kernel raises whatever NumPy raises
            raise ValueError(f"{location_text(op)}: {op.name}: cannot be folded: {error}") from error


def _keys_behind(value: SSAValue) -> set[str]:
    keys: set[str] = set()
    seen: set[Operation] = set()
    pending = [value.owner]
    while pending:
        op = pending.pop()
        if not isinstance(op, Operation) or op in seen:
            continue
        seen.add(op)
        if isinstance(op, ValueTensorLiteralOp) and op.key is not None:
            keys.add(op.key)
        pending.extend(operand.owner for operand in op.operands)
    return keys
