"""Whether a declaration fits the type of its action or rule."""

from __future__ import annotations

from collections.abc import Iterator

from deliverkit.sandbox.codepipeline.definition import Action
from deliverkit.sandbox.codepipeline.providers.provider import Kind


def problems(action: Action, kind: Kind, noun: str) -> Iterator[str]:
    """What does not fit, in the words of the refusal; nothing when all fits.

    Args:
        action: The declared action or rule.
        kind: Its type.
        noun: `Action` or `Rule`.
    """
    given = set(action.configuration)
    where = f"{noun} configuration for {noun.lower()} '{action.name}'"
    for key in sorted(kind.required - given):
        yield f"{where} is missing required configuration '{key}'"
    if not kind.takes_any_key:
        for key in sorted(given - kind.required - kind.optional):
            yield f"{where} contains unknown configuration '{key}'"
    for side, count, (least, greatest) in (
        ("input", len(action.inputs), kind.inputs),
        ("output", len(action.outputs), kind.outputs),
    ):
        text = f"{noun} {action.name} declares {count} {side} artifacts which is"
        if count < least:
            yield f"{text} less than the minimum count ({least})"
        if count > greatest:
            yield f"{text} more than the maximum count ({greatest})"
