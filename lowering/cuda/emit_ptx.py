"""Emission: a module of kernels in the ``llvm`` dialect becomes PTX text."""

from __future__ import annotations

from functools import cache

import llvmlite.binding as binding
from xdsl.dialects import llvm
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import LLVMTranslationException

from lowering.cuda.capabilities import why_not
from lowering.cuda.targets import TRIPLE, CudaTarget
from lowering.emit_llvm import emit_llvm
from lowering.emit_object import MachineSpec, compile_to_assembly


@cache
def _short_pointers() -> None:
    """Addresses of shared and local memory have 32 bits, which is half of the arithmetic on them.

    LLVM has an option for that and no attribute; it concerns no other target.
    """
    binding.set_option("ivit", "-nvptx-short-ptr")


def emit_ptx(module: ModuleOp, target: CudaTarget) -> str:
    """PTX of the kernels of ``module``. LLVMTranslationException, one line, for what ``target`` lacks."""
    for op in module.walk():
        if isinstance(op, llvm.CallIntrinsicOp):
            obstacle = why_not(op.intrin.data, target)
            if obstacle is not None:
                raise LLVMTranslationException(obstacle)
    _short_pointers()
    spec = MachineSpec(TRIPLE, target.cpu, target.features)
    text = emit_llvm(module, triple=TRIPLE, data_layout=spec.data_layout())
    return compile_to_assembly(text, spec)
