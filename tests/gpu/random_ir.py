"""Random straight-line integer programs as LLVM IR, the same for a CPU and for a GPU."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

WIDTHS = (8, 16, 32, 64)
WORDS = 8
"""64-bit words of input, and of output, that a program has for each index."""

_BINARY = ("add", "sub", "mul", "and", "or", "xor")
_SHIFTS = ("shl", "lshr", "ashr")
_DIVISIONS = ("sdiv", "udiv", "srem", "urem")
_TWO = ("smin", "smax", "umin", "umax", "sadd.sat", "ssub.sat", "uadd.sat", "usub.sat")
_ONE = ("ctpop", "bitreverse")
_COMPARISONS = ("eq", "ne", "slt", "sle", "sgt", "sge", "ult", "ule", "ugt", "uge")


class _Program:
    """Builds one program; keeps the values of each width."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self.lines: list[str] = []
        self.declared: set[str] = set()
        self._values: dict[int, list[str]] = {width: [] for width in WIDTHS}
        self._count = 0

    def number(self, below: int) -> int:
        return int(self._random.integers(below))

    def pick(self, items: tuple[str, ...]) -> str:
        return items[self.number(len(items))]

    def set(self, expression: str, width: int) -> str:
        """A new value of ``width`` bits."""
        name = self.let(expression)
        self._values[width].append(name)
        return name

    def let(self, expression: str) -> str:
        """A new value of any type."""
        self._count += 1
        self.lines.append(f"  %v{self._count} = {expression}")
        return f"%v{self._count}"

    def value(self, width: int) -> str:
        """An earlier value, most often a late one, or a constant."""
        if self.number(8) == 0:
            return str(int(self._random.integers(-(1 << (width - 1)), 1 << (width - 1))))
        values = self._values[width]
        back = min(self.number(len(values)), self.number(len(values)))
        return values[len(values) - 1 - back]

    def intrinsic(self, name: str, width: int, arguments: int) -> str:
        """Declare ``llvm.name.iN`` of so many arguments of its width."""
        full = f"@llvm.{name}.i{width}"
        self.declared.add(f"declare i{width} {full}({', '.join([f'i{width}'] * arguments)})")
        return full

    def last(self, width: int, count: int) -> list[str]:
        return self._values[width][-count:]

    def step(self) -> None:
        """One more operation."""
        width = WIDTHS[self.number(len(WIDTHS))]
        a, b = self.value(width), self.value(width)
        makers: list[Callable[[int, str, str], None]] = [
            self._binary, self._binary, self._shift, self._divide, self._two, self._one, self._zeros,
            self._choose, self._convert, self._funnel, self._overflow, self._lanes,
        ]  # fmt: skip
        makers[self.number(len(makers))](width, a, b)

    def _binary(self, width: int, a: str, b: str) -> None:
        self.set(f"{self.pick(_BINARY)} i{width} {a}, {b}", width)

    def _shift(self, width: int, a: str, b: str) -> None:
        amount = self.let(f"and i{width} {b}, {width - 1}")
        self.set(f"{self.pick(_SHIFTS)} i{width} {a}, {amount}", width)

    def _divide(self, width: int, a: str, b: str) -> None:
        small = self.let(f"lshr i{width} {b}, {1 + self.number(width - 2)}")  # neither 0 nor -1
        divisor = self.let(f"or i{width} {small}, 1")
        constant = str(3 + self.number(100))
        divisor = constant if self.number(2) else divisor
        self.set(f"{self.pick(_DIVISIONS)} i{width} {a}, {divisor}", width)

    def _two(self, width: int, a: str, b: str) -> None:
        name = self.intrinsic(self.pick(_TWO), width, 2)
        self.set(f"call i{width} {name}(i{width} {a}, i{width} {b})", width)

    def _one(self, width: int, a: str, b: str) -> None:
        del b
        self.set(f"call i{width} {self.intrinsic(self.pick(_ONE), width, 1)}(i{width} {a})", width)

    def _zeros(self, width: int, a: str, b: str) -> None:
        del b
        name = f"@llvm.{self.pick(('ctlz', 'cttz', 'abs'))}.i{width}"
        self.declared.add(f"declare i{width} {name}(i{width}, i1)")
        self.set(f"call i{width} {name}(i{width} {a}, i1 false)", width)

    def _choose(self, width: int, a: str, b: str) -> None:
        other = WIDTHS[self.number(len(WIDTHS))]
        condition = self.let(
            f"icmp {self.pick(_COMPARISONS)} i{other} {self.value(other)}, {self.value(other)}"
        )
        if self.number(2):
            second = self.let(f"icmp {self.pick(_COMPARISONS)} i{width} {a}, {b}")
            condition = self.let(f"{self.pick(('and', 'or', 'xor'))} i1 {condition}, {second}")
        self.set(f"select i1 {condition}, i{width} {a}, i{width} {b}", width)

    def _convert(self, width: int, a: str, b: str) -> None:
        del b
        other = WIDTHS[self.number(len(WIDTHS))]
        if other > width:
            self.set(f"{self.pick(('sext', 'zext'))} i{width} {a} to i{other}", other)
        elif other < width:
            self.set(f"trunc i{width} {a} to i{other}", other)

    def _funnel(self, width: int, a: str, b: str) -> None:
        name = self.intrinsic(self.pick(("fshl", "fshr")), width, 3)
        self.set(f"call i{width} {name}(i{width} {a}, i{width} {b}, i{width} {self.value(width)})", width)

    def _overflow(self, width: int, a: str, b: str) -> None:
        pair = f"{{ i{width}, i1 }}"
        name = f"@llvm.{self.pick(('sadd', 'uadd', 'ssub', 'usub', 'smul', 'umul'))}.with.overflow.i{width}"
        if "mul" in name and width == 64:
            return  # a CPU calls the runtime library for it
        self.declared.add(f"declare {pair} {name}(i{width}, i{width})")
        both = self.let(f"call {pair} {name}(i{width} {a}, i{width} {b})")
        self.set(f"extractvalue {pair} {both}, 0", width)
        wide = self.let(f"extractvalue {pair} {both}, 1")
        self.set(f"select i1 {wide}, i{width} {a}, i{width} -7", width)

    def _lanes(self, width: int, a: str, b: str) -> None:
        """A vector operation on the parts of a wide value."""
        del width, a, b
        count, part, whole = ((4, 8, 32), (2, 16, 32), (8, 8, 64), (4, 16, 64))[self.number(4)]
        kind = f"<{count} x i{part}>"
        first, second = (self.let(f"bitcast i{whole} {self.value(whole)} to {kind}") for _ in range(2))
        if self.number(2):
            result = self.let(f"{self.pick(_BINARY)} {kind} {first}, {second}")
        else:
            name = f"@llvm.{self.pick(('smin', 'smax', 'umin', 'umax'))}.v{count}i{part}"
            self.declared.add(f"declare {kind} {name}({kind}, {kind})")
            result = self.let(f"call {kind} {name}({kind} {first}, {kind} {second})")
        self.set(f"bitcast {kind} {result} to i{whole}", whole)

    def start(self, width: int, word: str) -> None:
        """A first value, cut from a word of the input."""
        self.set(word if width == 64 else f"trunc i64 {word} to i{width}", width)


