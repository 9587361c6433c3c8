"""``convert-func-to-llvm``: functions, calls and returns to the ``llvm`` dialect.

A private function becomes internal, a private declaration or a public function external. Argument
attributes in LLVM's names (``llvm.noalias``, ``llvm.align``, …) and prefixed function attributes are kept.
Several results become one struct.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import func, llvm
from xdsl.dialects.builtin import DenseArrayBase, ModuleOp, i64
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from lowering.dialect_conversion import Conversion, Converter, convert_ops, fail, refuse_rest


def _result_type(types: Sequence[Attribute], c: Converter) -> Attribute | None:
    converted = [c.type(t) for t in types]
    if not converted:
        return None
    return converted[0] if len(converted) == 1 else llvm.LLVMStructType.from_type_list(converted)


def _function(op: func.FuncOp, c: Converter) -> None:
    for name in op.attributes:
        if name != "passthrough" and "." not in name:
            fail(op, f"attribute '{name}' is not understood here; remove it or prefix it with a dialect")
    inputs = [c.type(t) for t in op.function_type.inputs]
    is_private = op.sym_visibility is not None and op.sym_visibility.data == "private"
    linkage = "internal" if is_private and not op.is_declaration else "external"
    entry = op.body.first_block
    if entry is not None:
        c.convert_block_arguments(entry)
    properties: dict[str, Attribute | None] = {"arg_attrs": op.arg_attrs, "res_attrs": op.res_attrs}
    new = llvm.FuncOp(
        op.sym_name,
        llvm.LLVMFunctionType(inputs, _result_type(op.function_type.outputs.data, c)),
        linkage=llvm.LinkageAttr(linkage),
        body=Rewriter.move_region_contents_to_new_regions(op.body),
        other_props={k: v for k, v in properties.items() if v is not None},
        extra_attrs=op.attributes,
    )
    Rewriter.insert_op(new, InsertPoint.before(op))
    Rewriter.erase_op(op)


def _call(op: func.CallOp, c: Converter) -> Sequence[SSAValue]:
    result_type = _result_type(op.result_types, c)
    call = llvm.CallOp(op.callee, *c.operands(op.arguments), return_type=result_type)
    c.insert(call)
    if call.returned is None:
        return []
    if len(op.res) == 1:
        return [call.returned]
    return [
        c.insert(llvm.ExtractValueOp(DenseArrayBase.from_list(i64, [i]), call.returned, c.type(r.type))).res
        for i, r in enumerate(op.res)
    ]


def _return(op: func.ReturnOp, c: Converter) -> Sequence[SSAValue]:
    values = c.operands(op.arguments)
    result_type = _result_type([v.type for v in op.arguments], c)
    if result_type is None or len(values) == 1:
        c.insert(llvm.ReturnOp(*values))
        return []
    struct = c.insert(llvm.UndefOp(result_type)).res
    for i, value in enumerate(values):
        position = DenseArrayBase.from_list(i64, [i])
        struct = c.insert(llvm.InsertValueOp(position, struct, value)).res
    c.insert(llvm.ReturnOp(struct))
    return []


_CONVERSIONS: dict[type[Operation], Conversion] = {
    func.FuncOp: _function,
    func.CallOp: _call,
    func.ReturnOp: _return,
}


@dataclass(frozen=True)
class ConvertFuncToLLVMPass(ModulePass):
    """Converts ``func`` to the ``llvm`` dialect."""

    name = "convert-func-to-llvm"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        convert_ops(op, _CONVERSIONS, own_attributes=frozenset({func.FuncOp}))
        refuse_rest(op, "func", lambda _: "functions are called by name")
