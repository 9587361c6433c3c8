"""LLVM IR text, object code and loading: what reaches LLVM, what is refused, and how it fails."""

from __future__ import annotations

import ctypes
import threading
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from native_loops import Native, aligned, compile_loops, host, parse, run_pipeline
from xdsl.utils.exceptions import LLVMTranslationException

from lowering.emit_llvm import emit_llvm
from lowering.emit_object import MachineSpec, compile_llvm_ir, compile_to_assembly, parse_llvm
from lowering.mnemonics import floating_point_instructions, mnemonics
from passes.pipelines import LOWER_TO_LLVM
from runtime.jit import LoadedObject

LINUX = "x86_64-unknown-linux-gnu"


def emit(text: str, triple: str = LINUX) -> str:
    """LLVM IR of a module in the llvm dialect; LLVM itself must accept it."""
    ir = emit_llvm(parse(text), triple=triple)
    parse_llvm(ir)
    return ir


def test_function_attributes_reach_llvm() -> None:
    ir = emit(
        """
        llvm.func internal @f(
            %a: !llvm.ptr {llvm.noalias, llvm.align = 64 : i64, llvm.readonly, llvm.nocapture},
            %n: i32 {llvm.signext, ivit.role = "size"}
        ) -> i32 attributes {passthrough = ["noinline", ["min-legal-vector-width", "512"]]} {
          llvm.return %n : i32
        }
        llvm.func @g(%p: !llvm.ptr {llvm.dereferenceable = 8 : i64}, %b: i8) -> !llvm.struct<(i32, i64)>"""
    )
    assert (
        "define internal i32 @f(ptr noalias align 64 readonly captures(none) %a.1, i32 signext %n.2)"
        ' noinline "min-legal-vector-width"="512" {' in ir
    )
    assert "declare {i32, i64} @g(ptr dereferenceable(8), i8)" in ir


def test_globals_reach_llvm() -> None:
    ir = emit(
        """
        llvm.mlir.global internal constant @bytes(dense<[1, -1, 34, 92, 65]> : tensor<5xi8>)
          {alignment = 64 : i64} : !llvm.array<5 x i8>
        llvm.mlir.global internal constant @words(dense<[1, -1]> : tensor<2xi32>) : !llvm.array<2 x i32>
        llvm.mlir.global external @zeros(dense<0> : tensor<3xi16>) : !llvm.array<3 x i16>
        llvm.mlir.global internal @shared() {addr_space = 3 : i32, alignment = 128 : i64}
          : !llvm.array<64 x i8>
        llvm.mlir.global external @dynamic() {addr_space = 3 : i32} : !llvm.array<0 x i8>"""
    )
    assert r'@bytes = internal constant [5 x i8] c"\01\FF\22\5CA", align 64' in ir
    assert "@words = internal constant [2 x i32] [i32 1, i32 -1]" in ir
    assert "@zeros = global [3 x i16] zeroinitializer" in ir
    assert "@shared = internal addrspace(3) global [64 x i8] undef, align 128" in ir
    assert "@dynamic = external addrspace(3) global [0 x i8]" in ir


