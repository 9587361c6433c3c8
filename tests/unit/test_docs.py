"""The documents are true: links lead somewhere, options and passes are those of the code, snippets parse."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import shlex
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pytest
from test_spec import make_context
from xdsl.passes import ModulePass
from xdsl.universe import Universe

import ivit
from ivit.cli import COMMANDS, build_parser
from ivit_dialect.dialect import Ivit
from ivit_dialect.load import module_text, parse_module
from ivit_dialect.store import StoreContext
from lowering.compile import lower_to_llvm, to_plan
from lowering.lower_to_loops import lower_program
from lowering.plan import ProgramOp
from lowering.targets import target_by_name
from passes.ivit_opt import IvitOptMain, own_passes
from passes.pipelines import FUSE, PIPELINES
from passes.registry import get_passes

ROOT = Path(__file__).parents[2]
OTHERS = (ROOT / "README.md", ROOT / "ivit_dialect" / "spec.md", ROOT / "benchmarks" / "README.md")
PAGES = sorted([*OTHERS, *(ROOT / "docs").glob("*.md")])
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")
HELP_OPTION = re.compile(r"^  (?:-\w(?: [A-Z_.{}a-z]+)?, )?(--[a-z][a-z0-9-]*)", re.MULTILINE)


def fences(page: Path, language: str) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The names that GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def section(name: str) -> str:
    """The part of docs/cli.md under the heading ``name``, with its own parts."""
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    heading = re.search(rf"^(#+) {name}\n", text, re.MULTILINE)
    assert heading
    rest = text[heading.end() :]
    end = re.search(rf"^#{{1,{len(heading[1])}}} ", rest, re.MULTILINE)
    return rest if end is None else rest[: end.start()]


def rows(text: str) -> dict[str, list[str]]:
    """The other cells of each table row, by the flag in its first cell."""
    found = re.findall(r"^\| `--([\w-]+)` \|(.*)\|$", text, re.MULTILINE)
    return {name: [cell.strip() for cell in cells.split("|")] for name, cells in found}


def help_of(capsys: pytest.CaptureFixture[str], parse: Callable[[], object]) -> set[str]:
    """The long options that ``--help`` lists."""
    with pytest.raises(SystemExit):
        parse()
    return set(HELP_OPTION.findall(capsys.readouterr().out)) | {"--help"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = page if not path else (page.parent / path).resolve()
        assert target.is_file(), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_is_linked_from_the_readme() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [page.name for page in (ROOT / "docs").glob("*.md") if f"docs/{page.name}" not in text] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_options_of_a_command(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    listed = help_of(capsys, lambda: build_parser().parse_args([name, "--help"]))
    own = section(f"ivit {name}")
    shared = section("Options of quantization") if "(#options-of-quantization)" in own else ""
    assert set(OPTION.findall(own + shared)) - {"--lower-to-int"} | {"--help"} == listed


def test_every_command_has_a_section() -> None:
    assert sorted(re.findall(r"^### ivit (\w+)$", section("ivit"), re.MULTILINE)) == sorted(COMMANDS)


def test_options_of_ivit_opt(capsys: pytest.CaptureFixture[str]) -> None:
    assert set(OPTION.findall(section("ivit-opt"))) == help_of(capsys, lambda: IvitOptMain(["--help"]))


def test_pipelines_of_ivit_opt() -> None:
    listed = {
        name: (passes, re.findall(r"`(\w+)`", options))
        for name, (passes, options) in rows(section("Pipelines")).items()
    }
    assert listed == {
        name: (", ".join(pipeline.passes), list(pipeline.options)) for name, pipeline in PIPELINES.items()
    }


def test_passes_of_ivit_opt() -> None:
    listed = {
        name: set(re.findall(r"`(\w+)`", options)) for name, (_, options) in rows(section("Passes")).items()
    }
    assert listed == {name: pass_options(own_pass(name)) for name in own_passes()}


def own_pass(name: str) -> type[ModulePass]:
    rooms: list[Universe] = [
        entry.load() for entry in entry_points(group="xdsl.universe") if entry.name.startswith("ivit_")
    ]
    (factory,) = [room.all_passes[name] for room in rooms if name in room.all_passes]
    return factory()


def pass_options(kind: type[ModulePass]) -> set[str]:
    return {field.name for field in dataclasses.fields(kind) if field.init}


def shell_lines() -> list[str]:
    """Every command of ivit in the documents and in the examples of ``--help``."""
    texts = [text for page in PAGES for text in fences(page, "sh")]
    texts += [import_module(f"ivit.commands.{name}_command").COMMAND.examples for name in COMMANDS]
    lines = (line.strip() for text in texts for line in text.splitlines())
    return [line for line in dict.fromkeys(lines) if re.match(r"ivit(-opt)? ", line)]


@pytest.mark.parametrize("line", shell_lines())
def test_commands_are_well_formed(line: str) -> None:
    program, *arguments = shlex.split(line, comments=True)
    if program == "ivit":
        build_parser().parse_args(arguments)
    else:
        IvitOptMain(arguments)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_is_well_formed(page: Path) -> None:
    for text in fences(page, "python"):
        ast.parse(text)


def test_signature_of_compile() -> None:
    page = ROOT / "docs" / "python-api.md"
    nodes = [node for text in fences(page, "python") for node in ast.parse(text).body]
    (documented,) = [node for node in nodes if isinstance(node, ast.FunctionDef) and node.name == "compile"]
    named = [*documented.args.args, *documented.args.kwonlyargs]
    parameters = inspect.signature(ivit.compile).parameters
    if documented.args.kwarg is not None:
        named.append(documented.args.kwarg)
    assert [argument.arg for argument in named] == list(parameters)
    defaults = [*documented.args.defaults, *documented.args.kw_defaults]
    given = [ast.literal_eval(d) for d in defaults if d is not None and not isinstance(d, ast.Name)]
    assert given == [
        p.default for name, p in parameters.items() if name not in ("src", "report", "quantization")
    ]


def modules(page: Path) -> list[str]:
    return [text for text in fences(page, "mlir") if text.startswith("builtin.module")]


def context() -> StoreContext:
    ctx = make_context()
    for entry in entry_points(group="xdsl.universe"):
        universe: Universe = entry.load()
        for name, factory in universe.all_dialects.items():
            if ctx.get_optional_dialect(name) is None:
                ctx.register_dialect(name, factory)
    return ctx


def test_modules_parse_and_are_printed_as_they_stand() -> None:
    texts = [text for page in PAGES for text in modules(page)]
    assert texts
    for text in texts:
        assert module_text(parse_module(text, "document", context(), weights_required=False)) == text


def test_the_modules_of_each_level_are_what_the_pipelines_give() -> None:
    plain, fused, planned, *_ = modules(ROOT / "docs" / "ir-levels.md")
    ctx = context()
    module = parse_module(plain, "document", ctx, weights_required=False)
    ctx.store["fc1.weight"] = np.full((16, 8), 3, np.int8)
    ctx.store["fc1.bias"] = np.full(16, 1000, np.int32)
    for name in FUSE.passes:
        get_passes()[name]()().apply(ctx, module)
    assert module_text(module) == fused
    to_plan(module, ctx, "x86-64-avx2")
    assert module_text(module) == planned
    program = module.body.block.first_op
    assert isinstance(program, ProgramOp)
    lower_program(program, target_by_name("x86-64-avx2"), None)
    loops = module_text(module)
    lower_to_llvm(module, ctx)
    parts = [text for text in fences(ROOT / "docs" / "ir-levels.md", "mlir") if ".pmadd." in text]
    for part, whole in zip(parts, (loops, module_text(module)), strict=True):
        assert part in "".join(f"{line.strip()}\n" for line in whole.splitlines())


def test_the_dialect_page_names_every_op() -> None:
    table = "\n".join(re.findall(r"^\|.*$", (ROOT / "docs" / "dialect.md").read_text(encoding="utf-8"), re.M))
    assert sorted(re.findall(r"`(\w+)`", table)) == sorted(
        op.name.removeprefix("ivit.") for op in Ivit.operations
    )


def test_targets_are_listed_without_a_model(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        build_parser().parse_args(["compile", "--target", "help"])
    assert end.value.code == 0
    assert "generic" in capsys.readouterr().out
