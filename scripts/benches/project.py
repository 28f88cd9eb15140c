"""A project of ours around a tree, with nothing left of earlier runs unless a bench wants it."""

from __future__ import annotations

import shutil
from pathlib import Path

from paired import BIN, our_environment

CONFIGURATION = """application: bench
release:
  version: {{literal: "1"}}
  bundle: {{path: "{tree}", format: zip}}
  store: s3://{bucket}/releases
environments:
  dev:
    regions: [us-east-1]
    endpoint: http://127.0.0.1:8080
    serves: {{url: "${{endpoint}}/version"}}
    deploy: {{codedeploy: {{group: bench}}, strategy: all-at-once}}
"""


class Project:
    """A directory with a deliverkit.yml, and a home directory of its own for whatever is remembered there.

    Attributes:
        place: Where the command line runs.
        bundle: Where `--to-file` writes.
        environment: What the command line needs.
    """

    def __init__(self, scratch: Path, tree: Path) -> None:
        self.place = scratch / f"project-{tree.name}"
        self.bundle = self.place / "out" / "bundle.zip"
        self._home = scratch / f"home-{tree.name}"
        self._tree = tree
        self._buckets = 0
        self.environment = {
            **our_environment(),
            "HOME": str(self._home),
            "XDG_CACHE_HOME": str(self._home / "cache"),
            "XDG_STATE_HOME": str(self._home / "state"),
        }
        self.forget()

    def forget(self) -> None:
        """Nothing of an earlier run may help the next one: new project, new home, a bucket that nobody wrote to."""
        for place in (self.place, self._home):
            shutil.rmtree(place, ignore_errors=True)
        self._home.mkdir()
        self.bundle.parent.mkdir(parents=True)
        self._buckets += 1
        text = CONFIGURATION.format(tree=self._tree, bucket=f"{self._tree.name.lower()}-{self._buckets}")
        (self.place / "deliverkit.yml").write_text(text, encoding="utf-8")

    def package(self, *options: str | Path) -> list[str | Path]:
        """The command line."""
        return [BIN / "deliverkit", "package", *options]
