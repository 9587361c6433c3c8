"""The part of bochscpu-python 0.3.1 that the tests use."""

from collections.abc import Callable

class Segment:
    present: bool
    selector: int
    base: int
    limit: int
    attr: int

class State:
    cr0: int
    cr3: int
    cr4: int
    efer: int
    xcr0: int
    rip: int
    rsp: int
    rdi: int
    rsi: int
    rdx: int
    rcx: int
    r8: int
    r9: int
    cs: Segment
    ds: Segment
    es: Segment
    fs: Segment
    gs: Segment
    ss: Segment

class Cpu:
    state: State
    @property
    def rip(self) -> int: ...

class Hook:
    exception: Callable[[Session, int, int, int], None]

class Session:
    missing_page_handler: Callable[[int], None]
    @property
    def cpu(self) -> Cpu: ...
    def run(self, hooks: list[Hook]) -> None: ...
    def stop(self) -> None: ...
