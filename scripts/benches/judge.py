"""The canary judge on simulated rollouts, beside thresholds and a rank test: wrong rollbacks, misses, time.

A bake of 30 minutes, a look every 5 seconds. Prints the goals and all rows as Markdown; a goal that is missed is told,
and the bench ends with 0 either way. The same seed gives the same figures with any number of processes.
"""

from __future__ import annotations

import argparse
import fnmatch
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import judge_figures
import judge_latency
import judge_runs
import judge_suite
from judge_runs import Case, run_all
from judge_traffic import NONE
from table import placed

PAGE = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "judge-figures.md"
SEED = 20_26
RUNS = 500
MOST_JOBS = 8


def main() -> int:
    """Simulate, judge, print."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument(
        "--runs", type=int, default=RUNS, help="rollouts of each harmless row; a harmful one has a third"
    )
    options.add_argument("--row", metavar="PATTERN", default="*", help="only rows whose name matches, `*` is anything")
    options.add_argument("--seed", type=int, default=SEED, help=f"of the traffic (default: {SEED})")
    options.add_argument("--jobs", type=int, default=min(os.cpu_count() or 1, MOST_JOBS), help="processes at a time")
    options.add_argument("--list", action="store_true", help="print the names of the rows and stop")
    options.add_argument("--write", action="store_true", help=f"write the figures into docs/explanation/{PAGE.name}")
    arguments = options.parse_args()
    wanted = chosen(cases(arguments.runs), arguments.row)
    slow = [row for row in judge_latency.rows(arguments.runs) if fnmatch.fnmatchcase(row.name, arguments.row)]
    if arguments.list:
        names = [case.name for case in wanted] + [row.name for row in slow]
        sys.stdout.writelines(f"{name}\n" for name in names)
        return 0
    if not (wanted or slow):
        options.error(f"no row matches {arguments.row!r}; --list prints them")
    seed, jobs = arguments.seed, arguments.jobs
    results = run_all(wanted, judge_runs.run, judge_runs.joined, seed, jobs)
    slowness = run_all(slow, judge_latency.run, judge_latency.joined, seed, jobs)
    figures = judge_figures.page(results, slowness, seed)
    if arguments.write:
        PAGE.write_text(placed(PAGE.read_text(encoding="utf-8"), "judge", figures), encoding="utf-8")
    sys.stdout.write(figures)
    return 0


def cases(runs: int) -> list[Case]:
    """All rows of the suite. Harmless ones come first: there the shares are small, and most rollouts are needed."""
    few = max(runs // 3, 2)
    found = []
    for family in judge_suite.suite():
        for setting, harms in family.members:
            peers = family.has_peers and bool(harms)
            found.append(Case(family.name, setting, NONE, runs, peers, family.is_counted))
            found += [Case(family.name, setting, harm, few, peers, family.is_counted) for harm in harms]
    for setting, harms in judge_suite.twice_the_margin():
        found += [
            Case(judge_suite.PASSES, setting, harm, few if harm.points else runs, with_peers=False) for harm in harms
        ]
    return sorted(found, key=lambda case: bool(case.harm.points))


def chosen(all_cases: Sequence[Case], pattern: str) -> list[Case]:
    """Rows whose name matches; a harmful row brings the harmless one with which it is compared."""
    named = [case for case in all_cases if fnmatch.fnmatchcase(case.name, pattern)]
    settings = {case.setting for case in named}
    return [case for case in all_cases if case in named or (case.setting in settings and not case.harm.points)]


if __name__ == "__main__":
    sys.exit(main())
