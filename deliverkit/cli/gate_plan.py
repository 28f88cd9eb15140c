"""`deliverkit gate plan`: what harm a comparison can see with the traffic at hand, before the rollout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deliverkit.cli import gate_options, render
from deliverkit.cli.options import Console, Options
from deliverkit.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Mapping
    from datetime import timedelta

    from deliverkit.domain.judge.rules import Rules
    from deliverkit.engine.blueprint import Blueprint

_HALF_AN_HOUR, _MINUTE, _USUAL_EVERY = 1800.0, 60.0, 5.0


def configure(verbs: Any, shared: ArgumentParser) -> None:
    """Describe the arguments."""
    command = verbs.add_parser(
        "plan",
        parents=[shared],
        help="what harm a comparison can see with the traffic at hand, and how long verdicts take; offline",
        description="Say what harm a comparison can see with the traffic at hand, and how long verdicts take. It plans "
        "shares of requests: errors, or requests that are slower than a limit. Offline.",
    )
    command.add_argument(
        "gate", nargs="?", metavar="GATE", help="take harm, alpha, split and bake time from the configuration's gate"
    )
    command.add_argument(
        "--rate",
        type=gate_options.rate,
        default="100/s",
        metavar="REQUESTS",
        help="traffic of both arms together, such as 100/s (default) or 6000/min",
    )
    command.add_argument(
        "--base",
        type=gate_options.share,
        default="1%",
        metavar="SHARE",
        help="share of requests that are bad anyhow (default: 1%%)",
    )
    command.add_argument(
        "--bake",
        type=gate_options.seconds,
        metavar="TIME",
        help="bake time (default: that of the environments with this gate, or else 30m)",
    )
    command.add_argument(
        "--every",
        type=gate_options.seconds,
        metavar="TIME",
        help="from look to look: how often the metrics have a new value (default: the period of the gate's metrics, or "
        "else 5s)",
    )
    gate_options.add_margin(command)
    command.set_defaults(run=run)


def run(arguments: Namespace, options: Options, console: Console) -> int:
    """Plan, and tell."""
    from deliverkit.cli.streams import columns  # noqa: PLC0415
    from deliverkit.domain.comparison_plan import planned  # noqa: PLC0415
    from deliverkit.domain.judge.planning import Traffic  # noqa: PLC0415
    from deliverkit.reporting import comparison_plan_text  # noqa: PLC0415

    spec, bake = _configured(arguments.gate, options, console) if arguments.gate else ({}, None)
    if arguments.base >= 1:
        raise UsageError("with a base of 100 % nothing can get worse", hint="--base 1%")
    rules = _rules(arguments, spec, bake)
    low, high = rules.candidate_share
    every = _every(arguments, spec)
    if every > rules.bake:
        raise UsageError(
            f"a look every {every:g} s never comes in {rules.bake:g} s of bake time", hint="give a longer --bake"
        )
    plan = planned(rules, Traffic(arguments.rate, arguments.base, (low + high) / 2), every=every)
    render.data(
        plan,
        options,
        console,
        text=lambda told: comparison_plan_text.told(told, min(columns(), 120)),
        as_json=comparison_plan_text.document,
    )
    return ExitCode.DONE


def _rules(arguments: Namespace, spec: Mapping[str, Any], bake: float | None) -> Rules:
    """What is asked: as typed, or else as configured, or else as usual."""
    from deliverkit.domain.judge.rules import Rules  # noqa: PLC0415

    if arguments.harm and arguments.harm.value > 1:
        raise UsageError(f"--harm {arguments.harm.value:g} is more than all requests", hint="--harm 0.5%, or 0.005")
    numbers = {name: spec[name] for name in ("ratio", "tolerate", "tolerated_ratio", "metrics") if name in spec}
    return Rules(
        **numbers,
        harm=arguments.harm.value if arguments.harm else spec.get("harm", gate_options.DEFAULT_HARM.value),
        alpha=arguments.alpha or spec.get("alpha", gate_options.DEFAULT_ALPHA),
        candidate_share=arguments.split or tuple(spec.get("candidate_share", gate_options.HALVES)),
        bake=arguments.bake or bake or _HALF_AN_HOUR,
        dispersion=arguments.dispersion or spec.get("dispersion"),
    )


def _every(arguments: Namespace, spec: Mapping[str, Any]) -> float:
    """Seconds from look to look: as typed, or else as configured; CloudWatch's own period is a minute."""
    usual = float(spec.get("period", _MINUTE)) if spec else _USUAL_EVERY
    return float(arguments.every or usual)


def _configured(name: str, options: Options, console: Console) -> tuple[Mapping[str, Any], float | None]:
    """The settings of a gate's comparison, and the longest bake time of the environments that have the gate.

    Raises:
        UsageError: If there is no such gate, it compares no shares, or the configuration is wrong.
    """
    from deliverkit.app import configured  # noqa: PLC0415
    from deliverkit.domain.duration import format_duration  # noqa: PLC0415

    blueprint = configured(options.config)
    if name not in blueprint.gates:
        known = ", ".join(blueprint.gates) or "none"
        nearest = _nearest(name, blueprint) or "GATE"
        raise UsageError(
            f"there is no gate {name}; the configuration has {known}", hint=f"deliverkit gate plan {nearest}"
        )
    specs = [check.spec for check in blueprint.gates[name].checks if check.kind == "compare"]
    bakes = _bakes(name, blueprint)
    bake = f"--bake {format_duration(max(bakes))}" if bakes else "--bake 30m"
    of_requests = [spec for spec in specs if spec.get("kind") != "count"]
    if not of_requests:
        what = "only numbers of events, and plans are of shares of requests" if specs else "nothing"
        raise UsageError(f"gate {name} compares {what}", hint=f"deliverkit gate plan {bake}")
    if len(specs) > 1:
        console.tell(f"note: gate {name} makes {len(specs)} comparisons; this is the plan of the first of requests")
    return of_requests[0], max(bakes).total_seconds() if bakes else None


def _nearest(name: str, blueprint: Blueprint) -> str:
    import difflib  # noqa: PLC0415

    return next(iter([*difflib.get_close_matches(name, blueprint.gates, n=1), *blueprint.gates]), "")


def _bakes(name: str, blueprint: Blueprint) -> list[timedelta]:
    environments = blueprint.environments.values()
    return [each.bake_time for each in environments if name in (*each.during, *each.after) and each.bake_time]
