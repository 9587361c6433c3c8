"""Libraries that are told of no AVX-512: the right instructions trap, and the handler answers them."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.older_cpu.__main__ import HANDLER, build_handler, main, make
from benchmarks.older_cpu.patch import CPUID, TRAP, hide_cpuid, places

NEEDED = [tool for tool in ("cc", "objdump", "readelf") if shutil.which(tool) is None]
pytestmark = pytest.mark.skipif(
    (platform.system(), platform.machine()) != ("Linux", "x86_64") or bool(NEEDED),
    reason=f"needs Linux on x86-64, a C compiler and binutils (missing: {', '.join(NEEDED) or 'none'})",
)
SOURCE = """
const unsigned char data[] = {0x0f, 0xa2, 0x0f, 0xa2};
unsigned constant(void) { return 0xa20fu; }
void leaf(unsigned number, unsigned part, unsigned found[4]) {
  __asm__ volatile("cpuid"
                   : "=a"(found[0]), "=b"(found[1]), "=c"(found[2]), "=d"(found[3])
                   : "a"(number), "c"(part));
}
"""
ASK = """
import ctypes, sys
library = ctypes.CDLL(sys.argv[1])
def leaf(number, part):
    found = (ctypes.c_uint * 4)()
    library.leaf(number, part, found)
    return list(found)
assert library.constant() == 0xA20F
print(leaf(7, 0), leaf(7, 1), leaf(0, 0))
"""


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Compiled, with cpuid once among the instructions and its bytes elsewhere."""
    source, built = tmp_path / "ask.c", tmp_path / "libask.so"
    source.write_text(SOURCE, encoding="utf-8")
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", built, source], check=True)
    return built


