"""The lab's own measure must be right, and must notice: the bytes on the side against a real image."""

from __future__ import annotations

import random

import pytest
from content import PIECE, Content, Scribbler, difference, prefixes, read_image
from writer import first_writes

SIZE = 64 << 20


@pytest.mark.parametrize("seed", range(12))
def test_the_bytes_on_the_side_are_what_the_image_holds(image, seed):
    content = Content(SIZE)
    scribbler = Scribbler(random.Random(seed), content)
    for _ in range(3):
        scribbler.scribble(image, 20)
        assert difference(content, read_image(image)) is None


def test_a_copy_stays_as_it_was():
    content = Content(SIZE)
    content.write(PIECE - 3, b"before")
    copy = content.copy()
    content.write(PIECE - 3, b"after!")
    content.zero(0, SIZE)
    assert copy.read(PIECE - 3, 6) == b"before"
    assert content.occupied() == 0
    assert copy.occupied() == 2


@pytest.mark.parametrize("offset", [0, 1, PIECE - 1, PIECE, SIZE - 1])
def test_one_wrong_byte_is_noticed(offset):
    content = Content(SIZE)
    content.write(0, random.Random(1).randbytes(SIZE))
    seen = list(content.pieces)
    piece = bytearray(seen[offset // PIECE])
    piece[offset % PIECE] ^= 1
    seen[offset // PIECE] = bytes(piece)
    said = difference(content, seen)
    assert said is not None
    assert f"from byte {offset} on (1 bytes" in said
    assert difference(content, seen[:-1]) == f"expected {SIZE} bytes, seen {SIZE - PIECE}"


def test_discards_beyond_the_granularity_zero_nothing():
    content = Content(SIZE)
    content.write(0, b"x" * PIECE)
    content.discard(1, (64 << 10) - 1)
    assert content.read(0, PIECE) == b"x" * PIECE
    content.discard(1000, 200000)
    assert content.read(0, PIECE) == b"x" * 65536 + bytes(131072) + b"x" * (PIECE - 196608)


def test_exactly_one_prefix_is_found():
    before = Content(SIZE)
    before.write(5000, random.Random(2).randbytes(3 * PIECE))
    writes = list(first_writes("prefix", 300, SIZE))
    for count in (0, 1, 137, 300):
        after = before.copy()
        for offset, data in writes[:count]:
            after.write(offset, data)
        assert prefixes(before, writes, after.pieces) == [count]


def test_what_is_no_prefix_is_found_out():
    before = Content(SIZE)
    writes = list(first_writes("torn", 50, SIZE))
    torn = before.copy()
    for number, (offset, data) in enumerate(writes, start=1):
        if number != 20:  # an acknowledged write is missing although later ones are there
            torn.write(offset, data)
    assert prefixes(before, writes, torn.pieces) == []
