"""Which function of a torch module is the model."""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp


def main_function(module: ModuleOp) -> FuncOp:
    """``@main``, or the only function that has a body, whatever its name.

    ValueError where there is no such function, or where it is not one block.
    """
    functions = [op for op in module.body.block.ops if isinstance(op, FuncOp) and not op.is_declaration]
    named = [op for op in functions if op.sym_name.data == "main"] or functions
    if len(named) != 1:
        found = ", ".join(f"@{op.sym_name.data}" for op in functions) or "none"
        raise ValueError(f"the module has no function @main (functions with a body: {found})")
    function = named[0]
    if len(function.body.blocks) != 1:
        raise ValueError(f"@{function.sym_name.data} must have one block, got {len(function.body.blocks)}")
    return function
