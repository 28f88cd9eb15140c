"""The how-to's commands with what they write: `python tests/gates/judge_how_to.py` brings the page up to date."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "how-to" / "judge-two-series.md"
_BLOCK = re.compile(r"^```console\n\$ (.*)\n(?:.*\n)*?```$", re.MULTILINE)


def page() -> str:
    """The page with what each of its commands writes today."""
    return _BLOCK.sub(lambda block: f"```console\n$ {block[1]}\n{_written(block[1])}```", PAGE.read_text("utf-8"))


def _written(line: str) -> str:
    words = shlex.split(line)
    command = [sys.executable, "-m", *words] if words[0] == "deliverkit" else words
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100", "PYTHONIOENCODING": "utf-8"}
    ran = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, check=False, timeout=60)
    return ran.stdout.decode("utf-8") or ran.stderr.decode("utf-8")


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
