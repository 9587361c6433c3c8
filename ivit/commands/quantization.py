"""The options of quantization as arguments of a command, one for each field of ``QuantizeOptions``."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import Field, fields
from typing import Any

from passes.quantization.options import CHOICES, INTERVALS, QuantizeOptions


def add_quantization(parser: argparse.ArgumentParser) -> None:
    """``--recipe``, ``--softmax``, ``--weight-bits``, …"""
    group = parser.add_argument_group(
        "quantization", "the recipe, and single choices that replace the recipe's"
    )
    for option in fields(QuantizeOptions):
        _add(group.add_argument, option)


def quantization_of(options: argparse.Namespace) -> QuantizeOptions:
    """What was asked for. ValueError, one line, for a number that is out of range."""
    return QuantizeOptions(**{field.name: getattr(options, field.name) for field in fields(QuantizeOptions)})


def _add(add_argument: Callable[..., Any], option: Field[Any]) -> None:
    flag, text = "--" + option.name.replace("_", "-"), option.metadata["help"]
    if option.name in CHOICES:
        add_argument(flag, choices=CHOICES[option.name], default=option.default, help=text)
    elif option.name in INTERVALS:
        least, most = INTERVALS[option.name]
        kind = float if "float" in str(option.type) else int
        add_argument(flag, type=kind, metavar="N", help=f"{text} ({least:g} to {most:g})")
    else:
        add_argument(flag, action=argparse.BooleanOptionalAction, help=text)
