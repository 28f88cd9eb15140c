"""How fast a tree becomes a bundle, beside the zip step of `aws deploy push`, zip, tar with pigz or igzip, 7z and jar.

Ours is the whole console script: its start, SHA-256 and manifest included. Trees are generated once from a seed into
the system's directory for temporary files (4.5 GiB at full size) and are in memory before the first run.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import trees
from paired import (
    BIN,
    HERE,
    Contestant,
    Goal,
    Row,
    asked_for,
    compete,
    finish,
    tool,
    understands,
    version_of,
)
from project import Project

OURS, FIRST, AGAIN = "deliverkit", "deliverkit, first", "deliverkit, again"
SMALLER = "deliverkit --compression small"
AWS, ZIP, PIGZ = "aws deploy push, its zip step", "zip -6", "tar, pigz -1"
MEMORY_LIMIT = 96


def main() -> int:
    """Measure every row, print the figures and which goals are met."""
    options, wanted = asked_for(__doc__, ROWS, rounds=3)
    with TemporaryDirectory(prefix="deliverkit-bench-") as scratch:
        bench = Bench(Path(scratch), options.scale, options.rounds)
        rows = {name: ROWS[name](bench) for name in wanted}
    return finish("package", options, list(rows.values()), _goals(rows), _peers())


class Bench:
    """The contestants of one run, and where they work."""

    def __init__(self, scratch: Path, scale: float, rounds: int) -> None:
        self.scale = scale
        self.rounds = rounds
        self._scratch = scratch
        self._has_levels = understands("--compression")

    def small(self) -> Row:
        """Many small files."""
        tree = trees.SMALL.make(self.scale)
        extra = [self._seven_zip(tree), self._jar(tree), self._tar(tree, "igzip -1", install="apt-get install isal")]
        return self._row(
            tree, [self._ours(tree, level="fast"), self._aws(tree), self._zip(tree), self._pigz(tree), *extra]
        )

    def jars(self) -> Row:
        """Files of some MiB that are half compressed already."""
        tree = trees.JARS.make(self.scale)
        return self._row(
            tree,
            [
                self._ours(tree, level="fast"),
                self._ours(tree, level="small", name=SMALLER),
                self._aws(tree),
                self._zip(tree),
                self._pigz(tree),
                self._seven_zip(tree),
            ],
        )

    def huge(self) -> Row:
        """One huge file."""
        tree = trees.HUGE.make(self.scale)
        return self._row(tree, [self._ours(tree, level="fast"), self._aws(tree), self._pigz(tree)])

    def random(self) -> Row:
        """One file that cannot be compressed."""
        tree = trees.RANDOM.make(self.scale)
        return self._row(tree, [self._ours(tree, level="fast"), self._aws(tree), self._pigz(tree)])

    def again(self) -> Row:
        """A tree that did not change since it was packaged."""
        tree = trees.SMALL.make(self.scale)
        first = self._ours(tree, level="fast", name=FIRST)
        again = self._ours(tree, level="fast", name=AGAIN)
        first.keeps_out = True  # the second run may find what the first one made
        again.before = None
        title = f"{tree.title}, packaged again"
        return compete(title, tree.size, [again, first, self._aws(tree)], rounds=self.rounds, order=[1, 0, 2])

    def _row(self, tree: trees.Tree, contestants: list[Contestant]) -> Row:
        return compete(tree.title, tree.size, contestants, rounds=self.rounds)

    def _ours(self, tree: trees.Tree, *, level: str, name: str = OURS) -> Contestant:
        project = Project(self._scratch, tree.path)
        said = ["--compression", level] if self._has_levels else []
        missing = "this version has no --compression" if level == "small" and not self._has_levels else ""
        return Contestant(
            name,
            project.package(*said, "--to-file", project.bundle),
            project.place,
            project.environment,
            before=project.forget,
            out=project.bundle,
            missing=missing,
        )

    def _aws(self, tree: trees.Tree) -> Contestant:
        command: list[str | Path] = [sys.executable, HERE / "contestants" / "aws_zip.py", tree.path]
        return Contestant(AWS, command, tells=True, missing=tool("aws", install="pip install awscli"))

    def _zip(self, tree: trees.Tree) -> Contestant:
        out = self._scratch / "zip.zip"
        missing = tool("zip", install="apt-get install zip")
        return Contestant(ZIP, ["zip", "-6", "-q", "-r", out, "."], tree.path, out=out, missing=missing)

    def _seven_zip(self, tree: trees.Tree) -> Contestant:
        out = self._scratch / "7z.zip"
        missing = tool("7z", install="apt-get install p7zip-full")
        return Contestant(
            "7z -tzip -mx1", ["7z", "a", "-tzip", "-mx1", "-bd", out, "."], tree.path, out=out, missing=missing
        )

    def _jar(self, tree: trees.Tree) -> Contestant:
        out = self._scratch / "jar.jar"
        missing = tool("jar", install="apt-get install default-jdk-headless")
        return Contestant("jar", ["jar", "cMf", out, "."], tree.path, out=out, missing=missing)

    def _pigz(self, tree: trees.Tree) -> Contestant:
        return self._tar(tree, "pigz -1", install="apt-get install pigz")

    def _tar(self, tree: trees.Tree, through: str, *, install: str) -> Contestant:
        out = self._scratch / "tar.tgz"
        missing = tool(through.partition(" ")[0], install=install)
        command: list[str | Path] = ["sh", "-c", f'tar -cf - . | {through} > "$0"', out]
        return Contestant(f"tar, {through}", command, tree.path, out=out, missing=missing)


ROWS: dict[str, Callable[[Bench], Row]] = {
    "small": Bench.small,
    "jars": Bench.jars,
    "huge": Bench.huge,
    "random": Bench.random,
    "again": Bench.again,
}


def _goals(rows: dict[str, Row]) -> list[Goal]:
    return [
        *(_wall(rows, *goal) for goal in WALL_GOALS if goal[0] in rows),
        *(_size(rows, *goal) for goal in SIZE_GOALS if goal[0] in rows),
        *(_memory(row) for row in rows.values()),
    ]


# Row, ours, the peer, the most that ours may take of it.
WALL_GOALS = (
    ("small", OURS, AWS, 0.20),
    ("small", OURS, PIGZ, 0.65),
    ("jars", OURS, AWS, 0.20),
    ("jars", SMALLER, AWS, 0.33),
    ("huge", OURS, AWS, 0.25),
    ("random", OURS, AWS, 0.12),
    ("again", AGAIN, AWS, 0.05),
    ("again", AGAIN, FIRST, 0.05),
)
SIZE_GOALS = (("small", OURS, ZIP, 1.04), ("jars", SMALLER, ZIP, 1.0))


def _wall(rows: dict[str, Row], name: str, ours: str, theirs: str, limit: float) -> Goal:
    row = rows[name]
    return Goal(f"{row.title}: time of {ours} to {theirs}", limit, row.ratio("wall", ours, theirs))


def _size(rows: dict[str, Row], name: str, ours: str, theirs: str, limit: float) -> Goal:
    row = rows[name]
    return Goal(f"{row.title}: size of {ours} to {theirs}", limit, row.ratio("out", ours, theirs))


def _memory(row: Row) -> Goal:
    ours = [each.median("together") for each in row.contestants if each.name.startswith(OURS) and each.runs]
    return Goal(f"{row.title}: memory of all our processes", MEMORY_LIMIT, max(ours, default=None), "MiB")


def _peers() -> dict[str, str]:
    return {
        "awscli": version_of(BIN / "aws", "--version", pattern=r"(?<=aws-cli/)\S+"),
        "zip": version_of("zip", "-v", pattern=r"(?<=This is Zip )[\d.]+"),
        "pigz": version_of("pigz", "--version"),
        "7z": version_of("7z"),
        "jar": version_of("jar", "--version"),
        "igzip": version_of("igzip", "--version"),
    }


if __name__ == "__main__":
    sys.exit(main())
