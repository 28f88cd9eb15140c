"""A directory with a configuration and a build, and the command line in a real process."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from lint_cases import tree_at

CONFIGURATION = """application: shop
release:
  version: {literal: "1"}
  bundle: {path: build/BUNDLE}
  store: s3://shop-releases/shop
LINT
environments:
  dev: {deploy: {codedeploy: {group: shop-dev}}}
"""


@dataclass
class Shop:
    """A directory with a configuration and a build."""

    directory: Path

    def configure(self, lint: str = "", bundle: str = "") -> None:
        text = CONFIGURATION.replace("LINT\n", lint).replace("BUNDLE", bundle)
        (self.directory / "deliverkit.yml").write_text(text, encoding="utf-8")

    def build(self, appspec: str) -> None:
        tree_at(self.directory / "build", appspec)

    def start(self, *arguments: str, stdout: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        command = [sys.executable, "-m", "deliverkit", *arguments]
        return subprocess.Popen(command, cwd=self.directory, env=environ, stdout=stdout, stderr=subprocess.PIPE)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(arguments, process.returncode, out.decode(), err.decode())

    def check(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run("package", "--check", *arguments)
