"""The benchmark on a GPU, what it shows and who takes part: results, tables, pictures, peers, the command."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.gpu import __main__ as benchmark
from benchmarks.gpu import peers as taking_part
from benchmarks.gpu.kernels import KernelRow, LinearRow
from benchmarks.gpu.peers import GRAPH, OURS, PEERS, REFERENCE
from benchmarks.gpu.results import CaseResult, Results, Row, fastest
from benchmarks.gpu.show import markdown, plot

MACHINE = {
    "device": "NVIDIA H200",
    "capability": "9.0",
    "multiprocessors": 132,
    "memory": 2**37,
    "cuda": "13.0",
    "system": "Linux",
    "versions": {"torch": "2.0", "triton": None},
    "date": "2026-01-01T00:00:00+00:00",
}


def row(peer: str, kind: Any, time: float | None, error: str | None = None) -> Row:
    title = PEERS[peer].title
    ratio = None if time is None else time / 2
    return Row("deit-tiny", 8, peer, title, kind, time, ratio, 0.99, [], error)


@pytest.fixture
def results() -> Results:
    rows = [
        row(REFERENCE, "fp32", 9.0),
        row("torch-fp16", "fp16", 4.0),
        row("torch-fp16-compile", "fp16", None, "no C compiler"),
        row(OURS, "int8", 2.0),
        row(GRAPH, "int8", 1.9),
    ]
    kernels = [
        KernelRow("fc1", "gemm", 12, 100.0, 10**9, 10**6, 50.0),
        KernelRow("norm", "n", 25, 5.0, 0, 9, 1.0),
    ]
    linear = [LinearRow("fc1", 64, 32, 16, 3.0, 6.0), LinearRow("head", 8, 9, 9, 1.0, None, "few rows")]
    case = CaseResult("deit-tiny", 8, "cuda:sm_90a", True, rows, kernels, linear)
    return Results(MACHINE, {"rounds": 3}, [case, replace(case, batch=1, equal=False, kernels=[], linear=[])])


def test_results_are_plain_values(results: Results) -> None:
    text = json.dumps(results.to_json())
    assert Results.from_json(json.loads(text)) == results
    others: list[dict[str, Any]] = [{}, {"machine": 1, "settings": 2, "cases": [{}]}]
    for wrong in others:
        with pytest.raises(ValueError, match="not the results of a run on a GPU"):
            Results.from_json(wrong)


def test_tables(results: Results) -> None:
    text = markdown(results)
    for line in (
        "NVIDIA H200 (compute capability 9.0, 132 multiprocessors, 128 GiB), CUDA 13.0, Linux, 2026-01-01;"
        " torch 2.0",
        "| deit-tiny | 8 | equal | 2.000 | PyTorch FP32, eager | 4.50× | – | – "
        "| PyTorch FP16, eager | 2.00× |",
        "| PyTorch FP16, torch.compile | missing | – | – | 0.9900 |",
        "PyTorch FP16, torch.compile: no C compiler  ",
        "| ivit INT8 | 2.000 | 4000 |  | 0.9900 |",
        "cuda:sm_90a: every bit as on the CPU  ",
        "cuda:sm_90a: OTHER BITS THAN ON THE CPU  ",
        "| fc1 | gemm | 12 | 100.0 | 95.2 | 1000 | 20.0 | 1.00 | 10 | 50 |",
        "| everything |  | 37 | 105.0 | 100.0 | 1000 | 19.0 | 1.00 | 10 | 49 |",
        "The graph of all of them takes 1900.0 µs.  ",
        "| fc1 | 64 | 32 | 16 | 3.0 | 6.0 | 2.00× |",
        "head: few rows  ",
    ):
        assert f"{line}\n" in text
    unknown = markdown(replace(results, machine={**MACHINE, "device": "NVIDIA Unknown"}))
    assert "No peak is known of NVIDIA Unknown: benchmarks/gpu/peaks.py lists" in unknown
    best = fastest(results.cases[0].rows, lambda row: True)
    assert best is not None
    assert best.peer == "torch-fp16"


def test_pictures(results: Results, tmp_path: Path) -> None:
    plot(results, tmp_path / "gpu.png")
    assert (tmp_path / "gpu.png").read_bytes().startswith(b"\x89PNG")


def test_the_command_without_a_gpu(
    results: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks.gpu", "--show", str(tmp_path / "gpu.json")])
    assert benchmark.main() == 1
    assert "gpu.json: no such file" in capsys.readouterr().err
    for text in ("no JSON", "[]", '{"machine": {}}'):
        (tmp_path / "gpu.json").write_text(text)
        assert benchmark.main() == 1
        assert "gpu.json: not the results of a run on a GPU (" in capsys.readouterr().err
    good = replace(results, cases=results.cases[:1])
    (tmp_path / "gpu.json").write_text(json.dumps(good.to_json()))
    assert benchmark.main() == 0
    assert capsys.readouterr().out.startswith("NVIDIA H200")
    (tmp_path / "gpu.json").write_text(json.dumps(results.to_json()))
    assert benchmark.main() == 1
    assert "deit-tiny, batch 1, cuda:sm_90a: OTHER BITS THAN ON THE CPU" in capsys.readouterr().err


def test_the_cases_and_peers_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(benchmark, "_run", seen.append)
    monkeypatch.setattr(sys, "argv", ["benchmarks.gpu"])
    assert benchmark.main() == 0
    (options,) = seen
    assert options.batch == [1, 8, 32, 128]
    assert options.peers == list(PEERS)
    assert [(peer.key, peer.kind) for peer in PEERS.values() if peer.kind != "int8"] == [
        ("torch-fp32", "fp32"),
        ("torch-tf32", "tf32"),
        ("torch-fp16", "fp16"),
        ("torch-fp16-compile", "fp16"),
        ("torch-bf16-compile", "bf16"),
    ]


def test_peers_have_the_numbers_and_the_compiler_of_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[dict[str, Any]] = []
    dtypes: list[str] = []

    def compile_model(model: Any, **options: Any) -> Any:
        compiled.append(options)
        return model

    def moved(device: str, dtype: str) -> str:
        dtypes.append(dtype)
        return device

    def deit(name: str) -> Any:
        return SimpleNamespace(to=moved)

    def normalised(dtype: str) -> str:
        return dtype

    backends = SimpleNamespace(cuda=SimpleNamespace(matmul=SimpleNamespace()), cudnn=SimpleNamespace())
    types = {name: name for name in ("float32", "float16", "bfloat16")}
    torch = SimpleNamespace(compile=compile_model, backends=backends, **types)
    case: Any = SimpleNamespace(
        torch=torch, carried=SimpleNamespace(model="deit-tiny"), normalised=normalised
    )
    monkeypatch.setattr(taking_part, "deit", deit)
    peers = [peer for peer in PEERS.values() if peer.kind != "int8"]
    rounded: list[tuple[bool, bool]] = []
    for peer in peers:
        peer.prepare(torch)
        rounded.append((backends.cuda.matmul.allow_tf32, backends.cudnn.allow_tf32))
        peer.load(case)
    assert rounded == [(False, False), (True, True), *[(False, False)] * 3]
    assert dtypes == ["float32", "float32", "float16", "float16", "bfloat16"]
    assert compiled == [{"mode": "max-autotune", "dynamic": False}] * 2
