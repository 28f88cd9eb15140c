"""CloudWatch Logs Insights as a check: a query is started, and asked after until it is complete.

Source: CloudWatch Logs API reference, StartQuery, GetQueryResults, StopQuery. Whoever takes over a measurement starts a
query of its own: it gives the same answer, and the old one ends by itself.
"""

from __future__ import annotations

import shlex
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import field as a_field
from datetime import datetime, timedelta
from typing import Any

from deliverkit.adapters.aws.errors import code_of, translated
from deliverkit.adapters.aws.observing import filled, regions_of
from deliverkit.adapters.aws.session import Aws
from deliverkit.check_ports import CheckContext
from deliverkit.domain.checks import ERROR, measurement
from deliverkit.domain.gate import Check, Measurement
from deliverkit.domain.masking import Masking
from deliverkit.errors import DeliverkitError
from deliverkit.ports import Clock

KEPT = 20
"""Rows that a record keeps, of those that the query gives."""
LETTERS = 300
"""Letters of a field that a record keeps."""
ROWS = 10_000
"""Rows that are asked for, the most there are (API reference, StartQuery, limit)."""
WINDOW = 300.0
DELAY = 60.0
TIMEOUT = 120.0
"""Seconds: what is looked back at, what records are given to arrive, and how long a query may take."""

_RUNNING = frozenset({"Scheduled", "Running", "Unknown"})
_BUSY = frozenset({"LimitExceededException"})
"""Too many queries run at once in the account (quotas): that passes."""


@dataclass
class _Query:
    """A query in one region.

    Attributes:
        region: Where.
        text: The query.
        groups: Log groups.
        start: Beginning of the range, epoch seconds.
        end: Its end.
        field: The field that is judged; empty for the number of records.
        query_id: CloudWatch's name of it; empty while it could not be started.
        answer: What it gave; None while it runs.
    """

    region: str
    text: str
    groups: tuple[str, ...]
    start: int
    end: int
    field: str = ""
    query_id: str = ""
    answer: dict[str, Any] | None = None

    @property
    def command(self) -> str:
        """How a person asks again."""
        groups = shlex.join(self.groups)
        times = f"--start-time {self.start} --end-time {self.end}"
        place = f"--region {self.region} --log-group-names {groups}"
        return f"aws logs start-query {place} {times} --query-string {shlex.quote(self.text)}"


@dataclass
class _Sample:
    """One measurement under way."""

    began_at: datetime
    queries: list[_Query] = a_field(default_factory=list)


class LogsCheck:
    """Observes what a query gives in every region of the leg; `domain.checks.logs` judges it."""

    def __init__(self, aws: Aws, clock: Clock, *, masking: Masking | None = None) -> None:
        """Take the session, the clock that dates measurements and ends windows, and what hides secrets."""
        self._aws = aws
        self._clock = clock
        self._masking = masking or Masking({})
        self._samples: dict[str, _Sample] = {}
        self._lock = threading.Lock()
        self._is_over = False

    def measure(self, check: Check, context: CheckContext) -> Measurement | None:
        """Start the sample's queries, or ask after them; None while one runs."""
        name = context.samples.get(check.key, check.key)
        try:
            sample = self._sample(name, check, context)
            for query in sample.queries:
                self._advance(query)
            if all(query.answer is not None for query in sample.queries):
                return self._ended(name, check, {"answers": [query.answer for query in sample.queries]})
            if self._clock.now() - sample.began_at >= timedelta(seconds=float(check.spec.get("timeout", TIMEOUT))):
                self._stop(sample)
                return self._ended(name, check, {ERROR: _late(sample, check)})
        except (DeliverkitError, ValueError) as error:
            return self._ended(name, check, {ERROR: getattr(error, "message", str(error))})
        return None

    def interrupt(self) -> None:
        """Stop the queries that run: nobody will ask after them."""
        self._is_over = True
        with self._lock:
            samples, self._samples = list(self._samples.values()), {}
        for sample in samples:
            self._stop(sample)

    def _sample(self, name: str, check: Check, context: CheckContext) -> _Sample:
        with self._lock:
            if name not in self._samples:
                now = self._clock.now()
                self._samples[name] = _Sample(now, _queries(check, context, now))
            return self._samples[name]

    def _advance(self, query: _Query) -> None:
        if query.answer is not None or self._is_over:
            return
        if not query.query_id:
            self._start(query)
        else:
            self._look(query)

    def _start(self, query: _Query) -> None:
        try:
            with translated(f"querying logs in {query.region}"):
                started = self._aws.client("logs", query.region).start_query(
                    logGroupNames=list(query.groups),
                    queryString=query.text,
                    startTime=query.start,
                    # Both ends belong to the range, and a record must not be counted in two windows.
                    endTime=query.end - 1,
                    limit=ROWS,
                )
        except DeliverkitError as error:
            if code_of(error) not in _BUSY:
                raise
        else:
            query.query_id = started["queryId"]

    def _look(self, query: _Query) -> None:
        with translated(f"reading a query of logs in {query.region}"):
            found = self._aws.client("logs", query.region).get_query_results(queryId=query.query_id)
        status = str(found.get("status", "Unknown"))
        if status in _RUNNING:
            return
        if status != "Complete":
            raise ValueError(f"the query of logs in {query.region} ended as {status}")
        query.answer = {"region": query.region, **_read(found, query.field, self._masking)}

    def _stop(self, sample: _Sample) -> None:
        for query in sample.queries:
            if query.query_id and query.answer is None:
                # It may have ended a moment ago, and nobody waits for what it gives.
                with suppress(DeliverkitError), translated(f"stopping a query of logs in {query.region}"):
                    self._aws.client("logs", query.region).stop_query(queryId=query.query_id)

    def _ended(self, name: str, check: Check, seen: Mapping[str, Any]) -> Measurement:
        with self._lock:
            sample = self._samples.pop(name, None)
        text = "; ".join(query.command for query in sample.queries) if sample else ""
        return measurement(check, self._clock.now(), seen, query=text)


