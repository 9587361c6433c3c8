"""What ``compile`` takes: a .mlir file, a module in memory, or a PyTorch model; and its level."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

from numpy.typing import NDArray
from xdsl.dialects import get_all_dialects
from xdsl.dialects.builtin import ModuleOp

from ivit_dialect.load import BELOW_TORCH, below_torch, load_module, module_text, parse_module
from ivit_dialect.store import StoreContext, WeightStore, store_path
from lowering.registry import get_dialects
from runtime.artifact import Artifact

Level: TypeAlias = Literal["torch", "ivit"]
Weights: TypeAlias = Mapping[str, NDArray[Any]]

FOREIGN = {
    ".ivit": "is compiled already: what is compiled is a .mlir file",
    **dict.fromkeys(
        (".pt", ".pth", ".ckpt", ".bin"),
        "weights of PyTorch are no model: ivit import makes a .mlir file of one,"
        " and the export of ivit.qat of one that it trained",
    ),
}
"""What to say of files by their suffix."""


@dataclass
class Source:
    """A module, the context with its weights, and where it came from."""

    module: ModuleOp
    ctx: StoreContext
    name: str

    @property
    def level(self) -> Level:
        """``torch`` or ``ivit``; ValueError for a module of another level."""
        dialects = {op.name.partition(".")[0] for op in self.module.walk()}
        if "torch" in dialects:
            return "torch"
        if "ivit" in dialects:
            return "ivit"
        found = ", ".join(sorted(dialects - {"builtin", "func"})) or "no ops"
        below = next((dialect for dialect in BELOW_TORCH if dialect in dialects), None)
        if below is not None:
            raise ValueError(f"{self.name}: {below_torch(below)}")
        advice = "; ivit-opt goes on from other levels" if dialects & get_dialects().keys() else ""
        raise ValueError(f"{self.name}: expected torch or ivit ops, found {found}{advice}")


def check_suffix(path: Path) -> None:
    """ValueError, one line, for a file that is no module by its name."""
    if path.suffix in FOREIGN:
        raise ValueError(f"{path}: {FOREIGN[path.suffix]}")


def open_source(source: object, weights: Weights | None = None) -> Source:
    """``source`` as a module of its own, which passes may change.

    A path to a .mlir file; a ModuleOp, whose weights are ``weights`` or in the file that its attribute
    ``ivit.store`` names; or (nn.Module, example input [N, C, H, W]). FileNotFoundError, ValueError or
    TypeError in one line for anything else.
    """
    if weights is not None and not isinstance(source, ModuleOp):
        raise TypeError("weights go with an xDSL ModuleOp; other models bring their own")
    if isinstance(source, (str, os.PathLike)):
        path = Path(cast("str | os.PathLike[str]", source))
        check_suffix(path)
        ctx = _context()
        return Source(load_module(path, ctx), ctx, str(path))
    if isinstance(source, ModuleOp):
        return _open_module(source, weights)
    if isinstance(source, tuple):
        parts = cast("tuple[Any, ...]", source)
        if len(parts) == 2:
            return _open_torch(*parts)
    raise TypeError(
        "a model is a path to a .mlir file, an xDSL ModuleOp, or (nn.Module, example_input);"
        f" got {type(cast(Any, source)).__name__}"
    )


def _context() -> StoreContext:
    """A context that reads the lower levels too, so that they can be refused by name."""
    ctx = StoreContext()
    for name, factory in {**get_all_dialects(), **get_dialects()}.items():
        if ctx.get_optional_dialect(name) is None:
            ctx.register_dialect(name, factory)
    return ctx


def open_integers(artifact: Artifact, name: str = "the integer module") -> Source:
    """The integer module inside an artifact; ValueError where its text or its tensors are not sound."""
    ctx = StoreContext(store=WeightStore(dict(artifact.store)))
    return Source(parse_module(artifact.module_text, name, ctx), ctx, name)


def _open_module(module: ModuleOp, weights: Weights | None) -> Source:
    ctx = _context()
    beside = store_path(module, Path())
    if weights is not None:
        ctx.store = WeightStore(dict(weights))
    elif beside is not None:
        ctx.store = WeightStore.open(beside)
    return Source(parse_module(module_text(module), "module", ctx), ctx, "module")


def _open_torch(model: Any, example: Any) -> Source:
    from passes.import_model import import_module

    ctx = StoreContext()
    return Source(import_module(model, example, ctx), ctx, type(model).__name__)
