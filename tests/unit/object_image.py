"""Places relocatable ELF objects in memory: what a linker does, for the few relocations that ours hold."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass

_ALLOCATED, _ZERO_FILLED, _SYMBOLS, _RELOCATIONS = 2, 8, 2, 4
_UNDEFINED, _COMMON_AND_ABOVE = 0, 0xFF00
_UNWINDING = ".eh_frame"
"""Read by debuggers alone, and left out."""

_PAGE = 0xFFF


@dataclass(frozen=True)
class _Section:
    name: str
    kind: int
    flags: int
    offset: int
    size: int
    link: int
    info: int
    alignment: int


@dataclass(frozen=True)
class _Relocation:
    """To write at ``place`` what reaches ``symbol`` (its address) plus ``addend``."""

    kind: int
    place: int
    symbol: int
    addend: int

    @property
    def value(self) -> int:
        return self.symbol + self.addend

    @property
    def distance(self) -> int:
        return self.value - self.place


class _Object:
    """The sections of one object, each with an address once it is placed."""

    def __init__(self, data: bytes) -> None:
        assert data[:6] == b"\x7fELF\x02\x01", "64 bits, little-endian"
        self.data = data
        (self.machine,) = struct.unpack_from("<H", data, 18)
        (table,) = struct.unpack_from("<Q", data, 40)
        size, count, names = struct.unpack_from("<HHH", data, 58)
        headers = [struct.unpack_from("<IIQQQQIIQQ", data, table + i * size) for i in range(count)]
        self.sections = [
            _Section(self._text(headers[names][4] + name), kind, flags, offset, length, link, info, alignment)
            for name, kind, flags, _, offset, length, link, info, alignment, _ in headers
        ]
        self.addresses: dict[int, int] = {}

    def place(self, image: bytearray, base: int) -> None:
        """Append what the program needs at run time to ``image``, which starts at ``base``."""
        for i, section in enumerate(self.sections):
            if section.flags & _ALLOCATED and section.name != _UNWINDING:
                image.extend(bytes(-len(image) % max(section.alignment, 1)))
                self.addresses[i] = base + len(image)
                zero = section.kind == _ZERO_FILLED
                image.extend(
                    bytes(section.size) if zero else self.data[section.offset : section.offset + section.size]
                )

    def symbols(self) -> Iterable[tuple[str, int | None]]:
        """Every symbol by number: its name, and its address where the object defines it."""
        for section in self.sections:
            if section.kind == _SYMBOLS:
                strings = self.sections[section.link].offset
                for at in range(section.offset, section.offset + section.size, 24):
                    name, _, _, home, value, _ = struct.unpack_from("<IBBHQQ", self.data, at)
                    assert home < _COMMON_AND_ABOVE or home == 0xFFF1, "a common symbol"
                    defined = home in self.addresses
                    yield self._text(strings + name), self.addresses[home] + value if defined else None

    def relocations(self, resolve: Callable[[str], int]) -> Iterable[_Relocation]:
        """Those of sections that are placed; ``resolve`` knows the symbols that are defined elsewhere."""
        symbols = list(self.symbols())
        for section in self.sections:
            if section.kind == _RELOCATIONS and section.info in self.addresses:
                for at in range(section.offset, section.offset + section.size, 24):
                    offset, information, addend = struct.unpack_from("<QQq", self.data, at)
                    name, address = symbols[information >> 32]
                    place = self.addresses[section.info] + offset
                    target = resolve(name) if address is None else address
                    yield _Relocation(information & 0xFFFFFFFF, place, target, addend)

    def _text(self, start: int) -> str:
        return self.data[start : self.data.index(b"\0", start)].decode()


class ObjectImage:
    """Objects, placed one behind the other from ``base`` on and linked to each other.

    ``symbols`` has the address of each name; KeyError for one that no object defines.
    """

    def __init__(self, objects: Iterable[bytes], base: int) -> None:
        self.base, self.memory, self.symbols = base, bytearray(), dict[str, int]()
        parsed = [_Object(data) for data in objects]
        for item in parsed:
            item.place(self.memory, base)
            self.symbols |= {
                name: address for name, address in item.symbols() if name and address is not None
            }
        for item in parsed:
            apply = _APPLY[item.machine](self)
            # On RISC-V the low part of an address is given by where its high part is, of a smaller number.
            for relocation in sorted(item.relocations(self.symbols.__getitem__), key=lambda r: r.kind):
                apply(relocation)

    def word(self, place: int) -> int:
        """The 32 bits at an address."""
        return struct.unpack_from("<I", self.memory, place - self.base)[0]

    def set_word(self, place: int, value: int) -> None:
        """Write 32 bits."""
        struct.pack_into("<I", self.memory, place - self.base, value & 0xFFFFFFFF)

    def set_field(self, place: int, value: int, low: int, width: int) -> None:
        """Write ``width`` bits of the 32 at an address, from bit ``low`` on."""
        mask = ((1 << width) - 1) << low
        self.set_word(place, self.word(place) & ~mask | value << low & mask)


def _x86_64(image: ObjectImage) -> Callable[[_Relocation], None]:
    def apply(r: _Relocation) -> None:
        assert r.kind in (2, 4), f"R_X86_64 relocation {r.kind}"  # PC32, PLT32
        image.set_word(r.place, r.distance)

    return apply


_AARCH64_LOW_BITS = {277: 0, 278: 0, 284: 1, 285: 2, 286: 3, 299: 4}
"""ADD_ABS_LO12_NC and LDST<8, 16, 32, 64, 128>_ABS_LO12_NC: by how much the offset is shifted."""


def _aarch64(image: ObjectImage) -> Callable[[_Relocation], None]:
    def apply(r: _Relocation) -> None:
        if r.kind in (282, 283):  # JUMP26, CALL26
            image.set_field(r.place, r.distance >> 2, 0, 26)
        elif r.kind == 275:  # ADR_PREL_PG_HI21
            pages = (r.value >> 12) - (r.place >> 12)
            image.set_field(r.place, pages, 29, 2)
            image.set_field(r.place, pages >> 2, 5, 19)
        else:
            assert r.kind in _AARCH64_LOW_BITS, f"R_AARCH64 relocation {r.kind}"
            image.set_field(r.place, (r.value & _PAGE) >> _AARCH64_LOW_BITS[r.kind], 10, 12)

    return apply


def _riscv(image: ObjectImage) -> Callable[[_Relocation], None]:
    distances: dict[int, int] = {}

    def high(place: int, distance: int) -> None:
        image.set_field(place, (distance + 0x800) >> 12, 12, 20)

    def apply(r: _Relocation) -> None:
        match r.kind:
            case 18 | 19:  # CALL, CALL_PLT: auipc and jalr
                high(r.place, r.distance)
                image.set_field(r.place + 4, r.distance, 20, 12)
            case 23:  # PCREL_HI20
                distances[r.place] = r.distance
                high(r.place, r.distance)
            case 24:  # PCREL_LO12_I
                image.set_field(r.place, distances[r.symbol], 20, 12)
            case 25:  # PCREL_LO12_S
                image.set_field(r.place, distances[r.symbol] >> 5, 25, 7)
                image.set_field(r.place, distances[r.symbol], 7, 5)
            case _:
                raise AssertionError(f"R_RISCV relocation {r.kind}")

    return apply


_APPLY = {62: _x86_64, 183: _aarch64, 243: _riscv}
"""By ELF's number of the machine."""
