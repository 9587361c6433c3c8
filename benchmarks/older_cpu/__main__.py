"""``python -m benchmarks.older_cpu FOLDER``: this virtual environment once more, for a processor with AVX2.

Libraries ask the processor what it has by the instruction ``cpuid``, and no setting hides that from all of
them. In the copy, files are hard links but for libraries with that instruction, in which it traps. A
preloaded handler answers in its place, and hides AVX-512, VNNI and AMX. Times are those of this processor
without them, not of an old one. Linux on x86-64, with binutils and a C compiler.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.arguments import tell
from benchmarks.cpu.peers import OURS, PEERS
from benchmarks.older_cpu.patch import hide_cpuid
from ivit_dialect.command import exit_code_of

HANDLER = "hide.so"


def make(environment: Path, folder: Path) -> None:
    """A copy of ``environment`` as ``folder``, which must not exist; all of it or nothing.

    ValueError on another machine than Linux on x86-64, without the tools, or for no virtual environment.
    """
    _require(environment, folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".older-cpu-") as scratch:
        copy = Path(scratch) / "environment"
        shutil.copytree(environment, copy, symlinks=True, copy_function=_link)
        for library in sorted(copy.rglob("*.so*")):
            if library.is_symlink() and not library.resolve().is_relative_to(copy.resolve()):
                raise ValueError(
                    f"{library.relative_to(copy)} is a link to {library.resolve()}: install copies"
                )
            if library.is_file() and not library.is_symlink() and (count := hide_cpuid(library)):
                tell(f"{library.relative_to(copy)}: {count}")
        build_handler(copy / HANDLER)  # last, since its own cpuid must stay
        copy.rename(folder)


def build_handler(library: Path) -> None:
    """Compile the handler that is preloaded."""
    source = Path(__file__).with_name("hide.c")
    command = ["cc", "-O2", "-shared", "-fPIC", "-o", str(library), str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise ValueError(f"{source.name}: cc failed: {done.stderr.strip()}")


def _require(environment: Path, folder: Path) -> None:
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise ValueError(f"only for Linux on x86-64, got {platform.system()} on {platform.machine()}")
    if not (environment / "pyvenv.cfg").is_file():
        raise ValueError(f"{environment} is no virtual environment: run it with the Python of one")
    if folder.resolve().is_relative_to(environment.resolve()):
        raise ValueError(f"{folder} lies in {environment}, which is copied: give a folder elsewhere")
    if folder.exists() or folder.is_symlink():
        raise ValueError(f"{folder} exists: give a new folder")
    missing = [tool for tool in ("cc", "objdump", "readelf") if shutil.which(tool) is None]
    if missing:
        raise ValueError(f"needs {', '.join(missing)}: install a C compiler and binutils")


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)


def main(arguments: Sequence[str]) -> int:
    """Make the copy and say how it is used; the exit code."""
    if len(arguments) != 1:
        print("usage: python -m benchmarks.older_cpu FOLDER", file=sys.stderr)
        return 2
    folder = Path(arguments[0]).absolute()

    def run() -> None:
        make(Path(sys.prefix), folder)
        # Not torch.compile: it asks the system's compiler, which sees the whole processor.
        peers = " ".join(key for key in PEERS if key not in (OURS, "torch-compile"))
        print(f"LD_PRELOAD={folder / HANDLER} {folder}/bin/python -m benchmarks.cpu --peers {peers}")

    return exit_code_of("benchmarks.older_cpu", run, ())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
