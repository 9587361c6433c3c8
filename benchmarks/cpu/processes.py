"""Modules of this room in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HOME = Path(__file__).parents[2]
"""The folder that holds ``benchmarks``, which is not installed."""


def module_command(module: str, *arguments: str) -> list[str]:
    """The command that runs ``module``."""
    return [sys.executable, "-m", module, *arguments]


def environment(**changes: str) -> dict[str, str]:
    """This process's, in which ``benchmarks`` is found, with ``changes``."""
    path = os.pathsep.join(part for part in (str(HOME), os.environ.get("PYTHONPATH")) if part)
    return os.environ | {"PYTHONPATH": path} | changes


def run_module(module: str, *arguments: str) -> str:
    """What ``module`` writes to stdout. RuntimeError with the last line of its stderr where it fails."""
    done = subprocess.run(
        module_command(module, *arguments), capture_output=True, text=True, check=False, env=environment()
    )
    if done.returncode:
        raise RuntimeError(last_line(done.stderr) or f"ended with code {done.returncode}")
    return done.stdout


def last_line(text: str) -> str:
    """The last line that says something."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
