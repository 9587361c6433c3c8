"""What emulated processors share: flat memory, and where in it things lie."""

from __future__ import annotations

import mmap

import numpy as np

PAGE = 1 << 12
SPACE = 1 << 26
"""Bytes of memory, from address 0 on."""

IMAGE = 0x0100_0000
"""Where code and constants lie."""

RETURN = IMAGE - 0x100
"""What the outermost function returns to: nothing is executed there."""

STACK, STACK_BYTES = RETURN - 0xF00, 1 << 20
"""Where the stack of the first thread grows down from, and the distance to that of the next.

Above lie the arguments that no register takes.
"""

DATA = 0x0180_0000
"""Where arrays are placed."""


class Memory:
    """Bytes that an emulator maps; ``beyond`` of them lie behind what programs see."""

    def __init__(self, beyond: int = 0) -> None:
        self._mapping = mmap.mmap(-1, SPACE + beyond)
        self.bytes = np.frombuffer(self._mapping, np.uint8)

    @property
    def host(self) -> int:
        """The address in this process."""
        return self.bytes.ctypes.data

    def write(self, address: int, data: bytes) -> None:
        """Put bytes into memory."""
        self.bytes[address : address + len(data)] = np.frombuffer(data, np.uint8)

    def read(self, address: int, count: int) -> bytes:
        """Bytes of memory."""
        return self.bytes[address : address + count].tobytes()
