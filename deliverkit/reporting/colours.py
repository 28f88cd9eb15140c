"""Colours of a report, dark or light enough beside their text (WCAG 2.2, 1.4.3), and what they stand for in words."""

from __future__ import annotations

from collections.abc import Mapping

from deliverkit.domain.build_claims import claim
from deliverkit.domain.gate import Verdict
from deliverkit.domain.rollout import Outcome, Phase, Rollout

GOOD, BAD, DOUBT, CALM, FAINT = "#1a7f37", "#b42318", "#8a5a00", "#0b5cad", "#57606a"
INK, PAPER, LINE, SHADE = "#1f2328", "#ffffff", "#d0d7de", "#f6f8fa"

_NAME_LIMIT = 40
"""Characters of an environment's name beside the outcome."""
_OUTCOMES: Mapping[Outcome | None, tuple[str, str, str]] = {
    # outcome: colour, sign, words
    None: (CALM, "\N{BLACK RIGHT-POINTING TRIANGLE}", "Under way"),
    Outcome.SUCCEEDED: (GOOD, "\N{CHECK MARK}", "Succeeded"),
    Outcome.FAILED: (BAD, "\N{MULTIPLICATION X}", "Failed"),
    Outcome.REJECTED: (DOUBT, "\N{MULTIPLICATION X}", "Rejected"),
    Outcome.LOCKED: (DOUBT, "\N{MULTIPLICATION X}", "Locked out"),
    Outcome.UNTRUSTED: (BAD, "\N{MULTIPLICATION X}", "Not trusted"),
    Outcome.ROLLED_BACK: (DOUBT, "\N{ANTICLOCKWISE OPEN CIRCLE ARROW}", "Rolled back and verified"),
    Outcome.UNRESOLVED: (BAD, "!", "Unresolved: a human is needed"),
    Outcome.DETACHED: (DOUBT, "!", "Given up and left as it was"),
}
VERDICTS: Mapping[Verdict | None, tuple[str, str]] = {
    None: (CALM, "open"),
    Verdict.PASSED: (GOOD, "passed"),
    Verdict.FAILED: (BAD, "failed"),
    Verdict.ERROR: (BAD, "error"),
    Verdict.INCONCLUSIVE: (DOUBT, "inconclusive"),
}
PHASES: Mapping[Phase, str] = {
    Phase.CLAIMING: "#8c959f",
    Phase.CHECKING: "#6639ba",
    Phase.APPROVING: "#bf8700",
    Phase.DEPLOYING: "#0b5cad",
    Phase.VERIFYING: "#1b7c83",
    Phase.BAKING: "#2da44e",
    Phase.ACCEPTING: "#116329",
    Phase.ANNOUNCING: "#8c959f",
    Phase.PAUSED: "#d4a72c",
    Phase.STOPPING: "#cf222e",
    Phase.REVERTING: "#a40e26",
    Phase.CONFIRMING: "#e5534b",
    Phase.SETTLING: "#8c959f",
}


def outcome(rollout: Rollout) -> tuple[str, str, str]:
    """Colour, sign and words for how it ended.

    A promotion that failed left the environment as it was in which it failed; the earlier ones on its way have changed.
    """
    colour, sign, words = _OUTCOMES[rollout.outcome]
    if rollout.outcome is Outcome.FAILED:
        words = f"{words}; {claim(rollout.leg.environment, limit=_NAME_LIMIT)} is unchanged"
    return colour, sign, words
