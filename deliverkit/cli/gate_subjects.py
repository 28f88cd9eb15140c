"""Whose gates are told of: a promotion in the ledger, or a file that was kept of it and needs no AWS."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deliverkit.cli.options import Console, Options, open_delivery
from deliverkit.domain.ledger import Event, decode, verify
from deliverkit.domain.recording import Trial, trials_of
from deliverkit.errors import NotFoundError, UsageError
from deliverkit.reporting.gates_document import Subject, read_document, subject_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from deliverkit.delivery import Delivery

_RUNS, _PROMOTIONS = "gates/", "promotions/"
_HINT = (
    "give it what `deliverkit gate explain ID --output json`, `deliverkit ledger export` or "
    "`deliverkit ledger log ID --output json` wrote"
)


@dataclass(frozen=True, slots=True)
class Recorded:
    """Gates on record.

    Attributes:
        subject: Whose they are.
        trials: What was measured and judged, in order.
    """

    subject: Subject
    trials: tuple[Trial, ...]


def recorded(subject: str, gate: str | None, options: Options, console: Console) -> tuple[Recorded, ...]:
    """Everything on record of whom a subject names; several where a file has several.

    Args:
        subject: An id, a version, or a file.
        gate: Only this gate; None for all.
        options: The global options.
        console: The console.

    Raises:
        NotFoundError: If there is no such promotion, or it has no such gate.
        UsageError: If the file is none of ours.
        IntegrityError: If an event was changed, dropped or moved since it was recorded.
    """
    found = _of_file(Path(subject)) if _is_file(subject) else (_of_ledger(subject, options, console),)
    if gate is None:
        return found
    chosen = [replace(each, trials=tuple(t for t in each.trials if t.gate.name == gate)) for each in found]
    if not any(each.trials for each in chosen):
        known = dict.fromkeys(trial.gate.name for each in found for trial in each.trials)
        told = ", ".join(known) or "no gate"
        raise NotFoundError(
            f"{subject} has no gate {gate} on record; it has {told}", hint=f"--gate {next(iter(known), 'NAME')}"
        )
    return tuple(each for each in chosen if each.trials)


def _is_file(subject: str) -> bool:
    path = Path(subject)  # or a pipe: `gate explain <(deliverkit ledger export)`
    return subject.endswith((".json", ".jsonl")) or (path.exists() and not path.is_dir())


def _of_ledger(subject: str, options: Options, console: Console) -> Recorded:
    from deliverkit.cli.reports import find_promotion  # noqa: PLC0415

    delivery = open_delivery(options, console)
    events = run_of(delivery, subject)
    if not events:
        return of_events(find_promotion(delivery, subject))
    if delivery.ledger.read(_PROMOTIONS + subject):
        also = f"deliverkit report {subject} --as gates"
        console.tell(f"note: {subject} is a promotion's id, too; this is the run of gates. The promotion: {also}")
    return of_events(events)


def run_of(delivery: Delivery, run_id: str) -> tuple[Event, ...]:
    """The events of a run of gates, verified; none when there is no such run.

    Raises:
        IntegrityError: If an event was changed, dropped or moved since it was recorded.
    """
    stream = _RUNS + run_id.removeprefix(_RUNS)
    events = tuple(delivery.ledger.read(stream))
    verify(stream, events)
    return events


def of_events(events: Sequence[Event]) -> Recorded:
    """The gates of a stream's events."""
    return Recorded(_run(events) if events[0].kind == "gates.opened" else _promotion(events), trials_of(events))


def _promotion(events: Sequence[Event]) -> Subject:
    from deliverkit.domain.folding import fold  # noqa: PLC0415

    rollout = fold(events[:1])
    return subject_of(rollout.id, rollout.plan)


def _run(events: Sequence[Event]) -> Subject:
    from deliverkit.domain.gate_run import fold_run  # noqa: PLC0415

    run = fold_run(events[:1])
    release = (run.plan.values.get(f"release.{name}", "") for name in ("version", "digest"))
    return Subject(run.id, run.plan.application, run.plan.environment, *release)


def _of_file(path: Path) -> tuple[Recorded, ...]:
    if path.is_char_device():
        raise UsageError(f"{path} is a device, and holds no record", hint=_HINT)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise UsageError(f"there is no file {path}", hint=_HINT) from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}", hint=_HINT) from error
    documents = _documents(text, path)
    if len(documents) == 1 and "format" in documents[0]:
        return (Recorded(*read_document(documents[0])),)
    return _of_streams(documents, path)


def _documents(text: str, path: Path) -> list[Mapping[str, Any]]:
    """The JSON objects of a file: one, a list of them, or one a line."""
    try:
        whole = json.loads(text)
    except ValueError as error:
        first = next(filter(str.strip, text.splitlines()), "")
        if isinstance(error, json.JSONDecodeError) and first and not _is_json(first):
            # One document over several lines, which is broken where it says.
            raise UsageError(f"{path}:{error.lineno}: not JSON: {error.msg}", hint=_HINT) from error
        whole = [_line(line, f"{path}:{number}") for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    found = whole if isinstance(whole, list) else [whole]
    if not found or not all(isinstance(each, dict) for each in found):
        raise UsageError(f"{path} holds neither events nor gate results", hint=_HINT)
    return found


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _line(line: str, place: str) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        raise UsageError(f"{place}: not JSON: {error}", hint=_HINT) from error


def _of_streams(documents: Sequence[Mapping[str, Any]], path: Path) -> tuple[Recorded, ...]:
    if not any("stream" in each for each in documents):
        raise UsageError(f"{path} holds neither events nor gate results", hint=_HINT)
    streams: dict[str, list[Event]] = {}
    for each in documents:
        event = decode(json.dumps(each).encode())
        streams.setdefault(event.stream, []).append(event)
    for stream, events in streams.items():
        verify(stream, events)
    found = tuple(of_events(events) for stream, events in streams.items() if stream.startswith((_PROMOTIONS, _RUNS)))
    if not found:
        raise UsageError(f"{path} has no events of a promotion or a run of gates", hint=_HINT)
    return found
