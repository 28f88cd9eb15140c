"""What the shapes cannot see of checks of metrics: keys that need each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from deliverkit.config.problem import Reading
from deliverkit.config.shapes import INVALID
from deliverkit.domain.limits import USUAL_BURNS
from deliverkit.yaml_tree import KeyPath

Values = Mapping[str, Any]
_GROUPS = 50
"""Log groups of a query (CloudWatch Logs API reference, StartQuery, logGroupNames)."""


def check_metrics(check: Values, path: KeyPath, reading: Reading) -> None:
    """Report what does not fit together in one check; values that were wrong in themselves are passed over."""
    for kind, problems in _PROBLEMS.items():
        settings = check.get(kind)
        if isinstance(settings, dict):
            for key, message in problems(settings):
                where = (*path, kind, key) if key else (*path, kind)
                reading.report(where, message)
    for key in ("harm", "alpha"):
        if key in check and "compare" not in check:
            reading.report((*path, key), "belongs to `compare`, and this is another check", reading.keys[*path, key])
    if isinstance(check.get("compare"), dict):
        _check_margin(check, path, reading)


def _check_margin(check: Values, path: KeyPath, reading: Reading) -> None:
    """Report a margin that everything keeps, and one that is missing, so that nothing could pass."""
    settings = check["compare"]
    if INVALID in (*check.values(), *settings.values()):
        return
    if _kind_of(settings) != "count":
        for where, value in (
            ((*path, "harm"), check.get("harm", 0)),
            ((*path, *_TOLERATE), settings.get("tolerate", 0)),
        ):
            if value > 1:
                reading.report(
                    where, f"{value:g} is more than all requests: write a share of them such as 0.5% or 0.005"
                )
    never_passes = "harm" not in check and settings.get("ratio", 1) <= 1
    if never_passes and check.get("observe_only") is not True:
        reading.report_missing(
            path, "harm", "is needed: without the rise that must not pass, such as 0.5%, nothing passes; 0% means that"
        )


_TOLERATE = ("compare", "tolerate")
Problems = list[tuple[str, str]]


def _of_metric(settings: Values) -> Problems:
    found: Problems = []
    if "math" in settings and "metrics" not in settings:
        found.append(("math", "needs `metrics`: the metrics by the names that it uses"))
    if "metric" in settings and "metrics" in settings:
        found.append(("metrics", "belongs to `math`; for one metric leave it out"))
    if "math" in settings:
        found += [(key, "belongs to each of the `metrics`") for key in ("dimensions", "statistic") if key in settings]
        found += _of_names(settings)
    return found + _of_window(settings)


def _of_names(settings: Values) -> Problems:
    from deliverkit.domain.metrics import names_in  # noqa: PLC0415  (only files with metric math need it)

    metrics = settings.get("metrics", {})
    if INVALID in (metrics, settings["math"]):
        return []
    used = names_in(str(settings["math"]))
    known = ", ".join(metrics)
    found = [
        ("math", f"there is no metric {name!r} under `metrics`; known are {known}") for name in used - set(metrics)
    ]
    found += [("metrics", f"{name!r} is not used by `math`") for name in metrics if name not in used]
    return sorted(found) if metrics else []


def _of_window(settings: Values) -> Problems:
    window, period = settings.get("window"), settings.get("period", timedelta(seconds=60))
    if isinstance(window, timedelta) and isinstance(period, timedelta) and window % period:
        return [("window", "is no whole number of periods; a window is made of complete periods")]
    return []


def _of_burn_rate(settings: Values) -> Problems:
    pairs = [
        pair for pair in _listed(settings.get("windows")) if isinstance(pair, dict) and INVALID not in pair.values()
    ]
    found = [("missing_data", "belongs to `errors`")] if "missing_data" in settings and "good" in settings else []
    found += [
        ("windows", f"the long window {pair['long']} is not longer than the short one")
        for pair in pairs
        if pair["long"] <= pair["short"]
    ]
    return found + _of_factors(settings.get("objective"), pairs, is_usual="windows" not in settings)


def _of_factors(objective: Any, pairs: Sequence[Values], *, is_usual: bool) -> Problems:
    """Factors that no burn rate is above: when every request fails, the budget burns 1 / (1 - objective) times."""
    found = [
        ("windows", f"burns {pair['burns']:g}: a budget burns more than 0 times when it burns at all")
        for pair in pairs
        if pair["burns"] <= 0
    ]
    if not isinstance(objective, float):
        return found
    factors = [each["burns"] for each in USUAL_BURNS] if is_usual else [pair["burns"] for pair in pairs]
    most = 1 / (1 - objective)
    # A hair is left for what is not exact in 1 - 0.9.
    idle = [each for each in factors if each >= most * (1 - 1e-9)]
    advice = "write `windows` with lower ones" if is_usual else "write a lower one"
    where = "objective" if is_usual else "windows"
    return found + [
        (where, f"burns {each:g} never fires: at {objective:.4g} no more than {most:.4g} is possible; {advice}")
        for each in idle[:1]
    ]


def _listed(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else ()


def _of_prometheus(settings: Values) -> Problems:
    return [
        (key, "belongs to `range`: without it the query is asked for one moment")
        for key in ("step", "reduce")
        if key in settings and "range" not in settings
    ]


def _of_logs(settings: Values) -> Problems:
    found: Problems = []
    groups = _listed(settings.get("groups"))
    if len(groups) > _GROUPS:
        found.append(("groups", f"{len(groups)} groups, and a query takes {_GROUPS} at most"))
    if "missing_data" in settings and "field" not in settings:
        found.append(("missing_data", "belongs to `field`: records that match can always be counted"))
    return found


def _of_compare(settings: Values) -> Problems:
    found: Problems = []
    kind = _kind_of(settings)
    if ("baseline" in settings) != ("candidate" in settings):
        found.append(("", "give both `baseline` and `candidate`, or none of them to compare with the time before"))
    if "baseline" in settings and settings["baseline"] == settings.get("candidate"):
        found.append(("candidate", "is the same as `baseline`: there would be nothing to compare"))
    if kind == "errors" and "per" not in settings:
        found.append(("kind", "errors need `per`, which counts the requests"))
    if (kind == "latency") != ("slower_than" in settings):
        found.append(
            ("slower_than" if kind != "latency" else "kind", "`slower_than` and `kind: latency` need each other")
        )
    if "missing_data" in settings and "per" not in settings:
        found.append(("missing_data", "belongs to `per`: without it there is no telling no errors from no data"))
    if kind != "errors" and "per" in settings:
        found.append(("per", f"is for kind errors, and this is {kind}"))
    return found


def _kind_of(settings: Values) -> Any:
    return settings.get("kind") or ("errors" if "per" in settings else "count")


_PROBLEMS: Mapping[str, Callable[[Values], Problems]] = {
    "metric": _of_metric,
    "burn_rate": _of_burn_rate,
    "logs": _of_logs,
    "prometheus": _of_prometheus,
    "compare": _of_compare,
}
