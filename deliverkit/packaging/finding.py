"""What the lint says: findings with a place, from rules that are data, and what was allowed with a reason."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from deliverkit.yaml_tree import Place

_MESSAGE_LIMIT = 300


class Severity(StrEnum):
    """How much a finding matters: an error stops the packaging, a note is only worth knowing."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Outcome(StrEnum):
    """What happens on the host, in the service or here, when nobody heeds a finding."""

    FAILS = "the deployment fails"
    DIFFERS = "something else happens than is written"
    RISKS = "it may go wrong"
    REFUSED = "nothing is packed"


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that the lint looks for.

    Attributes:
        id: Stable name.
        severity: Whether it stops the packaging.
        why: What the host agent or the service would do.
        fix: What to do about it.
        outcome: What becomes of the deployment.
        is_allowable: Whether a reason can silence it. No reason makes a deployment succeed that certainly fails.
    """

    id: str
    severity: Severity
    why: str
    fix: str
    outcome: Outcome
    is_allowable: bool

    def at(self, place: Place, message: str) -> Finding:
        """A case of this rule."""
        return Finding(self.id, self.severity, place, _one_line(message), self.why, self.fix)


def error(id_: str, why: str, fix: str, outcome: Outcome = Outcome.FAILS, *, is_allowable: bool = False) -> Rule:
    """A rule whose cases stop the packaging."""
    return Rule(id_, Severity.ERROR, why, fix, outcome, is_allowable)


def warning(id_: str, why: str, fix: str, *, is_allowable: bool = True) -> Rule:
    """A rule whose cases are told, and packaged all the same."""
    return Rule(id_, Severity.WARNING, why, fix, Outcome.RISKS, is_allowable)


def note(id_: str, why: str, fix: str) -> Rule:
    """A rule whose cases are worth knowing, and no more."""
    return Rule(id_, Severity.NOTE, why, fix, Outcome.RISKS, is_allowable=True)


@dataclass(frozen=True, slots=True)
class Allowance:
    """A decision to live with the findings of one rule.

    Attributes:
        rule: Id of the rule, as it was written.
        reason: Why.
        place: Where it was decided.
        is_in_source: True for a comment beside the finding, False for the configuration of the whole build.
    """

    rule: str
    reason: str
    place: Place
    is_in_source: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """One case of a rule.

    Attributes:
        rule: Id of the rule.
        severity: How much it matters.
        place: Where, with the file.
        message: What was found, on one line.
        why: What the host agent or the service would do.
        fix: What to do about it.
        allowance: The decision to live with it; None while it counts.
    """

    rule: str
    severity: Severity
    place: Place
    message: str
    why: str
    fix: str
    allowance: Allowance | None = None

    @property
    def is_error(self) -> bool:
        """Whether this finding stops the packaging."""
        return self.severity is Severity.ERROR and self.allowance is None

    def __str__(self) -> str:
        place = f"{_printable(self.place.file)}:{self.place.line}:{self.place.column}"
        return f"{place}: {self.severity}: {self.message} [{self.rule}]"


def _one_line(message: str) -> str:
    """A message as it can be shown: it quotes files that may hold anything, control sequences and whole books too."""
    text = _printable(message[:_MESSAGE_LIMIT])
    return f"{text}..." if len(message) > _MESSAGE_LIMIT else text


def _printable(text: str) -> str:
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text)
