"""What checks that ask AWS have in common: where they ask, the texts they ask with, and what becomes of an error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from deliverkit.adapters.expansion import for_the_whole_leg
from deliverkit.check_ports import CheckContext
from deliverkit.domain.checks import ERROR, measurement
from deliverkit.domain.checks.telling import one_line
from deliverkit.domain.gate import Check, Measurement
from deliverkit.domain.placeholders import expand
from deliverkit.errors import DeliverkitError
from deliverkit.ports import Clock


def observed(
    check: Check,
    clock: Clock,
    look: Callable[[], Mapping[str, Any]],
    *,
    query: str | Callable[[Mapping[str, Any]], str],
) -> Measurement:
    """The measurement of what is seen; that nothing can be seen is an `error`, with the reason.

    Args:
        check: What is measured.
        clock: Dates the measurement.
        look: Gives what is seen, JSON-able.
        query: What people can type to ask again, or what makes it out of what was seen.
    """
    try:
        seen = look()
    except (DeliverkitError, ValueError) as error:
        seen = {ERROR: one_line(str(error))}
    asked = query if isinstance(query, str) else "" if ERROR in seen else query(seen)
    return measurement(check, clock.now(), seen, query=asked)


def regions_of(check: Check, context: CheckContext, name: str = "") -> tuple[str, ...]:
    """Where a check asks: in the region that it names, or that the ARN names, or in those of the leg.

    Args:
        check: The check.
        context: What it may ask about.
        name: Name or ARN of what it is about.
    """
    if check.spec.get("region"):
        return (str(check.spec["region"]),)
    # arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE
    place = name.split(":")[3] if name.startswith("arn:") and name.count(":") >= 5 else ""
    return (place,) if place and "$" not in place else context.regions


def filled(text: str, context: CheckContext, region: str) -> str:
    """A text of a check's settings with the values of a region.

    Raises:
        ValueError: If it holds a placeholder that has no value here.
    """
    return expand(text, {**for_the_whole_leg(context), "region": region})
