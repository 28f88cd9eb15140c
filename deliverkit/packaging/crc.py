"""CRC-32 as zip and gzip have it, quick, and of pieces that different threads looked at."""

from __future__ import annotations

from zlib_ng import zlib_ng


def crc32(content: bytes) -> int:
    """The checksum of content."""
    return int(zlib_ng.crc32(content))


def combined(first: int, second: int, size: int) -> int:
    """The checksum of two contents in a row, when only their own and the second one's size are known."""
    return int(zlib_ng.crc32_combine(first, second, size))
