"""How long the command line takes to answer, beside `aws` and a plain boto3 script that does the same.

Every figure is that of a whole process. All commands run in turns within the same rounds, so that whatever else the
machine does meets all of them; a ratio is the median of the rounds' ratios. They run in a fresh virtual environment
that sees the libraries of this one, as an installed deliverkit does: an editable installation starts 10 ms later, and
so would every peer in it. Prints a Markdown table; `--json FILE` keeps every sample.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import botocore
import msgspec

from deliverkit.domain.release import BundleFormat, BundleRevision, Release
from deliverkit.sandbox import launcher

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 15
BUCKET, KEY = "releases", "shop/releases/1.0.json"
# As pip writes it since version 25; before, it also imports `re`, which takes longer than all of `--version`.
CONSOLE_SCRIPT = """#!{python}
import sys
from deliverkit.__main__ import main
if __name__ == "__main__":
    sys.argv[0] = sys.argv[0].removesuffix(".exe")
    sys.exit(main())
"""
CONFIGURATION = f"""
application: shop
release: {{bundle: {{path: build/}}, store: s3://{BUCKET}/shop}}
environments:
  dev: {{regions: [us-east-1], deploy: {{codedeploy: {{group: shop-dev}}, strategy: all-at-once}}}}
"""
PLAIN = f"""
import boto3
print(boto3.client("s3").get_object(Bucket="{BUCKET}", Key="{KEY}")["Body"].read().decode())
"""


@dataclass(frozen=True, slots=True)
class Sample:
    """Seconds of one process."""

    wall: float
    cpu: float


# (what is compared, of whom, with whom, the goal for the wall's ratio; 0 without one)
COMPARISONS = (
    ("--version", "deliverkit --version", "aws --version", 0.05),
    ("--version, over Python alone", "deliverkit --version", "python -c pass", 0.0),
    ("--help", "deliverkit --help", "aws --version", 0.10),
    ("package --help", "deliverkit package --help", "aws --version", 0.0),
    ("one AWS call", "deliverkit release show 1.0 --record", "aws s3api get-object", 0.50),
    ("one AWS call", "deliverkit release show 1.0 --record", "boto3 script", 0.85),
)


def main() -> int:
    """Measure everything, print the table."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=ROUNDS, help=f"times each command runs (default: {ROUNDS})")
    options.add_argument("--json", metavar="FILE", type=Path, help="write every sample")
    arguments = options.parse_args()
    with place() as (directory, environ):
        samples = measure(commands(directory), directory, environ, arguments.rounds)
    rows = [row(*each, samples) for each in COMPARISONS]
    if arguments.json:
        kept = {name: [[each.wall, each.cpu] for each in taken] for name, taken in samples.items()}
        versions = {"python": sys.version.split()[0], "boto3": boto3.__version__, "botocore": botocore.__version__}
        document = {"versions": versions, "rows": rows, "wall and CPU seconds": kept}
        arguments.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(table(rows))
    return 0


# --- the place ------------------------------------------------------------------------------------


@contextmanager
def place() -> Iterator[tuple[Path, Mapping[str, str]]]:
    """A directory with an installation, a configuration and a sandbox that has one release; and the environment."""
    directory = Path(tempfile.mkdtemp(prefix="deliverkit-bench-"))
    try:
        install(directory / "venv")
        (directory / "deliverkit.yml").write_text(CONFIGURATION, encoding="utf-8")
        (directory / "plain.py").write_text(PLAIN, encoding="utf-8")
        running = launcher.start(directory / "sandbox")
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON"))}
        environ |= {"HOME": str(directory), "AWS_ENDPOINT_URL": running.endpoint, "AWS_DEFAULT_REGION": "us-east-1"}
        environ |= {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench"}
        seed(running.endpoint)
        yield directory, environ
    finally:
        launcher.stop(directory / "sandbox")
        shutil.rmtree(directory, ignore_errors=True)


def install(directory: Path) -> None:
    """A virtual environment with the libraries of this one and deliverkit's console script."""
    venv.create(directory, symlinks=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    libraries = directory / "lib" / version / "site-packages"
    (libraries / "bench.pth").write_text(f"{sysconfig.get_paths()['purelib']}\n{ROOT}\n", encoding="utf-8")
    script = directory / "bin" / "deliverkit"
    script.write_text(CONSOLE_SCRIPT.format(python=directory / "bin" / "python"), encoding="utf-8")
    script.chmod(0o755)


def seed(endpoint: str) -> None:
    """One release on record."""
    keys = {"aws_access_key_id": "bench", "aws_secret_access_key": "bench", "region_name": "us-east-1"}
    s3: Any = boto3.client("s3", endpoint_url=endpoint, **keys)
    bundle = BundleRevision(BUCKET, "shop/bundles/1.zip", "v1", "e1", BundleFormat.ZIP)
    release = Release("shop", "1.0", "sha256:" + "1" * 64, 1, bundle, datetime(2026, 1, 5, tzinfo=UTC), "bench")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=msgspec.json.encode(release))


def commands(directory: Path) -> Mapping[str, Sequence[str]]:
    """What is measured, by name; every script by the same Python."""
    python, ours = str(directory / "venv" / "bin" / "python"), str(directory / "venv" / "bin" / "deliverkit")
    aws = [python, str(Path(sys.executable).parent / "aws")]
    return {
        "python -c pass": [python, "-c", "pass"],
        "deliverkit --version": [ours, "--version"],
        "deliverkit --help": [ours, "--help"],
        "deliverkit package --help": [ours, "package", "--help"],
        "aws --version": [*aws, "--version"],
        "deliverkit release show 1.0 --record": [ours, "release", "show", "1.0", "--record"],
        "aws s3api get-object": [*aws, "s3api", "get-object", "--bucket", BUCKET, "--key", KEY, os.devnull],
        "boto3 script": [python, str(directory / "plain.py")],
    }


# --- measuring ------------------------------------------------------------------------------------


def measure(
    what: Mapping[str, Sequence[str]], directory: Path, environ: Mapping[str, str], rounds: int
) -> Mapping[str, Sequence[Sample]]:
    """Samples of each command, taken in turns after a round that only fills caches."""
    samples: dict[str, list[Sample]] = {name: [] for name in what}
    for number in range(rounds + 1):
        for name, command in what.items():
            sample = run(command, directory, environ)
            if number:
                samples[name].append(sample)
    return samples


def run(command: Sequence[str], directory: Path, environ: Mapping[str, str]) -> Sample:
    """One process."""
    before, began = cpu_of_children(), time.monotonic()
    ran = subprocess.run(command, capture_output=True, check=False, cwd=directory, env=environ)
    wall = time.monotonic() - began
    if ran.returncode:
        raise RuntimeError(f"{' '.join(command)} left with {ran.returncode}: {ran.stderr.decode()}")
    return Sample(wall, cpu_of_children() - before)


def cpu_of_children() -> float:
    """Seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def row(
    title: str, ours: str, theirs: str, goal: float, samples: Mapping[str, Sequence[Sample]]
) -> Mapping[str, str | float]:
    """One comparison."""
    pairs = list(zip(samples[ours], samples[theirs], strict=True))
    return {
        "what": title,
        "deliverkit_ms": 1000 * statistics.median(each.wall for each in samples[ours]),
        "peer": theirs,
        "peer_ms": 1000 * statistics.median(each.wall for each in samples[theirs]),
        "ratio": statistics.median(mine.wall / other.wall for mine, other in pairs),
        "cpu_ratio": statistics.median(mine.cpu / other.cpu for mine, other in pairs),
        "goal": goal,
    }


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Markdown."""
    lines = [
        "| what | deliverkit, ms | peer | peer, ms | ratio | of CPU time | goal |",
        "|---|--:|---|--:|--:|--:|--:|",
    ]
    for each in rows:
        goal = f"<= {each['goal']:.2f}" if each["goal"] else "-"
        times = f"{each['deliverkit_ms']:.0f} | `{each['peer']}` | {each['peer_ms']:.0f}"
        lines.append(f"| {each['what']} | {times} | {each['ratio']:.3f} | {each['cpu_ratio']:.3f} | {goal} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
