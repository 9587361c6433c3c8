"""The import arrow between the packages, and what happens where another package has one of their names."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivit.rooms import ROOMS, check_rooms

HOME = Path(__file__).resolve().parents[2]
MAY_IMPORT = {
    "ivit_dialect": {"ivit_dialect"},
    "passes": {"passes", "ivit_dialect"},
    "lowering": {"lowering", "passes", "ivit_dialect"},
    "runtime": {"runtime"},
    "ivit": {"ivit", "runtime", "lowering", "passes", "ivit_dialect"},
}
LAUNCH_TABLE = ("lowering", "runtime.cuda_program")
"""Plain data that the compiler writes and the runtime reads: the one import against the arrow."""

OPTIONAL = {"torch", "torch_mlir", "transformers", "timm"}
NVIDIA = ("runtime/cuda/nvidia.py", "cuda.bindings")
"""The one file of the runtime that needs the extra [cuda]; it is imported where GPU code is to run."""

RUNTIME_NEEDS = {"numpy", "llvmlite", "safetensors"}


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and module of every import in ``path``, inside functions too; relative ones begin with a dot."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, "." * node.level + (node.module or "")


def imports_of(package: str) -> list[tuple[str, str]]:
    """Place and module of every import in the files of ``package``."""
    files = sorted((HOME / package).rglob("*.py"))
    assert files
    return [(f"{path.relative_to(HOME)}:{line}", module) for path in files for line, module in imports(path)]


def guarded(path: Path) -> set[int]:
    """Lines below ``if TYPE_CHECKING:``, which are not run."""
    return {
        line
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_imports_follow_the_arrow(package: str) -> None:
    allowed = MAY_IMPORT[package]
    assert set(MAY_IMPORT) == {*ROOMS, "ivit"}
    others = [
        f"{place}: {module}"
        for place, module in imports_of(package)
        if (package, module) != LAUNCH_TABLE
        if module.startswith(".") or module.partition(".")[0] in set(MAY_IMPORT) - allowed
    ]
    assert others == []


def test_the_runtime_needs_little() -> None:
    known = {*sys.stdlib_module_names, *RUNTIME_NEEDS, "runtime"}
    others = [
        (place.partition(":")[0], module)
        for place, module in imports_of("runtime")
        if module.split(".")[0] not in known
    ]
    assert others == [NVIDIA]


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_pytorch_is_imported_by_importers_and_training_only(package: str) -> None:
    for path in sorted((HOME / package).rglob("*.py")):
        if path.parent in (HOME / "passes" / "importers", HOME / "ivit" / "qat"):
            continue
        types_only = guarded(path)
        found = [
            f"{path.relative_to(HOME)}:{line}: {module}"
            for line, module in imports(path)
            if module.partition(".")[0] in OPTIONAL and line not in types_only
        ]
        assert found == []


def test_the_rooms_are_where_they_should_be() -> None:
    check_rooms()


@pytest.mark.parametrize("form", ["package", "module"])
def test_a_shadowing_package_is_named(tmp_path: Path, form: str) -> None:
    shadow = tmp_path / "runtime" if form == "package" else tmp_path / "runtime.py"
    if form == "package":
        shadow.mkdir()
        (shadow / "__init__.py").touch()
    else:
        shadow.touch()
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import ivit"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"ImportError: {shadow} hides ivit's own package 'runtime' ({HOME / 'runtime'}): ")
    assert re.search(r"rename it|sys\.path", last)


def test_packages_of_another_place_are_named(tmp_path: Path) -> None:
    with pytest.raises(ImportError, match=re.escape(str(HOME / "ivit_dialect"))):
        check_rooms(tmp_path)


def test_xdsl_interpreters_are_not_imported() -> None:
    """Their package imports the dialects of every machine that xDSL knows, a third of a second."""
    found = [
        place
        for package in MAY_IMPORT
        for place, module in imports_of(package)
        if module.startswith("xdsl.interpreters")
    ]
    assert found == []
