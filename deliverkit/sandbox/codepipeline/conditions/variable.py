"""Rule VariableCheck: compare a variable with a value (CodePipeline user guide, rule reference)."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from datetime import timedelta

from deliverkit.sandbox.codepipeline import errors
from deliverkit.sandbox.codepipeline.conditions import rule
from deliverkit.sandbox.codepipeline.definition import Action
from deliverkit.sandbox.codepipeline.providers.provider import Job
from deliverkit.sandbox.codepipeline.state import Outcome


def _matches(text: str, pattern: str) -> bool:
    # Java's matches() asks for the whole text.
    return re.fullmatch(pattern, text) is not None


_OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "EQ": operator.eq,
    "NE": operator.ne,
    "CONTAINS": operator.contains,
    "MATCHES": _matches,
}


class VariableCheck:
    """Succeeds when the variable is equal, unequal, holds or matches the value."""

    kind = rule.kind_of("VariableCheck", {"Variable", "Value", "Operator"}, set())

    def check(self, action: Action, region: str) -> None:
        """Refuse an operator that there is not."""
        if action.configuration["Operator"] not in _OPERATORS and not rule.is_reference(action, "Operator"):
            known = ", ".join(_OPERATORS)
            raise errors.bad_stage(f"Operator of rule '{action.name}' must be one of {known}")

    def entity_url(self, action: Action, region: str) -> str:
        """A variable has no page."""
        return ""

    def patience(self, job: Job) -> timedelta:
        """It ends at once."""
        return rule.DEFAULT_TIMEOUT

    def start(self, job: Job) -> None:
        """Compare."""
        found, value, name = (job.configuration[key] for key in ("Variable", "Value", "Operator"))
        text = f"'{found}' {name} '{value}'"
        try:
            is_true = _OPERATORS[name](found, value)
        except KeyError:
            return job.fail("ConfigurationError", f"There is no operator {name}")
        except re.error as error:
            return job.fail("ConfigurationError", f"The regular expression '{value}' cannot be read: {error}")
        if is_true:
            return job.succeed(Outcome(summary=f"The variable check {text} succeeded"))
        return job.fail("JobFailed", f"The variable check {text} failed")
