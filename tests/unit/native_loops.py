"""Runs loops-level IR text natively, for tests: text to object code to a callable on NumPy arrays."""

from __future__ import annotations

import ctypes
from functools import cache

import numpy as np
from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects import get_all_dialects
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser
from xdsl.passes import ModulePass, PassPipeline
from xdsl.transforms import get_all_passes

from lowering.emit_object import MachineSpec, ObjectCode, compile_module
from lowering.registry import get_dialects, get_passes
from passes.pipelines import LOWER_TO_LLVM
from runtime.jit import LoadedObject


def loops_context() -> Context:
    """A context that knows every dialect of the loops level."""
    context = Context()
    for name, factory in {**get_all_dialects(), **get_dialects()}.items():
        context.register_dialect(name, factory)
    return context


def parse(text: str) -> ModuleOp:
    """A verified module."""
    module = Parser(loops_context(), text).parse_module()
    module.verify()
    return module


def run_pipeline(module: ModuleOp, pipeline: str = LOWER_TO_LLVM.spec()) -> ModuleOp:
    """The module after the passes, each of which must leave valid IR."""

    def verify(_: ModulePass | None, after: ModuleOp, __: ModulePass | None) -> None:
        after.verify()

    passes = PassPipeline.parse_spec({**get_all_passes(), **get_passes()}, pipeline, verify)
    passes.apply(loops_context(), module)
    module.verify()
    return module


@cache
def host() -> MachineSpec:
    """The machine that runs the tests."""
    return MachineSpec.host()


def compile_loops(text: str, spec: MachineSpec | None = None, opt_level: int = 3) -> ObjectCode:
    """Object code for loops-level text."""
    return compile_module(run_pipeline(parse(text)), spec or host(), opt_level=opt_level)


def aligned(size: int, alignment: int = 64) -> NDArray[np.uint8]:
    """Zeroed bytes at an address that is a multiple of `alignment`."""
    memory = np.zeros(size + alignment, np.uint8)
    start = -memory.ctypes.data % alignment
    return memory[start : start + size]


class Native:
    """The functions of a loops-level module, callable with arrays (as pointers) and integers (as 64 bits)."""

    def __init__(self, text: str, *symbols: str, opt_level: int = 3) -> None:
        self.code = compile_loops(text, opt_level=opt_level)
        self._loaded = LoadedObject(self.code.object_code, symbols)

    def __call__(self, symbol: str, *arguments: NDArray[np.generic] | int) -> None:
        kinds = [ctypes.c_int64 if isinstance(a, int) else ctypes.c_void_p for a in arguments]
        values = [a if isinstance(a, int) else a.ctypes.data for a in arguments]
        ctypes.CFUNCTYPE(None, *kinds)(self._loaded.address(symbol))(*values)