def answers(library: Path, handler: Path | None = None) -> list[list[int]]:
    """Leaves 7.0, 7.1 and 0, as a process that loads ``library`` sees them."""
    environment = os.environ | ({"LD_PRELOAD": str(handler)} if handler is not None else {})
    command = [sys.executable, "-c", ASK, str(library)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return [[int(word) for word in part.strip("[ ").split(", ")] for part in done.stdout.split("]")[:-1]]


def test_instructions_are_replaced_and_data_are_not(library: Path) -> None:
    before = library.read_bytes()
    (at,) = places(library)
    assert before.count(CPUID) > 1
    assert hide_cpuid(library) == 1
    assert library.read_bytes() == before[:at] + TRAP + before[at + 2 :]
    assert hide_cpuid(library) == 0


def test_hard_links_keep_their_instructions(library: Path) -> None:
    other = library.with_name("other.so")
    os.link(library, other)
    before = library.read_bytes()
    hide_cpuid(library)
    assert other.read_bytes() == before
    assert library.stat().st_mode == other.stat().st_mode


def test_the_handler_hides_what_came_after_avx2(library: Path, tmp_path: Path) -> None:
    real = answers(library)
    handler = tmp_path / HANDLER
    build_handler(handler)
    hide_cpuid(library)
    (eax, ebx, ecx, edx), later, highest = answers(library, handler)
    assert highest == real[2]
    assert (eax, ebx & 1 << 5, ebx & 1 << 8) == (real[0][0], real[0][1] & 1 << 5, real[0][1] & 1 << 8)
    assert [ebx >> 16 & 1, ebx >> 30 & 1, ecx >> 11 & 1, edx >> 24 & 1, later[0] >> 4 & 1] == [0] * 5
    for found, whole in zip((eax, ebx, ecx, edx), real[0], strict=True):
        assert found & ~whole == 0


def test_what_is_hidden_and_nothing_else(tmp_path: Path) -> None:
    """By number: AVX-512 and its parts, VNNI, IFMA, FP16, BF16, AMX, AVX10."""
    build_handler(tmp_path / HANDLER)
    hide = ctypes.CDLL(str(tmp_path / HANDLER)).hide
    found = {}
    for leaf in ((7, 0), (7, 1), (1, 0), (0x24, 0)):
        registers = (ctypes.c_uint32 * 4)(*[0xFFFFFFFF] * 4)
        hide(*leaf, registers)
        found[leaf] = [[bit for bit in range(32) if not word >> bit & 1] for word in registers]
    assert found[7, 0] == [
        [],
        [16, 17, 21, 26, 27, 28, 30, 31],
        [1, 6, 11, 12, 14],
        [2, 3, 8, 22, 23, 24, 25],
    ]
    assert found[7, 1] == [[4, 5, 21, 23], [], [], [4, 5, 8, 10, 19]]
    assert found[1, 0] == [[]] * 4
    assert found[0x24, 0] == [list(range(32))] * 4


def test_debug_information_does_not_confuse_addresses(tmp_path: Path) -> None:
    source, built = tmp_path / "many.c", tmp_path / "many.so"
    functions = "".join(f"int function_{n}(int x) {{ int y = x * {n}; return y; }}\n" for n in range(2000))
    source.write_text(functions + SOURCE, encoding="utf-8")
    subprocess.run(["cc", "-g", "-O0", "-shared", "-fPIC", "-o", built, source], check=True)
    (at,) = places(built)
    assert built.read_bytes()[at : at + 2] == CPUID


def test_without_the_handler_the_instruction_traps(library: Path) -> None:
    hide_cpuid(library)
    with pytest.raises(subprocess.CalledProcessError) as raised:
        answers(library)
    assert raised.value.returncode == -signal.SIGILL


def test_other_illegal_instructions_still_end_the_process(library: Path, tmp_path: Path) -> None:
    handler = tmp_path / HANDLER
    build_handler(handler)
    crash = "import ctypes, sys; ctypes.CDLL(sys.argv[1]).bad()"
    source = tmp_path / "bad.c"
    source.write_text('void bad(void) { __asm__ volatile("ud2"); }', encoding="utf-8")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", tmp_path / "bad.so", source], check=True)
    environment = os.environ | {"LD_PRELOAD": str(handler)}
    done = subprocess.run([sys.executable, "-c", crash, tmp_path / "bad.so"], env=environment, check=False)
    assert done.returncode == -signal.SIGILL


def test_an_environment_is_copied_with_its_libraries_patched(library: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    (environment / "lib").mkdir(parents=True)
    (environment / "pyvenv.cfg").write_text("home = /usr\n", encoding="utf-8")
    (environment / "lib" / "note.txt").write_text("kept", encoding="utf-8")
    shutil.copy2(library, environment / "lib")
    make(environment, tmp_path / "copy")
    assert (tmp_path / "copy/lib/note.txt").read_text(encoding="utf-8") == "kept"
    real, told = answers(library), answers(tmp_path / "copy/lib" / library.name, tmp_path / "copy" / HANDLER)
    assert told[2] == real[2]
    assert not told[0][1] >> 16 & 1
    assert places(tmp_path / "copy/lib" / library.name) == []
    assert len(places(environment / "lib" / library.name)) == 1
    assert not list(tmp_path.glob(".older-cpu-*"))


def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 1
    assert f"{tmp_path} exists: give a new folder" in capsys.readouterr().err
    assert main([]) == 2
    (tmp_path / "of-a-package").mkdir()
    (tmp_path / "of-a-package" / "pyvenv.cfg").touch()
    with pytest.raises(ValueError, match="which is copied: give a folder elsewhere"):
        make(tmp_path / "of-a-package", tmp_path / "of-a-package" / "copy")
    (tmp_path / "of-a-package" / "far.so").symlink_to("/dev/null")
    with pytest.raises(ValueError, match=r"far\.so is a link to /dev/null: install copies"):
        make(tmp_path / "of-a-package", tmp_path / "copy")
    with pytest.raises(ValueError, match="is no virtual environment: run it with the Python of one"):
        make(tmp_path, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
