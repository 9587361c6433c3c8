"""How long-running work says how far it has come, whoever listens."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Report: TypeAlias = Callable[[str, int, int], None]
"""Called with a stage's name, and how many of how many steps of it are done (0 of 0 when it begins)."""


def silent(stage: str, done: int, total: int) -> None:
    """Listens to nothing."""
