"""Two files and `deliverkit gate judge`, in this process."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deliverkit.cli.main import run
from deliverkit.cli.streams import Console

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples" / "series"


@dataclass(frozen=True)
class Ran:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """What it wrote as JSON."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Desk:
    """A folder for files."""

    folder: Path

    def judge(self, baseline: str | bytes, candidate: str | bytes, *words: str) -> Ran:
        """Judge two files of these contents."""
        for name, content in (("baseline.csv", baseline), ("candidate.csv", candidate)):
            (self.folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        ran = gate("judge", str(self.folder / "baseline.csv"), str(self.folder / "candidate.csv"), *words)
        out, err = (each.replace(f"{self.folder}/", "") for each in (ran.out, ran.err))
        return Ran(ran.code, out, err)

    def document(self, baseline: str | bytes, candidate: str | bytes, *words: str) -> Any:
        """The same as JSON."""
        return self.judge(baseline, candidate, *words, "--output", "json").document


def gate(*words: str, encoding: str = "utf-8") -> Ran:
    """Run a verb of `deliverkit gate`."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding, write_through=True) for _ in range(2))
    code = run(["gate", *words], Console(out, err, {}))
    texts = [stream.buffer.getvalue().decode(encoding) for stream in (out, err)]  # type: ignore[attr-defined]
    return Ran(code, *texts)


def rows(*values: object, n: object = 1000, step: int = 5) -> str:
    """A file with a row every few seconds."""
    lines = [f"{place * step},{value}" + ("" if n is None else f",{n}") for place, value in enumerate(values)]
    return "\n".join(("at,value" if n is None else "at,value,n", *lines, ""))
