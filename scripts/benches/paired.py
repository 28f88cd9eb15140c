"""The harness of the benches: contestants take turns in one run, so that whatever else the machine does meets all.

Wall and CPU time are those of the whole process and of all that it started, memory is that of the largest process and
of all processes together. A ratio is the median over the rounds of ours divided by the peer's figure of the same round.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
BIN = Path(sys.executable).parent
LIMIT = 1800
"""Seconds after which a contestant has failed."""


class ContestantError(Exception):
    """A contestant did not do its work."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of a contestant took: seconds, MiB and bytes.

    Attributes:
        wall: Time from start to end.
        cpu: User and system time of all its processes.
        peak: Memory of the largest of its processes, at its peak.
        together: Peaks of the processes that lived at one time, added up; pages that they share count twice.
        out: Size of what it made; 0 when it made no file.
    """

    wall: float
    cpu: float
    peak: float
    together: float
    out: int = 0


@dataclass(slots=True)
class Contestant:
    """One way to do the work.

    Attributes:
        name: For people.
        command: The program and its arguments.
        cwd: Where it runs.
        environment: Added to the bench's own.
        before: Called before each run, outside of the measuring.
        out: The file that it makes, measured and removed after the run.
        keeps_out: True when the next contestant needs that file.
        tells: True when the last line of its stdout is a JSON object whose `wall`, `cpu` and `out` replace the
            measured figures: work inside a process whose start is not part of the work.
        missing: Why it cannot run here; empty when it can.
        runs: What was measured.
        failure: Why it failed; empty as long as it did not.
    """

    name: str
    command: Sequence[str | Path]
    cwd: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    before: Callable[[], None] | None = None
    out: Path | None = None
    keeps_out: bool = False
    tells: bool = False
    missing: str = ""
    runs: list[Run] = field(default_factory=list)
    failure: str = ""

    def median(self, figure: str) -> float:
        """The median of one figure over all runs."""
        return float(statistics.median(getattr(run, figure) for run in self.runs))


@dataclass(frozen=True, slots=True)
class Row:
    """One piece of work and its contestants.

    Attributes:
        title: For people.
        size: Bytes of the work's input.
        contestants: Those who took part, and those who could not.
    """

    title: str
    size: int
    contestants: Sequence[Contestant]

    def named(self, name: str) -> Contestant | None:
        """The contestant, if it has figures."""
        return next((each for each in self.contestants if each.name == name and each.runs), None)

    def ratio(self, figure: str, ours: str, theirs: str) -> float | None:
        """Ours divided by theirs, median over the rounds; None when either has no figures."""
        one, other = self.named(ours), self.named(theirs)
        if one is None or other is None:
            return None
        pairs = zip(one.runs, other.runs, strict=False)
        ratios = [getattr(mine, figure) / getattr(its, figure) for mine, its in pairs if getattr(its, figure)]
        return statistics.median(ratios) if ratios else None


@dataclass(frozen=True, slots=True)
class Goal:
    """What was aimed at and what was measured: met when the value is at most the limit.

    Attributes:
        what: For people.
        limit: The goal.
        value: The measured figure; None when it could not be measured.
        unit: `x` for a ratio, `MiB` for memory.
    """

    what: str
    limit: float
    value: float | None
    unit: str = "x"

    @property
    def verdict(self) -> str:
        """Met, missed, or not measured."""
        if self.value is None:
            return "not measured"
        return "met" if self.value <= self.limit else "missed"


# --- measuring ------------------------------------------------------------------------------------


def measure(contestant: Contestant) -> Run:
    """Run a contestant once.

    Raises:
        ContestantError: If it cannot be started, fails, takes too long or makes nothing.
    """
    if contestant.before:
        contestant.before()
    with tempfile.TemporaryDirectory(prefix="deliverkit-bench-") as scratch:
        said = Path(scratch) / "stdout"
        figures = _launch(contestant, Path(scratch) / "report", said, Path(scratch) / "stderr")
        told = json.loads(said.read_text().splitlines()[-1]) if contestant.tells else {}
    # At or below the launcher's own size the kernel's figure is the launcher's; see launcher.py.
    peak = figures["maxrss"] if figures["maxrss"] > figures["floor"] * 1.05 else figures["one"]
    size = told.get("out", _size(contestant.out))
    if contestant.out and not contestant.keeps_out:
        contestant.out.unlink()
    wall, cpu = told.get("wall", figures["wall"]), told.get("cpu", figures["cpu"])
    return Run(wall, cpu, peak / 1024, max(peak, figures["sum"]) / 1024, size)


def _launch(contestant: Contestant, report: Path, said: Path, complained: Path) -> dict[str, float]:
    launcher = [sys.executable, "-I", "-S", str(HERE / "launcher.py"), str(report)]
    command = [*launcher, *map(str, contestant.command)]
    environment = {**os.environ, **contestant.environment}
    with said.open("wb") as stdout, complained.open("wb") as stderr:
        process = subprocess.Popen(
            command,
            cwd=contestant.cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
        try:
            status = process.wait(LIMIT)
        except BaseException as error:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if isinstance(error, subprocess.TimeoutExpired):
                raise ContestantError(f"not done after {LIMIT} s") from error
            raise
    if status != 0:
        words = (complained.read_text(errors="replace") + said.read_text(errors="replace")).split("\n")
        raise ContestantError(f"exit {status}: {' / '.join(line.strip() for line in words if line.strip())[-400:]}")
    figures: dict[str, float] = json.loads(report.read_text())
    return figures


def _size(out: Path | None) -> int:
    if out is None:
        return 0
    if not out.is_file():
        raise ContestantError(f"it made no {out.name}")
    return out.stat().st_size


def compete(title: str, size: int, contestants: Sequence[Contestant], *, rounds: int, order: Sequence[int] = ()) -> Row:
    """Let all contestants run in turns; one that fails is out, and told.

    Args:
        title: The row's.
        size: Bytes of the input.
        contestants: The first one is ours, and compared with the others.
        rounds: Runs of each.
        order: Their positions in the order in which they run, when one needs what another one leaves.
    """
    for number in range(rounds):
        for each in [contestants[place] for place in order] or contestants:
            if each.missing or each.failure:
                continue
            tell(f"{title}: round {number + 1} of {rounds}, {each.name}")
            try:
                each.runs.append(measure(each))
            except ContestantError as error:
                each.failure, each.runs = str(error), []
                tell(f"  {each.name} is out: {error}")
    return Row(title, size, contestants)


def tell(line: str) -> None:
    """Progress, for people who wait."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


