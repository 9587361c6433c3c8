"""Layouts by index tracing: which position of a node each position of a torch tensor is.

Shape ops are applied to arrays of positions instead of values; what a chain of views, permutes, selects and
slices does is then read off the result, however the chain was spelled.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from passes.graph.nodes import Node, PrefixNode, TokenSlice


@dataclass(frozen=True, eq=False)
class View:
    """A torch tensor as positions (int64, of the tensor's shape) in ``node``'s [N, T, C], flattened."""

    node: Node
    index: NDArray[np.int64]

    @property
    def batch(self) -> int:
        return int(self.index.max()) // (self.node.tokens * self.node.channels) + 1


@dataclass(frozen=True)
class Rows:
    """Tokens of a node, their channels reordered: position ``j`` of the last dimension is ``channels[j]``."""

    tokens: TokenSlice
    channels: NDArray[np.int64]

    @property
    def plain(self) -> bool:
        """All channels in their own order."""
        own = np.arange(self.tokens.node.channels)
        return np.array_equal(self.channels, own)


def canonical(node: Node, batch: int) -> NDArray[np.int64]:
    """The positions of ``node`` itself: [N, T, C]."""
    shape = (batch, node.tokens, node.channels)
    return np.arange(batch * node.tokens * node.channels, dtype=np.int64).reshape(shape)


def read_rows(view: View) -> Rows:
    """``view`` [N, T', C'] or [N, C'] as a run of whole tokens. ValueError says how it differs from that."""
    node, index = view.node, view.index
    index = index.reshape(-1, index.shape[-1])
    rows, channels = index[:, :1] // node.channels, index[0] % node.channels
    if not np.array_equal(index, rows * node.channels + channels):
        raise ValueError("its last dimension is not made of the channels of one token")
    start, count = _read_tokens(rows, node.tokens, view.batch)
    return _through_prefix(Rows(TokenSlice(node, start, count), channels))


def read_heads(view: View) -> tuple[Node, NDArray[np.int64]]:
    """``view`` [N, H, T, D] of all tokens of a node: the node and the channel of each (head, depth), [H, D].

    ValueError says how the view differs from that.
    """
    node, index = view.node, view.index
    if index.ndim != 4 or index.shape[2] != node.tokens:
        raise ValueError(f"expected [N, heads, {node.tokens}, depth], got shape {list(index.shape)}")
    rows, channels = np.divmod(index, node.channels)
    images, tokens = np.ogrid[: index.shape[0], : node.tokens]
    if np.any(rows != (images * node.tokens + tokens)[:, None, :, None]) or np.any(
        channels != channels[:1, :, :1]
    ):
        raise ValueError("heads do not split the channels of each token")
    return node, channels[0, :, 0]


def heads_index(node: Node, heads: int, batch: int) -> NDArray[np.int64]:
    """Positions of ``node`` [N, T, H*D] seen as [N, H, T, D]."""
    split = canonical(node, batch).reshape(batch, node.tokens, heads, node.channels // heads)
    return split.transpose(0, 2, 1, 3)


def _read_tokens(rows: NDArray[np.int64], tokens: int, batch: int) -> tuple[int, int]:
    """The run of tokens that every image of the batch contributes."""
    if rows.size % batch:
        raise ValueError("images of a batch are mixed")
    count = rows.size // batch
    start = int(rows[0, 0])
    expected = (np.arange(batch) * tokens)[:, None] + start + np.arange(count)[None, :]
    if start + count > tokens or not np.array_equal(rows.reshape(batch, count), expected):
        raise ValueError("its tokens are not a run of neighbours in their own order")
    return start, count


def _through_prefix(rows: Rows) -> Rows:
    """Tokens past a constant prefix are tokens of what comes after it."""
    tokens = rows.tokens
    while isinstance(tokens.node, PrefixNode) and tokens.start >= len(tokens.node.prefix):
        prefix = tokens.node
        tokens = TokenSlice(prefix.body, tokens.start - len(prefix.prefix), tokens.count)
    return Rows(tokens, rows.channels)
