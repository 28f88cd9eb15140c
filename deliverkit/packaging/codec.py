"""Codecs: how the bytes of one file become a raw deflate stream (RFC 1951), for zip members and gzip alike.

A bundle's bytes are fixed by its manifest, its format and its codec; so a codec's output must depend on nothing but the
content: not on the processor, the number of threads or the way the input is cut.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

_STORED_BLOCK_BYTES = 0xFFFF


@dataclass(frozen=True, slots=True)
class Codec:
    """A way to deflate.

    Attributes:
        name: Library, its version and level: two codecs of one name give the same bytes.
        deflate: Turns chunks of content into chunks of one complete raw deflate stream, in bounded memory.
    """

    name: str
    deflate: Callable[[Iterable[bytes]], Iterator[bytes]]


def zlib_codec(level: int = 6) -> Codec:
    """The zlib that Python was linked with.

    Its output is stable for one zlib release; hosts whose Python is linked with another implementation (zlib-ng) get
    other, equally valid bytes, which is why the runtime version is part of the name.
    """

    def deflate(chunks: Iterable[bytes]) -> Iterator[bytes]:
        compressor = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
        for chunk in chunks:
            if piece := compressor.compress(chunk):
                yield piece
        yield compressor.flush()

    return Codec(f"zlib-{zlib.ZLIB_RUNTIME_VERSION}-{level}", deflate)


def stored_codec() -> Codec:
    """No compression at all: the same bytes on every machine, whatever libraries it has."""

    def deflate(chunks: Iterable[bytes]) -> Iterator[bytes]:
        for block in _blocks(chunks):
            yield b"\x00" + len(block).to_bytes(2, "little") + (len(block) ^ 0xFFFF).to_bytes(2, "little")
            yield block
        yield b"\x01\x00\x00\xff\xff"  # the last block, empty

    return Codec("stored", deflate)


def _blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Cut at fixed places, so that the way the input was cut does not show."""
    pending = b""
    for chunk in chunks:
        pending += chunk
        while len(pending) >= _STORED_BLOCK_BYTES:
            yield pending[:_STORED_BLOCK_BYTES]
            pending = pending[_STORED_BLOCK_BYTES:]
    if pending:
        yield pending
