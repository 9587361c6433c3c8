"""L1 LayerNorm: exact against a slow reference, near the real LayerNorm, its kernel bit for bit."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import slow_reference as slow
from hypothesis import given
from hypothesis import strategies as st
from kernel_harness import Operands, check, integers
from kernel_strategies import CHANNELS, FEW, ON_EVERY_TARGET, SEEDS, SHIFTS, THREADS, result
from numpy.typing import NDArray
from test_kernels_rows import norm_rows
from test_reference_norm import OUT, ROWS, draw_affine, extreme_rows, identity

from ivit_dialect import reference
from ivit_dialect.ops.l1 import L1LayerNormOp
from passes.quantization.norms import l1_norm
from passes.quantization.scales import Scale

WIDTHS = [1, 2, 3, 64, 197, 768, 4096, 16384]


def slow_normalised(row: list[int]) -> list[int]:
    """The values before the affine."""
    mean = math.floor(Fraction(sum(row), len(row)) + Fraction(1, 2))
    deviation = max(1, sum(abs(x - mean) for x in row))
    return [(x - mean) * ((2**31 - 1) // deviation) for x in row]


def normalised(row: NDArray[np.int16]) -> NDArray[np.int64]:
    scale, offset = identity(row.size)
    return reference.l1_layernorm(row[None], scale, offset, 1, np.int32)[0].astype(np.int64)


@given(ROWS, st.data(), st.integers(1, 62), OUT)
def test_reference_is_the_slow_one(row: list[int], data: st.DataObject, shift: int, out: str) -> None:
    scale, offset = draw_affine(data, len(row))
    got = reference.l1_layernorm(
        np.array([row], np.int16), np.array(scale, np.int32), np.array(offset), shift, out
    )
    assert got.dtype == out
    columns = zip(slow_normalised(row), scale, offset, strict=True)
    assert got.tolist() == [[slow.affine(h, m, b, shift, out) for h, m, b in columns]]


@pytest.mark.parametrize("channels", WIDTHS)
def test_edges_of_int16(channels: int) -> None:
    """No bit is lost where rows are widest; rows of equal values give 0."""
    for name, row in extreme_rows(channels).items():
        assert normalised(row).tolist() == slow_normalised(row.tolist()), name
        if np.ptp(row) == 0:
            assert not normalised(row).any(), name


@pytest.mark.parametrize("channels", WIDTHS)
def test_lies_near_the_quotient(channels: int) -> None:
    """Off by the rounded mean, and by a reciprocal that is short by a share of up to ``L / 2^31``."""
    for name, row in extreme_rows(channels).items():
        values = row.astype(np.float64)
        deviation = np.abs(values - np.floor(values.mean() + 0.5)).sum()
        if deviation == 0:
            continue
        exact = (values - values.mean()) / deviation
        bound = np.abs(exact) * deviation / 2.0**31 + 0.5 / deviation + 2.0**-30
        assert np.all(np.abs(normalised(row) / 2.0**31 - exact) <= bound), name


@pytest.mark.parametrize("step", [2.0**-9, 0.01, 0.07])
def test_is_layer_norm_of_normal_rows(step: float) -> None:
    """Within the roundings of output and mean, and by how much ``mean |d|`` of 768 normal values varies."""
    rng = np.random.default_rng(5)
    x = np.clip(rng.normal(300, 4000, (64, 768)), -32768, 32767).astype(np.int16)
    gamma, beta = rng.normal(0, 1, 768), rng.normal(0, 1, 768)
    gamma[:3], beta[3] = (0.0, -2.0, 1e-9), 50.0
    end = l1_norm(gamma, beta, Scale(step, 3))
    got = reference.l1_layernorm(x, end.scale, end.offset, end.shift, np.int32)
    want = (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True) * gamma + beta
    error = np.abs((got - 3) * step - want)
    assert np.all(error <= 0.51 * step + 0.12 * np.abs(want - beta) + 2e-4 * np.abs(gamma))
    assert np.all(got[:, 0] == math.floor(beta[0] / step + 3.5))


def test_awkward_gamma_and_beta() -> None:
    """gamma 0, negative and tiny, beta 0 and huge: rows of equal values give beta."""
    channels, step = 96, 0.01
    rng = np.random.default_rng(3)
    gamma, beta = rng.normal(0, 1, channels), rng.normal(0, 1, channels)
    gamma[:4], beta[2:6] = (0.0, -2.0, 1e-9, -1e-9), (500.0, -500.0, 0.0, 1e4)
    end = l1_norm(gamma, beta, Scale(step, 3))
    x = np.repeat(np.array([[-32768], [-7], [0], [32767]], np.int16), channels, axis=1)
    got = reference.l1_layernorm(x, end.scale, end.offset, end.shift, np.int32)
    assert got.tolist() == [np.floor(beta / step + 3.5).astype(int).tolist()] * 4
    varied = rng.integers(-32768, 0, (9, channels)).astype(np.int16)
    got = reference.l1_layernorm(varied, end.scale, end.offset, end.shift, np.int32)
    deviation = np.abs(varied - varied.mean(1, keepdims=True)).mean(1, keepdims=True)
    want = (varied - varied.mean(1, keepdims=True)) / (np.sqrt(np.pi / 2) * deviation) * gamma + beta
    assert np.all(np.abs((got - 3) * step - want) <= 0.51 * step + 1e-3 * np.abs(want - beta) + 1e-3)


@ON_EVERY_TARGET
@FEW
@given(SEEDS, CHANNELS, SHIFTS, st.sampled_from([np.int8, np.uint8, np.int16]), THREADS)
def test_kernel(target: str, seed: int, channels: int, shift: int, y_type: Any, threads: int) -> None:
    rng = np.random.default_rng(seed)
    x = norm_rows(rng, channels)
    scale = integers(rng, (channels,), np.int32)
    offset = integers(rng, (channels,), np.int64) >> 3
    operands = Operands()
    op = L1LayerNormOp(
        operands.activation(x),
        operands.constant(scale),
        operands.constant(offset),
        shift,
        result(x.shape, y_type),
    )
    check(op, operands, target, threads, reference.l1_layernorm(x, scale, offset, shift, y_type))


@ON_EVERY_TARGET
def test_kernel_on_the_widest_rows(target: str) -> None:
    channels = 16384
    x = norm_rows(np.random.default_rng(0), channels)
    scale, offset = np.full(channels, 2**31 - 1, np.int32), np.zeros(channels, np.int64)
    operands = Operands()
    constants = operands.constant(scale), operands.constant(offset)
    op = L1LayerNormOp(operands.activation(x), *constants, 52, result(x.shape, np.int16))
    check(op, operands, target, 2, reference.l1_layernorm(x, scale, offset, 52, np.int16))
