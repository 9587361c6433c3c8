"""What compares a GPU with the interpreter works, and finds what differs."""

from __future__ import annotations

from dataclasses import replace

from against_gpu import differing, on_gpu, programs
from emulated_driver import EmulatedDriver
from ptx import Module


def test_nothing_differs_from_itself() -> None:
    chosen = programs()[::12]
    assert differing(EmulatedDriver(), chosen) == []


def test_what_differs_is_named() -> None:
    first, second = programs()[:2]
    wrong = replace(first, text=second.text, name="wrong")

    class Wrong(EmulatedDriver):
        """Runs another kernel than it is given."""

        def load(self, code: bytes) -> Module:
            return super().load(code.replace(b"add.s16", b"sub.s16"))

    assert first.name.startswith("add.s16")
    assert differing(Wrong(), [first, second]) == [first.name]
    assert len(on_gpu(EmulatedDriver(), [wrong])) == 1
