"""`deliverkit gate judge`: is the candidate worse than the baseline? Two files, offline; one verdict for each look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deliverkit.cli import gate_options, render
from deliverkit.cli.options import Console, Options
from deliverkit.errors import DeliverkitError, ExitCode, UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from deliverkit.domain.judge.rules import Rules
    from deliverkit.domain.series_judging import SeriesJudgement


def configure(verbs: Any, shared: ArgumentParser) -> None:
    """Describe the arguments."""
    command = verbs.add_parser(
        "judge",
        parents=[shared],
        help="judge a candidate's series against a baseline's; offline",
        description="Judge a candidate's series against a baseline's. Needs no configuration and no AWS. Both are CSV "
        "files with the columns at,value[,n]: at is ISO 8601, or seconds or milliseconds since 1970, or seconds from "
        "0; value is failed requests of n (errors), events (count), or a response time in seconds or with its unit "
        "(latency; n requests took that long, 1 where there is no n). Rows are matched by their moments.",
        epilog="Exit codes: 0 passed; 1 failed, with nothing to roll back; 5 inconclusive; 2 error: the files hold "
        "nothing that can be judged, or a row is wrong.",
    )
    command.add_argument("baseline", metavar="BASELINE", help="file with the old release's series; - for stdin")
    command.add_argument("candidate", metavar="CANDIDATE", help="file with the new release's series; - for stdin")
    command.add_argument(
        "--kind", choices=gate_options.KINDS, default="errors", help="what the values are (default: errors)"
    )
    gate_options.add_margin(command)
    _add_rules(command)
    command.set_defaults(run=run)


def _add_rules(command: ArgumentParser) -> None:
    command.add_argument(
        "--ratio",
        type=gate_options.factor,
        default=1.0,
        metavar="FACTOR",
        help="a factor on the baseline that belongs to the margin of --harm: 1.2 for 20 %% more (default: 1)",
    )
    command.add_argument(
        "--tolerate",
        type=gate_options.share,
        default=0.0,
        metavar="SHARE",
        help="a rise that never fails (default: 0, any proven rise fails)",
    )
    command.add_argument(
        "--slower-than",
        type=gate_options.seconds,
        metavar="TIME",
        help="latency: compare the shares of requests slower than this, such as 300ms, instead of whole distributions",
    )
    command.add_argument(
        "--slowdown",
        type=gate_options.factor,
        default=1.0,
        metavar="FACTOR",
        help="latency, whole distributions: a factor on response times that never fails (default: 1)",
    )
    command.add_argument(
        "--every",
        type=gate_options.seconds,
        metavar="TIME",
        help="add rows up in ticks of this width (default: each distinct moment by itself where the files share them)",
    )


def run(arguments: Namespace, options: Options, console: Console) -> int:
    """Judge, and tell."""
    from deliverkit.domain.gate import Verdict  # noqa: PLC0415

    try:
        judged = _judged(arguments)
    except DeliverkitError as error:
        if options.is_json:  # whoever reads the document must not take silence for a pass
            document = {"verdict": "error", "reason": error.message, "kind": arguments.kind, "looks": []}
            render.data(document, options, console, text=str, as_json=lambda told: told)
        raise
    for note in (*judged.notes, *_unused(arguments, judged)):
        console.tell(f"note: {note}")
    if options.is_json:
        _write_document(judged, console)
    else:
        _write_text(judged, console)
    if judged.verdict is Verdict.ERROR:
        console.tell("  next: export both series for the same stretch of time, one row for each moment: at,value,n")
    return _code(judged)


def _unused(arguments: Namespace, judged: SeriesJudgement) -> list[str]:
    """Options that changed nothing."""
    from deliverkit.domain.judge.rules import SeriesKind  # noqa: PLC0415

    if arguments.split is None or judged.rules.kind is SeriesKind.COUNT:
        return []
    return ["--split changes nothing here: it is for events without a column n (--kind count)"]


def _judged(arguments: Namespace) -> SeriesJudgement:
    from deliverkit.cli.series_file import read_series  # noqa: PLC0415
    from deliverkit.domain import series_cells  # noqa: PLC0415
    from deliverkit.domain.series_judging import judge_series  # noqa: PLC0415

    if arguments.baseline == arguments.candidate == "-":
        raise UsageError("only one of both series can come from stdin", hint="name a file for the other")
    rules = _rules(arguments)
    parse = series_cells.latency if arguments.kind == "latency" else series_cells.number
    baseline, candidate = (read_series(each, parse) for each in (arguments.baseline, arguments.candidate))
    return judge_series(baseline, candidate, rules, arguments.every, knows_split=arguments.split is not None)


def _rules(arguments: Namespace) -> Rules:
    """What is asked, by the arguments.

    Raises:
        UsageError: If they contradict each other.
    """
    from deliverkit.domain.judge.rules import Rules, SeriesKind  # noqa: PLC0415

    kind = SeriesKind(arguments.kind)
    for option in ("slower_than", "slowdown"):
        if getattr(arguments, option) not in (None, 1.0) and kind is not SeriesKind.LATENCY:
            name = option.replace("_", "-")
            raise UsageError(f"--{name} is for latency, not for {kind.value}", hint="--kind latency")
    harm, ratio = _margin(arguments)
    return Rules(
        kind=kind,
        harm=harm,
        ratio=ratio,
        tolerate=arguments.tolerate,
        alpha=arguments.alpha or gate_options.DEFAULT_ALPHA,
        slower_than=arguments.slower_than,
        slowdown=arguments.slowdown,
        dispersion=arguments.dispersion,
        candidate_share=arguments.split or gate_options.HALVES,
    )


def _margin(arguments: Namespace) -> tuple[float, float]:
    """The rise and the factor that must not pass; of events without requests a percentage is one of the baseline's.

    Raises:
        UsageError: If the rise is more than all requests.
    """
    is_count = arguments.kind == "count"
    asked = arguments.harm or (gate_options.DEFAULT_HARM_OF_COUNTS if is_count else gate_options.DEFAULT_HARM)
    if is_count and asked.is_percent:
        return 0.0, arguments.ratio * (1 + asked.value)
    if not is_count and asked.value > 1:
        raise UsageError(f"--harm {asked.value:g} is more than all requests", hint="--harm 0.5%, or 0.005")
    return asked.value, arguments.ratio


def _write_document(judged: SeriesJudgement, console: Console) -> None:
    """One JSON document, a line for each look."""
    import json  # noqa: PLC0415

    from deliverkit.domain.series_alternatives import alternatives  # noqa: PLC0415
    from deliverkit.reporting import comparison_document  # noqa: PLC0415

    head = comparison_document.head(judged, alternatives(judged))
    lines = (json.dumps(each, ensure_ascii=False, allow_nan=False) for each in comparison_document.looks(judged))
    looks = ",".join(f"\n    {line}" for line in lines)
    written = json.dumps(head, ensure_ascii=False, indent=2, allow_nan=False).removesuffix("\n}")
    console.say(f'{written},\n  "looks": [{looks}{looks and chr(10) + "  "}]\n}}')


def _write_text(judged: SeriesJudgement, console: Console) -> None:
    from deliverkit.cli.streams import columns  # noqa: PLC0415
    from deliverkit.domain.series_alternatives import alternatives  # noqa: PLC0415
    from deliverkit.reporting import comparison_text  # noqa: PLC0415
    from deliverkit.reporting.terminal_charts import glyphs_for  # noqa: PLC0415

    glyphs = glyphs_for(console.out.encoding)
    console.say(comparison_text.told(judged, alternatives(judged), width=min(columns(), 120), glyphs=glyphs))


def _code(judged: SeriesJudgement) -> ExitCode:
    from deliverkit.domain.gate import Verdict  # noqa: PLC0415

    return {
        Verdict.PASSED: ExitCode.DONE,
        Verdict.FAILED: ExitCode.FAILED,
        Verdict.INCONCLUSIVE: ExitCode.WAITING,
        Verdict.ERROR: ExitCode.USAGE,
    }[judged.verdict]
