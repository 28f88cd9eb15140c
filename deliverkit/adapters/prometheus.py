"""Checks that ask a Prometheus, or anything else that answers its HTTP API, version 1.

Source: Prometheus documentation, "HTTP API", sections "Format overview", "Instant queries" and "Range queries".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from deliverkit.adapters.deadline import Lines
from deliverkit.adapters.encryption import Proof
from deliverkit.adapters.expansion import Deployers, Secrets, Values, expansions
from deliverkit.adapters.http_answers import as_json, decoded, quoted
from deliverkit.adapters.http_exchange import Reply, Request, SilentError, UnusableError, exchange, shown
from deliverkit.check_ports import CheckContext
from deliverkit.domain.checks import measurement
from deliverkit.domain.checks.prometheus import number
from deliverkit.domain.gate import Check, Measurement
from deliverkit.domain.placeholders import expand
from deliverkit.errors import DeliverkitError
from deliverkit.ports import Clock

DEFAULT_TIMEOUT = 10.0
SERIES_LIMIT = 100
"""Series that are judged and recorded; whoever wants more of them judged writes an aggregation."""
POINTS_LIMIT = 11_000
"""Points of a series that Prometheus gives at most (its web/api/v1, "exceeded maximum resolution")."""
_ANSWER_LIMIT = 8 * 1024 * 1024
_GET_LIMIT = 2000
"""Characters of an address that every server takes; longer queries go into the body of a POST."""
_LABELS_LIMIT = 160
_WARNINGS = 5


class PrometheusCheck:
    """The checker of kind prometheus: the result is kept here, and judged in `domain.checks.prometheus`."""

    def __init__(
        self, deployers: Deployers, *, clock: Clock, environ: Values | None = None, folder: Path = Path()
    ) -> None:
        """Take what it needs.

        Args:
            deployers: The way to a region's deployer, which knows the targets.
            clock: Dates the samples.
            environ: Where `${env.NAME}` comes from.
            folder: That files are relative to.
        """
        self._deployers = deployers
        self._clock = clock
        self._folder = folder
        self._secrets = Secrets(environ or {})
        self._lines = Lines()

    def measure(self, check: Check, context: CheckContext) -> Measurement:
        """Ask once, or once for each region or target that the settings speak of; what cannot be asked is an error."""
        at, query = self._clock.now(), ""
        lines = self._lines
        try:
            grid = _grid(check.spec, at)
            asked = list(self._asked(check.spec, context, grid))
            query = f"{asked[0][0]}: {asked[0][2]}"
            hide = self._secrets.masking(check.spec.get("headers") or {}).hide
            timeout = timedelta(seconds=float(check.spec.get("timeout") or DEFAULT_TIMEOUT))
            answers = [
                {"asked": server, **_answer(replace(request, lines=lines), timeout, hide), **_expected(grid)}
                for server, request, _ in asked
            ]
        except (DeliverkitError, ValueError) as error:
            return measurement(check, at, {"error": f"cannot be asked: {error}"}, query=query)
        return measurement(check, at, {"answers": answers}, query=query)

    def interrupt(self) -> None:
        """End the measurements that are under way."""
        lines, self._lines = self._lines, Lines()
        lines.cut()

    def _asked(
        self, spec: Mapping[str, Any], context: CheckContext, grid: _Grid | None
    ) -> Iterator[tuple[str, Request, str]]:
        """Each server for people, the request, and the query with its placeholders filled in."""
        url, query = str(spec.get("url") or ""), str(spec.get("query") or "")
        if not url or not query:
            raise ValueError("the check needs both url and query")
        proof = Proof.of(spec, self._folder)
        for values in expansions((url, query), context, self._deployers):
            headers = self._secrets.headers(spec.get("headers") or {}, values)
            server = expand(url, values).rstrip("/")
            text = expand(query, {name: _escaped(value) for name, value in values.items()})
            path, parameters = _parameters(grid, text)
            yield shown(server), _request(f"{server}/api/v1/{path}", parameters, headers, proof), text


@dataclass(frozen=True, slots=True)
class _Grid:
    """The times that a range query is evaluated at, as the server is told them: epoch seconds, and seconds."""

    start: str
    end: str
    step: str

    @property
    def points(self) -> int:
        """How many of them there are, both ends included; a server counts in milliseconds."""
        return int((float(self.end) - float(self.start)) * 1000 + 0.5) // max(1, int(float(self.step) * 1000 + 0.5)) + 1


def _grid(spec: Mapping[str, Any], now: datetime) -> _Grid | None:
    """The times of a range query that ends now; None for an instant query.

    Raises:
        ValueError: If they are more than a server gives.
    """
    span = float(spec.get("range") or 0)
    if not span:
        return None
    step = float(spec.get("step") or max(1.0, math.ceil(span / 60)))
    if span / step > POINTS_LIMIT:
        raise ValueError(f"{span:g} s in steps of {step:g} s are more than {POINTS_LIMIT} points")
    end = now.timestamp()
    return _Grid(f"{end - span:.3f}", f"{end:.3f}", f"{step:g}")


def _expected(grid: _Grid | None) -> dict[str, int]:
    return {"expected": grid.points} if grid else {}


def _parameters(grid: _Grid | None, query: str) -> tuple[str, dict[str, str]]:
    """What is called, and with which parameters: an instant query is answered for the server's own present."""
    if not grid:
        return "query", {"query": query}
    return "query_range", {"query": query, "start": grid.start, "end": grid.end, "step": grid.step}


