"""Emission: a module of kernels in the ``llvm`` dialect becomes PTX text."""

from __future__ import annotations

from xdsl.dialects import llvm
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import LLVMTranslationException

from lowering.cuda.capabilities import why_not
from lowering.cuda.targets import TRIPLE, CudaTarget
from lowering.emit_llvm import emit_llvm
from lowering.emit_object import MachineSpec, compile_to_assembly


def emit_ptx(module: ModuleOp, target: CudaTarget) -> str:
    """PTX of the kernels of ``module``. LLVMTranslationException, one line, for what ``target`` lacks."""
    for op in module.walk():
        if isinstance(op, llvm.CallIntrinsicOp):
            obstacle = why_not(op.intrin.data, target)
            if obstacle is not None:
                raise LLVMTranslationException(obstacle)
    spec = MachineSpec(TRIPLE, target.cpu, target.features)
    text = emit_llvm(module, triple=TRIPLE, data_layout=spec.data_layout())
    return compile_to_assembly(text, spec)
