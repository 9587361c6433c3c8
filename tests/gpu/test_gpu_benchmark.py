"""The benchmark on a GPU, without one: files, costs, peaks, rounds, a run on the emulator."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import test_cuda_runtime
import tiny_files
import torch
from emulated_driver import EmulatedDriver
from emulated_tensors import emulate_tensors, on_device
from safetensors.numpy import save_file
from test_gpu_results import MACHINE

import ivit
from benchmarks.gpu import carried as carrying
from benchmarks.gpu import prepare as preparing
from benchmarks.gpu import run as running
from benchmarks.gpu.carried import Carried, Cost, load, load_best, load_reference, save, save_reference
from benchmarks.gpu.kernels import REPEATED, bytes_of, kernel_rows
from benchmarks.gpu.peaks import PEAKS, Peak, peak_of
from benchmarks.gpu.peers import GRAPH, OURS, PEERS, REFERENCE, Case, Peer
from benchmarks.gpu.prepare import carried_of
from benchmarks.gpu.results import Results
from benchmarks.gpu.run import Plan, run
from benchmarks.gpu.timing import Contestant, burst, contest
from ivit.model import Model
from runtime.boundary import Boundary
from runtime.cuda import devices
from runtime.cuda.driver import Driver

HOME = Path(__file__).resolve().parents[2]


class FakeClock:
    """Calls once, and tells times that were set for the calls."""

    def __init__(self) -> None:
        self.bursts: list[int] = []

    def milliseconds(self, call: Callable[[], object], count: int) -> float:
        self.bursts.append(count)
        value = call()
        return value if isinstance(value, float) else 0.5


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    (folder / "tiny.mlir").write_bytes(tiny_files.TEXT.read_bytes())
    save_file(tiny_files.random_weights(), folder / "tiny.safetensors")
    return folder / "tiny.mlir"


@pytest.fixture(scope="module")
def model(source: Path) -> Model:
    return ivit.compile(source, tiny_files.pixels(), target="cuda:sm_80")


@pytest.fixture(scope="module")
def carried(model: Model) -> Carried:
    return carried_of("tiny", model)


def tiny_pixels(count: int, shape: tuple[int, int, int] = (12, 12, 3)) -> np.ndarray[Any, Any]:
    height, width, _ = shape
    return tiny_files.pixels(128)[:count, :height, :width].copy()


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (carrying, running, preparing):
        monkeypatch.setattr(module, "pixels", tiny_pixels)


def test_costs_are_those_of_the_launches(carried: Carried) -> None:
    costs: dict[str, Cost] = {}
    for launch, cost in zip(carried.program.launches, carried.costs, strict=True):
        for name in launch.name.split(" + "):
            costs[name] = cost
    assert costs["patch_embed"] == Cost(4 * 16 * 108, (4, 16, 108))
    assert costs["block0_attention"] == Cost(2 * 5 * 5 * 16)
    assert costs["head"] == Cost(16 * 5, (1, 5, 16))
    assert costs["norm"] == Cost()
    assert sum(cost.macs for cost in carried.costs) == 4 * 16 * 108 + 3 * 1280 + 800 + 256 + 2 * 512 + 80
    linear = [cost for name, cost in costs.items() if name in ("block0_q", "block0_k", "block0_v")]
    for cost in linear:
        assert cost.linear is not None
        assert cost.linear[::2] == (5, 16)
        assert cost.macs == np.prod(cost.linear)


def test_a_model_is_carried_whole(carried: Carried, tmp_path: Path) -> None:
    path = save(carried, tmp_path)
    assert path.name == "tiny.sm_80.npz"
    again = load(path)
    assert (again.model, again.boundary, again.costs) == ("tiny", carried.boundary, carried.costs)
    assert replace(again.program, weights=carried.program.weights) == carried.program
    np.testing.assert_array_equal(again.program.weights, carried.program.weights)


def test_the_best_that_the_gpu_runs(carried: Carried, tmp_path: Path) -> None:
    for architecture in ("sm_61", "sm_80", "sm_90", "sm_90a"):
        program = replace(carried.program, architecture=architecture, target=f"cuda:{architecture}")
        save(replace(carried, program=program), tmp_path)
    for capability, expected in (
        ((7, 5), "sm_61"),
        ((8, 9), "sm_80"),
        ((9, 0), "sm_90a"),
        ((10, 0), "sm_90"),
    ):
        assert load_best(tmp_path, "tiny", capability, "G").program.architecture == expected
    with pytest.raises(ValueError, match=r"the GPU G has 5\.0"):
        load_best(tmp_path, "tiny", (5, 0), "G")
    with pytest.raises(ValueError, match=r"has no deit-tiny: .* --prepare"):
        load_best(tmp_path, "deit-tiny", (8, 0), "G")


def test_other_files_are_refused(carried: Carried, tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", integers=np.zeros(3))
    with pytest.raises(ValueError, match=r"other\.npz: not a model that --prepare has written"):
        load(tmp_path / "other.npz")
    with pytest.raises(ValueError, match=r"^\d+ launches, but 0 costs"):
        replace(carried, costs=())


def test_references_are_of_the_same_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    integers = np.arange(10, dtype=np.int32).reshape(2, 5)
    save_reference(tmp_path, "tiny", integers)
    np.testing.assert_array_equal(load_reference(tmp_path, "tiny"), integers)

    def others(count: int, shape: tuple[int, int, int]) -> np.ndarray[Any, Any]:
        return tiny_pixels(count + 1)[1:]

    monkeypatch.setattr(carrying, "pixels", others)
    with pytest.raises(ValueError, match="draws other images"):
        load_reference(tmp_path, "tiny")
    with pytest.raises(ValueError, match="no such file: write it with"):
        load_reference(tmp_path, "deit-tiny")


def test_preparing(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    made: list[Model] = []
    compile_model = ivit.compile

    def compiled(src: Path, **options: Any) -> Model:
        assert options == {"mean": carrying.MEAN, "std": carrying.STD, **preparing.OPTIONS["paper"]}
        made.append(compile_model(src, **options))
        return made[-1]

    def exported(model: str, folder: Path) -> Path:
        assert model == "tiny"
        return source

    monkeypatch.setattr(ivit, "compile", compiled)
    monkeypatch.setattr(preparing, "_export", exported)
    folder = tmp_path / "new"
    preparing.prepare(folder, ["tiny-paper"], ["cuda:sm_90a"], 3, lines.append)
    assert load_best(folder, "tiny-paper", (9, 0), "G").program.target == "cuda:sm_90a"
    integers = made[0].integers(tiny_pixels(3))[0]
    np.testing.assert_array_equal(load_reference(folder, "tiny-paper"), integers)
    assert lines[1] == "tiny-paper: 3 images on this CPU"
    assert preparing.target_for((8, 7)) == "cuda:sm_86"


@pytest.mark.parametrize("target", ["x86-64-avx2", "cpu", "sm_80", "cuda:sm_52"])
def test_other_targets_are_refused_at_once(target: str, tmp_path: Path) -> None:
    lines: list[str] = []
    with pytest.raises(ValueError, match=r"target '.*cuda:sm_100a$"):
        preparing.prepare(tmp_path / "new", ["deit-tiny"], ["cuda:sm_80", target], 3, lines.append)
    assert not lines
    assert not (tmp_path / "new").exists()


def test_names_say_what_a_model_is_compiled_with(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[tuple[Any, ...]] = []

    def compiled(*arguments: Any, **options: Any) -> None:
        seen.append((arguments[0].parent.name, options))

    monkeypatch.setattr(ivit, "compile", compiled)
    for name in carrying.DEMOS:
        preparing.compiled(name, tmp_path)
    assert seen == [("demo", {}), *(("demo", preparing.OPTIONS[name]) for name in preparing.OPTIONS)]


def test_floors() -> None:
    peak = Peak(teraops=100, gigabytes=1000)
    assert peak.floor_us(10**9, 1000) == pytest.approx(20)
    assert peak.floor_us(0, 10**6) == pytest.approx(1)
    assert peak_of("NVIDIA H200") is PEAKS["NVIDIA H200"]
    assert peak_of("NVIDIA H") is None


def test_kernels_by_kind(carried: Carried) -> None:
    images = 4
    times = [float(number + 1) for number, _ in enumerate(carried.program.launches)]
    peak = Peak(teraops=1e-3, gigabytes=1e9)
    rows = kernel_rows(carried, images, times, peak)
    assert sum(row.microseconds for row in rows) == sum(times)
    assert sum(row.launches for row in rows) == len(times)
    head = next(row for row in rows if row.name == "head")
    assert head.macs == images * 80
    assert head.floor_us == pytest.approx(2 * images * 80 / 1e-3 / 1e6)
    assert head.fraction == pytest.approx(2 * images * 80 / 1e-3 / 1e6 / times[-1])
    span = carried.program.launches[-1].spans[-1]
    assert bytes_of(carried.program.launches[-1], images) > images * span.size
    unknown = kernel_rows(carried, images, times, None)
    assert all(row.fraction is None for row in unknown)


def test_rounds_turn_and_the_failed_are_left_out() -> None:
    order: list[str] = []

    def entry(key: str, time: float) -> Contestant:
        return Contestant(key, lambda: time, lambda: order.append(key))

    def fail() -> None:
        raise RuntimeError("no memory\nat all")

    entries = [entry("a", 1.0), Contestant("b", fail, lambda: order.append("b")), entry("c", 3.0)]
    contest(entries, FakeClock(), 3, 60)
    assert order == ["a", "b", "c", "c", "a", "c", "a"]
    assert [each.median_ms for each in entries] == [1.0, None, 3.0]
    assert entries[1].error == "no memory"


def test_bursts_are_as_long_as_asked() -> None:
    clock = FakeClock()
    for time in (2.0, 1e-9, 1e9):
        burst(lambda time=time: time, clock, 60)
    assert clock.bursts == [3, 30, 3, 10_000, 3, 1]


class FakeTorch:
    """PyTorch, whose GPU is the emulated driver's; a product takes it 50 ms."""

    def __init__(self) -> None:
        self._dynamo = SimpleNamespace(reset=lambda: None)
        self.backends = SimpleNamespace(
            cuda=SimpleNamespace(matmul=SimpleNamespace()), cudnn=SimpleNamespace()
        )
        self.cuda = SimpleNamespace(
            synchronize=lambda: None,
            graph=self._graph,
            CUDAGraph=lambda: SimpleNamespace(replay=lambda: 50.0),
        )

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)

    def from_numpy(self, array: np.ndarray[Any, Any]) -> Any:
        return SimpleNamespace(cuda=lambda: on_device(array))

    def randint(self, low: int, high: int, shape: tuple[int, int], dtype: Any, device: str) -> Any:
        return torch.randint(low, high, shape, dtype=dtype)

    @contextmanager
    def _graph(self, graph: object) -> Generator[None]:
        yield


