"""What an image must hold: plain bytes on the side, and the writes that make them."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

PIECE = 4 << 20
ZEROES = bytes(PIECE)
MIB = 1 << 20

# librbd's default rbd_discard_granularity_bytes: the unaligned edges of a discard stay as they are.
DISCARD_GRANULARITY = 64 << 10


class Content:
    """The bytes of one image, in pieces that are never changed in place: copies share them."""

    def __init__(self, size: int, pieces: list[bytes] | None = None) -> None:
        if size % PIECE:
            raise ValueError(f"a size of {size} is not a multiple of {PIECE}")
        self.size = size
        self.pieces = [ZEROES] * (size // PIECE) if pieces is None else pieces

    def copy(self) -> Content:
        return Content(self.size, list(self.pieces))

    def write(self, offset: int, data: bytes) -> None:
        for index, at, begin, end in _split(offset, len(data)):
            old = self.pieces[index]
            self.pieces[index] = b"".join((old[:at], data[begin:end], old[at + end - begin:]))

    def zero(self, offset: int, length: int) -> None:
        for index, at, begin, end in _split(offset, length):
            if end - begin == PIECE:
                self.pieces[index] = ZEROES
            else:
                old = self.pieces[index]
                self.pieces[index] = b"".join((old[:at], ZEROES[:end - begin], old[at + end - begin:]))

    def discard(self, offset: int, length: int) -> None:
        begin = -(-offset // DISCARD_GRANULARITY) * DISCARD_GRANULARITY
        end = (offset + length) // DISCARD_GRANULARITY * DISCARD_GRANULARITY
        if begin < end:
            self.zero(begin, end - begin)

    def read(self, offset: int, length: int) -> bytes:
        return b"".join(self.pieces[index][at:at + end - begin] for index, at, begin, end in _split(offset, length))

    def occupied(self) -> int:
        """How many pieces hold anything but zeroes."""
        return sum(piece is not ZEROES and piece != ZEROES for piece in self.pieces)


def read_image(image) -> list[bytes]:
    """The whole of an image, four reads in flight."""
    size = image.size()
    with ThreadPoolExecutor(4) as readers:
        return list(readers.map(lambda offset: image.read(offset, min(PIECE, size - offset)), range(0, size, PIECE)))


def difference(expected: Content, seen: list[bytes]) -> str | None:
    """Where and how the bytes differ, or None when all of them are equal."""
    size = sum(map(len, seen))
    if size != expected.size:
        return f"expected {expected.size} bytes, seen {size}"
    wrong = [index for index, (want, have) in enumerate(zip(expected.pieces, seen, strict=True)) if want != have]
    if not wrong:
        return None
    index = wrong[0]
    want, have = expected.pieces[index], seen[index]
    at = next(at for at in range(PIECE) if want[at] != have[at])
    count = sum(a != b for a, b in zip(want, have, strict=True))
    return (f"{len(wrong)} of {len(seen)} pieces of {PIECE >> 20} MiB differ; the first from byte {index * PIECE + at} on "
            f"({count} bytes of its piece): expected {want[at:at + 16].hex(' ')} …, seen {have[at:at + 16].hex(' ')} …")


@dataclass
class Strokes:
    """What a burst of changes did, to be told."""

    count: dict[str, int] = field(default_factory=dict)
    written: int = 0

    def __str__(self) -> str:
        return ", ".join(f"{count} {name}" for name, count in self.count.items()) + f" ({self.written / MIB:.1f} MiB of data)"


class Scribbler:
    """Random changes to an image and, equally, to what it must hold."""

    def __init__(self, rng: random.Random, content: Content) -> None:
        self.rng = rng
        self.content = content
        self.places: list[int] = []  # where data was written: discards of nothing would test nothing

    def scribble(self, image, changes: int) -> Strokes:
        strokes = Strokes()
        # Every burst has at least one of each kind, so that none is left to luck.
        kinds = ["writes", "discards", "zero runs written", "zeroed ranges", "writes with a hole"]
        kinds += self.rng.choices(kinds, weights=[70, 10, 6, 8, 6], k=max(0, changes - len(kinds)))
        self.rng.shuffle(kinds)
        for kind in kinds:
            self._change(image, kind, strokes)
            strokes.count[kind] = strokes.count.get(kind, 0) + 1
        image.flush()
        return strokes

    def _change(self, image, kind: str, strokes: Strokes) -> None:
        rng, content = self.rng, self.content
        offset, length = self._range(near_data=kind != "writes" or rng.random() < 0.3)
        if kind == "discards":
            image.discard(offset, length)
            content.discard(offset, length)
        elif kind == "zeroed ranges":
            image.write_zeroes(offset, length)
            content.zero(offset, length)
        else:
            data = bytes(length) if kind == "zero runs written" else rng.randbytes(length)
            if kind == "writes with a hole":
                third = length // 3
                data = data[:third] + bytes(third) + data[2 * third:]
            image.write(data, offset)
            content.write(offset, data)
            self.places.append(offset)
            strokes.written += length

    def _range(self, near_data: bool) -> tuple[int, int]:
        """4 KiB to 8 MiB, small ones as likely as large ones, half of them aligned."""
        rng = self.rng
        length = int(4096 * 2 ** rng.uniform(0, 11))
        offset = rng.randrange(self.content.size)
        if near_data and self.places:
            offset = max(0, rng.choice(self.places) + rng.randrange(-length // 2, length))
        if rng.random() < 0.5:
            offset, length = offset & ~4095, (length + 4095) & ~4095
        length = min(length, 8 * MIB, self.content.size)
        return min(offset, self.content.size - length), length


def prefixes(before: Content, writes: Iterable[tuple[int, bytes]], seen: list[bytes]) -> list[int]:
    """Every k for which `seen` is what `before` becomes by the first k of the writes.

    Looked at in pages: a write changes only whether its own pages are equal.
    """
    page = 64 << 10
    if sum(map(len, seen)) != before.size:
        return []
    state = [bytearray(piece) if piece is not ZEROES else None for piece in before.pieces]

    def pages_of(index: int) -> bytes | bytearray:
        return ZEROES if state[index] is None else state[index]

    wrong = set()
    for index, piece in enumerate(seen):
        if pages_of(index) != piece:
            for at in range(0, PIECE, page):
                if pages_of(index)[at:at + page] != piece[at:at + page]:
                    wrong.add((index, at))
    found = [] if wrong else [0]
    for number, (offset, data) in enumerate(writes, start=1):
        for index, at, begin, end in _split(offset, len(data)):
            if state[index] is None:
                state[index] = bytearray(PIECE)
            state[index][at:at + end - begin] = data[begin:end]
            for touched in range(at // page * page, at + end - begin, page):
                if state[index][touched:touched + page] == seen[index][touched:touched + page]:
                    wrong.discard((index, touched))
                else:
                    wrong.add((index, touched))
        if not wrong:
            found.append(number)
    return found


def _split(offset: int, length: int) -> Iterator[tuple[int, int, int, int]]:
    """A range at piece borders: (piece, offset in it, begin and end within the range)."""
    begin = 0
    while begin < length:
        index, at = divmod(offset + begin, PIECE)
        end = min(length, begin + PIECE - at)
        yield index, at, begin, end
        begin = end
