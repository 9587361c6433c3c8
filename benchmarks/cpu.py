"""Latency on this CPU: ivit's integers against PyTorch FP32 eager, same model, same images, one run.

    python -m benchmarks.cpu --models deit-tiny deit-small --batch 1 8 --threads 2 --json cpu.json

The two run in turn, round after round, so that a drifting machine drifts under both; medians are compared.
One process takes one thread count, so that what PyTorch did with another cannot slow it.
The models have DeiT's shapes (arXiv 2012.12877, Table 1) and random weights: time does not depend on them.
"""

# pyright: strict, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# (torch is only partly typed)

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

import ivit
from examples.fashion_vit import FashionViT
from runtime.cores import physical_cores

DEIT = {"deit-tiny": (192, 3), "deit-small": (384, 6), "deit-base": (768, 12)}


@dataclass(frozen=True)
class Row:
    """Medians in milliseconds a batch; compile time in seconds."""

    model: str
    batch: int
    threads: int
    torch_ms: float
    ivit_ms: float
    compile_s: float

    @property
    def ratio(self) -> float:
        """How many times faster the integers are."""
        return self.torch_ms / self.ivit_ms


def deit(name: str) -> FashionViT:
    """A randomly initialised DeiT of 224×224 images and 1,000 classes, in eval mode."""
    width, heads = DEIT[name]
    torch.manual_seed(0)
    return FashionViT(width, 12, heads, patch=16, image=224, channels=3, classes=1000).eval()


def interleaved(rounds: int, *runs: Callable[[], object]) -> list[float]:
    """The median wall time of each run in milliseconds.

    An untimed call goes before each timed one: the other's threads still spin for a while after their work,
    and threads that slept may first have to find a core.
    """
    times: list[list[float]] = [[] for _ in runs]
    for _ in range(rounds):
        for run, record in zip(runs, times, strict=True):
            run()
            started = time.perf_counter()
            run()
            record.append(1e3 * (time.perf_counter() - started))
    return [statistics.median(record) for record in times]


def eager(model: torch.nn.Module, images: torch.Tensor) -> torch.Tensor:
    """The peer: PyTorch as it comes, float32."""
    with torch.inference_mode():
        return model(images)


def measure(name: str, batches: list[int], threads: int, rounds: int) -> list[Row]:
    """Compile once, then time every batch size."""
    model = deit(name)
    rows: list[Row] = []
    started = time.perf_counter()
    compiled = ivit.compile((model, torch.zeros(1, 3, 224, 224)), threads=threads)
    seconds = time.perf_counter() - started
    torch.set_num_threads(threads)
    for batch in batches:
        images = np.random.default_rng(0).standard_normal((batch, 3, 224, 224), np.float32)
        runs = partial(eager, model, torch.from_numpy(images)), partial(compiled, images)
        torch_ms, ivit_ms = interleaved(rounds, *runs)
        rows.append(Row(name, batch, threads, torch_ms, ivit_ms, seconds))
    return rows


def table(rows: list[Row]) -> Table:
    """For the terminal."""
    result = Table("model", "batch", "threads", "PyTorch FP32 ms", "ivit ms", "faster", "compile s")
    for row in rows:
        figures = (f"{row.torch_ms:.1f}", f"{row.ivit_ms:.1f}", f"{row.ratio:.2f}×", f"{row.compile_s:.1f}")
        result.add_row(row.model, str(row.batch), str(row.threads), *figures)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="+", choices=DEIT, default=["deit-tiny", "deit-small"])
    parser.add_argument("--batch", nargs="+", type=int, default=[1, 8])
    parser.add_argument(
        "--threads", type=int, default=physical_cores(), help="of both (default: physical cores)"
    )
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    options = parser.parse_args()
    rows = [
        row
        for name in options.models
        for row in measure(name, options.batch, options.threads, options.rounds)
    ]
    Console().print(table(rows))
    if options.json is not None:
        options.json.write_text(json.dumps([asdict(row) | {"ratio": row.ratio} for row in rows], indent=1))


if __name__ == "__main__":
    main()
