"""Speed on this machine's NVIDIA GPU: ivit's integers against PyTorch.

    python -m benchmarks.gpu --json gpu.json --markdown gpu.md --png gpu.png
    python -m benchmarks.gpu --prepare models --targets cuda:sm_90a     (with the compiler, without a GPU)
    python -m benchmarks.gpu --folder models --json gpu.json            (without the compiler, with a GPU)
    python -m benchmarks.gpu --show gpu.json --png gpu.png              (with neither)

Bits first: whatever is timed is compared with the CPU target's results. Peers run in turn, round after round,
timed by CUDA events. torch.compile tunes for minutes for each model and batch size.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.arguments import add_result_files, count, tell
from benchmarks.deit import DEIT
from benchmarks.drawing import pyplot
from benchmarks.gpu.carried import DEMOS, IMAGES, MODELS
from benchmarks.gpu.machine import machine_facts
from benchmarks.gpu.peers import OURS, PEERS
from benchmarks.gpu.results import Results
from benchmarks.gpu.run import Plan, run
from benchmarks.gpu.show import bits_text, case_name, markdown, plot
from benchmarks.gpu.timing import EventClock
from ivit_dialect.command import exit_code_of
from ivit_dialect.files import check_readable, whole_file
from runtime.cuda.devices import open_device

TARGETS = ("cuda:sm_80", "cuda:sm_90a")


def main() -> int:
    options = _parser().parse_args()
    return exit_code_of("benchmarks.gpu", lambda: _run(options), (ImportError, RuntimeError))


def _run(options: argparse.Namespace) -> None:
    if options.png is not None:
        pyplot()
    if options.prepare is not None:
        from benchmarks.gpu.prepare import prepare

        prepare(options.prepare, options.models or (*MODELS, *DEMOS), options.targets, IMAGES, tell)
        return
    results = _shown(options.show) if options.show is not None else _measured(options)
    text = markdown(results)
    print(text)
    if options.markdown is not None:
        with whole_file(options.markdown) as temporary:
            temporary.write_text(text, encoding="utf-8")
    if options.png is not None:
        with whole_file(options.png) as temporary:
            plot(results, temporary)
    wrong = [f"{case_name(case)}, {bits_text(case)}" for case in results.cases if not case.equal]
    if wrong:
        raise RuntimeError("; ".join(wrong))


def _shown(path: Path) -> Results:
    check_readable(path)
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: not the results of a run on a GPU (no JSON: {error})") from error
    try:
        return Results.from_json(values)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _measured(options: argparse.Namespace) -> Results:
    """RuntimeError, one line, where there is no GPU or no PyTorch that sees it."""
    device = open_device()
    torch = _torch()
    models = options.models or tuple(DEIT)
    with tempfile.TemporaryDirectory(prefix="ivit-benchmark-") as temporary:
        folder: Path = options.folder or Path(temporary)
        if options.folder is None:
            from benchmarks.gpu.prepare import prepare, target_for

            prepare(folder, models, [target_for(device.capability)], max(options.batch), tell)
        plan = Plan(
            folder=folder,
            models=tuple(models),
            batches=tuple(options.batch),
            peers=tuple(PEERS[key] for key in PEERS if key in {*options.peers, OURS}),
            rounds=options.rounds,
            milliseconds=options.milliseconds,
            kernels=options.kernels,
        )

        def keep(results: Results) -> None:
            if options.json is not None:
                with whole_file(options.json) as temporary:
                    temporary.write_text(json.dumps(results.to_json(), indent=1), encoding="utf-8")

        return run(plan, torch, EventClock(torch), machine_facts(torch), tell, keep)


def _torch() -> Any:
    try:
        torch: Any = importlib.import_module("torch")
    except ModuleNotFoundError as error:
        raise RuntimeError("the peers need PyTorch for CUDA: install it") from error
    if not torch.cuda.is_available():
        raise RuntimeError(f"PyTorch {torch.__version__} sees no GPU: install one for CUDA")
    return torch


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    work = parser.add_mutually_exclusive_group()
    work.add_argument("--prepare", type=Path, metavar="FOLDER", help="compile the models there, and end")
    work.add_argument("--folder", type=Path, help="measure what was prepared there")
    work.add_argument("--show", type=Path, metavar="FILE.json", help="show results of an earlier run")
    parser.add_argument("--models", nargs="+", choices=(*MODELS, *DEMOS), metavar="MODEL")
    parser.add_argument("--targets", nargs="+", default=list(TARGETS), metavar="NAME", help="of --prepare")
    parser.add_argument("--batch", nargs="+", type=count, default=[1, 8, 32, 128], metavar="N")
    parser.add_argument(
        "--peers",
        nargs="+",
        choices=PEERS,
        default=list(PEERS),
        metavar="PEER",
        help=f"besides ours: {', '.join(key for key in PEERS if key != OURS)}",
    )
    parser.add_argument("--rounds", type=count, default=11, metavar="N")
    parser.add_argument(
        "--milliseconds", type=count, default=60, metavar="N", help="of a peer's timed calls in a round"
    )
    parser.add_argument("--no-kernels", dest="kernels", action="store_false", help="peers alone")
    add_result_files(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
