"""How much memory packaging takes at most, whatever it packs, as the kernel counted it."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from build_trees import APPSPEC, MIB

from deliverkit.domain.release import BundleFormat

LIMIT_MIB = 96
PROGRAM = """
import sys
from pathlib import Path
from deliverkit.domain.release import BundleFormat
from deliverkit.packaging.package import PackingRules, look_at

packing = look_at(Path(sys.argv[1]), PackingRules(format=BundleFormat(sys.argv[2])))
if sys.argv[3] == "write":
    packing.write(Path(sys.argv[4]))
else:
    prepared = packing.prepare()
    for made in (prepared.manifest_pieces(), prepared.chunks()):
        for piece in made:
            pass
# Of this program alone: what getrusage() tells includes the moment in which it was still a copy of its parent.
for line in Path("/proc/self/status").read_text().splitlines():
    if line.startswith("VmHWM:"):
        print(int(line.split()[1]) // 1024)
"""

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's count of memory")


@pytest.fixture(scope="module")
def large(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    tree = tmp_path_factory.mktemp("large") / "tree"
    request.param(tree)
    yield tree
    shutil.rmtree(tree)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Two hundred thousand files; in memory where that is possible, for on a disk they take much time."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        app = with_appspec(Path(folder) / "tree")
        for number in range(200):
            resources = app / f"module-{number:03}" / "resources"
            resources.mkdir(parents=True)
            first = resources / "some-file-0000.txt"
            first.write_bytes(b"content of module %d\n" % number)
            for each in range(1, 1000):
                os.link(first, resources / f"some-file-{each:04}.txt")  # quicker than files of their own
        yield app.parent


def peak_mib(tree: Path, out: Path, kind: BundleFormat, way: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tree), kind.value, way, str(out)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def with_appspec(tree: Path) -> Path:
    (tree / "app").mkdir(parents=True)
    (tree / "appspec.yml").write_bytes(APPSPEC)
    return tree / "app"


def one_large_file(tree: Path) -> None:
    with (with_appspec(tree) / "large").open("wb") as file:
        file.truncate(1 << 30)


def forty_jars(tree: Path) -> None:
    """As large as files may be that are read and compressed whole, and a third smaller when compressed."""
    app = with_appspec(tree)
    noise = random.Random(3).randbytes(600_000)
    words = b"".join(b"%d words and more\n" % number for number in range(30_000))[:448_576]
    for number in range(40):
        (app / f"{number}.jar").write_bytes(((b"%d" % number + noise + words) * 9)[: 8 * MIB])


LARGE = [
    (made, kind, way)
    for made, kind, way in itertools.product((one_large_file, forty_jars), BundleFormat, ("write", "prepare"))
    # A tar of it would fill a gibibyte of the disk; its bytes are made without being kept.
    if (made, kind, way) != (one_large_file, BundleFormat.TAR, "write")
]


@pytest.mark.parametrize(("large", "kind", "way"), LARGE, indirect=["large"])
def test_large_files(large: Path, tmp_path: Path, kind: BundleFormat, way: str) -> None:
    assert peak_mib(large, tmp_path / "out", kind, way) <= LIMIT_MIB
    (tmp_path / "out").unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("kind", "way"), [(BundleFormat.ZIP, "write"), (BundleFormat.ZIP, "prepare"), (BundleFormat.TGZ, "write")]
)
def test_two_hundred_thousand_small_files(many: Path, tmp_path: Path, kind: BundleFormat, way: str) -> None:
    # Around a tar, each core has a piece of its own to compress; the entries alone take more than half of the limit.
    limit = LIMIT_MIB if kind is BundleFormat.ZIP else LIMIT_MIB + 12
    assert peak_mib(many, tmp_path / "out", kind, way) <= limit
