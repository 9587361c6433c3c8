"""Dialects, passes and output formats of this room for every xDSL driver (entry point ``xdsl.universe``)."""

from __future__ import annotations

from xdsl.universe import Universe

from lowering.registry import get_dialects, get_passes, get_targets

LOWERING_UNIVERSE = Universe(all_dialects=get_dialects(), all_passes=get_passes(), all_targets=get_targets())
