"""The passes of this room for every xDSL driver (entry point ``xdsl.universe``)."""

from __future__ import annotations

from xdsl.universe import Universe

from passes.registry import get_passes

PASSES_UNIVERSE = Universe(all_passes=get_passes())
