"""Trees to package, made from a seed: the same seed and scale give the same bytes on any machine.

What they are like was set by measuring: a source-like file shrinks to about 0.45 of itself under `zip -6`, a jar-like
one to about 0.66. Blocks of the big trees come back after more than 32 KiB, which deflate's window cannot see.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

SEED = 20261
FORM = 1
"""Counts up when the content changes, so that no older tree is taken for it."""
KIB, MIB = 1 << 10, 1 << 20
FILES_PER_FOLDER = 100
APPSPEC = """version: 0.0
os: linux
files:
  - source: /
    destination: /opt/bench
file_exists_behavior: OVERWRITE
"""


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree on disk.

    Attributes:
        title: For people.
        path: Where it lies.
        files: How many files, the appspec apart.
        size: Their bytes.
    """

    title: str
    path: Path
    files: int
    size: int


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of tree.

    Attributes:
        name: Folder name in the cache.
        noun: For people, after the number and size of the files.
        files: Files at scale 1.
        size: Bytes of a file at scale 1.
        content: Yields the bytes of one file of a size.
        scales_size: True when a smaller scale makes files smaller, False when it makes them fewer.
    """

    name: str
    noun: str
    files: int
    size: int
    content: Callable[[random.Random, int], Iterator[bytes]]
    scales_size: bool = False

    def make(self, scale: float, seed: int = SEED) -> Tree:
        """The tree at a scale, generated unless it lies in the cache already; read once, so that it is in memory."""
        files = self.files if self.scales_size else max(1, round(self.files * scale))
        size = max(64 * KIB, round(self.size * scale)) if self.scales_size else self.size
        place = cache() / f"{self.name}-{FORM}-{seed}-{files}x{size}"
        if not place.exists():
            draft = place.with_suffix(".draft")
            shutil.rmtree(draft, ignore_errors=True)
            self._write(draft, files, size, random.Random(seed))
            draft.rename(place)
        for file in place.rglob("*"):
            _read(file)
        return Tree(f"{files:,} {self.noun} of {amount(size)}", place, files, files * size)

    def _write(self, place: Path, files: int, size: int, rng: random.Random) -> None:
        place.mkdir(parents=True)
        (place / "appspec.yml").write_text(APPSPEC, encoding="utf-8")
        for number in range(files):
            folder = place / f"part{number // FILES_PER_FOLDER:04}"
            folder.mkdir(exist_ok=True)
            with (folder / f"file{number:06}.bin").open("wb") as file:
                file.writelines(self.content(rng, size))


def cache() -> Path:
    """The directory for generated trees; ours alone."""
    place = Path(tempfile.gettempdir()) / f"deliverkit-bench-{os.getuid()}"
    place.mkdir(mode=0o700, exist_ok=True)
    if place.stat().st_uid != os.getuid() or place.is_symlink():
        raise SystemExit(f"{place} belongs to somebody else; set TMPDIR to a directory of your own")
    return place


def amount(size: float) -> str:
    """Bytes as people write them."""
    for unit, name in ((1 << 30, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if size >= unit:
            return f"{size / unit:.3g} {name}"
    return f"{size:.0f} B"


def _read(file: Path) -> None:
    if file.is_file():
        with file.open("rb", buffering=0) as opened:
            while opened.read(4 * MIB):
                pass


# --- content --------------------------------------------------------------------------------------


def source_like(rng: random.Random, size: int) -> Iterator[bytes]:
    """Lines of identifiers, literals and punctuation."""
    lines = _lines(rng.getrandbits(1))
    picked = b"".join(rng.choices(lines, k=size // 24))
    yield picked[:size].ljust(size, b" ")


def jar_like(rng: random.Random, size: int) -> Iterator[bytes]:
    """Blocks in which text and what is compressed already take turns."""
    blocks = _blocks()
    left = size
    while left > 0:
        yield rng.choice(blocks)[:left]
        left -= MIB


def incompressible(rng: random.Random, size: int) -> Iterator[bytes]:
    """Random bytes."""
    for begin in range(0, size, MIB):
        yield rng.randbytes(min(MIB, size - begin))


_POOLS: dict[object, list[bytes]] = {}


def _lines(pool: int) -> list[bytes]:
    """Twenty thousand lines; which words are frequent differs from pool to pool."""
    if pool not in _POOLS:
        rng = random.Random(f"lines {pool}")
        syllables = [a + b for a in "bcdfghklmnprstvw" for b in ("a", "e", "i", "o", "u", "er", "on", "at")]
        words = ["".join(rng.choices(syllables, k=rng.randint(1, 4))) for _ in range(6000)]
        weights = list(accumulate(1 / (rank + 8) for rank in range(len(words))))
        forms = (
            "{0}.{1}({2})",
            "if {0} == {1}:",
            "{0} = {1}({2}, {3})",
            "return {0}[{1}]",
            "# {0} {1} {2} {3}",
            '"{0}-{1}"',
        )
        made = []
        for _ in range(20_000):
            text = rng.choice(forms).format(*rng.choices(words, cum_weights=weights, k=4))
            number = f" {rng.randrange(100_000)}" if rng.random() < LITERALS else ""
            made.append(f"{' ' * 4 * rng.randint(0, 3)}{text}{number}\n".encode())
        _POOLS[pool] = made
    return _POOLS[pool]


LITERALS = 0.3
RANDOM_SHARE = 0.4


def _blocks() -> list[bytes]:
    """Sixty-four blocks of 1 MiB."""
    if "blocks" not in _POOLS:
        rng = random.Random("blocks")
        _POOLS["blocks"] = [_block(rng) for _ in range(64)]
    return _POOLS["blocks"]


def _block(rng: random.Random) -> bytes:
    block = bytearray()
    while len(block) < MIB:
        size = rng.randint(2 * KIB, 16 * KIB)
        block += rng.randbytes(size) if rng.random() < RANDOM_SHARE else b"".join(source_like(rng, size))
    return bytes(block[:MIB])


SMALL = Kind("small", "source-like files", 20_000, 8 * KIB, source_like)
JARS = Kind("jars", "jar-like files", 300, 4 * MIB, jar_like)
HUGE = Kind("huge", "jar-like file", 1, 2048 * MIB, jar_like, scales_size=True)
RANDOM = Kind("random", "random file", 1, 1024 * MIB, incompressible, scales_size=True)