def add_model() -> Carried:
    """The small program of the runtime's tests, for pixels; the second launch passes for a linear layer."""
    boundary = Boundary("pixels", (2, 2, 3), (12,), "int8", 0.5, (0.5,) * 3, (0.5,) * 3)
    return Carried("tiny", boundary, test_cuda_runtime.program(), (Cost(), Cost(60, (5, 4, 3))))


def test_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    driver, images = EmulatedDriver(capability=(9, 0)), tiny_pixels(5, (2, 2, 3))

    def opened(ordinal: int = 0) -> Driver:
        return driver

    def outputs(case: Case, call: Callable[[], Any]) -> np.ndarray[Any, Any]:
        value = call()
        driver.wait(stream)
        return value.to(torch.float64).numpy()

    def bits(case: Case) -> np.ndarray[Any, Any]:
        return outputs(case, lambda: case.executable.run_tensor(case.pixels))

    def like_ours(case: Case) -> Callable[[], Any]:
        return lambda: torch.tensor(expected[: len(case.pixels)] / 2)

    def fails(case: Case) -> Callable[[], Any]:
        raise NotImplementedError("no such GPU\nreally")

    for module in (devices, running):
        monkeypatch.setattr(module, "open_device", opened)
    monkeypatch.setattr(Case, "outputs", outputs)
    monkeypatch.setattr(Case, "bits", bits)
    stream = emulate_tensors(driver, monkeypatch)
    expected = test_cuda_runtime.expected(images.view(np.int8))
    wrong = expected.copy()
    wrong[3, 0] += 1
    save(add_model(), tmp_path)
    save_reference(tmp_path, "tiny", wrong[:4], (2, 2, 3))

    broken = Peer("broken", "broken", "fp16", fails)
    peers = (Peer(REFERENCE, "like ours", "fp32", like_ours), broken, PEERS[OURS], PEERS[GRAPH])
    plan = Plan(tmp_path, ("tiny",), (1, 4), peers, rounds=2, milliseconds=1, kernels=True)
    lines: list[str] = []
    kept: list[int] = []

    def keep(results: Results) -> None:
        kept.append(len(results.cases))

    found = run(plan, FakeTorch(), FakeClock(), MACHINE, lines.append, keep)
    assert kept == [1, 2]
    assert [case.equal for case in found.cases] == [True, False]
    first, second = found.cases
    assert [row.error for row in first.rows] == [None, "no such GPU", None, None]
    assert [row.median_ms for row in first.rows] == [0.5, None, 0.5, 0.5]
    assert [row.ratio for row in first.rows] == [1.0, None, 1.0, 1.0]
    assert [row.cosine for row in first.rows[::2]] == pytest.approx([1, 1])
    assert [row.name for row in first.kernels] == ["first", "second"]
    assert [row.microseconds for row in first.kernels] == [500 / REPEATED] * 2
    assert [row.int_mm_us for row in first.linear] == [None]
    assert [(row.rows, row.int_mm_us) for row in second.linear] == [(20, 50_000 / REPEATED)]
    assert lines[1] == "tiny, batch 1: equal, ivit 0.500 ms, fastest peer 0.500 ms, like ours (1 missing)"
    assert "OTHER BITS" in lines[3]
    with pytest.raises(ValueError, match="tiny has 4 reference outputs, batch 5 needs more"):
        run(replace(plan, batches=(5,)), FakeTorch(), FakeClock(), MACHINE, lines.append, keep)


BARE = """
import sys
for name in ("xdsl", "safetensors", "llvmlite", "rich", "matplotlib", "PIL", "hypothesis"):
    sys.modules[name] = None
from pathlib import Path
import benchmarks.gpu.__main__, benchmarks.gpu.run, on_device
from benchmarks.gpu.carried import load
from runtime.cuda.executable import CudaExecutable
given = load(Path(sys.argv[1]))
try:
    CudaExecutable(given.program, given.boundary)
except ValueError as error:
    assert "the GPU code does not run here" in str(error), error
"""


def test_a_bare_machine(carried: Carried, tmp_path: Path) -> None:
    path = save(carried, tmp_path)
    paths = f"{HOME}:{HOME / 'tests' / 'gpu'}"
    done = subprocess.run(
        [sys.executable, "-c", BARE, path],
        env={"PYTHONPATH": paths, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
