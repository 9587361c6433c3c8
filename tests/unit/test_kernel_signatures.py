"""Launches that a plan's text may hold: refused with one line, or built; never anything else."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
import test_compile
from test_kernels_modules import CASES, MODULES, in_form
from xdsl.dialects.builtin import IntegerType, MemRefType, ModuleOp

from ivit_dialect.load import parse_module
from ivit_dialect.store import StoreContext
from ivit_dialect.types import ui8
from lowering.cuda.kernels.registry import cuda_families
from lowering.cuda.targets import cuda_target
from lowering.kernels.base import KernelSpec, build_function
from lowering.kernels.registry import families
from lowering.launches import kernel_spec
from lowering.plan import LaunchOp
from lowering.plan_memory import PlanMemoryPass
from lowering.targets import target_by_name

GENERIC = target_by_name("generic")
WHAT_IT_LACKS = "^(lacks the (config|scalar) '|takes [0-9]+ inputs? )"
ELEMENTS = (ui8, *(IntegerType(width) for width in (8, 16, 32, 64)))


def specs() -> dict[str, list[KernelSpec]]:
    """Valid launches of every kernel."""
    ctx = StoreContext(store=test_compile.weights())
    modules = [(parse_module(test_compile.text(1), "test.mlir", ctx), ctx)]
    modules += [in_form(MODULES[name], pipeline) for name, pipeline in CASES]
    found: dict[str, dict[KernelSpec, None]] = {}
    for module, ctx in modules:
        PlanMemoryPass("generic").apply(ctx, module)
        for op in module.walk():
            if isinstance(op, LaunchOp):
                found.setdefault(op.kernel.data, {})[kernel_spec(op)] = None
    return {name: list(some) for name, some in found.items()}


SPECS = specs()


def changed(kind: MemRefType, rng: random.Random) -> MemRefType:
    """A memref of other elements, another extent or another rank."""
    shape, element = list(kind.get_shape()), kind.element_type
    match rng.randrange(4):
        case 0:
            element = rng.choice(ELEMENTS)
        case 1:
            shape[rng.randrange(len(shape))] += rng.choice((-1, 1))
        case 2:
            shape.insert(rng.randrange(len(shape) + 1), 1)
        case _:
            shape.pop(rng.randrange(len(shape)))
    return MemRefType(element, shape)


def mutated(spec: KernelSpec, rng: random.Random) -> KernelSpec:
    """The launch with one thing wrong, or merely different."""
    memrefs, config, scalars = list(spec.memrefs), dict(spec.config), list(spec.scalars)
    at, inputs = rng.randrange(len(memrefs)), spec.inputs
    match rng.choice(("memref", "memref", "lack", "more", "config", "scalar")):
        case "memref":
            memrefs[at] = changed(memrefs[at], rng)
        case "lack":
            memrefs.pop(at)
            inputs -= at < inputs
        case "more":
            memrefs.insert(0, memrefs[0])
            inputs += 1
        case "config" if config:
            name = rng.choice(list(config))
            if rng.random() < 0.3:
                config.pop(name)
            else:
                config[name] = rng.choice(("", "mulhi", "none", -1, 0, 1, 2, 3, 5))
        case _ if scalars:
            scalars.pop(rng.randrange(len(scalars)))
        case _:
            scalars = ["shift"]
    return replace(
        spec,
        memrefs=tuple(memrefs),
        inputs=inputs,
        config=tuple(sorted(config.items())),
        scalars=tuple(sorted(scalars)),
    )


@pytest.mark.parametrize("name", sorted(families()))
def test_what_is_admitted_is_built(name: str) -> None:
    rng = random.Random(name)
    family, refusals, admitted = families()[name], list[str](), 0
    for _ in range(60):
        spec = mutated(rng.choice(SPECS[name]), rng)
        try:
            family.check(spec, GENERIC)
        except ValueError as error:
            refusals.append(str(error))
            continue
        admitted += 1
        if admitted <= 5:
            ModuleOp([build_function(family, spec, GENERIC, "kernel")]).verify()
    assert refusals
    assert all("\n" not in refusal for refusal in refusals)


@pytest.mark.parametrize("name", sorted(families()))
def test_valid_launches_are_admitted(name: str) -> None:
    for spec in SPECS[name]:
        families()[name].check(spec, GENERIC)


@pytest.mark.parametrize("name", sorted(families()))
def test_a_launch_of_nothing_is_told_what_it_lacks(name: str) -> None:
    with pytest.raises(ValueError, match=WHAT_IT_LACKS):
        families()[name].check(KernelSpec(name, memrefs=(), inputs=0), GENERIC)


@pytest.mark.parametrize("name", sorted(cuda_families()))
def test_a_launch_of_nothing_on_a_gpu_is_told_what_it_lacks(name: str) -> None:
    with pytest.raises(ValueError, match=WHAT_IT_LACKS):
        cuda_families()[name].check(KernelSpec(name, memrefs=(), inputs=0), cuda_target("cuda:sm_80"))
