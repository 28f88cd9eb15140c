"""One pass over a bundle's bytes: cut into parts, hashed, and handed to a few threads, in bounded memory.

Each part is copied once into one of a few buffers that are used again and again. Two digests are computed beside the
sending, on threads (hashlib releases the interpreter's lock): the bundle's own, in the order of the stream, and each
part's, by the thread that sends it.
"""

from __future__ import annotations

import base64
import hashlib
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from deliverkit.domain.release import Measured
from deliverkit.errors import UsageError

MEBIBYTE = 1024 * 1024
PART_SIZE = 5 * MEBIBYTE
"""Bytes up to which a bundle goes in one request, and the least size of a part; S3 takes none below 5 MiB."""
PARTS_LIMIT = 10_000
"""Parts of one upload (Amazon S3 user guide, "Amazon S3 multipart upload limits")."""
BUFFERS = 4
"""Three parts on their way, and one that is being filled."""
BUFFERS_LIMIT = 24 * MEBIBYTE
"""Bytes that all buffers hold together: of larger parts there are fewer."""
LARGEST_PART = BUFFERS_LIMIT
"""One buffer must hold a part, for a part that is lost on its way is sent again from there."""
_LOOK = 0.5
"""Seconds after which a wait for a thread tells how far things are, and notices a signal."""
_PATIENCE = 5.0
"""Seconds that an interrupted upload waits for requests on their way; the process must be gone 10 s after SIGTERM."""

Tick = Callable[[], None]


