"""Readable names of nodes, which become store keys and SSA names: ``block0.q``, ``block0.fc1``, ``head``."""

from __future__ import annotations

from collections import Counter

from passes.graph.nodes import (
    AttentionNode,
    ConvNode,
    GeluNode,
    JoinNode,
    LinearNode,
    MeanNode,
    Node,
    NormNode,
    PrefixNode,
    SumNode,
)


def name_nodes(nodes: list[Node]) -> None:
    """Name every node by its place: a block begins with its attention, other spellings of a model agree."""
    blocks = 0
    for node in nodes:
        if isinstance(node, AttentionNode):
            _name_attention(node, f"block{blocks}")
            blocks += 1
        elif isinstance(node, GeluNode):
            _name_mlp(node, f"block{max(blocks - 1, 0)}")
    taken: Counter[str] = Counter()
    for node in nodes:
        name = node.name or _name_of_rest(node)
        node.role = name.rpartition(".")[2]
        node.name = f"{name}_{taken[name]}" if taken[name] else name
        taken[name] += 1


def _name_attention(node: AttentionNode, block: str) -> None:
    node.name = f"{block}.attention"
    for part, letter in ((node.query, "q"), (node.key, "k"), (node.value, "v")):
        part.name = f"{block}.{letter}"
        if isinstance(part.source.node, NormNode):
            part.source.node.name = f"{block}.norm1"


def _name_mlp(node: GeluNode, block: str) -> None:
    node.name = f"{block}.gelu"
    node.source.name = f"{block}.fc1"
    if isinstance(node.source.source.node, NormNode):
        node.source.source.node.name = f"{block}.norm2"


def _name_of_rest(node: Node) -> str:
    match node:
        case ConvNode():
            return "patch_embed"
        case PrefixNode():
            return "tokens"
        case SumNode(constant=constant) if constant is not None:
            return "pos_embed"
        case SumNode():
            return _name_of_sum(node)
        case NormNode():
            return "norm"
        case MeanNode():
            return "mean"
        case JoinNode():
            return "joined"
        case LinearNode():
            return _name_of_linear(node)
        case _:
            return "image"


def _name_of_linear(node: LinearNode) -> str:
    source = node.source.node
    block = source.name.split(".")[0]
    if isinstance(source, AttentionNode):
        return f"{block}.proj"
    if isinstance(source, GeluNode):
        return f"{block}.fc2"
    return "head"


def _name_of_sum(node: SumNode) -> str:
    for term in node.terms:
        block, _, layer = term.node.name.partition(".")
        if layer in ("proj", "fc2"):
            return f"{block}.residual{1 if layer == 'proj' else 2}"
    return "sum"
