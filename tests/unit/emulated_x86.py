"""Runs x86-64 code for processors that this machine is not, on the processor of the PC emulator Bochs."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from itertools import count

import bochscpu
import numpy as np
from bochscpu import memory
from emulated_memory import PAGE, RETURN, SPACE, STACK, Memory

SAPPHIRE_RAPIDS = 28
"""Its place in Bochs' list of processors. It has AVX-VNNI, and of AVX-512 all that is asked for here."""

AVX, AVX512 = 0x7, 0xE7
"""XCR0, the register states that are enabled: without its own, an instruction of AVX-512 faults."""

STATES = {"x86-64-v3": AVX, "x86-64-v4": AVX512}
"""By LLVM's name of a target's processor."""

LARGE_PAGE = 1 << 21
TABLES = 3 * PAGE
"""Bytes of the tables of pages, which lie behind the memory."""

_numbers = count()

PRESENT_WRITABLE_USER, LARGE = 0x7, 0x80
CR0, CR4, EFER = 0x8005_0031, 0x0004_0620, 0xD01
"""Protected mode with paging; SSE and XSAVE in large address space; long mode."""

SET_OPTION = "_ZN14bx_param_num_c3setEl"
"""The C++ name of ``bx_param_num_c::set(long)``."""

_MAP3 = re.escape(bytes(byte for byte in range(256) if byte & 0x07 == 3))
_PP1 = re.escape(bytes(byte for byte in range(256) if byte & 0x07 == 5))
_MISREAD = re.compile(rb"\x62[" + _MAP3 + rb"][" + _PP1 + rb"].\x20[\x40-\x7f]", re.DOTALL)
"""``vpinsrb`` in AVX-512's encoding with a displacement of 8 bits, which Bochs multiplies by more than 1."""

REGISTERS = ("rdi", "rsi", "rdx", "rcx", "r8", "r9")
HALT, GENERAL_PROTECTION = 0xF4, 13
"""Halting is not for user code, so that it ends the run with this exception."""


def misread(object_code: bytes) -> bool:
    """Whether there is an instruction that Bochs gets wrong."""
    return _MISREAD.search(object_code) is not None


class BochsEmulator:
    """An x86-64 processor in user mode, with flat memory. One runs at a time."""

    def __init__(self, cpu: str) -> None:
        self._states, self._memory = STATES[cpu], Memory(TABLES)
        self.write, self.read = self._memory.write, self._memory.read
        # Bochs keeps decoded instructions by their physical addresses: each emulator has its own.
        self._physical = next(_numbers) * (SPACE + LARGE_PAGE)
        tables = self._memory.bytes[SPACE:].view(np.uint64).reshape(3, -1)
        tables[0, 0] = self._physical + SPACE + PAGE | PRESENT_WRITABLE_USER
        tables[1, 0] = self._physical + SPACE + 2 * PAGE | PRESENT_WRITABLE_USER
        for i in range(SPACE // LARGE_PAGE):
            tables[2, i] = self._physical + i * LARGE_PAGE | PRESENT_WRITABLE_USER | LARGE
        self.write(RETURN, bytes([HALT]))

    def call(self, address: int, *threads: Sequence[int]) -> None:
        (arguments,) = threads
        on_stack = [RETURN, *arguments[len(REGISTERS) :]]
        self.write(STACK - 8, np.array(on_stack, np.int64).tobytes())
        for page in range(0, SPACE + TABLES, PAGE):
            memory.page_insert(self._physical + page, self._memory.host + page)
        _choose_processor()
        vector, at = _run(self._state(address, arguments))
        for page in range(0, SPACE + TABLES, PAGE):
            memory.page_remove(self._physical + page)
        if (vector, at) != (GENERAL_PROTECTION, RETURN + 1):
            raise RuntimeError(f"exception {vector} before {at:#x}, of a function at {address:#x}")

    def _state(self, address: int, arguments: Sequence[int]) -> bochscpu.State:
        state = bochscpu.State()
        state.cr0, state.cr4, state.efer, state.xcr0 = CR0, CR4, EFER, self._states
        state.cr3 = self._physical + SPACE
        state.cs, data = _segment(0x33, 0xA0FB), _segment(0x2B, 0xC0F3)
        state.ds = state.es = state.fs = state.gs = state.ss = data
        state.rip, state.rsp = address, STACK - 8
        for register, argument in zip(REGISTERS, arguments, strict=False):
            setattr(state, register, argument & (2**64 - 1))
        return state


def _segment(selector: int, attributes: int) -> bochscpu.Segment:
    segment = bochscpu.Segment()
    segment.present, segment.selector, segment.attr = True, selector, attributes
    segment.base, segment.limit = 0, 0xFFFF_FFFF
    return segment


@cache
def _choose_processor() -> None:
    """The package has one processor, the library inside it a list of them, and an option that names one.

    For the whole process: instructions that one of them lacks are gone for those that come later.
    """
    spec = find_spec("bochscpu._bochscpu")
    assert spec is not None
    library = ctypes.CDLL(spec.origin)
    library.sim_get_param_enum.restype = ctypes.c_void_p
    library.sim_get_param_enum.argtypes = [ctypes.c_char_p]
    set_option = getattr(library, SET_OPTION)
    set_option.restype, set_option.argtypes = None, [ctypes.c_void_p, ctypes.c_int64]
    set_option(library.sim_get_param_enum(b"cpu.model"), SAPPHIRE_RAPIDS)


def _run(state: bochscpu.State) -> tuple[int, int]:
    """Until the first exception: its number, and where the next instruction is.

    The session ends with this function, as Bochs has to be closed before the process is.
    """
    faults: list[tuple[int, int]] = []

    def stop(session: bochscpu.Session, cpu: int, vector: int, error: int) -> None:
        faults.append((vector, session.cpu.rip))
        session.stop()

    session, hook = bochscpu.Session(), bochscpu.Hook()
    session.cpu.state = state
    hook.exception = stop
    session.run([hook])
    return faults[0]
