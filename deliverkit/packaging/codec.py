"""Codecs: how the bytes of one file become a raw deflate stream (RFC 1951), for zip members and gzip alike.

A bundle's bytes are fixed by its manifest, its format and its codec; so a codec's output must depend on nothing but the
content: not on the processor, the number of threads or the way the input is cut.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Codec:
    """A way to deflate.

    Attributes:
        name: Library, its version and level: two codecs of one name give the same bytes.
        deflate: Turns chunks of content into chunks of one complete raw deflate stream, in bounded memory.
    """

    name: str
    deflate: Callable[[Iterable[bytes]], Iterator[bytes]]


@dataclass(slots=True)
class Checksum:
    """CRC-32 and size of what went through, as the trailers of zip members and of gzip tell them."""

    crc: int = 0
    size: int = 0

    def over(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The same chunks, counted."""
        for chunk in chunks:
            self.crc, self.size = zlib.crc32(chunk, self.crc), self.size + len(chunk)
            yield chunk


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
