"""Chains of views and permutes in their canonical form: the same elements, whatever the chain."""

from __future__ import annotations

from math import prod
from typing import TypeAlias

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_exports import outputs, parse

from passes.raise_torch import RaiseTorchPass

Sizes: TypeAlias = tuple[int, ...]
Chain: TypeAlias = tuple[Sizes, list[tuple[str, Sizes]], bool]
DYNAMIC = 3  # the batch at run time, where the type says ?


@st.composite
def regrouped(draw: st.DrawFn, sizes: Sizes, batch: int | None) -> Sizes:
    """Other sizes of as many elements; ``batch`` (an index of ``sizes``) stays a dimension of its own."""
    if batch is not None:
        before = draw(regrouped(sizes[:batch], None)) if batch else ()
        after = draw(regrouped(sizes[batch + 1 :], None)) if batch + 1 < len(sizes) else ()
        return (*before, sizes[batch], *after)
    factors: list[int] = []
    rest = prod(sizes)
    while rest > 1:
        divisors = [n for n in range(1, rest + 1) if rest % n == 0]
        factors.append(draw(st.sampled_from(divisors)))
        rest //= factors[-1]
        if len(factors) == 4:
            factors[-1] *= rest
            rest = 1
    return tuple(factors) or (1,)


@st.composite
def chains(draw: st.DrawFn, base: Sizes) -> Chain:
    """Views (with their sizes) and permutes (with their order) from ``base``, N dynamic or one."""
    dynamic = draw(st.booleans())
    sizes: Sizes = (DYNAMIC if dynamic else 1, *base)
    batch: int | None = 0 if dynamic else None
    chain: list[tuple[str, Sizes]] = []
    for _ in range(draw(st.integers(1, 5))):
        if draw(st.booleans()):
            order = tuple(draw(st.permutations(range(len(sizes)))))
            chain.append(("permute", order))
            sizes = tuple(sizes[dim] for dim in order)
            batch = None if batch is None else order.index(batch)
        else:
            before = 0 if batch is None else prod(sizes[:batch])
            sizes = draw(regrouped(sizes, batch))
            chain.append(("view", sizes))
            if batch is not None:
                batch = next(
                    index
                    for index in range(len(sizes))
                    if prod(sizes[:index]) == before and sizes[index] == DYNAMIC
                )
    return base, chain, dynamic


def module_text(base: Sizes, chain: list[tuple[str, Sizes]], dynamic: bool) -> str:
    """A function that runs ``chain``; in a dynamic one DYNAMIC stands for the batch, wherever it is."""
    sizes: Sizes = (DYNAMIC if dynamic else 1, *base)
    batch = 0
    argument = value = tensor(sizes, batch if dynamic else None)
    lines: list[str] = []
    name = "%x"
    for index, (kind, given_sizes) in enumerate(chain):
        if kind == "permute":
            operands, batch = given_sizes, given_sizes.index(batch) if dynamic else 0
            sizes = tuple(sizes[dim] for dim in given_sizes)
        else:
            before, sizes = prod(sizes[:batch]), given_sizes
            if dynamic:
                batch = next(
                    i for i in range(len(sizes)) if prod(sizes[:i]) == before and sizes[i] == DYNAMIC
                )
            operands = tuple(-1 if dynamic and i == batch else size for i, size in enumerate(sizes))
        names = [f"%c{index}_{position}" for position in range(len(operands))]
        lines += [f"{c} = torch.constant.int {number}" for c, number in zip(names, operands, strict=True)]
        ints = ", ".join(["!torch.int"] * len(names))
        lines.append(
            f"%l{index} = torch.prim.ListConstruct {', '.join(names)} : ({ints}) -> !torch.list<int>"
        )
        result = tensor(sizes, batch if dynamic else None)
        lines.append(
            f"%v{index} = torch.aten.{kind} {name}, %l{index} : {value}, !torch.list<int> -> {result}"
        )
        name, value = f"%v{index}", result
    body = "\n".join(lines)
    return f"func.func @main(%x: {argument}) -> {value} {{\n{body}\nreturn {name} : {value}\n}}"


def tensor(sizes: Sizes, batch: int | None) -> str:
    shape = ",".join("?" if index == batch else str(size) for index, size in enumerate(sizes))
    return f"!torch.vtensor<[{shape}],f32>"


def canonical(chain: Chain) -> list[str]:
    """The names of the ops that ``chain`` becomes, checked to move the same elements."""
    base, _, dynamic = chain
    module, ctx = parse(module_text(*chain))
    batch = DYNAMIC if dynamic else 1
    x = np.arange(batch * prod(base), dtype=np.float32).reshape(batch, *base)
    before = outputs(module, ctx, x)
    RaiseTorchPass().apply(ctx, module)
    module.verify()
    after = outputs(module, ctx, x)
    assert after.shape == before.shape
    assert np.array_equal(after, before)
    return [op.name for op in module.walk()]


@settings(max_examples=100, deadline=None)
@given(chains((6, 8)))
def test_any_chain_moves_the_same_elements(chain: Chain) -> None:
    canonical(chain)


@settings(max_examples=100, deadline=None)
@given(chains((4, 16)))
def test_chains_without_awkward_factors_are_one_permute_between_two_views(chain: Chain) -> None:
    names = canonical(chain)
    assert names.count("torch.aten.permute") <= 1
    assert names.count("torch.aten.view") <= 2
