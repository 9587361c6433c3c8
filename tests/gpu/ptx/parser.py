"""PTX text -> :class:`syntax.Program`."""

from __future__ import annotations

import re
from math import prod

from ptx.errors import PTXError
from ptx.parser_operands import parse_operand, split_operands
from ptx.syntax import Function, Instruction, Name, Parameter, Program, Variable

_LABEL = re.compile(r"([A-Za-z_$%][\w$]*)\s*:(?!:)")
_DIRECTIVE_LINES = re.compile(r"^[ \t]*\.(version|address_size|file|loc|section)\b[^\n]*", re.M)
_VARIABLE = re.compile(
    r"(?P<linkage>(?:\.(?:visible|extern|weak|common)\s+)*)\.(?P<space>global|shared|const|local|param)\s+"
    r"(?:\.align\s+(?P<align>\d+)\s+)?\.(?P<type>\w+)\s+(?P<name>[\w$%.]+)(?P<dims>(?:\s*\[\d*\])*)"
    r"(?:\s*=\s*(?P<initial>.*))?$",
    re.S,
)
_PARAMETER = re.compile(
    r"\.(?:param|reg)\s+(?:\.align\s+(?P<outer>\d+)\s+)?\.(?P<type>\w+)\s*(?P<pointer>\.ptr[^\[]*?)?\s"
    r"(?P<name>[\w$%]+)\s*(?:\[(?P<count>\d+)\])?$",
    re.S,
)
_HEADER = re.compile(
    r"\.(?P<kind>entry|func)\b\s*(?:\.\w+\s+)*(?P<results>\([^)]*\))?\s*(?P<name>[\w$]+)\s*"
    r"(?:\((?P<parameters>[^)]*)\))?(?P<directives>.*)",
    re.S,
)


def type_bytes(name: str) -> int:
    """Bytes of a type such as ``b32``."""
    digits = re.fullmatch(r"(?:[subf]|bf)(\d+)", name)
    if digits is None:
        raise PTXError(f"the type .{name} is not known")
    return int(digits[1]) // 8


def parse(text: str) -> Program:
    """Read a PTX module.

    Raises:
        PTXError: for text that is not PTX, with the line.
    """
    text = re.sub(r"/\*.*?\*/", lambda found: "\n" * found[0].count("\n"), text, flags=re.S)
    text = re.sub(r"//[^\n]*", "", text)
    target = re.search(r"^\s*\.target\s+(\w+)", text, re.M)
    text = _DIRECTIVE_LINES.sub("", re.sub(r"^\s*\.target\b[^\n]*", "", text, flags=re.M))
    program = Program(target[1] if target else "", {}, [])
    position = 0
    while (start := _skip(text, position)) < len(text):
        end = _end_of_module_item(text, start)
        item = text[start:end].strip()
        if text[end : end + 1] == "{":
            close = _matching(text, end)
            function = _header(item, text, start)
            _Body(function, text, close).read(end + 1)
            program.functions[function.name] = function
            end = close
        elif ".func" not in item and ".entry" not in item:
            variable = _variable(item, text, start)
            program.variables.append(variable)
        position = end + 1
    return program


def _skip(text: str, position: int) -> int:
    while position < len(text) and text[position].isspace():
        position += 1
    return position


def _end_of_module_item(text: str, start: int) -> int:
    """Where a function's body opens, or where a declaration ends."""
    head = re.compile(r"[;{]").search(text, start)
    if head is None:
        raise PTXError(f"line {_line(text, start)}: text that is neither a function nor a variable")
    if head[0] == "{" and "=" in text[start : head.start()]:
        return text.index(";", head.start())
    return head.start()


def _matching(text: str, opening: int) -> int:
    depth = 0
    for found in re.compile(r"[{}]").finditer(text, opening):
        depth += 1 if found[0] == "{" else -1
        if depth == 0:
            return found.start()
    raise PTXError(f"line {_line(text, opening)}: this brace is never closed")


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def _header(item: str, text: str, start: int) -> Function:
    found = _HEADER.search(item)
    if found is None:
        raise PTXError(f"line {_line(text, start)}: not a function: {item[:60]}")
    function = Function(
        name=found["name"],
        entry=found["kind"] == "entry",
        parameters=_parameters(found["parameters"] or ""),
        results=_parameters((found["results"] or "").strip("()")),
    )
    function.required_threads = _threads("reqntid", found["directives"])
    function.maximum_threads = _threads("maxntid", found["directives"])
    return function


def _threads(directive: str, text: str) -> tuple[int, int, int] | None:
    found = re.search(rf"\.{directive}\s+(\d+)(?:\s*,\s*(\d+))?(?:\s*,\s*(\d+))?", text)
    return None if found is None else (int(found[1]), int(found[2] or 1), int(found[3] or 1))


