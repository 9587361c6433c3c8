"""The passes, dialects and output formats of this room by name, imported only when asked for."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from xdsl.ir import Dialect
from xdsl.passes import ModulePass
from xdsl.utils.target import Target

_PASSES = {
    "convert-arith-to-llvm": "ConvertArithToLLVMPass",
    "convert-cf-to-llvm": "ConvertCfToLLVMPass",
    "convert-func-to-llvm": "ConvertFuncToLLVMPass",
    "convert-gpu-to-llvm": "ConvertGpuToLLVMPass",
    "convert-memref-to-llvm": "ConvertMemrefToLLVMPass",
    "convert-vector-to-llvm": "ConvertVectorToLLVMPass",
    "lower-scf-to-cf": "LowerScfToCfPass",
    "lower-to-gpu": "LowerToGpuPass",
    "lower-to-loops": "LowerToLoopsPass",
    "pair-weights": "PairWeightsPass",
    "plan-memory": "PlanMemoryPass",
}

_FOLDERS = {"convert-gpu-to-llvm": "lowering.cuda", "lower-to-gpu": "lowering.cuda"}
"""Where the passes are that have another folder than this one."""

_DIALECTS = {
    "arith_ext": ("lowering.arith_ext", "ArithExt"),
    "llvm_ext": ("lowering.llvm_ext", "LLVMExt"),
    "plan": ("lowering.plan", "Plan"),
}

_TARGETS = {
    "assembly": "AssemblyTarget",
    "llvm-ir": "LLVMIRTarget",
    "ptx": "PTXTarget",
}


def _pass_loader(name: str, class_name: str) -> Callable[[], type[ModulePass]]:
    def load() -> type[ModulePass]:
        folder = _FOLDERS.get(name, "lowering")
        return getattr(import_module(f"{folder}.{name.replace('-', '_')}"), class_name)

    return load


def _target_loader(class_name: str) -> Callable[[], type[Target]]:
    def load() -> type[Target]:
        return getattr(import_module("lowering.emit_targets"), class_name)

    return load


def _dialect_loader(module: str, name: str) -> Callable[[], Dialect]:
    def load() -> Dialect:
        return getattr(import_module(module), name)

    return load


def get_passes() -> dict[str, Callable[[], type[ModulePass]]]:
    """Factories by pass name; a pass named ``a-b`` is a class in ``a_b.py``."""
    return {name: _pass_loader(name, class_name) for name, class_name in _PASSES.items()}


def get_targets() -> dict[str, Callable[[], type[Target]]]:
    """Factories by the name of an output format."""
    return {name: _target_loader(class_name) for name, class_name in _TARGETS.items()}


def get_dialects() -> dict[str, Callable[[], Dialect]]:
    """Factories by dialect name."""
    return {name: _dialect_loader(*where) for name, where in _DIALECTS.items()}
