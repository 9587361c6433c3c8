"""The ``llvm_ext`` dialect: instructions of LLVM IR that xDSL's ``llvm`` dialect lacks.

Names and operands follow MLIR's LLVM dialect (``llvm.extractelement``, ``llvm.atomicrmw``, ``llvm.fence``,
…), so that each op can be replaced by its namesake once xDSL has it. ``cpu_relax`` alone is ours: it tells
the core that a loop spins. At the loops level, ``builtin.unrealized_conversion_cast`` gives the address of a
memref to an op that takes a pointer.
"""

from __future__ import annotations

from typing import ClassVar

from xdsl.dialects.builtin import (
    I64,
    IntegerAttr,
    IntegerType,
    SignlessIntegerConstraint,
    StringAttr,
    VectorType,
)
from xdsl.dialects.llvm import LLVMPointerType
from xdsl.ir import Attribute, Dialect, Operation, SSAValue
from xdsl.irdl import (
    AnyAttr,
    IRDLOperation,
    VarConstraint,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import NoMemoryEffect, Pure
from xdsl.utils.exceptions import VerifyException

from ivit_dialect.hints import isa

ATOMIC_RMW_KINDS = ("xchg", "add", "sub", "and", "or", "xor", "max", "min", "umax", "umin")
"""What ``atomicrmw`` may do; LLVM's names."""

LOAD_ORDERINGS = ("monotonic", "acquire", "seq_cst")
STORE_ORDERINGS = ("monotonic", "release", "seq_cst")
RMW_ORDERINGS = ("monotonic", "acquire", "release", "acq_rel", "seq_cst")
FENCE_ORDERINGS = ("acquire", "release", "acq_rel", "seq_cst")


def _one_of(what: str, value: StringAttr, allowed: tuple[str, ...]) -> None:
    if value.data not in allowed:
        raise VerifyException(f"unknown {what} '{value.data}', expected one of {', '.join(allowed)}")


def _scope(scope: str | None) -> StringAttr | None:
    return None if scope is None else StringAttr(scope)


@irdl_op_definition
class ExtractElementOp(IRDLOperation):
    """One lane of a vector; an index past the end gives poison."""

    ELEMENT: ClassVar = VarConstraint("ELEMENT", AnyAttr())

    name = "llvm_ext.extractelement"

    vector = operand_def(VectorType.constr(ELEMENT))
    position = operand_def(SignlessIntegerConstraint)
    res = result_def(ELEMENT)

    traits = traits_def(Pure())

    assembly_format = "$vector `[` $position `:` type($position) `]` attr-dict `:` type($vector)"

    def __init__(self, vector: SSAValue | Operation, position: SSAValue | Operation):
        vector = SSAValue.get(vector)
        assert isa(vector.type, VectorType)
        super().__init__(operands=[vector, position], result_types=[vector.type.element_type])


@irdl_op_definition
class SelectOp(IRDLOperation):
    """Lane-wise selection (xDSL's ``llvm.select`` takes a scalar condition only)."""

    T: ClassVar = VarConstraint("T", VectorType.constr(AnyAttr()))

    name = "llvm_ext.select"

    cond = operand_def(VectorType.constr(IntegerType(1)))
    lhs = operand_def(T)
    rhs = operand_def(T)
    res = result_def(T)

    traits = traits_def(Pure())

    assembly_format = "$cond `,` $lhs `,` $rhs attr-dict `:` type($cond) `,` type($res)"

    def __init__(self, cond: SSAValue | Operation, lhs: SSAValue | Operation, rhs: SSAValue | Operation):
        super().__init__(operands=[cond, lhs, rhs], result_types=[SSAValue.get(lhs).type])


@irdl_op_definition
class AddrSpaceCastOp(IRDLOperation):
    """A pointer in another address space (GPU: generic 0, global 1, shared 3)."""

    name = "llvm_ext.addrspacecast"

    arg = operand_def(LLVMPointerType)
    res = result_def(LLVMPointerType)

    traits = traits_def(NoMemoryEffect())

    assembly_format = "$arg attr-dict `:` type($arg) `to` type($res)"

    def __init__(self, arg: SSAValue | Operation, result_type: LLVMPointerType):
        super().__init__(operands=[arg], result_types=[result_type])


@irdl_op_definition
class AssumeAlignedOp(IRDLOperation):
    """Promises LLVM that a pointer is a multiple of ``alignment`` bytes."""

    name = "llvm_ext.assume_aligned"

    ptr = operand_def(LLVMPointerType)
    alignment = prop_def(IntegerAttr[I64])

    assembly_format = "$ptr `,` $alignment attr-dict `:` type($ptr)"

    def __init__(self, ptr: SSAValue | Operation, alignment: int):
        super().__init__(operands=[ptr], properties={"alignment": IntegerAttr(alignment, 64)})

    def verify_(self) -> None:
        value = self.alignment.value.data
        if value <= 0 or value & (value - 1):
            raise VerifyException(f"alignment {value} is not a power of two")


@irdl_op_definition
class AtomicLoadOp(IRDLOperation):
    """An atomic load of an integer; ``syncscope`` as in LLVM (absent: the whole system)."""

    name = "llvm_ext.atomic_load"

    ordering = prop_def(StringAttr)
    syncscope = opt_prop_def(StringAttr)
    ptr = operand_def(LLVMPointerType)
    res = result_def(SignlessIntegerConstraint)

    assembly_format = (
        "$ordering (`syncscope` `(` $syncscope^ `)`)? $ptr attr-dict `:` type($ptr) `->` type($res)"
    )

    def __init__(
        self,
        ptr: SSAValue | Operation,
        result_type: Attribute,
        ordering: str = "acquire",
        syncscope: str | None = None,
    ):
        super().__init__(
            operands=[ptr],
            result_types=[result_type],
            properties={"ordering": StringAttr(ordering), "syncscope": _scope(syncscope)},
        )

    def verify_(self) -> None:
        _one_of("ordering of an atomic load", self.ordering, LOAD_ORDERINGS)


@irdl_op_definition
class AtomicStoreOp(IRDLOperation):
    """An atomic store of an integer; ``syncscope`` as in LLVM (absent: the whole system)."""

    name = "llvm_ext.atomic_store"

    ordering = prop_def(StringAttr)
    syncscope = opt_prop_def(StringAttr)
    value = operand_def(SignlessIntegerConstraint)
    ptr = operand_def(LLVMPointerType)

    assembly_format = (
        "$ordering (`syncscope` `(` $syncscope^ `)`)? $value `,` $ptr attr-dict"
        " `:` type($value) `,` type($ptr)"
    )

    def __init__(
        self,
        value: SSAValue | Operation,
        ptr: SSAValue | Operation,
        ordering: str = "release",
        syncscope: str | None = None,
    ):
        super().__init__(
            operands=[value, ptr],
            properties={"ordering": StringAttr(ordering), "syncscope": _scope(syncscope)},
        )

    def verify_(self) -> None:
        _one_of("ordering of an atomic store", self.ordering, STORE_ORDERINGS)


@irdl_op_definition
class AtomicRMWOp(IRDLOperation):
    """Reads, changes and writes an integer atomically; the result is the value before.

    On NVPTX an ordering other than monotonic is silently weakened: put ``llvm_ext.fence`` around it there.
    """

    T: ClassVar = VarConstraint("T", SignlessIntegerConstraint)

    name = "llvm_ext.atomicrmw"

    kind = prop_def(StringAttr)
    ordering = prop_def(StringAttr)
    syncscope = opt_prop_def(StringAttr)
    ptr = operand_def(LLVMPointerType)
    value = operand_def(T)
    res = result_def(T)

    assembly_format = (
        "$kind $ordering (`syncscope` `(` $syncscope^ `)`)? $ptr `,` $value attr-dict"
        " `:` type($ptr) `,` type($res)"
    )

    def __init__(
        self,
        kind: str,
        ptr: SSAValue | Operation,
        value: SSAValue | Operation,
        ordering: str = "acq_rel",
        syncscope: str | None = None,
    ):
        super().__init__(
            operands=[ptr, value],
            result_types=[SSAValue.get(value).type],
            properties={
                "kind": StringAttr(kind),
                "ordering": StringAttr(ordering),
                "syncscope": _scope(syncscope),
            },
        )

    def verify_(self) -> None:
        _one_of("atomic operation", self.kind, ATOMIC_RMW_KINDS)
        _one_of("ordering of an atomic read-modify-write", self.ordering, RMW_ORDERINGS)


@irdl_op_definition
class FenceOp(IRDLOperation):
    """A memory fence; ``syncscope`` as in LLVM (absent: the whole system)."""

    name = "llvm_ext.fence"

    ordering = prop_def(StringAttr)
    syncscope = opt_prop_def(StringAttr)

    assembly_format = "$ordering (`syncscope` `(` $syncscope^ `)`)? attr-dict"

    def __init__(self, ordering: str, syncscope: str | None = None):
        super().__init__(properties={"ordering": StringAttr(ordering), "syncscope": _scope(syncscope)})

    def verify_(self) -> None:
        _one_of("ordering of a fence", self.ordering, FENCE_ORDERINGS)


@irdl_op_definition
class CpuRelaxOp(IRDLOperation):
    """Tells the core that it spins: ``pause`` on x86, ``yield`` on AArch64, nothing elsewhere."""

    name = "llvm_ext.cpu_relax"

    assembly_format = "attr-dict"

    def __init__(self) -> None:
        super().__init__()


LLVMExt = Dialect(
    "llvm_ext",
    [
        AddrSpaceCastOp,
        AssumeAlignedOp,
        AtomicLoadOp,
        AtomicRMWOp,
        AtomicStoreOp,
        CpuRelaxOp,
        ExtractElementOp,
        FenceOp,
        SelectOp,
    ],
    [],
)
