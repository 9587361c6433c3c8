"""Damaged .mlir text of both levels: it is compiled, or refused by a ValueError in one line, soon."""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tiny_files import TEXT, float_images, random_weights

from ivit.interface import boundary_of
from ivit.pipeline import Options, fuse, lower_to_int
from ivit.progress import silent
from ivit.source import Source
from ivit_dialect.load import module_text, parse_module
from ivit_dialect.store import StoreContext, WeightStore
from runtime.boundary import Boundary

CASES = 80
SECONDS_A_CASE = 20
TOKEN = re.compile(r'%[\w.-]+|[\w.$!#-]+|"[^"\n]*"|\s+|.')
NUMBERS = (
    "0",
    "-1",
    "1",
    "2",
    "7",
    "65537",
    "9223372036854775807",
    "-9223372036854775808",
    "9" * 25,
    "1e400",
)


def damaged(text: str, draw: random.Random) -> str:
    """``text`` with one to three places changed: tokens, numbers or whole lines."""
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        text = draw.choice((other_token, other_number, other_lines, cut))(text, draw)
    return text


def other_token(text: str, draw: random.Random) -> str:
    tokens: list[str] = TOKEN.findall(text)
    place, word = draw.randrange(len(tokens)), draw.choice([token for token in tokens if not token.isspace()])
    tokens[place : place + draw.randrange(2)] = draw.choice(([word], []))
    return "".join(tokens)


def other_number(text: str, draw: random.Random) -> str:
    place = draw.choice(list(re.finditer(r"-?\d+", text)))
    return text[: place.start()] + draw.choice(NUMBERS) + text[place.end() :]


def other_lines(text: str, draw: random.Random) -> str:
    lines = text.split("\n")
    first, second = draw.randrange(len(lines)), draw.randrange(len(lines))
    if draw.randrange(2):
        lines[first], lines[second] = lines[second], lines[first]
    else:
        del lines[first]
    return "\n".join(lines)


def cut(text: str, draw: random.Random) -> str:
    start = draw.randrange(len(text))
    return text[:start] + text[start + draw.choice((1, 10, 1000, len(text))) :]


def to_integers(text: str, weights: dict[str, NDArray[np.generic]]) -> Source:
    ctx = StoreContext(store=WeightStore(weights))
    source = Source(parse_module(text, "damaged.mlir", ctx), ctx, "damaged.mlir")
    if source.level == "torch":
        lower_to_int(source, Options(calibration=float_images(2)), silent)
    return source


def to_fused(text: str, weights: dict[str, NDArray[np.generic]]) -> Boundary:
    source = to_integers(text, weights)
    boundary = boundary_of(source.module)
    fuse(source.module, source.ctx)
    return boundary


@pytest.fixture(scope="module", params=["torch", "ivit"])
def sound(request: pytest.FixtureRequest) -> tuple[str, dict[str, NDArray[np.generic]]]:
    """A sound text and its weights."""
    text, weights = TEXT.read_text(encoding="utf-8"), dict[str, NDArray[np.generic]](random_weights())
    if request.param == "torch":
        return text, weights
    source = to_integers(text, weights)
    return module_text(source.module), dict(source.ctx.store)


def outcome(run: Callable[[], object]) -> str:
    """``compiled`` or ``refused``; any other exception, or a message of no or several lines, is a failure."""
    started = time.monotonic()
    message = None
    try:
        run()
    except ValueError as error:
        message = str(error)
    assert time.monotonic() - started < SECONDS_A_CASE
    assert message is None or len(message.splitlines()) == 1
    return "compiled" if message is None else "refused"


def test_damaged_text(sound: tuple[str, dict[str, NDArray[np.generic]]], tmp_path: Path) -> None:
    text, weights = sound
    assert outcome(lambda: to_fused(text, weights)) == "compiled"
    outcomes: Counter[str] = Counter()
    for seed in range(CASES):
        case = damaged(text, random.Random(seed))
        (tmp_path / "damaged.mlir").write_text(case, encoding="utf-8")
        outcomes[outcome(lambda case=case: to_fused(case, weights))] += 1
    assert outcomes["refused"] > CASES / 2
    assert outcomes["compiled"] > 0


@pytest.mark.parametrize(("old", "new"), [(2, 7), (1, -(1 << 63)), (0, 5)])
def test_dimensions_that_are_not_there(old: int, new: int) -> None:
    """Of transposes, permutes, slices, selects."""
    sound = TEXT.read_text(encoding="utf-8")
    text = sound.replace(f"torch.constant.int {old}\n", f"torch.constant.int {new}\n")
    assert text != sound
    assert outcome(lambda: to_fused(text, dict(random_weights()))) == "refused"


@pytest.mark.parametrize(
    "text",
    [
        "builtin.module {" * 30_000,
        "func.func @main(%a: " + "tensor<" * 30_000,
        'func.func @main() { "ivit.requant"() {a = ' + "[" * 30_000,
        'func.func @main() { "ivit.constant"() <{key = "' + "\\" * 30_000,
        "func.func @main() -> tensor<" + "9" * 5_000 + "xi8>",
        "func.func @main(%a: tensor<" + "2x" * 5_000 + "i8>) { return }",
        "{-# dialect_resources: { builtin: { " + "a: " * 30_000,
        "#loc = loc(" * 10_000,
        "\0" * 10_000,
        "é" * 10_000,
        "//" * 50_000,
    ],
    ids=lambda text: text[:12].encode("unicode_escape").decode(),
)
def test_huge_nonsense(text: str) -> None:
    assert outcome(lambda: to_fused(text, {})) == "refused"