def _request(url: str, parameters: Mapping[str, str], headers: Values, proof: Proof) -> Request:
    encoded = urlencode(parameters)
    if len(url) + len(encoded) < _GET_LIMIT:
        return Request(f"{url}?{encoded}", headers=headers, limit=_ANSWER_LIMIT, proof=proof)
    form = {**headers, "Content-Type": "application/x-www-form-urlencoded"}
    return Request(url, "POST", form, encoded.encode(), limit=_ANSWER_LIMIT, proof=proof)


def _escaped(value: str) -> str:
    """A value as it may stand in a PromQL string."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("'", "\\'").replace("\n", "\\n")


def _answer(request: Request, timeout: timedelta, hide: Callable[[str], str]) -> dict[str, Any]:
    try:
        reply = exchange(request, timeout=timeout)
        return _result(_tree(reply, hide), hide)
    except (SilentError, UnusableError, ValueError) as error:
        return {"error": hide(str(error))}


def _tree(reply: Reply, hide: Callable[[str], str]) -> Mapping[str, Any]:
    """The body of an answer that tells a result.

    Raises:
        ValueError: If it tells anything else; the message says in whose words.
    """
    if not reply.is_whole:
        raise ValueError(f"the answer is larger than {_ANSWER_LIMIT // 1024 // 1024} MiB: aggregate the query")
    body = decoded(reply, _ANSWER_LIMIT)
    try:
        tree = as_json(body)
    except ValueError:
        tree = None
    if isinstance(tree, Mapping) and tree.get("status") == "error":
        raise ValueError(
            f"{tree.get('errorType', 'error')}: {quoted(hide(str(tree.get('error', ''))))} ({reply.status})"
        )
    if reply.status != 200 or not isinstance(tree, Mapping) or tree.get("status") != "success":
        towards = f", which points to {reply.headers['location']}" if "location" in reply.headers else ""
        said = quoted(hide(body[:4096].decode("utf-8", errors="replace")))
        raise ValueError(f"answered {reply.status}{towards}, which is no answer of a Prometheus: {said}")
    return tree


def _result(tree: Mapping[str, Any], hide: Callable[[str], str]) -> dict[str, Any]:
    """What is recorded of a result, masked before anything is cut off.

    Raises:
        ValueError: If it has a form that numbers cannot be read from.
    """
    try:
        warnings = [hide(str(each))[:_LABELS_LIMIT] for each in tree.get("warnings") or ()][:_WARNINGS]
        series = list(_series(tree["data"]["resultType"], tree["data"]["result"], hide))
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(f"the answer has no result in the form of Prometheus ({error!r})") from error
    return {"series": series, **({"warnings": warnings} if warnings else {})}


def _series(kind: str, result: Any, hide: Callable[[str], str]) -> Iterator[dict[str, Any]]:
    if kind == "scalar":
        yield {"labels": "", "value": _written(result[1])}
        return
    if kind not in {"vector", "matrix"}:
        raise ValueError(f"the query gives a {kind}, and a number is needed")
    if len(result) > SERIES_LIMIT:
        raise ValueError(f"the query gives {len(result)} series, more than {SERIES_LIMIT}: aggregate it")
    for each in result:
        if "histogram" in each or "histograms" in each:
            raise ValueError("the query gives a native histogram, and a number is needed: use histogram_quantile()")
        if kind == "vector":
            yield {"labels": _labels(each["metric"], hide), "value": _written(each["value"][1])}
        else:
            yield {"labels": _labels(each["metric"], hide), **_reduced(each["values"])}


def _reduced(points: Sequence[Sequence[Any]]) -> dict[str, Any]:
    """A series over time as a few numbers; NaN among them makes each of them NaN, but for the last."""
    values = [number(point[1]) for point in points]
    has_hole = any(math.isnan(value) for value in values)
    average = math.nan if has_hole else sum(values) / len(values)
    low, high = (math.nan, math.nan) if has_hole else (min(values), max(values))
    numbers = {"last": values[-1], "avg": average, "min": low, "max": high}
    written = {name: _written(value) for name, value in numbers.items()}
    return {**written, "points": len(points), "until": float(points[-1][0])}


def _written(value: Any) -> float | str:
    """A number, or the text for one that JSON has no word for."""
    found = number(value)
    if math.isfinite(found):
        return found
    return "NaN" if math.isnan(found) else "+Inf" if found > 0 else "-Inf"


def _labels(metric: Mapping[str, Any], hide: Callable[[str], str]) -> str:
    """A series' name as Prometheus writes it: `up{job="shop"}`."""
    labels = ", ".join(f'{name}="{value}"' for name, value in metric.items() if name != "__name__")
    name = str(metric.get("__name__", ""))
    text = hide(f"{name}{{{labels}}}" if labels else name)
    return text if len(text) <= _LABELS_LIMIT else text[: _LABELS_LIMIT - 3] + "..."