def test_kernel_for_a_gpu() -> None:
    """The forms that NVPTX needs: kernel, launch bounds, address spaces, scoped atomics, inline assembly."""
    ir = emit(
        """
        llvm.func @k(%a: !llvm.ptr<1> {llvm.align = 16 : i64})
            attributes {nvvm.kernel, nvvm.reqntid = "128"} {
          %g = llvm_ext.addrspacecast %a : !llvm.ptr<1> to !llvm.ptr
          %one = llvm.mlir.constant(1 : i32) : i32
          llvm_ext.fence "acq_rel" syncscope("device")
          %old = llvm_ext.atomicrmw "add" "monotonic" syncscope("device") %a, %one : !llvm.ptr<1>, i32
          %x = llvm.inline_asm has_side_effects "prmt.b32 $0, $1, $1, 0;", "=r,r" %old : (i32) -> i32
          llvm_ext.atomic_store "release" syncscope("device") %x, %g : i32, !llvm.ptr
          llvm.return
        }""",
        triple="nvptx64-nvidia-cuda",
    )
    assert 'define ptx_kernel void @k(ptr addrspace(1) align 16 %a.1) "nvvm.reqntid"="128" {' in ir
    ptx = compile_to_assembly(ir, MachineSpec("nvptx64-nvidia-cuda", "sm_80"))
    assert ".visible .entry k(" in ptx
    assert ".reqntid 128" in ptx
    assert "prmt.b32" in ptx
    assert "fence.acq_rel.gpu" in ptx
    assert "atom.global.add.u32" in ptx


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "llvm.func @f(%x: !llvm.ptr {llvm.swifterror})",
            "argument attribute 'llvm.swifterror' is not known",
        ),
        ("llvm.func @f() attributes {alwaysfast}", "function attribute 'alwaysfast' is not known"),
        ("func.func private @f()", "func.func: is neither a function nor a global of the llvm dialect"),
        (
            "llvm.func @f(%x: i32) { %y = arith.addi %x, %x : i32\n llvm.return }",
            "arith.addi in @f: is not an instruction",
        ),
        ("llvm.func @f(f32)", "f32: is not an integer type of LLVM"),
        (
            "llvm.func @f() { %x = builtin.unrealized_conversion_cast to index\n llvm.return }",
            "builtin.unrealized_conversion_cast in @f: is not an instruction",
        ),
    ],
)
def test_emission_refuses(text: str, message: str) -> None:
    with pytest.raises(LLVMTranslationException, match=message) as caught:
        emit(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("ir", "message"),
    [
        ("define void @f() { %x = add i32 1, foo\n ret void }", "expected value token"),
        ("define void @f() { call void @llvm.nothing()\n ret void }", "unknown intrinsic 'llvm.nothing'"),
        (
            "define i32 @f() { %x = add i32 %y, 1\n %y = add i32 1, 2\n ret i32 %x }",
            "does not dominate all uses",
        ),
    ],
)
def test_llvm_errors_are_one_line(ir: str, message: str) -> None:
    with pytest.raises(LLVMTranslationException, match=message) as caught:
        compile_llvm_ir(ir, host())
    assert "\n" not in str(caught.value)


def test_unknown_target() -> None:
    with pytest.raises(LLVMTranslationException, match="target 'pdp11-dec-unix'"):
        compile_llvm_ir("define void @f() { ret void }", MachineSpec("pdp11-dec-unix"))


KERNEL = """
func.func @dot(%a: memref<?x16xi8>, %b: memref<?x16xi8>, %n: index, %o: memref<16xi32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant dense<0> : vector<16xi32>
  %sum = scf.for %i = %c0 to %n step %c1 iter_args(%acc = %zero) -> (vector<16xi32>) {
    %x8 = vector.load %a[%i, %c0] : memref<?x16xi8>, vector<16xi8>
    %y8 = vector.load %b[%i, %c0] : memref<?x16xi8>, vector<16xi8>
    %x = arith_ext.extsi %x8 : vector<16xi8> to vector<16xi32>
    %y = arith_ext.extsi %y8 : vector<16xi8> to vector<16xi32>
    %p = arith.muli %x, %y : vector<16xi32>
    %next = arith.addi %acc, %p : vector<16xi32>
    scf.yield %next : vector<16xi32>
  }
  vector.store %sum, %o[%c0] : memref<16xi32>, vector<16xi32>
  func.return
}"""


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (MachineSpec(LINUX, "x86-64-v3"), "vpmovsx"),
        (MachineSpec(LINUX, "x86-64-v4", "+avx512vnni"), "zmm"),
        (MachineSpec("aarch64-unknown-linux-gnu", "generic", "+dotprod"), "smull2"),
        (MachineSpec("riscv64-unknown-linux-gnu", "generic-rv64", "+m,+v"), "vle8.v"),
        (MachineSpec("riscv64-unknown-linux-gnu", "generic-rv64", "+m"), "mul"),
        (MachineSpec("thumbv7em-none-eabi", "cortex-m7"), "smlabb"),
    ],
    ids=lambda v: f"{v.triple}-{v.features}" if isinstance(v, MachineSpec) else str(v),
)
def test_targets(spec: MachineSpec, expected: str) -> None:
    """One kernel text for every processor, with its own vector instructions."""
    code = compile_loops(KERNEL, spec)
    assert code.object_code.startswith(b"\x7fELF")
    assert expected in code.assembly


def test_stages_are_texts_of_the_same_code() -> None:
    code = compile_loops(KERNEL)
    assert "define void @dot(ptr %a.1, ptr %b.2, i64 %n.3, ptr %o.4)" in code.llvm_ir
    assert "dot:" in code.assembly
    assert floating_point_instructions(code.assembly) == []


INTEGER_INSTRUCTIONS = (
    "movaps vmovups vmovapd movss movsd vmovsd xorps vandps vshufps vpermilps vblendps vbroadcastss"
    " vextractf128 vinsertf128 vperm2f128 unpcklps movmskps vpaddd vpmaddwd vpdpwssd vpdpbusd vpmulld vpminsd"
    " vpmaxub addl subq imulq cmpl cltq mulxq rep vpcmpgtd vpsravd vcompressps vpermd maskmovdqu vmaskmovps"
)
FLOATING_POINT_INSTRUCTIONS = (
    "addss mulps vdivpd vfmadd231ps vfnmsub132sd cvttss2si vcvtdq2ps sqrtsd vmaxps cmpltps vcmpps ucomiss"
    " vcomisd roundss vrndscaleps dpps haddps fld fadd fistpll vrcp14ps rsqrtps vaddph vdpbf16ps vgetexppd"
    " vfpclassps"
)


@pytest.mark.parametrize("mnemonic", INTEGER_INSTRUCTIONS.split())
def test_data_moves_and_integers_are_not_floating_point(mnemonic: str) -> None:
    assert floating_point_instructions(f"f:\n\t{mnemonic}\t%xmm0, %xmm1\n") == []


@pytest.mark.parametrize("mnemonic", FLOATING_POINT_INSTRUCTIONS.split())
def test_floating_point_is_found(mnemonic: str) -> None:
    assert floating_point_instructions(f"f:\n\t{mnemonic}\t%xmm0, %xmm1 # note\n") == [mnemonic]


def test_mnemonics_of_real_code() -> None:
    """Labels, directives and comments are no instructions; prefixes are looked through."""
    ir = """define float @f(float %x, ptr %p) {
      %i = fptosi float %x to i32
      %o = atomicrmw add ptr %p, i32 %i seq_cst
      %r = fmul float %x, 3.0
      ret float %r
    }"""
    assembly = compile_llvm_ir(ir, MachineSpec(LINUX, "x86-64-v3")).assembly
    found = mnemonics(assembly)
    assert {"retq", "addl"} <= set(found)
    assert not [m for m in found if m.startswith(".") or m == "lock"]
    assert set(floating_point_instructions(assembly)) == {"vcvttss2si", "vmulss"}


def test_barrier_between_threads() -> None:
    """Two threads meet 2,000 times; between barriers each reads what the other wrote before."""
    native = Native(
        """
        func.func private @barrier(%state: !llvm.ptr, %phase: i32, %threads: i32) {
          %one = arith.constant 1 : i32
          %0 = llvm_ext.atomicrmw "add" "acq_rel" %state, %one : !llvm.ptr, i32
          %target = arith.muli %phase, %threads : i32
          scf.while () : () -> () {
            %seen = llvm_ext.atomic_load "acquire" %state : !llvm.ptr -> i32
            %wait = arith.cmpi slt, %seen, %target : i32
            scf.condition(%wait)
          } do {
            llvm_ext.cpu_relax
            scf.yield
          }
          func.return
        }
        func.func @f(%barrier: memref<16xi32>, %slots: memref<2x16xi64>, %o: memref<2xi64>,
                     %me: index, %rounds: index) {
          %state = builtin.unrealized_conversion_cast %barrier : memref<16xi32> to !llvm.ptr
          %c0 = arith.constant 0 : index
          %c1 = arith.constant 1 : index
          %c2 = arith.constant 2 : i32
          %one = arith.constant 1 : i32
          %zero = arith.constant 0 : i64
          %other = arith.subi %c1, %me : index
          %sum = scf.for %i = %c0 to %rounds step %c1 iter_args(%acc = %zero) -> (i64) {
            %v = arith.index_cast %i : index to i64
            memref.store %v, %slots[%me, %c0] : memref<2x16xi64>
            %i32 = arith.index_cast %i : index to i32
            %twice = arith.muli %i32, %c2 : i32
            %first = arith.addi %twice, %one : i32
            func.call @barrier(%state, %first, %c2) : (!llvm.ptr, i32, i32) -> ()
            %w = memref.load %slots[%other, %c0] : memref<2x16xi64>
            %d = arith.subi %w, %v : i64
            %e = arith.muli %d, %d : i64
            %second = arith.addi %first, %one : i32
            func.call @barrier(%state, %second, %c2) : (!llvm.ptr, i32, i32) -> ()
            %next = arith.addi %acc, %e : i64
            scf.yield %next : i64
          }
          memref.store %sum, %o[%me] : memref<2xi64>
          func.return
        }""",
        "f",
    )
    barrier, slots = aligned(64), aligned(256)
    out = np.full(2, -1, np.int64)
    threads = [threading.Thread(target=native, args=("f", barrier, slots, out, me, 2000)) for me in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert out.tolist() == [0, 0]
    assert "pause" in mnemonics(compile_llvm_ir(native.code.llvm_ir, MachineSpec(LINUX)).assembly)


def test_spin_hint_follows_the_target() -> None:
    text = "llvm.func @f() { llvm_ext.cpu_relax\n llvm.return }"
    assert "@llvm.x86.sse2.pause" in emit(text)
    assert "@llvm.aarch64.hint(i32 1)" in emit(text, "aarch64-unknown-linux-gnu")
    assert "call" not in emit(text, "riscv64-unknown-linux-gnu")


@pytest.mark.parametrize("triple", ["aarch64-unknown-linux-gnu", "nvptx64-nvidia-cuda"])
def test_foreign_intrinsics_are_refused(triple: str) -> None:
    """LLVM would end the process."""
    text = """llvm.func @f() {
      llvm.call_intrinsic "llvm.x86.sse2.pause"() : () -> ()
      llvm.return
    }"""
    assert "@llvm.x86.sse2.pause" in emit(text)
    with pytest.raises(LLVMTranslationException, match=r"llvm.x86.sse2.pause does not exist on"):
        emit(text, triple)


def test_alignment_can_be_assumed() -> None:
    ir = emit("llvm.func @f(%p: !llvm.ptr) { llvm_ext.assume_aligned %p, 64 : !llvm.ptr\n llvm.return }")
    assert '[ "align"(ptr %p.1, i64 64) ]' in ir


def test_loading_uses_the_process_for_libc() -> None:
    """LLVM turns loops into memset, which no object carries."""
    ir = "define void @f(ptr %p) { call void @llvm.memset(ptr %p, i8 7, i64 100000, i1 false)\n ret void }"
    loaded = LoadedObject(compile_llvm_ir(ir, host()).object_code, ["f"])
    memory = np.zeros(100001, np.uint8)
    ctypes.CFUNCTYPE(None, ctypes.c_void_p)(loaded.address("f"))(memory.ctypes.data)
    assert (memory[:-1] == 7).all()
    assert memory[-1] == 0


def test_objects_load_side_by_side() -> None:
    """Two objects with one symbol name do not meet, and each lives as long as it is held."""
    numbers = count(1)
    loaded = [
        LoadedObject(
            compile_llvm_ir(f"define i32 @f() {{ ret i32 {next(numbers)} }}", host()).object_code, ["f"]
        )
        for _ in range(2)
    ]
    assert [ctypes.CFUNCTYPE(ctypes.c_int32)(o.address("f"))() for o in loaded] == [1, 2]


@pytest.mark.parametrize(
    ("kept", "tail", "message"),
    [
        (0, b"not an object", "neither ELF nor Mach-O"),
        (200, b"", "cannot link the object code"),
        (4, b"\xff" * 600, "cannot link the object code"),
    ],
)
def test_damaged_objects_are_refused(kept: int, tail: bytes, message: str) -> None:
    code = compile_llvm_ir("define i32 @f() { ret i32 1 }", host()).object_code
    with pytest.raises(ValueError, match=message) as caught:
        LoadedObject(code[:kept] + tail, ["f"])
    assert "\n" not in str(caught.value)


def test_missing_symbol() -> None:
    code = compile_llvm_ir("define i32 @f() { ret i32 1 }", host()).object_code
    with pytest.raises(ValueError, match=r"Symbols not found: \[ g \]"):
        LoadedObject(code, ["g"])


def test_linear_in_the_number_of_ops() -> None:
    """Conversion of a long straight function: every op is visited once, so thousands take a moment."""
    body = "\n".join(f"%x{i + 1} = arith.addi %x{i}, %x{i // 2} : index" for i in range(3000))
    module = run_pipeline(
        parse(f"func.func @f(%x0: index) -> index {{ {body}\n func.return %x3000 : index }}")
    )
    text = emit_llvm(module, triple=LINUX)
    assert text.count(" = add i64 ") == 3000
    assert "unrealized" not in str(module)


def test_the_pipeline_is_the_one_that_lit_runs() -> None:
    path = Path(__file__).parents[1] / "filecheck" / "lowering" / "loops-to-llvm.mlir"
    assert f"-p {LOWER_TO_LLVM.spec()} |" in path.read_text().splitlines()[0]
