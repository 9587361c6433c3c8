"""What a kernel takes: its inputs and outputs by name and shape, its config and its scalars.

A plan may come from a file: every launch is checked against its kernel's signature before it is built.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from string import digits
from typing import TypeAlias

Shape: TypeAlias = tuple[int, ...]
ConfigValue: TypeAlias = int | str
Config: TypeAlias = Mapping[str, ConfigValue]

LEADING = "..."
NARROW = "i2..i16 ui2..ui16 i32"
"""What fits a 32-bit lane."""


@dataclass(frozen=True)
class Choice:
    """The values that a config entry may have: a range of integers, or some words."""

    values: range | tuple[str, ...]
    optional: bool = False

    def admits(self, value: ConfigValue) -> bool:
        """Whether ``value`` is one of them."""
        # A range is searched one by one for what is not an integer.
        return isinstance(value, int) == isinstance(self.values, range) and value in self.values

    def __str__(self) -> str:
        if isinstance(self.values, range):
            return f"an integer from {self.values.start} to {self.values.stop - 1}"
        return f"one of {', '.join(self.values)}"


@dataclass(frozen=True)
class Signature:
    """Inputs and outputs in order, each with a pattern of its extents; names of the scalars.

    A pattern lists extents: a letter (equal letters are equal extents), a number, a product ``H*D``, or first
    ``...R``, which stands for all leading extents and is their product. After a colon stand the element types
    that it may have, ``i2..i8`` for all widths between; a capital letter there means equal types.
    ``optional`` scalars may be missing.
    """

    ins: Mapping[str, str]
    outs: Mapping[str, str]
    scalars: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


def require_config(config: Config, choices: Mapping[str, Choice]) -> None:
    """Raise ValueError unless ``config`` has the entries of ``choices``, each with a value that it allows."""
    for name, choice in choices.items():
        if name not in config:
            if not choice.optional:
                raise ValueError(f"lacks the config '{name}'")
        elif not choice.admits(config[name]):
            raise ValueError(f"needs the config '{name}' to be {choice}, got {config[name]!r}")
    _require_known("config", config, choices)


def require_scalars(scalars: Sequence[str], signature: Signature) -> None:
    """Raise ValueError unless the scalars are those of the signature."""
    for name in signature.scalars:
        if name not in scalars:
            raise ValueError(f"lacks the scalar '{name}'")
    _require_known("scalar", scalars, (*signature.scalars, *signature.optional))


def _require_known(
    what: str, given: Sequence[str] | Config, known: Sequence[str] | Mapping[str, Choice]
) -> None:
    for name in given:
        if name not in known:
            raise ValueError(f"does not take the {what} '{name}'")


def require_memrefs(
    ins: Sequence[Shape], outs: Sequence[Shape], elements: Sequence[str], signature: Signature
) -> None:
    """Raise ValueError unless inputs and outputs are as many as the signature says, and of such types.

    ``elements`` are the element types of the inputs, then of the outputs.
    """
    for what, shapes, names in (("input", ins, signature.ins), ("output", outs, signature.outs)):
        if len(shapes) != len(names):
            wanted = f"{len(names)} {what}{'' if len(names) == 1 else 's'}"
            raise ValueError(f"takes {wanted} ({', '.join(names)}), got {len(shapes)}")
    patterns: list[tuple[str, str]] = []
    types: dict[str, str] = {}
    for (name, whole), element in zip(
        (*signature.ins.items(), *signature.outs.items()), elements, strict=True
    ):
        pattern, _, choices = whole.partition(":")
        patterns.append((name, pattern))
        _require_element(name, element, choices.split(), types)
    bound: dict[str, int] = {}
    # Products last: their factors may be extents of what comes later.
    pairs = sorted(zip(patterns, (*ins, *outs), strict=True), key=lambda pair: "*" in pair[0][1])
    for (name, pattern), shape in pairs:
        if not _match(pattern.split(), shape, bound):
            known = [f"{letter} = {bound[letter]}" for letter in _letters(pattern) if letter in bound]
            given = f" with {', '.join(known)}" if known else ""
            raise ValueError(f"needs {name} to be [{', '.join(pattern.split())}]{given}, got {list(shape)}")


def _require_element(name: str, element: str, choices: Sequence[str], types: dict[str, str]) -> None:
    if choices and choices[0].isupper():
        choices = (types.setdefault(choices[0], element),)
    if choices and not any(_admits(choice, element) for choice in choices):
        raise ValueError(f"needs elements of {name} to be {' or '.join(choices)}, got {element}")


def _admits(choice: str, element: str) -> bool:
    """Whether an element type is ``choice``, or of a width in ``i2..i8``."""
    first, _, last = choice.partition("..")
    kind = first.rstrip(digits)
    width = element.removeprefix(kind)
    if not last or not element.startswith(kind) or not width.isdigit():
        return element == choice
    return int(first.removeprefix(kind)) <= int(width) <= int(last.removeprefix(kind))


def _letters(pattern: str) -> list[str]:
    return pattern.replace(LEADING, "").replace("*", " ").split()


def _match(pattern: Sequence[str], shape: Shape, bound: dict[str, int]) -> bool:
    """Whether a shape fits; letters met first are bound, but only if it does."""
    if any(extent < 1 for extent in shape):
        return False
    extents = list(shape)
    if pattern[0].startswith(LEADING) and len(extents) >= len(pattern):
        count = len(extents) - len(pattern) + 1
        extents = [prod(extents[:count]), *extents[count:]]
    if len(extents) != len(pattern):
        return False
    found = dict(bound)
    for term, extent in zip(pattern, extents, strict=True):
        factors = term.removeprefix(LEADING).split("*")
        if factors[0].isdigit():
            expected = int(factors[0])
        elif len(factors) > 1:
            expected = prod(found[factor] for factor in factors)
        else:
            expected = found.setdefault(factors[0], extent)
        if expected != extent:
            return False
    bound |= found
    return True


def require_shape(name: str, shape: Shape, expected: Shape) -> None:
    """Raise ValueError unless the argument ``name`` has the shape that the others demand."""
    if shape != expected:
        raise ValueError(f"needs {name} to be {list(expected)}, got {list(shape)}")
