"""Commands of how-to pages with what they write: `python tests/gates/judge_how_to.py` brings the pages up to date."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "how-to"
PAGES = (FOLDER / "judge-two-series.md", FOLDER / "why-was-it-rolled-back.md")
_BLOCK = re.compile(r"^```console\n\$ (.*)\n(?:.*\n)*?```$", re.MULTILINE)


def page(path: Path) -> str:
    """A page with what each of its commands writes today."""
    return _BLOCK.sub(lambda block: f"```console\n$ {block[1]}\n{_written(block[1])}```", path.read_text("utf-8"))


def _written(line: str) -> str:
    words = shlex.split(line)
    command = [sys.executable, "-m", *words] if words[0] == "deliverkit" else words
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100", "PYTHONIOENCODING": "utf-8"}
    ran = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, check=False, timeout=60)
    return ran.stdout.decode("utf-8") or ran.stderr.decode("utf-8")


if __name__ == "__main__":
    for each in PAGES:
        each.write_text(page(each), "utf-8")
