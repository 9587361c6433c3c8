"""The function that a module is entered by."""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp

ENTRY = "main"


def entry_function(module: ModuleOp, name: str = ENTRY) -> FuncOp:
    """The function called ``name``; ValueError where the module has none."""
    for op in module.ops:
        if isinstance(op, FuncOp) and op.sym_name.data == name:
            return op
    raise ValueError(f"the module has no function @{name}")
