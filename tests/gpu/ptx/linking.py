"""A kernel and the functions that it calls, as one list of steps that are ready to run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from ptx.accesses import PARAMETER_BASE, constant_load
from ptx.buffers import Buffer
from ptx.control import CONTROL, Control, Flow
from ptx.decoding import Decoder, Run
from ptx.errors import PTXError
from ptx.shared import LOCAL_BASE, SHARED_BASE
from ptx.slots import Slot
from ptx.syntax import Function, Instruction, Name, Program, Variable
from ptx.warps import full_mask, needs_whole_warp

Symbols: TypeAlias = dict[str, int]


@dataclass(frozen=True)
class Step:
    """One instruction, decoded: ``control`` where it changes the flow, else ``run``."""

    instruction: Instruction
    run: Run | None
    control: Control | None
    guard: int
    """The index of the predicate register that it runs under, or -1."""
    negated: bool
    whole_warp: bool


@dataclass
class Kernel:
    """A kernel, ready to launch."""

    function: Function
    steps: list[Step]
    widths: list[int]
    """Bits of every register."""
    static_shared: int
    shared_align: int
    local: int
    frame: int
    """Bytes of a thread's function arguments and results."""
    parameters: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    """Name -> (first byte, size)."""
    parameter_bytes: int = 0


