"""Files are written whole or not at all, and errors name them."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from ivit_dialect.files import check_readable, whole_file


def test_a_file_appears_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    with whole_file(path) as file:
        file.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_after_an_error_all_is_as_before(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError), whole_file(path) as file:
        file.write_text("new" * 10_000 + "\udc80", encoding="utf-8")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_errors_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with pytest.raises(OSError, match="No space left on device") as caught, whole_file(path):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.filename == str(path)
    with pytest.raises(FileNotFoundError) as missing, whole_file(path) as file:
        file.read_text()
    assert missing.value.filename == str(path)
    for bad in (tmp_path, tmp_path / "no" / "a"):
        with pytest.raises(OSError, match=f"^{bad}: "), whole_file(bad):
            pass
        with pytest.raises(OSError, match=f"^{bad}: "):
            check_readable(bad)