# --- contestants' surroundings --------------------------------------------------------------------


def our_environment() -> dict[str, str]:
    """What makes the console script run this tree, whatever the virtual environment has installed."""
    return {"PYTHONPATH": str(ROOT)}


def tool(name: str, *, install: str) -> str:
    """Empty when a program is installed, or how to get it."""
    return "" if shutil.which(name) or (BIN / name).exists() else f"not installed ({install})"


def understands(option: str, command: str = "package") -> bool:
    """True when a command of ours has an option."""
    asked = [str(BIN / "deliverkit"), command, "--help"]
    answer = subprocess.run(asked, capture_output=True, text=True, env={**os.environ, **our_environment()}, check=True)
    return bool(re.search(rf"{re.escape(option)}\b", answer.stdout))


def version_of(*command: str | Path, pattern: str = r"\d+(\.\d+)+\S*") -> str:
    """The first thing like a version that a program says; empty when it is not installed."""
    try:
        answer = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    found = re.search(pattern, answer.stdout + answer.stderr)
    return found[0] if found else ""


def machine() -> dict[str, Any]:
    """What a reader has to know about the machine."""
    cpu = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return {
        "cores": len(os.sched_getaffinity(0)),
        "cpu": cpu[1] if cpu else platform.machine(),
        "memory_gib": round(memory),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1),
    }


# --- the end of a bench ---------------------------------------------------------------------------


def arguments(description: str | None, *, rounds: int) -> argparse.ArgumentParser:
    """The options that all benches have. A bench that is told to end cleans up before it does."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full size (default: 1.0)")
    parser.add_argument("--rounds", type=int, default=rounds, help=f"runs of each contestant (default: {rounds})")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write all figures there, for `scripts/bench table`")
    parser.add_argument("--only", metavar="ROW", action="append", default=[], help="only this row; may be repeated")
    return parser


def asked_for(description: str | None, names: Collection[str], *, rounds: int) -> tuple[argparse.Namespace, list[str]]:
    """The command line's options, and which rows they ask for, in the bench's own order."""
    parser = arguments(description, rounds=rounds)
    options = parser.parse_args()
    wanted = set(options.only) or set(names)
    if not wanted <= set(names):
        parser.error(f"rows are: {', '.join(names)}")
    return options, [name for name in names if name in wanted]


def finish(
    name: str, options: argparse.Namespace, rows: Sequence[Row], goals: Iterable[Goal], peers: Mapping[str, str]
) -> int:
    """Print the figures and write them down; a benchmark is no test, so the answer is always 0."""
    from table import for_people  # noqa: PLC0415 - it needs nothing of this module, but benches need both

    report = {
        "bench": name,
        "scale": options.scale,
        "rounds": options.rounds,
        "machine": machine(),
        "peers": {peer: version for peer, version in peers.items() if version},
        "rows": [_as_data(row) for row in rows],
        "goals": [{**asdict(goal), "verdict": goal.verdict} for goal in goals],
    }
    sys.stdout.write(for_people(report))
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 0


def _as_data(row: Row) -> dict[str, Any]:
    first = row.contestants[0].name
    return {
        "title": row.title,
        "size": row.size,
        "contestants": [
            {
                "name": each.name,
                "note": each.missing or each.failure,
                "runs": [asdict(run) for run in each.runs],
                "median": {figure: each.median(figure) for figure in asdict(each.runs[0])} if each.runs else {},
                "ours_to_it": {figure: row.ratio(figure, first, each.name) for figure in ("wall", "cpu")},
            }
            for each in row.contestants
        ],
    }
