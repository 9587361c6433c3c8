"""``convert-arith-to-llvm``: integer arithmetic, on scalars and on vectors, to the ``llvm`` dialect.

Takes ``arith`` and ``arith_ext``. Overflow flags are kept. Floating point is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from xdsl.context import Context
from xdsl.dialects import arith, llvm
from xdsl.dialects.builtin import (
    DenseIntOrFPElementsAttr,
    IndexType,
    IntegerAttr,
    IntegerType,
    ModuleOp,
    VectorType,
    i64,
)
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.passes import ModulePass

from ivit_dialect.hints import isa
from lowering import arith_ext, llvm_ext
from lowering.dialect_conversion import Conversion, Converter, convert_ops, fail, refuse_rest
from lowering.llvm_types import NO_FLOATS

_WITH_OVERFLOW: dict[type[Operation], type[llvm.ArithmeticBinOpOverflow]] = {
    arith.AddiOp: llvm.AddOp,
    arith.SubiOp: llvm.SubOp,
    arith.MuliOp: llvm.MulOp,
    arith.ShLIOp: llvm.ShlOp,
}

_BINARY: dict[
    type[Operation],
    type[llvm.ArithmeticBinOperation | llvm.ArithmeticBinOpExact | llvm.ArithmeticBinOpDisjoint],
] = {
    arith.DivSIOp: llvm.SDivOp,
    arith.DivUIOp: llvm.UDivOp,
    arith.RemSIOp: llvm.SRemOp,
    arith.RemUIOp: llvm.URemOp,
    arith.AndIOp: llvm.AndOp,
    arith.OrIOp: llvm.OrOp,
    arith.XOrIOp: llvm.XOrOp,
    arith.ShRSIOp: llvm.AShrOp,
    arith.ShRUIOp: llvm.LShrOp,
}

_INTRINSICS: dict[type[Operation], str] = {
    arith.MaxSIOp: "llvm.smax",
    arith.MinSIOp: "llvm.smin",
    arith.MaxUIOp: "llvm.umax",
    arith.MinUIOp: "llvm.umin",
}


@cache
def _overflow_flags(flags: arith.IntegerOverflowAttr) -> llvm.OverflowAttr:
    return llvm.OverflowAttr([llvm.OverflowFlag(flag.value) for flag in flags.data])


def _with_overflow(op: arith.SignlessIntegerBinaryOperationWithOverflow, c: Converter) -> Sequence[SSAValue]:
    flags = _overflow_flags(op.overflow_flags)
    new = _WITH_OVERFLOW[type(op)](c.operand(op.lhs), c.operand(op.rhs), overflow=flags)
    return [c.insert(new).res]


def _binary(op: arith.SignlessIntegerBinaryOperation, c: Converter) -> Sequence[SSAValue]:
    return [c.insert(_BINARY[type(op)](c.operand(op.lhs), c.operand(op.rhs))).res]


def _intrinsic(op: arith.SignlessIntegerBinaryOperation, c: Converter) -> Sequence[SSAValue]:
    operands = c.operands(op.operands)
    return c.insert(llvm.CallIntrinsicOp(_INTRINSICS[type(op)], operands, [operands[0].type])).results


def _constant(op: arith.ConstantOp, c: Converter) -> Sequence[SSAValue]:
    target = c.type(op.result.type)
    value = op.value
    if isa(value, IntegerAttr) and isa(target, IntegerType):
        value = IntegerAttr(value.value.data, target)
    elif isinstance(value, DenseIntOrFPElementsAttr) and isa(target, VectorType[IntegerType]):
        if isinstance(value.get_element_type(), IndexType):
            value = _retyped(value, target)
    else:
        fail(op, f"cannot materialise {type(value).__name__} as {target}")
    return [c.insert(llvm.ConstantOp(value, target)).result]


def _retyped(value: DenseIntOrFPElementsAttr, target: VectorType[IntegerType]) -> DenseIntOrFPElementsAttr:
    numbers = [n for n in value.get_values() if isinstance(n, int)]
    if value.is_splat():
        numbers = numbers[:1]
    return DenseIntOrFPElementsAttr.from_list(target, numbers)


def _scalar_width(attr: Attribute) -> int:
    element = attr.element_type if isa(attr, VectorType) else attr
    assert isa(element, IntegerType)
    return element.width.data


def _extsi(op: arith.ExtSIOp | arith_ext.ExtSIOp, c: Converter) -> Sequence[SSAValue]:
    return [c.insert(llvm.SExtOp(c.operand(op.input), c.type(op.result.type))).res]


def _extui(op: arith.ExtUIOp | arith_ext.ExtUIOp, c: Converter) -> Sequence[SSAValue]:
    return [c.insert(llvm.ZExtOp(c.operand(op.input), c.type(op.result.type))).res]


def _trunci(op: arith.TruncIOp | arith_ext.TruncIOp, c: Converter) -> Sequence[SSAValue]:
    return [c.insert(llvm.TruncOp(c.operand(op.input), c.type(op.result.type))).res]


def _index_cast(op: arith.IndexCastOp, c: Converter) -> Sequence[SSAValue]:
    value = c.operand(op.input)
    target = c.type(op.result.type)
    if value.type == target:
        return [value]
    if _scalar_width(value.type) < _scalar_width(target):
        return [c.insert(llvm.SExtOp(value, target)).res]
    return [c.insert(llvm.TruncOp(value, target)).res]


def _bitcast(op: arith.BitcastOp, c: Converter) -> Sequence[SSAValue]:
    value = c.operand(op.input)
    if value.type != c.type(op.result.type):
        fail(op, f"{op.input.type} and {op.result.type} are not the same integers")
    return [value]


def _cmpi(op: arith.CmpiOp | arith_ext.CmpiOp, c: Converter) -> Sequence[SSAValue]:
    predicate = IntegerAttr(op.predicate.value.data, i64)  # arith and llvm number the predicates alike
    return [c.insert(llvm.ICmpOp(c.operand(op.lhs), c.operand(op.rhs), predicate)).res]


def _select(op: arith.SelectOp, c: Converter) -> Sequence[SSAValue]:
    return [c.insert(llvm.SelectOp(*c.operands(op.operands))).res]


def _vector_select(op: arith_ext.SelectOp, c: Converter) -> Sequence[SSAValue]:
    return [c.insert(llvm_ext.SelectOp(*c.operands(op.operands))).res]


def _like(value: int, attr: Attribute, c: Converter) -> SSAValue:
    """``value`` as a constant of the scalar or vector type ``attr``."""
    if isa(attr, VectorType[IntegerType]):
        if attr.element_type.width.data > 64:  # xDSL's dense attributes end at 64 bits
            return c.splat(c.constant(value, attr.element_type), attr)
        return c.insert(llvm.ConstantOp(DenseIntOrFPElementsAttr.from_list(attr, [value]), attr)).result
    assert isa(attr, IntegerType)
    return c.constant(value, attr)


def _widened(attr: Attribute) -> Attribute:
    wide = IntegerType(2 * _scalar_width(attr))
    return VectorType(wide, attr.shape) if isa(attr, VectorType) else wide


def _extended_product(op: arith.MulSIExtendedOp | arith.MulUIExtendedOp, c: Converter) -> Sequence[SSAValue]:
    """The low and the high half of the product, taken exactly at twice the width."""
    extend = llvm.SExtOp if isinstance(op, arith.MulSIExtendedOp) else llvm.ZExtOp
    lhs, rhs = c.operands(op.operands)
    wide = _widened(lhs.type)
    product = c.insert(llvm.MulOp(c.insert(extend(lhs, wide)).res, c.insert(extend(rhs, wide)).res)).res
    low = c.insert(llvm.TruncOp(product, lhs.type)).res
    shift = _like(_scalar_width(lhs.type), wide, c)
    high = c.insert(llvm.TruncOp(c.insert(llvm.LShrOp(product, shift)).res, lhs.type)).res
    return [low, high]


def _add_with_carry(op: arith.AddUIExtendedOp, c: Converter) -> Sequence[SSAValue]:
    """The sum, and whether it wrapped: it is then below either operand."""
    lhs, rhs = c.operands(op.operands)
    total = c.insert(llvm.AddOp(lhs, rhs)).res
    predicate = IntegerAttr(llvm.ICmpPredicateFlag.ULT.to_int(), i64)
    return [total, c.insert(llvm.ICmpOp(total, lhs, predicate)).res]


def _compare(lhs: SSAValue, predicate: llvm.ICmpPredicateFlag, rhs: SSAValue, c: Converter) -> SSAValue:
    return c.insert(llvm.ICmpOp(lhs, rhs, IntegerAttr(predicate.to_int(), i64))).res


def _flag_as(flag: SSAValue, attr: Attribute, c: Converter) -> SSAValue:
    return flag if _scalar_width(attr) == 1 else c.insert(llvm.ZExtOp(flag, attr)).res


def _rounded_division(op: arith.FloorDivSIOp | arith.CeilDivSIOp, c: Converter) -> Sequence[SSAValue]:
    """``sdiv`` rounds towards zero: where the remainder is not 0, one quotient is off by one.

    With signs that differ the exact quotient is negative and floor is one below; with equal signs it is
    positive and ceil is one above.
    """
    lhs, rhs = c.operands(op.operands)
    quotient = c.insert(llvm.SDivOp(lhs, rhs)).res
    remainder = c.insert(llvm.SRemOp(lhs, rhs)).res
    zero = _like(0, lhs.type, c)
    inexact = _compare(remainder, llvm.ICmpPredicateFlag.NE, zero, c)
    signs = c.insert(llvm.XOrOp(lhs, rhs)).res
    is_floor = isinstance(op, arith.FloorDivSIOp)
    wanted = llvm.ICmpPredicateFlag.SLT if is_floor else llvm.ICmpPredicateFlag.SGE
    off = c.insert(llvm.AndOp(inexact, _compare(signs, wanted, zero, c))).res
    step = _flag_as(off, lhs.type, c)
    return [c.insert((llvm.SubOp if is_floor else llvm.AddOp)(quotient, step)).res]


def _unsigned_ceil_division(op: arith.CeilDivUIOp, c: Converter) -> Sequence[SSAValue]:
    lhs, rhs = c.operands(op.operands)
    quotient = c.insert(llvm.UDivOp(lhs, rhs)).res
    remainder = c.insert(llvm.URemOp(lhs, rhs)).res
    inexact = _compare(remainder, llvm.ICmpPredicateFlag.NE, _like(0, lhs.type, c), c)
    return [c.insert(llvm.AddOp(quotient, _flag_as(inexact, lhs.type, c))).res]


_CONVERSIONS: dict[type[Operation], Conversion] = {
    **dict.fromkeys(_WITH_OVERFLOW, _with_overflow),
    **dict.fromkeys(_BINARY, _binary),
    **dict.fromkeys(_INTRINSICS, _intrinsic),
    arith.ConstantOp: _constant,
    arith.ExtSIOp: _extsi,
    arith.ExtUIOp: _extui,
    arith.TruncIOp: _trunci,
    arith.IndexCastOp: _index_cast,
    arith.BitcastOp: _bitcast,
    arith.CmpiOp: _cmpi,
    arith.SelectOp: _select,
    arith.MulSIExtendedOp: _extended_product,
    arith.MulUIExtendedOp: _extended_product,
    arith.AddUIExtendedOp: _add_with_carry,
    arith.FloorDivSIOp: _rounded_division,
    arith.CeilDivSIOp: _rounded_division,
    arith.CeilDivUIOp: _unsigned_ceil_division,
    arith_ext.ExtSIOp: _extsi,
    arith_ext.ExtUIOp: _extui,
    arith_ext.TruncIOp: _trunci,
    arith_ext.CmpiOp: _cmpi,
    arith_ext.SelectOp: _vector_select,
}


@dataclass(frozen=True)
class ConvertArithToLLVMPass(ModulePass):
    """Converts ``arith`` and ``arith_ext``; raises PassFailedException on floating point."""

    name = "convert-arith-to-llvm"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        convert_ops(op, _CONVERSIONS)
        refuse_rest(op, "arith", lambda _: NO_FLOATS)
