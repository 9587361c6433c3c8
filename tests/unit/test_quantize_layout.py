"""Layouts read off traced positions: every spelling of heads and tokens, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from passes.graph.layout import View, canonical, heads_index, read_heads, read_rows
from passes.graph.nodes import Node, PrefixNode

BATCH, TOKENS, HEADS, DEPTH = 2, 5, 3, 4
WIDTH = HEADS * DEPTH
Positions = NDArray[np.int64]


def _node(tokens: int = TOKENS, channels: int = WIDTH) -> Node:
    return Node(tokens=tokens, channels=channels, origin="test")


def _view(node: Node, chain: Callable[[Positions], Positions]) -> View:
    return View(node, chain(canonical(node, BATCH)))


QKV_SPELLINGS: dict[str, Callable[[Positions, int], Positions]] = {
    "timm": lambda x, i: x.reshape(BATCH, TOKENS, 3, HEADS, DEPTH).transpose(2, 0, 3, 1, 4)[i],
    "split last": lambda x, i: np.split(x, 3, axis=-1)[i].reshape(BATCH, TOKENS, HEADS, DEPTH).swapaxes(1, 2),
    "merged batch": lambda x, i: (
        x.reshape(BATCH * TOKENS, 3 * WIDTH)
        .reshape(BATCH, TOKENS, 3, HEADS, DEPTH)
        .transpose(2, 0, 3, 1, 4)
        .reshape(3 * BATCH * HEADS, TOKENS, DEPTH)
        .reshape(3, BATCH, HEADS, TOKENS, DEPTH)[i]
    ),
}


@pytest.mark.parametrize("spelling", QKV_SPELLINGS)
@pytest.mark.parametrize("part", range(3))
def test_heads_of_a_joint_projection(spelling: str, part: int) -> None:
    node = _node(channels=3 * WIDTH)
    view = _view(node, lambda x: QKV_SPELLINGS[spelling](x, part))
    found, channels = read_heads(view)
    assert found is node
    assert channels.tolist() == (part * WIDTH + np.arange(WIDTH)).reshape(HEADS, DEPTH).tolist()


def test_heads_interleaved_with_depth() -> None:
    view = _view(_node(), lambda x: x.reshape(BATCH, TOKENS, DEPTH, HEADS).transpose(0, 3, 1, 2))
    _, channels = read_heads(view)
    assert channels.tolist() == np.arange(WIDTH).reshape(DEPTH, HEADS).T.tolist()


BAD_HEADS: dict[str, tuple[Callable[[Positions], Positions], str]] = {
    "rank": (lambda x: x, r"expected \[N, heads, 5, depth\]"),
    "tokens and heads swapped": (lambda x: x.reshape(BATCH, TOKENS, HEADS, DEPTH), "expected"),
    "tokens mixed": (lambda x: x.reshape(BATCH, HEADS, TOKENS, DEPTH), "heads do not split"),
    "images mixed": (
        lambda x: x.reshape(BATCH, TOKENS, HEADS, DEPTH).swapaxes(1, 2)[::-1],
        "heads do not split",
    ),
}


@pytest.mark.parametrize("case", BAD_HEADS)
def test_heads_refused(case: str) -> None:
    chain, message = BAD_HEADS[case]
    with pytest.raises(ValueError, match=message):
        read_heads(_view(_node(), chain))


def test_rows_of_all_tokens() -> None:
    node = _node()
    rows = read_rows(_view(node, lambda x: x.reshape(BATCH * TOKENS, WIDTH)))
    assert (rows.tokens.start, rows.tokens.count, rows.tokens.whole, rows.plain) == (0, TOKENS, True, True)


SOME_TOKENS: dict[str, tuple[Callable[[Positions], Positions], int, int]] = {
    "select": (lambda x: x[:, 0], 0, 1),
    "select the second": (lambda x: x[:, 1], 1, 1),
    "slice the last": (lambda x: x[:, -1:], TOKENS - 1, 1),
    "slice of a slice": (lambda x: x[:, 2:][:, 1:2].squeeze(1), 3, 1),
    "slice": (lambda x: x[:, 1:], 1, TOKENS - 1),
}


@pytest.mark.parametrize("case", SOME_TOKENS)
def test_rows_of_some_tokens(case: str) -> None:
    chain, start, count = SOME_TOKENS[case]
    rows = read_rows(_view(_node(), chain))
    assert (rows.tokens.start, rows.tokens.count, rows.plain) == (start, count, True)


def test_rows_of_merged_heads() -> None:
    node = _node()
    heads = View(node, heads_index(node, HEADS, BATCH))
    merged = heads.index.swapaxes(1, 2).reshape(BATCH, TOKENS, WIDTH)
    assert read_rows(View(node, merged)).plain


def test_rows_of_channels_in_another_order() -> None:
    rows = read_rows(_view(_node(), lambda x: x[:, :, ::-1]))
    assert not rows.plain
    assert rows.channels.tolist() == list(range(WIDTH))[::-1]


def test_rows_past_a_prefix_are_rows_of_the_body() -> None:
    body = _node()
    node = PrefixNode(
        tokens=TOKENS + 2, channels=WIDTH, origin="test", prefix=np.zeros((2, WIDTH)), body=body
    )
    past = read_rows(_view(node, lambda x: x[:, 3:]))
    assert (past.tokens.node, past.tokens.start, past.tokens.count) == (body, 1, TOKENS - 1)
    before = read_rows(_view(node, lambda x: x[:, 1:]))
    assert (before.tokens.node, before.tokens.start) == (node, 1)


BAD_ROWS: dict[str, tuple[Callable[[Positions], Positions], str]] = {
    "transposed": (lambda x: x.swapaxes(1, 2), "last dimension is not made of the channels of one token"),
    "two tokens in a row": (lambda x: x[:, :4].reshape(BATCH, 2, 2 * WIDTH), "last dimension"),
    "tokens reversed": (lambda x: x[:, ::-1], "not a run of neighbours"),
    "every other token": (lambda x: x[:, ::2], "not a run of neighbours"),
    "one image": (lambda x: np.concatenate((x[1:], x[1:])), "not a run of neighbours"),
    "batch swapped with tokens": (lambda x: x.swapaxes(0, 1), "not a run of neighbours"),
}


@pytest.mark.parametrize("case", BAD_ROWS)
def test_rows_refused(case: str) -> None:
    chain, message = BAD_ROWS[case]
    with pytest.raises(ValueError, match=message):
        read_rows(_view(_node(), chain))
