"""The JUnit file of a watching command: written however the command ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deliverkit.cli.boundary import Terminated
from deliverkit.cli.whole_file import write_whole
from deliverkit.engine import gate_runs, promotion_log
from deliverkit.errors import DeliverkitError, UsageError
from deliverkit.reporting.history import history_of
from deliverkit.reporting.junit import Ending, junit_xml, run_xml, unknown_xml

if TYPE_CHECKING:
    from deliverkit.cli.streams import Console
    from deliverkit.delivery import Delivery
    from deliverkit.domain.ledger import Event


@dataclass(frozen=True, slots=True)
class Watched:
    """What sort of thing a file tells of.

    Attributes:
        what: Its name.
        prefix: Of its streams.
        goes_on: The command that goes on with it.
        xml: The file's text, from the events and why nobody watches any more.
    """

    what: str
    prefix: str
    goes_on: str
    xml: Callable[[Sequence[Event], Ending | None], str]


PROMOTION = Watched(
    "promotion", promotion_log.PREFIX, "wait", lambda events, ending: junit_xml(history_of(events), ending)
)
RUN_OF_GATES = Watched("run of gates", gate_runs.PREFIX, "gate resume", run_xml)


def _ending(error: Exception) -> Ending:
    return Ending(error.message if isinstance(error, DeliverkitError) else f"{type(error).__name__}: {error}")


def write_unopened(
    path: Path, name: str, error: DeliverkitError, console: Console, watched: Watched = PROMOTION
) -> None:
    """Write that a promotion was not even opened, in the place of what an earlier build left there."""
    try:
        write_whole(path, unknown_xml(name, _ending(error), what=watched.what))
    except UsageError as trouble:
        console.tell(f"error: the results are not in {path}: {trouble.message}")


class JunitFile:
    """Hears the events of a promotion, or of a run of gates, and writes the file at the end."""

    def __init__(
        self, path: Path, delivery: Delivery, name: str, console: Console, watched: Watched = PROMOTION
    ) -> None:
        """Take the file's place and whose results it holds, by its id."""
        self._path = path
        self._delivery = delivery
        self._id = name
        self._console = console
        self._watched = watched
        self._events: list[Event] = []
        self.is_lost = False

    def hear(self, event: Event, _state: object) -> None:
        """Keep an event; whoever is told to end has no time to read them all."""
        if event.sequence == len(self._events) + 1:
            self._events.append(event)

    @contextmanager
    def written(self) -> Iterator[None]:
        """Write the file when what is done within ends, however it does.

        What goes wrong with the file itself is told and kept in `is_lost`: it must not hide how that ended.
        """
        try:
            with suppress(DeliverkitError):
                self._catch_up()  # whoever watches meets the same trouble, and knows what is to be done
            yield
            missing = self._missing()
        except (KeyboardInterrupt, Terminated):
            # Ten seconds are left, and AWS may not answer: what was heard is written, and nobody is asked.
            self._write(Ending(f"it was interrupted; `deliverkit {self._watched.goes_on}` goes on", is_error=False))
            raise
        except Exception as error:
            self._write(_ending(error))
            raise
        self._write(missing)

    def _missing(self) -> Ending | None:
        """Why the last events are not there, which does not change how the promotion ended; None when they are."""
        try:
            self._catch_up()
        except Exception as error:  # noqa: BLE001  (the file holds what was heard)
            ending = _ending(error)
            self._console.tell(f"warning: {self._path} holds what was heard while watching: {ending.reason}")
            return ending
        return None

    def _catch_up(self) -> None:
        self._events.extend(self._delivery.ledger.read(self._watched.prefix + self._id, len(self._events)))

    def _write(self, ending: Ending | None) -> None:
        try:
            write_whole(self._path, self._text(ending))
        except Exception as error:  # noqa: BLE001  (a file must not hide how the promotion ended)
            self.is_lost = True
            self._console.tell(f"error: the results are not in {self._path}: {_ending(error).reason}")

    def _text(self, ending: Ending | None) -> str:
        if self._events:
            return self._watched.xml(self._events, ending)
        return unknown_xml(self._id, ending or Ending("nothing is on record of it"), what=self._watched.what)
