"""Codecs: how content becomes a raw deflate stream (RFC 1951), for zip members and gzip alike.

A bundle's bytes are fixed by its manifest, which names the codec; so a codec's output must depend on nothing but the
content: not on the processor, the number of threads or the way in which the input happened to be read. Two libraries
share the work: libdeflate, which takes its input whole, for the many files that fit into memory, and zlib-ng, which can
go on where it stopped, for the pieces of large ones. (ISA-L is faster than both, but its output changes with the CPU.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from deliverkit.domain.release import Compression

WINDOW_BYTES = 32 << 10
"""How far back a deflate stream can refer (RFC 1951, section 2)."""
_STORED_LIMIT = 0xFFFF
_PROBE_BYTES = 64 << 10
# Content that a probe makes smaller by less than one part in this many is not worth the time.
_WORTHWHILE = 50


_LEVELS = {Compression.FAST: (1, 1), Compression.SMALL: (6, 6)}


@dataclass(frozen=True, slots=True)
class Codec:
    """A way to deflate.

    Attributes:
        name: Libraries, their versions and levels: two codecs of one name give the same bytes.
        whole: Makes one complete stream of content that is in memory.
        piece: Makes the part of a stream for one piece of content, which ends on a byte's boundary. Takes the piece, up
            to `WINDOW_BYTES` of content in front of it, and whether it is the last one.
    """

    name: str
    whole: Callable[[bytes], bytes]
    piece: Callable[[bytes, bytes, bool], bytes]

    def shrinks(self, content: bytes) -> bool:
        """Whether a sample of the content gets smaller; the answer depends on the content alone."""
        middle = max(0, (len(content) - _PROBE_BYTES) // 2)
        sample = content[middle : middle + _PROBE_BYTES]
        return len(self.whole(sample)) < len(sample) - len(sample) // _WORTHWHILE

    def part(self, content: bytes, before: bytes, *, is_last: bool) -> bytes:
        """The part of a stream for one piece of content; never longer than the piece in stored blocks."""
        if self.shrinks(content):
            made = self.piece(content, before, is_last)
            # A sample does not speak for all, and zlib-ng's quick level makes random bytes an eighth longer.
            if len(made) < len(content):
                return made
        return stored(content, is_last=is_last)


def codec_for(compression: Compression = Compression.FAST) -> Codec:
    """The codec of an aim: libdeflate and zlib-ng, at level 1 (fast) or 6 (small)."""
    import deflate  # noqa: PLC0415 - only packaging pays for the imports
    from zlib_ng import zlib_ng  # noqa: PLC0415

    whole_level, piece_level = _LEVELS[compression]

    def whole(content: bytes) -> bytes:
        return bytes(deflate.deflate_compress(content, whole_level))

    def piece(content: bytes, before: bytes, is_last: bool) -> bytes:
        # A compressor of its own for each piece: reusing one after a reset may change what it makes.
        settings = (piece_level, zlib_ng.DEFLATED, -zlib_ng.MAX_WBITS, zlib_ng.DEF_MEM_LEVEL, 0)
        compressor = zlib_ng.compressobj(*settings, before) if before else zlib_ng.compressobj(*settings)
        made: bytes = compressor.compress(content)
        return made + compressor.flush(zlib_ng.Z_FINISH if is_last else zlib_ng.Z_SYNC_FLUSH)

    name = f"deflate-{deflate.__version__}-{whole_level}+zlib-ng-{zlib_ng.ZLIBNG_RUNTIME_VERSION}-{piece_level}"
    return Codec(name, whole, piece)


def stored(content: bytes, *, is_last: bool) -> bytes:
    """The part of a deflate stream that holds content as it is, in stored blocks (RFC 1951, section 3.2.4)."""
    view = memoryview(content)
    pieces: list[bytes | memoryview] = []
    for start in range(0, max(len(content), 1), _STORED_LIMIT):
        block = view[start : start + _STORED_LIMIT]
        is_final = is_last and start + _STORED_LIMIT >= len(content)
        size = len(block)
        pieces += (bytes((is_final,)), size.to_bytes(2, "little"), (size ^ _STORED_LIMIT).to_bytes(2, "little"), block)
    return b"".join(pieces)
