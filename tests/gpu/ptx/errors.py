"""What the PTX interpreter raises, each with one line that says what and where."""

from __future__ import annotations


class PTXError(Exception):
    """PTX text that the interpreter does not read, or an instruction that it does not know."""


class KernelError(Exception):
    """A kernel did what no kernel may do: the message names the place, the CTA and the thread."""


class BoundsError(KernelError):
    """An access outside every buffer, or outside shared, local or constant memory."""


class AlignmentError(KernelError):
    """An access at an address that is no multiple of its size."""


class PoisonError(KernelError):
    """A value that nobody wrote decided an address or a branch, or left the kernel."""


class RaceError(KernelError):
    """Two warps used the same shared byte, one of them writing, with no barrier between them."""


class ReadOnlyError(KernelError):
    """A store to a buffer that the kernel may only read."""


class DeadlockError(KernelError):
    """No warp can go on, and some have not ended."""