def _queries(check: Check, context: CheckContext, now: datetime) -> list[_Query]:
    spec = check.spec
    end = int(now.timestamp() - float(spec.get("delay", DELAY)))
    start = int(end - float(spec.get("window", WINDOW)))
    made = []
    for region in regions_of(check, context):
        groups = tuple(filled(str(group), context, region) for group in spec["groups"])
        query = filled(str(spec["query"]), context, region)
        made.append(_Query(region, query, groups, start, end, str(spec.get("field", ""))))
    return made


def _read(found: Mapping[str, Any], field: str, masking: Masking) -> dict[str, Any]:
    rows = [
        {cell["field"]: str(cell.get("value", "")) for cell in row if cell.get("field") != "@ptr"}
        for row in found.get("results", ())
    ]
    kept = [*rows[:KEPT], *_telling(rows[KEPT:], field)]
    counted = found.get("statistics", {})
    return {
        "matched": float(counted.get("recordsMatched", 0.0)),
        "scanned": float(counted.get("recordsScanned", 0.0)),
        "rows": [_told(row, field, masking) for row in kept],
        "row_count": len(rows),
        "row_limit": ROWS,
    }


def _told(row: Mapping[str, str], field: str, masking: Masking) -> dict[str, str]:
    """A row as it is recorded: masked before it is cut, but for the number that is judged."""
    hidden = masking.hide_in(row)
    if field in row and _is_number(row[field]):
        hidden[field] = row[field]
    return {name: text[:LETTERS] for name, text in hidden.items()}


def _telling(rows: Sequence[Mapping[str, str]], field: str) -> list[Mapping[str, str]]:
    """Of the rows that are not kept those by which a judgement could differ: the extremes, and what is no number."""
    numbers: list[tuple[float, int]] = []
    unfit: list[Mapping[str, str]] = []
    for index, row in enumerate(rows) if field else ():
        if _is_number(row.get(field, "")):
            numbers.append((float(row[field]), index))
        else:
            unfit.append(row)
    extremes = {min(numbers)[1], max(numbers)[1]} if numbers else set()
    return [rows[index] for index in sorted(extremes)] + unfit[:1]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _late(sample: _Sample, check: Check) -> str:
    waiting = [query for query in sample.queries if query.answer is None]
    limit = f"{float(check.spec.get('timeout', TIMEOUT)):g} s"
    if all(not query.query_id for query in waiting):
        return f"the query of logs could not be started within {limit}: too many queries run in the account"
    return f"the query of logs did not end within {limit}"