def _parameters(text: str) -> list[Parameter]:
    parameters: list[Parameter] = []
    for item in filter(None, (part.strip() for part in text.split(","))):
        found = _PARAMETER.match(item)
        if found is None:
            raise PTXError(f"a parameter that is not understood: {item}")
        size = type_bytes(found["type"])
        pointee = None
        if found["pointer"] is not None:
            promise = re.search(r"\.align\s+(\d+)", found["pointer"])
            pointee = int(promise[1]) if promise else 1
        align = int(found["outer"] or size)
        parameters.append(Parameter(found["name"], size * int(found["count"] or 1), align, pointee))
    return parameters


def _variable(item: str, text: str, start: int) -> Variable:
    found = _VARIABLE.match(item)
    if found is None:
        raise PTXError(f"line {_line(text, start)}: not understood: {item[:80]}")
    element = type_bytes(found["type"])
    dimensions = [int(size or 0) for size in re.findall(r"\[(\d*)\]", found["dims"])]
    size = element * prod(dimensions)
    initial = None
    if found["initial"] is not None:
        numbers = [int(value, 0) for value in re.findall(r"-?(?:0x[0-9a-fA-F]+|\d+)", found["initial"])]
        mask = (1 << (8 * element)) - 1
        initial = b"".join((value & mask).to_bytes(element, "little") for value in numbers)
        initial = initial.ljust(size, b"\0")
    align = int(found["align"] or element)
    external = ".extern" in found["linkage"]
    return Variable(found["space"], found["name"], align, size, external, initial)


class _Body:
    """Reads the statements of one function."""

    def __init__(self, function: Function, text: str, close: int) -> None:
        self._function = function
        self._text = text
        self._close = close
        self._scopes: list[dict[str, str]] = [{}]
        self._opened = 0
        self._counted = (0, 1)

    def read(self, position: int) -> None:
        """Read all statements from ``position`` to the function's closing brace."""
        text = self._text
        while (position := _skip(text, position)) < self._close:
            if text[position] == "{":
                self._opened += 1
                self._scopes.append({})
                position += 1
            elif text[position] == "}":
                self._scopes.pop()
                position += 1
            elif text[position] == ";":
                position += 1
            elif (label := _LABEL.match(text, position)) is not None:
                position = self._label(label)
            else:
                position = self._statement(position)

    def _label(self, label: re.Match[str]) -> int:
        after = _skip(self._text, label.end())
        table = re.compile(r"\.(branchtargets|calltargets)\b([^;]*);").match(self._text, after)
        if table is not None:
            self._function.tables[label[1]] = tuple(name.strip() for name in table[2].split(","))
            return table.end()
        self._function.labels[label[1]] = len(self._function.code)
        return label.end()

    def _statement(self, start: int) -> int:
        end = self._text.index(";", start)
        statement = self._text[start:end].strip()
        if statement.startswith(".reg"):
            self._registers(statement)
        elif statement.startswith("."):
            if not statement.startswith(".pragma"):
                self._function.variables.append(self._scoped(_variable(statement, self._text, start)))
        else:
            self._function.code.append(self._instruction(statement, start))
        return end + 1

    def _declare(self, name: str) -> str:
        """The name of a variable or register in its scope: unique in the function."""
        if len(self._scopes) == 1:
            return name
        unique = f"{name}#{self._opened}"
        self._scopes[-1][name] = unique
        return unique

    def _scoped(self, variable: Variable) -> Variable:
        name = self._declare(variable.name)
        return Variable(variable.space, name, variable.align, variable.size, variable.external)

    def _registers(self, statement: str) -> None:
        _, kind, names = statement.split(None, 2)
        bits = 1 if kind == ".pred" else 8 * type_bytes(kind[1:])
        for item in (name.strip() for name in names.split(",")):
            counted = re.fullmatch(r"([\w$%]+)<(\d+)>", item)
            spelled = (
                [item] if counted is None else [f"{counted[1]}{number}" for number in range(int(counted[2]))]
            )
            for name in spelled:
                self._function.registers[self._declare(name)] = bits

    def _instruction(self, statement: str, start: int) -> Instruction:
        position, line = self._counted
        line += self._text.count("\n", position, start)
        self._counted = (start, line)
        found = re.match(r"(?:@(!?)([\w$%]+)\s+)?([\w.:]+)\s*(.*)$", statement, re.S)
        if found is None:
            raise PTXError(f"line {line}: not an instruction: {statement}")
        resolve = self._resolve
        guard = None if found[2] is None else resolve(found[2])
        operands = tuple(parse_operand(item, resolve, line) for item in split_operands(found[4]))
        text = re.sub(r"\s+", " ", statement)
        return Instruction(found[3], operands, guard, found[1] == "!", line, text)

    def _resolve(self, name: str) -> str:
        for scope in reversed(self._scopes):
            if name in scope:
                return scope[name]
        return name


def is_sink(operand: object) -> bool:
    """Whether a result goes nowhere: ``_``."""
    return isinstance(operand, Name) and operand.text == "_"
