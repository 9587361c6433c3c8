"""This room's dialects for every xDSL driver, plain ``xdsl-opt`` too (entry point ``xdsl.universe``)."""

from __future__ import annotations

from xdsl.ir import Dialect
from xdsl.universe import Universe


def _ivit() -> Dialect:
    from ivit_dialect.dialect import Ivit

    return Ivit


def _ivit_float() -> Dialect:
    from ivit_dialect.ops.floating import IvitFloat

    return IvitFloat


def _torch() -> Dialect:
    from ivit_dialect.torch import Torch

    return Torch


IVIT_UNIVERSE = Universe(all_dialects={"ivit": _ivit, "ivit_float": _ivit_float, "torch": _torch})
