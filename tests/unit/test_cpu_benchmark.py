"""The benchmark of CPU speed: peers in turn, missing ones, ratios, tables, the peak probe, kernel times."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import ivit
from benchmarks.cpu import __main__ as benchmark
from benchmarks.cpu import prepare as preparing
from benchmarks.cpu import run as running
from benchmarks.cpu.kernels import KernelTimes, kernel_rows, kernel_times
from benchmarks.cpu.machine import machine_facts
from benchmarks.cpu.peak import SHAPES, Probe, gigamacs
from benchmarks.cpu.peers import OURS, PEERS, Peer
from benchmarks.cpu.plot import plot
from benchmarks.cpu.prepare import STEPS
from benchmarks.cpu.processes import run_module
from benchmarks.cpu.results import Program, Results, Row, fastest, rows_of
from benchmarks.cpu.rounds import Timing, measure
from benchmarks.cpu.show import markdown
from benchmarks.cpu.subjects import Case
from examples.fashion_vit import FashionViT
from ivit.report.content import LaunchRow
from lowering.targets import Target, host_targets, target_by_name

HOME = Path(__file__).resolve().parents[2]
CASE = Case(Path("folder"), "deit-tiny", 2, 1)

ECHO = """
import sys
sys.path.insert(0, {home!r})
import numpy as np
from benchmarks.cpu.worker import serve

def load():
    {load}
    return run

def run(images):
    global runs
    runs += 1
    {run}
    return images

