"""``--dump-stages``: each level of the IR in a numbered file, from which ``ivit-opt`` goes on."""

from __future__ import annotations

from pathlib import Path

from xdsl.dialects.builtin import ModuleOp

from ivit_dialect.files import whole_file
from ivit_dialect.load import save_module
from ivit_dialect.store import WeightStore

SUFFIXES = {"asm": ".s", "ptx": ".ptx"}


class StageWriter:
    """Writes ``00-torch.mlir``, ``01-ivit.mlir``, … to a folder; weights go beside the text."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0
        if folder.exists() and not folder.is_dir():
            raise NotADirectoryError(f"{folder}: is a file: name a folder for the stages")
        folder.mkdir(parents=True, exist_ok=True)

    def __call__(self, name: str, level: ModuleOp | str, weights: WeightStore) -> None:
        """Write one level: a module with ``weights``, or text that is not to be read with weights."""
        path = self._folder / f"{self._count:02d}-{name}{SUFFIXES.get(name, '.mlir')}"
        self._count += 1
        if isinstance(level, ModuleOp):
            save_module(level, weights, path)
            return
        with whole_file(path) as file:
            file.write_text(level, encoding="utf-8")