def random_program(seed: int, steps: int, *, gpu: bool) -> str:
    """``f(in, out, count)`` as a module: :data:`WORDS` words at each index of ``in`` give as many of ``out``.

    For a CPU it is a loop over the indices, for a GPU a kernel whose threads are the indices.
    """
    program = _Program(seed)
    space = " addrspace(1)" if gpu else ""
    lines = program.lines
    base = program.let(f"getelementptr i64, ptr{space} %in, i64 %first")
    for number in range(WORDS):
        place = program.let(f"getelementptr i64, ptr{space} {base}, i64 {number}")
        word = program.let(f"load i64, ptr{space} {place}, align 8")
        for width in WIDTHS:
            program.start(width, f"add i64 {word}, 0" if width == 64 else word)
    for _ in range(steps):
        program.step()
    target = program.let(f"getelementptr i64, ptr{space} %out, i64 %first")
    for number, width in enumerate(WIDTHS * (WORDS // len(WIDTHS))):
        values = program.last(width, 6)
        mixed = values[0]
        for value in values[1:]:
            turned = program.let(f"mul i{width} {mixed}, 31")
            mixed = program.let(f"add i{width} {turned}, {value}")
        whole = mixed if width == 64 else program.let(f"zext i{width} {mixed} to i64")
        place = program.let(f"getelementptr i64, ptr{space} {target}, i64 {number}")
        lines.append(f"  store i64 {whole}, ptr{space} {place}, align 8")
    body, declared = "\n".join(lines), "\n".join(sorted(program.declared))
    return f"{declared}\n{_gpu(body) if gpu else _cpu(body)}"


def _gpu(body: str) -> str:
    return f"""
declare i32 @llvm.nvvm.read.ptx.sreg.tid.x()
declare i32 @llvm.nvvm.read.ptx.sreg.ctaid.x()
define ptx_kernel void @f(
    ptr addrspace(1) noalias align 16 %in, ptr addrspace(1) noalias align 16 %out, i64 %count) {{
  %thread = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %block = call i32 @llvm.nvvm.read.ptx.sreg.ctaid.x()
  %before = shl i32 %block, 7
  %index32 = add i32 %before, %thread
  %index = zext i32 %index32 to i64
  %inside = icmp slt i64 %index, %count
  br i1 %inside, label %go, label %done
go:
  %first = mul i64 %index, {WORDS}
{body}
  br label %done
done:
  ret void
}}
"""


def _cpu(body: str) -> str:
    return f"""
define void @f(ptr noalias %in, ptr noalias %out, i64 %count) {{
entry:
  br label %go
go:
  %index = phi i64 [ 0, %entry ], [ %next, %go ]
  %first = mul i64 %index, {WORDS}
{body}
  %next = add i64 %index, 1
  %more = icmp slt i64 %next, %count
  br i1 %more, label %go, label %done
done:
  ret void
}}
"""
