"""Loads object code into the process and finds its functions.

Imports llvmlite only: an artifact runs where the compiler is not installed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import count

import llvmlite.binding as binding

_MAGIC = (b"\x7fELF", b"\xcf\xfa\xed\xfe")
"""How an object file starts: ELF, and 64-bit Mach-O."""

_numbers = count()


@cache
def _initialize() -> None:
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()


class LoadedObject:
    """Object code that is linked and mapped; its addresses hold for as long as this object lives.

    Symbols that the code leaves undefined (`memset`, `memcpy`) are taken from the process.
    """

    def __init__(self, object_code: bytes, symbols: Sequence[str]) -> None:
        """Links `object_code` and looks up `symbols`.

        Raises ValueError, one line, where the bytes are no object of this machine or a symbol is missing.
        """
        if not object_code.startswith(_MAGIC):
            raise ValueError("the object code is neither ELF nor Mach-O; compile the model again")
        _initialize()
        self._jit = binding.create_lljit_compiler()
        builder = binding.JITLibraryBuilder().add_object_img(object_code).add_current_process()
        for symbol in symbols:
            builder.export_symbol(symbol)
        try:
            self._tracker = builder.link(self._jit, f"ivit{next(_numbers)}")
        except RuntimeError as e:
            reason = " ".join(str(e).split())
            raise ValueError(f"cannot link the object code: {reason}") from e

    def address(self, symbol: str) -> int:
        """The address of one of the symbols asked for. Raises KeyError for another."""
        return self._tracker[symbol]
