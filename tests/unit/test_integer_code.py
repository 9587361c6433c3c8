"""The check that native code is of integers alone: it reads what the object holds, and finds every float."""

from __future__ import annotations

from dataclasses import replace

import pytest
from integer_code import assembled, check_integer_only, foreign_calls, text_section
from native_loops import host
from test_kernels_modules import MODULES, compiled_form

from lowering.emit_object import MachineSpec, compile_llvm_ir
from lowering.mnemonics import floating_point_instructions
from lowering.targets import GENERIC, TARGETS
from passes.pipelines import DECOMPOSE, FUSE

AARCH64 = "aarch64-unknown-linux-gnu"

FLOATS = {
    "scalar single": "define float @f(float %x) { %r = fmul float %x, 3.0\n ret float %r }",
    "scalar double": "define double @f(double %x, double %y) { %r = fdiv double %x, %y\n ret double %r }",
    "vector": "define <8 x float> @f(<8 x float> %x) { %r = fadd <8 x float> %x, %x\n ret <8 x float> %r }",
    "from integers": "define <4 x float> @f(<4 x i32> %x) {"
    " %r = sitofp <4 x i32> %x to <4 x float>\n ret <4 x float> %r }",
    "to an integer": "define i32 @f(double %x) { %r = fptosi double %x to i32\n ret i32 %r }",
    "comparison": "define i1 @f(float %x, float %y) { %r = fcmp olt float %x, %y\n ret i1 %r }",
    "square root": "declare double @llvm.sqrt.f64(double)\n"
    "define double @f(double %x) { %r = call double @llvm.sqrt.f64(double %x)\n ret double %r }",
    "widening": "define double @f(float %x) { %r = fpext float %x to double\n ret double %r }",
    "long double": "define void @f(ptr %p) { %x = load x86_fp80, ptr %p\n"
    " %r = fadd x86_fp80 %x, %x\n store x86_fp80 %r, ptr %p\n ret void }",
}


X86 = "x86_64-unknown-linux-gnu"


@pytest.mark.parametrize("ir", FLOATS.values(), ids=FLOATS)
@pytest.mark.parametrize("target", [name for name, target in TARGETS.items() if target.triple in (X86, "")])
def test_a_float_in_the_object_is_found(target: str, ir: str) -> None:
    spec = MachineSpec(X86, TARGETS[target].cpu, TARGETS[target].features)
    code = compile_llvm_ir(ir, replace(spec, cpu="x86-64" if spec.cpu == "generic" else spec.cpu))
    assert floating_point_instructions(code.assembly) != []
    with pytest.raises(AssertionError):
        check_integer_only(code)


@pytest.mark.parametrize("name", [name for name in FLOATS if name != "long double"])
@pytest.mark.parametrize("target", ["aarch64", "riscv64"])
def test_a_float_for_another_architecture_is_found(target: str, name: str) -> None:
    spec = MachineSpec(TARGETS[target].triple, TARGETS[target].cpu, TARGETS[target].features)
    code = compile_llvm_ir(FLOATS[name], spec)
    assert floating_point_instructions(code.assembly, target) != []
    with pytest.raises(AssertionError):
        check_integer_only(code)


def test_a_library_call_is_found() -> None:
    """A remainder of floats and a division of 128 bits are calls, without any float instruction here."""
    ir = """
    define float @f(float %x, float %y) { %r = frem float %x, %y
      ret float %r }
    define i128 @g(i128 %x, i128 %y) { %r = sdiv i128 %x, %y
      ret i128 %r }
    define void @h(ptr %p, ptr %q) { call void @llvm.memcpy.p0.p0.i64(ptr %p, ptr %q, i64 999, i1 false)
      ret void }"""
    code = compile_llvm_ir(ir, host())
    assert foreign_calls(code.assembly) == {"fmodf", "__divti3", "memcpy"}
    with pytest.raises(AssertionError):
        check_integer_only(code)


def test_integers_pass() -> None:
    ir = "define <4 x i32> @f(<4 x i32> %x) { %r = mul <4 x i32> %x, %x\n ret <4 x i32> %r }"
    check_integer_only(compile_llvm_ir(ir, host()))
    check_integer_only(compile_llvm_ir(ir, MachineSpec(AARCH64)))


def test_assembly_of_another_program_is_not_taken_for_the_objects() -> None:
    one = compile_llvm_ir("define i32 @f(i32 %x) { %r = mul i32 %x, %x\n ret i32 %r }", host())
    other = compile_llvm_ir("define i32 @f(i32 %x) { %r = add i32 %x, %x\n ret i32 %r }", host())
    assert text_section(assembled(one.assembly, host())) == text_section(one.object_code)
    assert text_section(assembled(one.assembly, host())) != text_section(other.object_code)


def test_an_unknown_architecture_is_refused() -> None:
    with pytest.raises(ValueError, match="no list of instructions for 'pdp11', only x86_64,"):
        floating_point_instructions("", "pdp11")


@pytest.mark.parametrize("pipeline", [DECOMPOSE.spec(), FUSE.spec()], ids=["decomposed", "fused"])
@pytest.mark.parametrize("source", ["exact", "shifts"])
def test_models_for_aarch64(source: str, pipeline: str) -> None:
    """Both families on another architecture; this machine's targets are checked where the models run."""
    program = compiled_form(MODULES[source], pipeline, replace(GENERIC, triple=AARCH64))
    assert "smull" in program.assembly
    check_integer_only(program.code)
