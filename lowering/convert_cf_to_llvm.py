"""``convert-cf-to-llvm``: branches to the ``llvm`` dialect, and block arguments to LLVM types."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import cf, llvm
from xdsl.dialects.builtin import IntegerAttr, IntegerType, ModuleOp, i64
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass

from ivit_dialect.hints import isa
from lowering.dialect_conversion import Conversion, Converter, convert_ops, refuse_rest


def _branch(op: cf.BranchOp, c: Converter) -> Sequence[SSAValue]:
    c.convert_block_arguments(op.successor)
    c.insert(llvm.BrOp(op.successor, *c.operands(op.arguments)))
    return []


def _conditional_branch(op: cf.ConditionalBranchOp, c: Converter) -> Sequence[SSAValue]:
    c.convert_block_arguments(op.then_block)
    c.convert_block_arguments(op.else_block)
    c.insert(
        llvm.CondBrOp(
            op.cond,
            op.then_block,
            c.operands(op.then_arguments),
            op.else_block,
            c.operands(op.else_arguments),
        )
    )
    return []


def _switch(op: cf.SwitchOp, c: Converter) -> Sequence[SSAValue]:
    """A chain of comparisons, which LLVM's simplifycfg turns back into a switch where that pays.

    Every test but the last goes on to a new block that follows the one it is in.
    """
    flag = c.operand(op.flag)
    flag_type = flag.type
    assert isa(flag_type, IntegerType)
    values = () if op.case_values is None else op.case_values.get_values()
    c.convert_block_arguments(op.default_block)
    block = op.parent
    region = None if block is None else block.parent
    assert block is not None
    assert region is not None
    for value, target, arguments in zip(values, op.case_blocks, op.case_operand, strict=True):
        c.convert_block_arguments(target)
        otherwise = Block()
        region.insert_block_after(otherwise, block)
        wanted = llvm.ConstantOp(IntegerAttr(value, flag_type), flag_type)
        equal = llvm.ICmpOp(flag, wanted.result, IntegerAttr(llvm.ICmpPredicateFlag.EQ.to_int(), i64))
        branch = llvm.CondBrOp(equal, target, c.operands(arguments), otherwise, [])
        for new in (wanted, equal, branch):
            block.insert_op_before(new, op) if op.parent is block else block.add_op(new)
        block = otherwise
    block.add_op(llvm.BrOp(op.default_block, *c.operands(op.default_operands)))
    return []


_CONVERSIONS: dict[type[Operation], Conversion] = {
    cf.BranchOp: _branch,
    cf.ConditionalBranchOp: _conditional_branch,
    cf.SwitchOp: _switch,
}


@dataclass(frozen=True)
class ConvertCfToLLVMPass(ModulePass):
    """Converts ``cf`` to the ``llvm`` dialect; raises PassFailedException on ``cf.assert``."""

    name = "convert-cf-to-llvm"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        convert_ops(op, _CONVERSIONS)
        refuse_rest(op, "cf", lambda _: "kernels have no run-time assertions; prove it at compile time")
