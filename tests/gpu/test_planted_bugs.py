"""Bugs planted in the compiler's own kernels are caught: the tests of kernels can fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import kernel_harness
import kernels
import numpy as np
import pytest
import test_cuda_attention as attention
import test_gemm as gemm
import test_kernels_rows as rows
from kernels import Stand
from planting import BUGS, planted
from ptx import KernelError

from lowering.cuda.build import Facts
from lowering.cuda.kernel_functions import Kernel
from lowering.kernels.base import KernelSpec

LINEAR = gemm.Case(1, 50, 128, 128, np.int8, shift=44)


@dataclass(frozen=True)
class Subject:
    """A kernel of the compiler's own: a test of it, and the bugs that it has a place for."""

    target: str
    test: Callable[[str], None]
    bugs: tuple[str, ...]


def linear(**arguments: Any) -> Callable[[str], None]:
    def run(target: str) -> None:
        actual, expected = gemm.run_and_expect(replace(LINEAR, **arguments), target, 1)
        np.testing.assert_array_equal(actual, expected)

    return run


def drawn(test: Any, **arguments: Any) -> Callable[[str], None]:
    """A test that Hypothesis draws examples for, with one of our own."""
    return lambda target: test.hypothesis.inner_test(target=target, seed=1, threads=1, **arguments)


def attend(case: attention.Case, target: str) -> None:
    attention.run(case, target)


BARRIER, COPY, WAIT = "a missing barrier", "a missing copy", "a wait for one group less"
BRANCH, CHUNK = "a branch turned round", "the next chunk of a matrix"
SHUFFLE = "a shuffle from the wrong lane"
KERNELS = {
    "mma and cp.async": Subject(
        "cuda:sm_80",
        linear(inner=512),
        (BARRIER, COPY, WAIT, BRANCH, "fragments of A swapped", "fragments of B swapped", CHUNK),
    ),
    "mma through registers": Subject("cuda:sm_75", linear(inner=128), (BARRIER, "A and B exchanged", CHUNK)),
    "dp4a": Subject("cuda:sm_61", linear(inner=128, columns=64), (BARRIER, "dp4a of the wrong word")),
    "layernorm": Subject(
        "cuda:sm_80",
        drawn(rows.test_layernorm, channels=200, shift=38, epsilon=1),
        (SHUFFLE,),
    ),
    "attention": Subject(
        "cuda:sm_80",
        lambda target: attend(attention.Case(70, 2, 32), target),
        (BARRIER, COPY, BRANCH, "fragments of A swapped", "fragments of B swapped", CHUNK, SHUFFLE),
    ),
}


def is_caught(tested: Subject) -> bool:
    """Whether the test fails: by wrong numbers, or by what the interpreter forbids."""
    try:
        tested.test(tested.target)
    except (KernelError, AssertionError):
        return True
    return False


@pytest.mark.parametrize("name", KERNELS)
def test_planted_bugs_are_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tested, build = KERNELS[name], kernels.built
    good, text = "", ""

    def built(spec: KernelSpec, facts: tuple[Facts, ...], target: str) -> tuple[Kernel, str]:
        nonlocal good
        kernel, good = build(spec, facts, target)
        return kernel, text or good

    stand = Stand(tested.target)
    monkeypatch.setattr(kernels, "built", built)
    monkeypatch.setattr(kernel_harness, "run_op", stand.run_op)
    monkeypatch.setattr(gemm, "run_op", stand.run_op)
    tested.test(tested.target)
    for bug in tested.bugs:
        mutants = list(planted(good, bug, most=2))
        assert mutants, f"no place for {bug}"
        for mutant in mutants:
            text = mutant.text
            assert is_caught(tested), mutant.name


def test_every_bug_is_planted_somewhere() -> None:
    assert {bug for tested in KERNELS.values() for bug in tested.bugs} == set(BUGS)
