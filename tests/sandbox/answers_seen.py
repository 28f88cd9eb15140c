"""Which operations of the sandbox's own services answered during a test, and with which errors.

The page of operations names a test for each operation and each exception. Whenever such a test runs, it must have seen
what the page says that it shows; and with `DELIVERKIT_ANSWERS_SEEN=DIRECTORY` every test writes down what it saw, from
which `scripts/operations.py DIRECTORY` makes the page.
"""

from __future__ import annotations

import json
import os
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "sandbox-operations.md"
SERVICES = ("codedeploy", "codepipeline")
_ROW = re.compile(r"^\| `(\w+)` \| \[`(.+)`\]\(\.\./\.\./tests/sandbox/(\w+)\.py\) \|$", flags=re.MULTILINE)
_HEADING = re.compile(r"^#+ (\w+): \d+ (?:operations|exceptions)$", flags=re.MULTILINE)

Seen = set[str]
"""`codedeploy.GetDeployment` for an answer, `codedeploy.DeploymentDoesNotExistException` for an error."""


def told() -> dict[tuple[str, str], Seen]:
    """What the page says that each test shows, by `(module, test)`; a parametrised one with its case."""
    shown: dict[tuple[str, str], Seen] = defaultdict(set)
    text = PAGE.read_text(encoding="utf-8")
    starts = [*_HEADING.finditer(text)]
    for start, after in zip(starts, [*starts[1:], None], strict=True):
        for word, test, module in _ROW.findall(text[start.end() : after.start() if after else None]):
            shown[module, test].add(f"{start[1].lower()}.{word}")
    return shown


class Watch:
    """Hears every answer that a client of this process gets from the sandbox's own services."""

    def __init__(self) -> None:
        self.seen: Seen = set()

    def begin(self) -> None:
        """Listen to all clients that `boto3.client` makes from now on."""
        boto3.setup_default_session()
        for service in SERVICES:
            boto3.DEFAULT_SESSION.events.register(f"after-call.{service}", self._hear)

    def _hear(self, parsed: Any, model: Any, **more: Any) -> None:
        service = model.service_model.service_name
        self.seen.add(f"{service}.{parsed.get('Error', {}).get('Code') or model.name}")


def write(module: str, test: str, seen: Seen) -> None:
    """Add a line to this process's file, if somebody wants to know."""
    directory = os.environ.get("DELIVERKIT_ANSWERS_SEEN")
    if directory and seen:
        line = json.dumps({"module": module, "test": test, "seen": sorted(seen)})
        with (Path(directory) / f"{os.getpid()}.jsonl").open("a", encoding="utf-8") as out:
            out.write(line + "\n")


def read(directory: Path) -> Iterator[tuple[str, str, Seen]]:
    """What tests wrote: `(module, test, seen)`."""
    for path in sorted(directory.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            found = json.loads(line)
            yield found["module"], found["test"], set(found["seen"])
