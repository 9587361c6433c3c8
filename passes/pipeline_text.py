"""Pipelines and options as they are written on a command line, and the passes that the text means.

A flag takes options separated by blanks, ``--lower-to-int='softmax=ivit mean=0.5'``; ``-p`` takes passes and
named pipelines with options in braces, ``lower-to-int{softmax=ivit},fuse``. Text needs quotes nowhere, and
numbers are written as Python writes them.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias, get_args, get_origin, get_type_hints

import numpy as np
from xdsl.passes import ModulePass
from xdsl.utils.arg_spec import ArgSpec, parse_pipeline
from xdsl.utils.exceptions import ArgSpecParseError

from passes.pipelines import PIPELINES, NamedPipeline

Factories: TypeAlias = Mapping[str, Callable[[], type[ModulePass]]]
"""What makes each pass, by name."""

FLAG = "true or false"
INTEGER = re.compile(r"[-+]?\d+")
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
QUOTED_OR_VALUE = re.compile(r'"(?:\\.|[^"\\])*"|=(?P<value>[^\s{}"]+)|\[[^\]]*\]')
"""Strings and MLIR's own pipelines, which are left as they are, and values without quotes."""


def flag_text(name: str, options: str) -> str:
    """The flag ``--name='options'`` as ``-p`` takes it. ValueError for options that cannot be read."""
    body = options.strip()
    if body.startswith("{") and body.endswith("}"):
        body = body[1:-1]
    try:
        items = shlex.split(body)
    except ValueError as error:
        raise ValueError(f"--{name}: a quote is not closed in {options}") from error
    pairs = [item.partition("=") for item in items]
    if name in PIPELINES:
        PIPELINES[name].specs({key: () for key, _, _ in pairs})
    given = " ".join(f"{key}={_value(value) if equals else 'true'}" for key, equals, value in pairs)
    return f"{name}{{{given}}}" if given else name


def parse_passes(text: str) -> Iterator[tuple[NamedPipeline | None, ArgSpec]]:
    """The passes in ``text``, each with the named pipeline that begins with it, if any.

    ValueError, one line, for text that cannot be read.
    """
    normal = QUOTED_OR_VALUE.sub(lambda m: m[0] if m["value"] is None else f"={_value(m['value'])}", text)
    try:
        specs = list(parse_pipeline(normal))
    except ArgSpecParseError as error:
        message = str(error).splitlines()[-1].strip()
        raise ValueError(f"{message} (in the passes {text})") from error
    for spec in specs:
        if spec.name not in PIPELINES:
            yield None, spec
            continue
        pipeline = PIPELINES[spec.name]
        first, *others = pipeline.specs(spec.parameters)
        yield pipeline, first
        yield from ((None, other) for other in others)


def build_passes(specs: Iterable[ArgSpec], available: Factories) -> tuple[ModulePass, ...]:
    """The passes that ``specs`` ask for. ValueError, one line, for a name or options that do not exist."""
    specs = tuple(specs)
    unknown = [spec.name for spec in specs if spec.name not in available]
    if unknown:
        raise ValueError(f"there is no pass named {', '.join(unknown)}: ivit-opt --help lists them")
    return tuple(_build(available[spec.name](), spec) for spec in specs)


def _build(kind: type[ModulePass], spec: ArgSpec) -> ModulePass:
    hints = get_type_hints(kind)
    for key, values in spec.parameters.items():
        hint = hints.get(key.replace("-", "_"))
        if hint is not None:
            _check_values(f"{spec.name}: {key}", hint, values)
    try:
        return kind.from_spec(spec)
    except ValueError as error:
        message = str(error)
        raise ValueError(message if spec.name in message else f"{spec.name}: {message}") from error


def _check_values(what: str, hint: object, values: Sequence[object]) -> None:
    """ValueError where ``values`` are not of the types of ``hint``.

    xDSL would only say that the types are incompatible, and print the Python types, but not the option.
    """
    many = any(get_origin(part) is tuple for part in (hint, *get_args(hint)))
    takes, fits = _takes(str(hint), many)
    if (many or len(values) <= 1) and all(map(fits, values)) and (values or takes == FLAG):
        return
    given = ",".join(map(_shown, values)) or "nothing"
    advice = "; separate options with blanks" if "=" in given else ""
    raise ValueError(f"{what} takes {takes}, got {given}{advice}")


def _takes(hint: str, many: bool) -> tuple[str, Callable[[object], bool]]:
    """What an option takes, in words, and whether one value is that."""
    if "float" in hint:
        return "numbers with commas between them" if many else "one number", _is_number
    if "str" in hint:
        return "texts with commas between them" if many else "text", lambda value: isinstance(value, str)
    if "int" in hint:
        takes = "whole numbers with commas between them" if many else "one whole number"
        return takes, lambda value: type(value) is int
    return FLAG, lambda value: isinstance(value, bool)


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _value(text: str) -> str:
    """Numbers, lists of numbers and booleans stand bare; all else is a string."""
    parts = text.split(",")
    if text in ("true", "false"):
        return text
    if all(NUMBER.fullmatch(part) and np.isfinite(float(part)) for part in parts):
        return ",".join(map(_number, parts))
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _number(text: str) -> str:
    """A number as xDSL's parser reads it, which knows no exponents."""
    return text if INTEGER.fullmatch(text) else np.format_float_positional(float(text), trim="0")
