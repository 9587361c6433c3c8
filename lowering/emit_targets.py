"""Output targets of ``ivit-opt``: ``-t llvm-ir``, ``-t assembly`` and ``-t ptx`` write the ``llvm`` level.

xDSL's own target ``llvm`` drops linkage and function attributes and knows none of ``llvm_ext``; these go
through the project's own emission.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import IO

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.target import Target

from lowering.emit_llvm import emit_llvm
from lowering.emit_object import MachineSpec, compile_to_assembly, parse_llvm


def _spec(triple: str | None, cpu: str, features: str) -> MachineSpec:
    """The machine that was named, or the one at hand."""
    if triple is not None:
        return MachineSpec(triple, cpu, features)
    host = MachineSpec.host()
    return replace(host, cpu=cpu, features=features) if cpu or features else host


@dataclass(frozen=True)
class LLVMIRTarget(Target):
    """LLVM IR text before optimisation, verified by LLVM; ``triple`` is the host's where it is not given."""

    name = "llvm-ir"

    triple: str | None = None

    def emit(self, ctx: Context, module: ModuleOp, output: IO[str]) -> None:
        spec = _spec(self.triple, "", "")
        text = emit_llvm(module, triple=spec.triple, data_layout=spec.data_layout())
        parse_llvm(text)
        output.write(text)


@dataclass(frozen=True)
class AssemblyTarget(Target):
    """Optimised assembly (or PTX) for ``triple``, ``cpu`` and ``features``, or for the host."""

    name = "assembly"

    triple: str | None = None
    cpu: str = ""
    features: str = ""

    def emit(self, ctx: Context, module: ModuleOp, output: IO[str]) -> None:
        spec = _spec(self.triple, self.cpu, self.features)
        text = emit_llvm(module, triple=spec.triple, data_layout=spec.data_layout())
        output.write(compile_to_assembly(text, spec))


@dataclass(frozen=True)
class PTXTarget(Target):
    """PTX of a module of GPU kernels for ``target`` (``cuda:sm_80``); what that one lacks is refused."""

    name = "ptx"

    target: str

    def emit(self, ctx: Context, module: ModuleOp, output: IO[str]) -> None:
        from lowering.cuda.emit_ptx import emit_ptx
        from lowering.cuda.targets import cuda_target

        output.write(emit_ptx(module, cuda_target(self.target)))