def part_size(size_limit: int, least: int = PART_SIZE) -> int:
    """Bytes of each part of a bundle that has `size_limit` bytes at most; the same for the same manifest.

    Raises:
        UsageError: If the bundle may be larger than 10,000 parts that fit into memory (234 GiB).
    """
    needed = -(-size_limit // PARTS_LIMIT)
    size = max(least, -(-needed // MEBIBYTE) * MEBIBYTE)
    if size > LARGEST_PART:
        most = LARGEST_PART * PARTS_LIMIT // 1024**3
        raise UsageError(
            f"a bundle of up to {size_limit // 1024**3} GiB is more than one upload can hold ({most} GiB)",
            hint="leave out what is not deployed (.deliverignore); pipelines take 5 GB from S3 at most",
        )
    return size


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the bundle.

    Attributes:
        number: From 1.
        content: Its bytes; the buffer is used again once the part is done with.
        is_whole: True when it is the whole bundle.
    """

    number: int
    content: bytearray
    is_whole: bool


@dataclass(frozen=True, slots=True)
class Made:
    """What a pass over the bytes found.

    Attributes:
        digest: Sixty-four hexadecimal digits over all bytes.
        size: Bytes.
        part_digests: SHA-256 of each part, in their order.
    """

    digest: str
    size: int
    part_digests: tuple[bytes, ...]

    @property
    def checksum(self) -> str:
        """What S3 stores as ChecksumSHA256: of one request the digest, of parts that of their digests and their number.

        Source: Amazon S3 user guide, "Checking object integrity", composite checksums.
        """
        if len(self.part_digests) == 1:
            return encoded(self.part_digests[0])
        return f"{encoded(hashlib.sha256(b''.join(self.part_digests)).digest())}-{len(self.part_digests)}"

    @property
    def measured(self) -> Measured:
        """What is to be known of the bytes as a whole."""
        return Measured(f"sha256:{self.digest}", self.size, self.checksum)


def encoded(digest: bytes) -> str:
    """A digest as S3's headers write it."""
    return base64.b64encode(digest).decode()


def make(chunks: Iterable[bytes], size: int, send: Callable[[Part, bytes], None], *, tick: Tick = lambda: None) -> Made:
    """Go through all bytes once.

    Args:
        chunks: The bytes.
        size: Of each part but the last.
        send: Is called with a part and its SHA-256, on threads, several at a time and in any order.
        tick: Is called now and then by the calling thread.

    Raises:
        BaseException: The first that `chunks` or `send` raises; by then nothing is being sent any more, unless a
            request did not end in time.
    """
    line = _Line(size, send, tick)
    try:
        for part in _cut(chunks, size, line.take):
            line.post(part)
        return line.finish()
    finally:
        line.close()


def _cut(chunks: Iterable[bytes], size: int, take: Callable[[], bytearray]) -> Iterator[Part]:
    buffer, filled, number = take(), 0, 1
    for chunk in chunks:
        rest = memoryview(chunk)
        while rest:
            if filled == size:
                # Only now: what fills a part exactly may be the end.
                yield Part(number, buffer, is_whole=False)
                buffer, filled, number = take(), 0, number + 1
            count = min(size - filled, len(rest))
            with memoryview(buffer) as view:
                view[filled : filled + count] = rest[:count]
            filled, rest = filled + count, rest[count:]
    del buffer[filled:]
    yield Part(number, buffer, is_whole=number == 1)


@dataclass(slots=True)
class _Posted:
    part: Part
    is_in_digest: Future[None]


@dataclass(slots=True)
class _Found:
    size: int = 0
    part_digests: dict[int, bytes] = field(default_factory=dict)


class _Line:
    """The threads between the cutting and S3, and the buffers that go round."""

    def __init__(self, size: int, send: Callable[[Part, bytes], None], tick: Tick) -> None:
        self._size, self._send, self._tick = size, send, tick
        self._digest, self._found = hashlib.sha256(), _Found()
        self._failure: BaseException | None = None
        self._is_closing = False
        count = max(1, min(BUFFERS, BUFFERS_LIMIT // size))
        self._unmade = count
        self._free: queue.SimpleQueue[bytearray] = queue.SimpleQueue()
        self._posted: queue.SimpleQueue[_Posted | None] = queue.SimpleQueue()
        self._digesting = ThreadPoolExecutor(1, "bundle-digest")
        # Daemons: a process that was told to end does not wait for a request that hangs.
        self._senders = [threading.Thread(target=self._work, daemon=True) for _ in range(max(1, count - 1))]

    def take(self) -> bytearray:
        """A buffer to fill; waits for one."""
        if self._unmade:
            self._unmade -= 1
            return bytearray(self._size)
        while True:
            self._raise_failure()
            try:
                return self._free.get(timeout=_LOOK)
            except queue.Empty:
                self._tick()

    def post(self, part: Part) -> None:
        """Let a filled buffer be hashed and sent."""
        self._tick()
        self._found.size += len(part.content)
        for sender in self._senders:
            if sender.ident is None:
                sender.start()
                break
        self._posted.put(_Posted(part, self._digesting.submit(self._digest.update, part.content)))

    def finish(self) -> Made:
        """Wait until everything is sent."""
        self._dismiss()
        for sender in self._senders:
            while sender.is_alive():
                sender.join(_LOOK)
                self._raise_failure()
                self._tick()
        self._raise_failure()
        digests = tuple(digest for _, digest in sorted(self._found.part_digests.items()))
        return Made(self._digest.hexdigest(), self._found.size, digests)

    def close(self) -> None:
        """End the threads; requests on their way are waited for, but not for ever."""
        self._is_closing = True
        self._dismiss()
        started = [sender for sender in self._senders if sender.ident is not None]
        for sender in started:
            sender.join(_PATIENCE / len(started))
        self._digesting.shutdown(wait=False, cancel_futures=True)

    def _dismiss(self) -> None:
        for _ in self._senders:
            self._posted.put(None)

    def _work(self) -> None:
        while (posted := self._posted.get()) is not None:
            try:
                self._handle(posted.part)
                posted.is_in_digest.result()
            except BaseException as error:  # noqa: BLE001  (it is raised again where the upload was asked for)
                self._failure = self._failure or error
            self._free.put(posted.part.content)

    def _handle(self, part: Part) -> None:
        if self._is_closing or self._failure is not None:
            return
        digest = hashlib.sha256(part.content).digest()
        self._send(part, digest)
        self._found.part_digests[part.number] = digest

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure
