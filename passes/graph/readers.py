"""Who reads a node; and which nodes only linears read, whose columns can make up for a scaling."""

from __future__ import annotations

from passes.graph.nodes import Graph, LinearNode, Node, inputs_of


def readers_of(graph: Graph) -> dict[Node, list[Node]]:
    """Who reads each node; the function's result is read by nobody."""
    readers: dict[Node, list[Node]] = {}
    for node in graph.live():
        for source in inputs_of(node):
            readers.setdefault(source, []).append(node)
    return readers


def linear_readers(graph: Graph) -> dict[Node, list[LinearNode]]:
    """The readers of each node that only linears read and that is not the result, in the order of the
    program.
    """
    result = graph.result.node if graph.result is not None else None
    found: dict[Node, list[LinearNode]] = {}
    for node, readers in readers_of(graph).items():
        linears = [reader for reader in readers if isinstance(reader, LinearNode)]
        if node is not result and len(linears) == len(readers):
            found[node] = linears
    return found
