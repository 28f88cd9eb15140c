"""Which promotion a report is about, and what is asked for it besides the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deliverkit.engine.promotion_log import stream_of
from deliverkit.errors import DeliverkitError, NotFoundError
from deliverkit.reporting.history import History, history_of
from deliverkit.reporting.report import Report

if TYPE_CHECKING:
    from deliverkit.cli.options import Options
    from deliverkit.cli.streams import Console
    from deliverkit.delivery import Delivery
    from deliverkit.domain.changes import Ticket
    from deliverkit.domain.ledger import Event
    from deliverkit.domain.trust import Provenance


def find_promotion(delivery: Delivery, subject: str | None) -> tuple[Event, ...]:
    """The events of the promotion that is meant, verified.

    Args:
        delivery: Where to look.
        subject: Its id, or the version that it carries: then the newest. None for the one that is under way, or else
            the one that ended last.

    Raises:
        NotFoundError: If there is none.
        UsageError: If none is named and several are under way.
        IntegrityError: If an event was changed, dropped or moved since it was recorded.
    """
    from deliverkit.domain.ledger import verify  # noqa: PLC0415

    promotion_id = subject or delivery.newest().id
    events = delivery.ledger.read(stream_of(promotion_id))
    if not events and subject:
        promotion_id = _newest_of(delivery, subject)
        events = delivery.ledger.read(stream_of(promotion_id))
    verify(stream_of(promotion_id), events)
    return events


def _newest_of(delivery: Delivery, version: str) -> str:
    running = [each.id for each in delivery.unfinished() if each.plan.release.version == version]
    ended = [each.promotion for each in delivery.estate().endings.values() if each.version == version]
    found = [*ended, *running]
    if not found:
        raise NotFoundError(
            f"there is no promotion {version}, and none of a release {version}", hint="deliverkit status lists them"
        )
    return found[-1]


def report_of(delivery: Delivery, events: tuple[Event, ...], options: Options, console: Console) -> Report:
    """A report about a promotion's events; what cannot be found out besides them is left out, and told."""
    history = history_of(events)
    return Report(
        history,
        origin=_origin(delivery, history, console),
        tickets=_tickets(delivery, history, console),
        has_console=not (options.is_sandboxed or options.endpoint_url or console.environ.get("AWS_ENDPOINT_URL")),
    )


def _origin(delivery: Delivery, history: History, console: Console) -> Provenance | None:
    try:
        return delivery.catalogue.origin(history.rollout.plan.release)
    except DeliverkitError as error:
        console.tell(f"warning: the report is without the build that made the release: {error.message}")
        return None


def _tickets(delivery: Delivery, history: History, console: Console) -> tuple[Ticket, ...]:
    plan = history.rollout.plan
    before = plan.legs[-1].previous
    if before is None or before.digest == plan.release.digest:
        return ()
    try:
        return delivery.catalogue.tickets(before, plan.release)
    except DeliverkitError as error:
        console.tell(f"warning: the report is without tickets: {error.message}")
        return ()
