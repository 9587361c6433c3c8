"""LLVM IR text to object code: parse, verify, optimise, generate.

The optimiser is LLVM's own O3 pipeline with both vectorisers on. The code is position-independent and in
the small code model, so that one object serves a JIT and a linker alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, cached_property

import llvmlite.binding as binding
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import LLVMTranslationException

from lowering.emit_llvm import emit_llvm


@cache
def _initialize() -> None:
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()


@dataclass(frozen=True)
class MachineSpec:
    """What LLVM is told of the processor: a triple, and CPU and features in LLVM's names ("": the least)."""

    triple: str
    cpu: str = ""
    features: str = ""

    @staticmethod
    def host() -> MachineSpec:
        """The machine at hand, every feature of its processor included."""
        return MachineSpec(
            binding.get_process_triple(),
            binding.get_host_cpu_name(),
            binding.get_host_cpu_features().flatten(),
        )

    def machine(self, opt_level: int = 3) -> binding.TargetMachine:
        """LLVM's target machine. Raises LLVMTranslationException for a triple that LLVM does not know."""
        _initialize()
        try:
            target = binding.Target.from_triple(self.triple)
            return target.create_target_machine(
                cpu=self.cpu, features=self.features, opt=opt_level, reloc="pic", codemodel="small"
            )
        except RuntimeError as e:
            raise LLVMTranslationException(f"target '{self.triple}': {_one_line(e)}") from e

    def data_layout(self) -> str:
        """LLVM's data layout string of the target."""
        return str(self.machine().target_data)


@dataclass(frozen=True)
class ObjectCode:
    """A module after code generation.

    ``llvm_ir`` is the text before optimisation; the assembly is made when asked for.
    """

    spec: MachineSpec
    llvm_ir: str = field(repr=False)
    bitcode: bytes = field(repr=False)
    object_code: bytes = field(repr=False)
    opt_level: int = 3

    @cached_property
    def assembly(self) -> str:
        """Assembly text of the same code as ``object_code``."""
        machine = self.spec.machine(self.opt_level)
        return machine.emit_assembly(binding.parse_bitcode(self.bitcode))


def _one_line(error: Exception) -> str:
    """The first line that says something, and the source line that LLVM points at."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip().strip("^~ ")]
    return " | ".join(line for line in lines[:3] if line != "LLVM IR parsing error")


def parse_llvm(text: str) -> binding.ModuleRef:
    """Parses and verifies LLVM IR. Raises LLVMTranslationException, one line."""
    _initialize()
    try:
        module = binding.parse_assembly(text)
        module.verify()
    except RuntimeError as e:
        raise LLVMTranslationException(f"LLVM refuses the emitted IR: {_one_line(e)}") from e
    return module


def _optimized(text: str, machine: binding.TargetMachine, level: int) -> bytes:
    """Bitcode of the optimised text. All code is generated from it: a module in memory may order the uses of
    a value otherwise than the one that is read back, which shows in the instructions chosen."""
    module = parse_llvm(text)
    tuning = binding.create_pipeline_tuning_options(speed_level=level)
    tuning.loop_vectorization = level > 1
    tuning.slp_vectorization = level > 1
    builder = binding.create_pass_builder(machine, tuning)
    builder.getModulePassManager().run(module, builder)
    return module.as_bitcode()


def compile_to_assembly(text: str, spec: MachineSpec, *, opt_level: int = 3) -> str:
    """Assembly text for ``spec``, for targets that have no object code of their own, such as PTX.

    Raises as ``compile_llvm_ir`` does.
    """
    machine = spec.machine(opt_level)
    return machine.emit_assembly(binding.parse_bitcode(_optimized(text, machine, opt_level)))


def compile_llvm_ir(text: str, spec: MachineSpec, *, opt_level: int = 3) -> ObjectCode:
    """Compiles LLVM IR text for ``spec``.

    Raises LLVMTranslationException, one line, for an unknown target and for IR that LLVM refuses.
    An intrinsic that the target lacks ends the process, which LLVM gives no way to prevent.
    """
    machine = spec.machine(opt_level)
    bitcode = _optimized(text, machine, opt_level)
    return ObjectCode(spec, text, bitcode, machine.emit_object(binding.parse_bitcode(bitcode)), opt_level)


def compile_module(module: ModuleOp, spec: MachineSpec, *, opt_level: int = 3) -> ObjectCode:
    """Compiles a module in the ``llvm`` dialect for ``spec``. Raises LLVMTranslationException, one line."""
    text = emit_llvm(module, triple=spec.triple, data_layout=spec.data_layout())
    return compile_llvm_ir(text, spec, opt_level=opt_level)
