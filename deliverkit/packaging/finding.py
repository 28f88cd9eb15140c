"""What the lint says: findings with a place, from rules that are data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from deliverkit.yaml_tree import Place


class Severity(StrEnum):
    """Whether a finding stops the packaging."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that the lint looks for.

    Attributes:
        id: Stable name.
        severity: Whether it stops the packaging.
        why: What the host agent or the service would do.
        fix: What to do about it.
    """

    id: str
    severity: Severity
    why: str
    fix: str

    def at(self, place: Place, message: str) -> Finding:
        """A case of this rule."""
        return Finding(self.id, self.severity, place, message, self.why, self.fix)


@dataclass(frozen=True, slots=True)
class Finding:
    """One case of a rule.

    Attributes:
        rule: Id of the rule.
        severity: Error or warning.
        place: Where, with the file.
        message: What was found, on one line.
        why: What the host agent or the service would do.
        fix: What to do about it.
    """

    rule: str
    severity: Severity
    place: Place
    message: str
    why: str
    fix: str

    @property
    def is_error(self) -> bool:
        """Whether this finding stops the packaging."""
        return self.severity is Severity.ERROR

    def __str__(self) -> str:
        return f"{self.place}: {self.severity}: {self.message} [{self.rule}]"