runs = 0
serve(load, np.array([[1.0, {number}]], np.float32), sys.stdin, sys.stdout)
"""


def peer_command(number: float = 2.0, load: str = "pass", run: str = "pass") -> list[str]:
    """A peer that returns its images, and does something when it loads and when it runs."""
    return [sys.executable, "-c", ECHO.format(home=str(HOME), load=load, run=run, number=number)]


def timing(outputs: list[list[float]], *rounds: float) -> Timing:
    return Timing(list(rounds), 0.5, 0.1, 1 << 20, np.array(outputs))


def test_peers_run_in_turn() -> None:
    slow = peer_command(3.0, run="import time; time.sleep(0.02)")
    timings, died = measure({"fast": peer_command(), "slow": slow}, rounds=3, milliseconds=1)
    assert died == {}
    assert timings["fast"].outputs.tolist() == [[1.0, 2.0]]
    assert timings["slow"].outputs.tolist() == [[1.0, 3.0]]
    assert len(timings["fast"].rounds_ms) == 3
    assert timings["slow"].median_ms >= 20 > timings["fast"].median_ms
    assert (timings["slow"].peak_rss or 1 << 30) > 1 << 20


def test_peers_that_die_are_told_of_and_the_others_go_on() -> None:
    commands = {
        "unable": peer_command(load="raise RuntimeError('no such processor')"),
        "fair": peer_command(),
        "killed": peer_command(run="import os, signal; runs < 4 or os.kill(os.getpid(), signal.SIGKILL)"),
    }
    timings, died = measure(commands, rounds=3, milliseconds=0.001)
    assert list(timings) == ["fair"]
    assert len(timings["fair"].rounds_ms) == 3
    assert died == {"unable": "RuntimeError: no such processor", "killed": "ended with code -9"}


def test_threads_that_spin_have_ended_before_the_next_peer_runs(tmp_path: Path) -> None:
    record = tmp_path / "ended"
    spin = (
        "import threading, time; from pathlib import Path\n"
        "    def spin():\n"
        "        end = time.perf_counter() + 0.2\n"
        "        while time.perf_counter() < end: pass\n"
        f"        Path({str(record)!r}).write_text(str(time.monotonic()))\n"
        "    runs == 3 and threading.Thread(target=spin, daemon=True).start()"
    )
    note = f"open({str(tmp_path / 'next')!r}, 'a').write(str(__import__('time').monotonic()) + '\\n')"
    measure({"spins": peer_command(run=spin), "next": peer_command(run=note)}, 1, 0.001)
    first_in_round = float((tmp_path / "next").read_text().splitlines()[1])
    assert first_in_round > float(record.read_text())


def test_rows_compare_round_by_round() -> None:
    peers = [PEERS["torch"], PEERS["ort-static"], PEERS["openvino"], PEERS[OURS]]
    timings = {
        "torch": timing([[1, 0], [0, 1]], 4.0, 8.0, 12.0),
        "openvino": timing([[1, 1], [0, 1]], 30.0, 2.0, 3.0),
        OURS: timing([[1, 0], [0, 2]], 1.0, 2.0, 4.0),
    }
    rows = rows_of(CASE, peers, timings, {"ort-static": "not installed: onnxruntime"})
    assert [row.peer for row in rows] == ["torch", "ort-static", "openvino", OURS]
    assert [row.median_ms for row in rows] == [8.0, None, 3.0, 2.0]
    assert [row.ratio for row in rows] == [4.0, None, 1.0, 1.0]
    cosines = [row.cosine for row in rows]
    assert cosines == [1.0, None, pytest.approx(0.5**0.5), 1.0]
    assert rows[1].error == "not installed: onnxruntime"
    best = fastest(rows, lambda row: row.kind == "fp32")
    assert best is not None
    assert best.peer == "openvino"
    assert fastest(rows, lambda row: row.kind == "int8") is None


def test_without_ours_there_are_no_ratios() -> None:
    (row,) = rows_of(CASE, [PEERS["torch"]], {"torch": timing([[1]], 1.0)}, {OURS: "failed"})
    assert row.ratio is None
    assert row.cosine == pytest.approx(1.0)


def test_every_step_of_a_peer_is_there() -> None:
    for peer in PEERS.values():
        assert set(peer.steps) <= set(STEPS)


def test_peers_that_are_not_installed_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The whole command with peers that are not there, and a step of ours that fails."""
    absent = Peer("absent", "Absent", "int8", ("no_such_package",), ("onnx",), PEERS[OURS].load)

    def fail(case: Case, step: str) -> dict[str, object]:
        raise RuntimeError("no compiler")

    monkeypatch.setattr(running, "prepare", fail)
    monkeypatch.setattr(benchmark, "PEERS", {"absent": absent, OURS: PEERS[OURS]})
    monkeypatch.setattr(sys, "argv", ["benchmark", "--models", "deit-tiny", "--batch", "1", "--threads", "1"])
    sys.argv += [
        "--peers",
        "absent",
        "--json",
        str(tmp_path / "cpu.json"),
        "--markdown",
        str(tmp_path / "t.md"),
    ]
    assert benchmark.main() == 0
    saved = json.loads((tmp_path / "cpu.json").read_text())
    assert [row["error"].partition(" (")[0] for row in saved["rows"]] == [
        "not installed: no_such_package",
        "mlir: no compiler",
    ]
    assert saved["programs"][0]["error"] == "mlir: no compiler"
    assert set(saved["machine"]) >= {"cpu", "features", "cores", "versions", "date"}
    printed = capsys.readouterr()
    assert "Absent: not installed: no_such_package (pip install 'ivit[import,bench]')" in printed.out
    assert "no_such_package" in (tmp_path / "t.md").read_text()
    assert "ivit failed (2 missing)" in printed.err
    assert not list(tmp_path.glob(".*"))


def test_bad_input_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(sys, "argv", ["benchmark", "--folder", str(tmp_path / "file")])
    assert benchmark.main() == 1
    assert capsys.readouterr().err.count("\n") == 1
    monkeypatch.setattr(sys, "argv", ["benchmark", "--rounds", "0"])
    with pytest.raises(SystemExit, match="2"):
        benchmark.main()
    assert "expected a whole number from 1 to 1000, got '0'" in capsys.readouterr().err


def test_code_for_another_machine_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(benchmark, "host_targets", lambda: [target_by_name("generic")])
    monkeypatch.setattr(sys, "argv", ["benchmark", "--target", "x86-64-avx512vnni"])
    assert benchmark.main() == 1
    message = "this machine cannot run code for x86-64-avx512vnni: choose one of host, generic"
    assert capsys.readouterr().err == f"benchmarks.cpu: error: {message}\n"


def test_files_are_kept_where_the_same_versions_made_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    installed = "1.0"

    def version(_: str) -> str:
        return installed

    def make(_: str, step: str, *arguments: str) -> str:
        made.append(step)
        versions = dict.fromkeys(STEPS[step].packages, installed)
        (tmp_path / f"deit-tiny.{step}.json").write_text(json.dumps({"versions": versions}))
        return ""

    monkeypatch.setattr(preparing, "run_module", make)
    monkeypatch.setattr(preparing, "metadata", SimpleNamespace(version=version))
    case = Case(tmp_path, "deit-tiny", 1, 1)
    for step in ("onnx", "ivit", "onnx", "ivit"):
        preparing.prepare(case, step)
    assert made == ["onnx", "ivit", "ivit"]
    installed = "1.1"
    preparing.prepare(case, "onnx")
    assert made[-1] == "onnx"


def test_a_module_that_fails_says_why() -> None:
    with pytest.raises(RuntimeError, match=r"^ValueError: not enough values to unpack"):
        run_module("benchmarks.cpu.prepare")


@pytest.mark.parametrize("shape", SHAPES)
def test_the_probe_computes_what_it_is_timed_for(shape: tuple[int, int]) -> None:
    """Each accumulator is the sum of the products that its vectors have, over all steps and rounds."""
    target = target_by_name("generic")
    read, kept = shape
    probe = Probe(target, target.weight_dot, read, kept)
    vectors = probe.buffer.view(np.int16).reshape(-1, target.lanes(32), 2).astype(np.int64)
    moving = vectors.reshape(-1, read, target.lanes(32), 2).sum(axis=0)
    expected = 3 * (moving[:, None] * vectors[None, :kept]).sum(axis=-1)
    assert probe.sums(3).reshape(expected.shape).tolist() == expected.astype(np.int32).tolist()


@pytest.mark.parametrize("target", host_targets(), ids=lambda target: target.name)
def test_every_dot_instruction_has_a_probe(target: Target) -> None:
    for instruction in (target.weight_dot, target.pair_dot, target.narrow_dot):
        assert instruction is None or 0.1 < Probe(target, instruction, 2, 3).gigamacs(1e-4) < 1e4


def test_the_peak_is_a_rate() -> None:
    target = target_by_name("generic")
    assert 0.1 < gigamacs(target, target.weight_dot, seconds=1e-4) < 1e4


def test_products_are_their_slowest_kernels() -> None:
    launches = [
        LaunchRow("patchify", "patches", 5.0),
        LaunchRow("linear", "patch_embed", 20.0),
        LaunchRow("linear", "block0.fc1", 30.0),
        LaunchRow("linear", "block1.fc1", 10.0),
        LaunchRow("copy", "tokens", 1.0),
    ]
    rows = kernel_rows(launches, {"patch embedding": 400, "MLP: fc1, GELU": 8000})
    assert [(row.kernel, row.launches, row.microseconds, row.macs) for row in rows] == [
        ("patchify", 1, 5.0, 0),
        ("linear", 1, 20.0, 400),
        ("linear", 2, 40.0, 8000),
        ("copy", 1, 1.0, 0),
    ]
    assert rows[2].gigamacs == pytest.approx(0.2)


def test_kernels_of_a_tiny_model() -> None:
    model = FashionViT(32, 1, 2, patch=8, image=16, channels=3, classes=8).eval()
    compiled = ivit.compile((model, torch.zeros(1, 3, 16, 16)), target="generic")
    image = np.zeros((1, 3, 16, 16), np.float32)
    times = kernel_times(compiled.artifact, image, target_by_name("generic"), seconds=1e-4)
    assert times.arena == compiled.artifact.program.arena_bytes
    assert 0 < times.live <= times.arena
    assert times.rest().microseconds < times.microseconds
    groups = {row.group: row.macs for row in times.rows if row.macs}
    assert groups["patch embedding"] == 4 * 32 * 3 * 8 * 8
    assert KernelTimes.from_json(json.loads(json.dumps(times.__dict__, default=vars))) == times
    page = markdown(Results(machine_facts(), {}, [], [Program("tiny", 1.0, times)]))
    assert f" {machine_facts()['cores']} cores, " in page.splitlines()[0]
    assert "| all GEMM |" in page
    assert "Target generic." in page


def test_a_picture_is_drawn(tmp_path: Path) -> None:
    row = Row("deit-tiny", 1, 1, OURS, "ivit INT8", "int8", median_ms=2.0)
    plot(Results({}, {}, [row], []), tmp_path / "cpu.png")
    assert (tmp_path / "cpu.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="nothing to draw"):
        plot(Results({}, {}, [], []), tmp_path / "none.png")
