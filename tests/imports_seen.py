"""The modules that a command line imports, told by a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

SHOWS_IMPORTS = """
import json, sys
before = set(sys.modules)
from deliverkit.__main__ import main
code = main(sys.argv[1:])
sys.stderr.write(json.dumps([code, sorted(set(sys.modules) - before)]))
"""


def imported(*words: str, python: tuple[str, ...] = (), cwd: Path = ROOT, **environ: str) -> set[str]:
    """The modules that a command line imports; it must succeed and say something.

    Args:
        words: The command line.
        python: Options of Python itself.
        cwd: Where it runs.
        environ: More variables; AWS_ ones of this process are not handed on.
    """
    command = [sys.executable, *python, "-c", SHOWS_IMPORTS, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=_own(environ), cwd=cwd)
    assert done.returncode == 0, done.stderr
    code, modules = json.loads(done.stderr)
    assert code == 0, done.stderr
    assert done.stdout
    return set(modules)


def _own(environ: Mapping[str, str]) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {**inherited, "PYTHONPATH": str(ROOT), **environ}
