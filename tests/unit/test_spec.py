"""``spec.md`` is complete, its examples are right, and each of its constraints has a test."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from spec_document import entries, numbered, syntax_of
from test_run_time_conditions import CONDITIONS
from xdsl.dialects import get_all_dialects
from xdsl.ir import Operation
from xdsl.irdl import IRDLOperation

from ivit_dialect.dialect import Ivit
from ivit_dialect.interpreter import call
from ivit_dialect.load import parse_module
from ivit_dialect.store import StoreContext, WeightStore

ROOT = Path(__file__).parents[2]
INVALID = ROOT / "tests" / "filecheck" / "ivit"
ENTRIES = entries()
PARAGRAPHS = ("Syntax.", "Operands.", "Semantics.", "Rounding.", "Overflow.", "Constraints.", "Example.")
TYPES = {"i8", "ui8", "i16", "i32", "i64"}
"""Types, which the paragraph *Operands* names too."""


def make_context() -> StoreContext:
    ctx = StoreContext()
    for name, factory in get_all_dialects().items():
        ctx.register_dialect(name, factory)
    ctx.load_dialect(Ivit)
    return ctx


def test_every_op_has_an_entry() -> None:
    assert sorted(ENTRIES) == sorted(op.name for op in Ivit.operations)


@pytest.mark.parametrize("name", ENTRIES)
def test_entry_has_every_paragraph(name: str) -> None:
    positions = [ENTRIES[name].text.find(f"**{paragraph}**") for paragraph in PARAGRAPHS]
    assert -1 not in positions
    assert positions == sorted(positions)


@pytest.mark.parametrize("op", list(Ivit.operations), ids=lambda op: op.name)
def test_syntax_and_operands_are_the_ops_own(op: type[IRDLOperation]) -> None:
    definition = op.get_irdl_definition()
    operands = [name for name, _ in (*definition.operands, *definition.results)]
    entry = ENTRIES[op.name]
    assert entry.syntax == syntax_of(op)
    assert entry.named() - TYPES == {*operands, *definition.properties} - {"operandSegmentSizes"}


@pytest.mark.parametrize("name", ENTRIES)
def test_constraints_are_numbered_in_order(name: str) -> None:
    tags = list(ENTRIES[name].constraints)
    static = [tag for tag in tags if tag.startswith("C")]
    dynamic = [tag for tag in tags if tag.startswith("R")]
    assert static
    expected = [f"C{i + 1}" for i in range(len(static))] + [f"R{i + 1}" for i in range(len(dynamic))]
    assert tags == expected


@pytest.mark.parametrize("name", ENTRIES)
def test_example_gives_what_it_says(name: str) -> None:
    ctx = make_context()
    entry = ENTRIES[name]
    module = parse_module(entry.module_text(ctx), name, ctx, weights_required=False)
    assert any(op.name == name for op in module.walk())
    operands = entry.operands(ctx)
    store = WeightStore({o.name: o.values for o in operands if o.stored})
    seen: dict[str | None, list[Any]] = {}

    def observe(op: Operation, results: tuple[NDArray[Any], ...]) -> None:
        for value, result in zip(results, op.results, strict=True):
            seen[result.name_hint] = np.asarray(value).tolist()

    call(module, store, tuple(o.values for o in operands if not o.stored), observe=observe)
    assert entry.results() == seen


def test_every_constraint_has_an_invalid_case() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted(INVALID.glob("invalid_*.mlir")))
    tested = set(re.findall(r"^// (ivit\.\w+|tensors) \(([CT]\d+)\)$", text, re.MULTILINE))
    static = {pair for pair in numbered() if not pair[1].startswith("R")}
    assert tested == static


def test_every_condition_on_values_has_a_failing_case() -> None:
    assert {(c.op, c.tag) for c in CONDITIONS} == {pair for pair in numbered() if pair[1].startswith("R")}


FILECHECK = ROOT / "tests" / "filecheck"
VERIFIERS = {
    "ivit_dialect/ops/*.py": FILECHECK / "ivit",
    "ivit_dialect/types.py": FILECHECK / "ivit",
    "ivit_dialect/torch/*.py": FILECHECK / "torch",
    "lowering/*.py": FILECHECK / "lowering",
}
"""Where verifiers stand, and where their messages are checked."""


def verifier_messages() -> list[tuple[str, str, Path]]:
    """Each message of the verifiers: where it stands, as a regular expression, the folder that checks it."""
    return [
        (f"{path.relative_to(ROOT)}:{line}", pattern, folder)
        for files, folder in VERIFIERS.items()
        for path in sorted(ROOT.glob(files))
        for line, pattern in _messages(path)
    ]


def _messages(path: Path) -> list[tuple[int, str]]:
    messages: list[tuple[int, str]] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        if node.func.id == "require":
            message = node.args[1]
        elif node.func.id == "VerifyException" and not isinstance(node.args[0], ast.Name):
            message = node.args[0]
        else:
            continue
        messages.append((node.lineno, _pattern(message)))
    return messages


def _pattern(message: ast.expr) -> str:
    if isinstance(message, ast.Constant):
        return re.escape(str(message.value))
    assert isinstance(message, ast.JoinedStr)
    return "".join(
        re.escape(str(part.value)) if isinstance(part, ast.Constant) else ".+" for part in message.values
    )


@pytest.mark.parametrize(("place", "pattern", "folder"), verifier_messages())
def test_every_verifier_message_is_checked(place: str, pattern: str, folder: Path) -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("*invalid*.mlir")))
    checks = re.findall(r"^// CHECK: (.+)$", text, re.MULTILINE)
    assert any(re.search(pattern, check) for check in checks), f"{place}: no case checks this message"
