"""Speed on this CPU: ivit's integers against PyTorch, ONNX Runtime and OpenVINO.

    python -m benchmarks.cpu --json cpu.json --png cpu.png
    python -m benchmarks.cpu --models deit-small --batch 1 --threads 2 --peers ort-dynamic openvino-int8

Same weights, same images, same threads. Each peer is a process of its own; they run in turn, round after
round. Everything of the defaults takes half an hour; nothing else should run meanwhile.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from benchmarks.arguments import add_result_files, count, tell
from benchmarks.cpu.machine import machine_facts
from benchmarks.cpu.peers import OURS, PEERS
from benchmarks.cpu.plot import plot
from benchmarks.cpu.results import Results
from benchmarks.cpu.run import HOST, Plan, run
from benchmarks.cpu.show import markdown, show
from benchmarks.deit import DEIT
from benchmarks.drawing import pyplot
from ivit_dialect.command import exit_code_of
from ivit_dialect.files import whole_file
from lowering.targets import TARGETS, host_targets

BUSY = 0.5
"""Threads of others beside which times are not worth much."""
WIDTH = 120
"""Columns of text that the tables need at least."""


def main() -> int:
    options = _parser().parse_args()
    return exit_code_of("benchmarks.cpu", lambda: _run(options), (ImportError, RuntimeError))


def _run(options: argparse.Namespace) -> None:
    able = [HOST, *(target.name for target in host_targets())]
    if options.target not in able:
        raise ValueError(
            f"this machine cannot run code for {options.target}: choose one of {', '.join(able)}"
        )
    if options.png is not None:
        pyplot()
    with tempfile.TemporaryDirectory(prefix="ivit-benchmark-") as temporary:
        folder: Path = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        plan = Plan(
            folder=folder.resolve(),
            models=tuple(options.models),
            batches=tuple(options.batch),
            threads=tuple(options.threads),
            peers=tuple(PEERS[key] for key in PEERS if key in {*options.peers, OURS}),
            target=options.target,
            rounds=options.rounds,
            milliseconds=options.milliseconds,
        )
        machine = machine_facts()
        if machine["load"] > BUSY:
            tell(f"notice: {machine['load']:.1f} other threads are running: the times will say little")
        results = run(plan, machine, tell, lambda results: _write_json(options.json, results))
    show(results, Console(width=max(WIDTH, Console().width)))
    if options.markdown is not None:
        with whole_file(options.markdown) as temporary:
            temporary.write_text(markdown(results), encoding="utf-8")
    if options.png is not None:
        with whole_file(options.png) as temporary:
            plot(results, temporary)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.cpu",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--models", nargs="+", choices=DEIT, default=list(DEIT), metavar="MODEL")
    parser.add_argument("--batch", nargs="+", type=count, default=[1, 8], metavar="N")
    parser.add_argument("--threads", nargs="+", type=count, default=[1, 2], metavar="N")
    parser.add_argument(
        "--peers",
        nargs="+",
        choices=PEERS,
        default=list(PEERS),
        metavar="PEER",
        help=f"besides ours: {', '.join(key for key in PEERS if key != OURS)}",
    )
    parser.add_argument(
        "--target",
        choices=(HOST, *TARGETS),
        default=HOST,
        metavar="TARGET",
        help=f"what ours is compiled for: {', '.join((HOST, *TARGETS))}",
    )
    parser.add_argument("--rounds", type=count, default=11, metavar="N")
    parser.add_argument(
        "--milliseconds", type=count, default=60, metavar="N", help="of a peer's timed runs in a round"
    )
    parser.add_argument("--folder", type=Path, help="keep the files of peers there, for another run")
    add_result_files(parser)
    return parser


def _write_json(path: Path | None, results: Results) -> None:
    if path is not None:
        with whole_file(path) as temporary:
            temporary.write_text(json.dumps(results.to_json(), indent=1), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