def aligned(position: int, align: int) -> int:
    """``position`` rounded up to a multiple of ``align``."""
    return -(-position // align) * align


def _place(variables: list[Variable], base: int, symbols: Symbols, prefix: str = "") -> int:
    """Lay variables out one after another; gives the bytes that they take."""
    position = 0
    for variable in variables:
        position = aligned(position, variable.align)
        symbols[prefix + variable.name] = base + position
        position += variable.size
    return position


def link(
    program: Program, name: str, module_symbols: Symbols, parameter_block: Callable[[Slot], bytes]
) -> Kernel:
    """Resolve everything that kernel ``name`` needs.

    Raises:
        PTXError: where there is no such kernel, or it has an instruction that is not known.
    """
    kernel = program.functions.get(name)
    if kernel is None or not kernel.entry:
        kernels = ", ".join(function.name for function in program.functions.values() if function.entry)
        raise PTXError(f"there is no kernel {name}; the module has {kernels or 'none'}")
    functions = _reachable(program, kernel)
    symbols = dict(module_symbols)
    shared = [variable for variable in program.variables if variable.space == "shared"]
    shared += [each for function in functions for each in function.variables if each.space == "shared"]
    align = max((variable.align for variable in shared), default=1)
    inside = [variable for variable in shared if not variable.external]
    static = _place(inside, SHARED_BASE, symbols)
    for variable in shared:
        if variable.external:
            static = aligned(static, variable.align)
    symbols |= {variable.name: SHARED_BASE + static for variable in shared if variable.external}
    local = [each for function in functions for each in function.variables if each.space == "local"]
    linked = Kernel(kernel, [], [], static, align, _place(local, LOCAL_BASE, symbols), 0)
    linked.frame = _place(_frames(functions), LOCAL_BASE, symbols)
    for parameter in kernel.parameters:
        start = aligned(linked.parameter_bytes, max(parameter.align, 1))
        linked.parameters[parameter.name] = (start, parameter.size)
        linked.parameter_bytes = start + parameter.size
    _Linker(linked, functions, symbols, parameter_block).link()
    return linked


def _reachable(program: Program, kernel: Function) -> list[Function]:
    functions = [kernel]
    for function in functions:
        for instruction in function.code:
            if instruction.parts[0] != "call":
                continue
            names = [item.text for item in instruction.operands if isinstance(item, Name)]
            if not names or names[0] not in program.functions:
                raise PTXError(
                    f"line {instruction.line}: `{instruction.text}`: calls what the module does not have"
                )
            if program.functions[names[0]] not in functions:
                functions.append(program.functions[names[0]])
    return functions


def _frames(functions: list[Function]) -> list[Variable]:
    """The arguments and results of functions, and of the calls to them."""
    slots: list[Variable] = []
    for function in functions:
        if not function.entry:
            own = [*function.parameters, *function.results]
            slots += [Variable("param", each.name, max(each.align, 8), each.size) for each in own]
        slots += [
            Variable("param", f"{function.name}/{each.name}", max(each.align, 8), each.size)
            for each in function.variables
            if each.space == "param"
        ]
    return slots


class _Linker:
    def __init__(
        self,
        kernel: Kernel,
        functions: list[Function],
        symbols: Symbols,
        parameter_block: Callable[[Slot], bytes],
    ) -> None:
        self._kernel = kernel
        self._functions = functions
        self._symbols = symbols
        self._block = parameter_block
        self._starts: dict[str, int] = {}

    def link(self) -> None:
        """Fill in the kernel's steps and registers."""
        position = 0
        for function in self._functions:
            self._starts[function.name] = position
            position += len(function.code) + 1  # the end of a body returns
        for function in self._functions:
            registers: dict[str, tuple[int, int]] = {}
            for name, bits in function.registers.items():
                registers[name] = (len(self._kernel.widths), bits)
                self._kernel.widths.append(bits)
            self._function(function, registers)

    def _function(self, function: Function, registers: Mapping[str, tuple[int, int]]) -> None:
        start = self._starts[function.name]
        prefix = f"{function.name}/"
        symbols = self._symbols | {
            name[len(prefix) :]: address for name, address in self._symbols.items() if name.startswith(prefix)
        }
        own = self._kernel.parameters if function.entry else {}
        symbols |= {parameter: PARAMETER_BASE + first for parameter, (first, _) in own.items()}
        decoder = Decoder(registers, symbols)
        labels = {label: start + place for label, place in function.labels.items()}
        flow = Flow(
            decoder,
            labels,
            function.tables,
            self._starts,
            self._functions,
            function.name,
            function.entry,
            symbols,
        )
        line = function.code[-1].line if function.code else 0
        ending = Instruction("ret", (), None, False, line, "}")
        for instruction in [*function.code, ending]:
            self._kernel.steps.append(self._step(instruction, decoder, flow, registers, own))

    def _step(
        self,
        instruction: Instruction,
        decoder: Decoder,
        flow: Flow,
        registers: Mapping[str, tuple[int, int]],
        parameters: dict[str, tuple[int, int]],
    ) -> Step:
        guard = -1
        if instruction.guard is not None:
            if registers.get(instruction.guard, (0, 0))[1] != 1:
                raise PTXError(f"line {instruction.line}: `{instruction.text}`: the guard is no predicate")
            guard = registers[instruction.guard][0]
        whole = needs_whole_warp(instruction) and full_mask(instruction)
        make = CONTROL.get(instruction.parts[0])
        if make is not None and (control := make(flow, instruction)) is not None:
            return Step(instruction, None, control, guard, instruction.guard_negated, whole)
        run = constant_load(decoder, instruction, parameters, self._block)
        if run is None:
            run = decoder.decode(instruction)
        return Step(instruction, run, None, guard, instruction.guard_negated, whole)


def module_buffers(program: Program) -> tuple[list[Buffer], Symbols]:
    """Global and constant variables as buffers, each at an address of its own."""
    buffers: list[Buffer] = []
    symbols: Symbols = {}
    position = 0x7E00_0000_0000
    for variable in program.variables:
        if variable.space in ("global", "const"):
            content = np.frombuffer(variable.initial or bytes(variable.size), np.uint8)
            buffer = Buffer(content, variable.name, writable=variable.space == "global")
            position = aligned(position, max(variable.align, 256))
            buffer.base, buffer.fixed = position, True
            symbols[variable.name] = position
            position += variable.size + (1 << 24)
            buffers.append(buffer)
    return buffers, symbols
