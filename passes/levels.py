"""Which level of IR a module is at, and whether a named pipeline begins there."""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp

from passes.pipelines import PIPELINES, NamedPipeline

LEVELS = {
    "torch": "is at torch level",
    "ivit": "holds integers",
    "plan": "holds plan ops",
    "loops": "holds loops",
    "llvm": "holds llvm ops",
}
"""Every level in the order of lowering, with what a module at it does."""

NEXT = {"torch": "lower-to-int", "ivit": "lower-to-plan", "plan": "lower-to-loops", "loops": "lower-to-llvm"}
"""The pipeline that leads from each level to the one after it."""

LOOPS = {"arith", "arith_ext", "llvm_ext", "memref", "scf", "vector"}


def level_of(module: ModuleOp) -> str | None:
    """The level of ``module``, or None where nothing tells, as in an empty one."""
    names = {op.name for op in module.walk()}
    dialects = {name.partition(".")[0] for name in names}
    for level in ("torch", "plan", "ivit"):
        if level in dialects:
            return level
    if any(str(kind).startswith("!torch.") for kind in _entry_types(module)):
        return "torch"
    if "llvm.func" in names:
        return "llvm"
    return "loops" if dialects & LOOPS else None


def _entry_types(module: ModuleOp) -> list[object]:
    return [kind for op in module.ops if isinstance(op, FuncOp) for kind in op.function_type.inputs]


def check_level(pipeline: NamedPipeline, module: ModuleOp) -> None:
    """ValueError, one line, where ``module`` is at another level than the one that ``pipeline`` takes."""
    found = level_of(module)
    if found is None or found == pipeline.level:
        return
    order = list(LEVELS)
    missing = order[order.index(found) : order.index(pipeline.level)]
    if not missing:
        raise ValueError(f"--{pipeline.name}: the module {LEVELS[found]} already")
    flags = " and ".join(f"--{PIPELINES[NEXT[level]].name}" for level in missing)
    raise ValueError(f"--{pipeline.name}: the module {LEVELS[found]}: run {flags} first")
