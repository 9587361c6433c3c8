"""Constant folding on a torch.export graph: what depends on no input is computed once, by torch itself.

Position-embedding interpolation and attention masks of fixed shape become plain constants this way, so the
rest of the compiler never meets the ops that made them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.fx import GraphModule, Node
from torch.fx.node import map_arg


def fold_constants(program: ExportedProgram) -> tuple[GraphModule, dict[str, str]]:
    """``program`` as a graph module whose constant subgraphs are buffers, and readable names of these.

    A constant equal to the one parameter it came from (an expand to the same shape, say) is that parameter.
    """
    graph_module: GraphModule = program.module(check_guards=False)
    values: dict[Node, Any] = {}
    with torch.no_grad():
        for node in graph_module.graph.nodes:
            if node.op == "get_attr":
                values[node] = _attribute(graph_module, str(node.target))
            elif _is_foldable(node, values):
                arguments, keywords = _arguments(node, values)
                values[node] = node.target(*arguments, **keywords)
    for node in graph_module.graph.nodes:
        if node.target is torch.ops.aten.scaled_dot_product_attention.default:
            _drop_idle_mask(node, values)
    names = {
        target: key
        for node in list(graph_module.graph.nodes)
        if node.op == "call_function" and node in values and isinstance(values[node], torch.Tensor)
        for target, key in _materialise(graph_module, node, values)
    }
    graph_module.graph.eliminate_dead_code()
    graph_module.recompile()
    return graph_module, names


def _arguments(node: Node, values: dict[Node, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    arguments: Any = map_arg((node.args, node.kwargs), values.__getitem__)
    return arguments


def _is_foldable(node: Node, values: dict[Node, Any]) -> bool:
    if node.op != "call_function" or any(argument not in values for argument in node.all_input_nodes):
        return False
    tags = getattr(node.target, "tags", ())
    return torch.Tag.nondeterministic_seeded not in tags


def _materialise(graph_module: GraphModule, node: Node, values: dict[Node, Any]) -> Iterator[tuple[str, str]]:
    """Replace ``node``, where something that is not constant uses it; yields the new buffer's names."""
    users = [user for user in node.users if user not in values]
    if not users:
        return
    value: torch.Tensor = values[node]
    parents = list(_parameters_behind(node))
    with graph_module.graph.inserting_before(node):
        if len(parents) == 1 and _identical(value, values[parents[0]]):
            constant = parents[0]
        else:
            target = f"folded_{node.name}"
            graph_module.register_buffer(target, value.detach().clone().contiguous())
            constant = graph_module.graph.get_attr(target)
            yield target, f"{parents[0].target}.folded" if len(parents) == 1 else f"folded.{node.name}"
    for user in users:
        user.replace_input_with(node, constant)


def _drop_idle_mask(attention: Node, values: dict[Node, Any]) -> None:
    """Take an attention mask that masks nothing (all True, or adds zero) away from ``attention``."""
    position = 3
    if len(attention.args) <= position:
        return
    argument = attention.args[position]
    mask = values.get(argument) if isinstance(argument, Node) else None
    if isinstance(mask, torch.Tensor) and bool((mask if mask.dtype == torch.bool else mask == 0).all()):
        attention.update_arg(position, None)


def _identical(value: torch.Tensor, parent: torch.Tensor) -> bool:
    return value.dtype == parent.dtype and value.shape == parent.shape and bool(torch.equal(value, parent))


def _parameters_behind(node: Node) -> Iterator[Node]:
    seen: set[Node] = set()
    pending = [node]
    while pending:
        current = pending.pop()
        if current in seen:
            continue
        seen.add(current)
        if current.op == "get_attr":
            yield current
        pending.extend(current.all_input_nodes)


def _attribute(graph_module: GraphModule, target: str) -> Any:
    found: Any = graph_module
    for part in target.split("."):
        found = getattr(found, part)
    return found
