"""What a check asks, once for each region or target that its texts speak of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

from deliverkit.check_ports import CheckContext
from deliverkit.domain.carriage import Target
from deliverkit.domain.masking import Masking
from deliverkit.domain.placeholders import expand, names_in, needs_target
from deliverkit.ports import Deployer

Deployers: TypeAlias = Callable[[str], Deployer]
Values: TypeAlias = Mapping[str, str]
_VARIABLE = "env."
"""Begin of a placeholder's name that stands for a variable of our environment, whose value is a secret."""


class Secrets:
    """Variables of our environment that texts may refer to as `${env.NAME}`; what was told of them is masked."""

    def __init__(self, environ: Values) -> None:
        """Take the environment."""
        self._environ = environ

    def fill(self, texts: Values, values: Values) -> dict[str, str]:
        """The texts, by whatever name, with all placeholders filled in.

        Raises:
            ValueError: If a variable is not set, or a placeholder has no value.
        """
        return {name: expand(text, {**values, **self._in(text)}) for name, text in texts.items()}

    def headers(self, texts: Values, values: Values) -> dict[str, str]:
        """Headers of a request, with all placeholders filled in.

        Raises:
            ValueError: If a variable is not set, a placeholder has no value, or a value cannot stand in a header; the
                message does not tell it.
        """
        filled = self.fill(texts, values)
        for name, value in filled.items():
            if not (value.isprintable() and value.isascii()):
                raise ValueError(f"the header {name} cannot be sent: its value has a line break or a special letter")
        return filled

    def masking(self, texts: Values, besides: Values | None = None) -> Masking:
        """What takes the secrets of these texts out of others.

        Args:
            texts: Texts that may refer to variables, by whatever name.
            besides: More secrets, by the names that may be told.

        Raises:
            ValueError: If a variable is not set.
        """
        found = {name: value for text in texts.values() for name, value in self._in(text).items()}
        return Masking({**found, **(besides or {})})

    def _in(self, text: str) -> dict[str, str]:
        names = [name for name in names_in(text) if name.startswith(_VARIABLE)]
        return {name: self._value(name.removeprefix(_VARIABLE)) for name in names}

    def _value(self, name: str) -> str:
        value = self._environ.get(name, "")
        if not value:
            raise ValueError(f"the environment variable {name} is not set")
        return value


def expansions(texts: Sequence[str], context: CheckContext, deployers: Deployers) -> Iterator[Values]:
    """The values to fill in for each time that a check asks.

    Args:
        texts: All texts of the check that may hold placeholders.
        context: What the check may ask about; its endpoint may hold placeholders itself.
        deployers: The way to a region's deployer, which knows the targets.

    Yields:
        Values, one after the other: of each running target of each region when a text speaks of a target, else of each
        region when a text speaks of it, else of the first region.

    Raises:
        ValueError: If a region has no running target.
    """
    endpoint = context.endpoint if any("${endpoint}" in text for text in texts) else ""
    per_target = any(needs_target(text) for text in (*texts, endpoint))
    per_region = per_target or any("${region}" in text for text in (*texts, endpoint))
    for region in context.regions if per_region else context.regions[:1]:
        values = {**context.values, "region": region}
        if not per_target:
            yield _with_endpoint(values, endpoint)
            continue
        for target in _targets(region, context, deployers):
            own = {**values, "target.id": target.target_id, "target.address": target.address}
            yield _with_endpoint(own, endpoint)


def for_the_whole_leg(context: CheckContext) -> Values:
    """The values of all placeholders that have one for the whole leg; of the endpoint when it names no target."""
    values = {**context.values, "application": context.application}
    return values if needs_target(context.endpoint) else _with_endpoint(values, context.endpoint)


def _with_endpoint(values: Values, endpoint: str) -> Values:
    return {**values, "endpoint": expand(endpoint, values)}


def _targets(region: str, context: CheckContext, deployers: Deployers) -> Sequence[Target]:
    targets = deployers(region).targets(context.application, context.group)
    if not targets:
        raise ValueError(f"{context.group} has no running targets in {region}")
    return targets
