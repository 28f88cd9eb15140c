"""The targets of the rehearsed environments: where customers ask, and what each serves in the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from deliverkit.delivery import Delivery
from deliverkit.domain.carriage import Target
from deliverkit.domain.environment import Environment
from deliverkit.domain.placeholders import expand
from deliverkit.domain.release import Release
from deliverkit.engine.verifying import TIMEOUT, holds
from deliverkit.errors import UnreachableError
from deliverkit.ports import Deployer, TextSource


@dataclass(frozen=True, slots=True)
class Standing:
    """What one target serves when all is over.

    Attributes:
        environment: Where it belongs.
        target_id: Instance id.
        region: Region name.
        expected: The version that the ledger says serves there.
        is_right: True when it serves that; None when the project does not say how to ask.
        detail: What it answered.
    """

    environment: str
    target_id: str
    region: str
    expected: str
    is_right: bool | None
    detail: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a target belongs.

    Attributes:
        environment: Its name.
        number: The how manieth of the environment's targets it is; unlike ids, it is the same in every rehearsal.
        count: How many targets the environment has.
    """

    environment: str
    number: int
    count: int


class Targets:
    """Asks for targets and asks the targets."""

    def __init__(self, delivery: Delivery, deployers: Callable[[str], Deployer], texts: TextSource) -> None:
        """Take the delivery, the way to a region's deployer, and the way to ask an URL."""
        self._delivery = delivery
        self._deployers = deployers
        self._texts = texts

    def urls(self, environments: Sequence[str], release: Release) -> Mapping[str, Sequence[str]]:
        """Where the customers of each environment ask; empty for one that cannot be asked."""
        found = {name: self._delivery.blueprint.environment(name) for name in environments}
        return {
            name: [self._expanded(each.serves.url, each, target, release) for target in self._of(each)]
            for name, each in found.items()
            if each.serves is not None
        }

    def places(self, environments: Sequence[str]) -> Mapping[str, Place]:
        """Where each running target belongs, by its id."""
        found = {}
        for name in environments:
            targets = self._of(self._delivery.blueprint.environment(name))
            for number, target in enumerate(targets, start=1):
                found[target.target_id] = Place(name, number, len(targets))
        return found

    def standings(self, environments: Sequence[str]) -> tuple[Standing, ...]:
        """What every running target serves, against what the ledger says."""
        found = []
        for name in environments:
            environment, served = self._delivery.blueprint.environment(name), self._delivery.serving(name)
            if served is not None:
                found += [self._standing(environment, target, served.release) for target in self._of(environment)]
        return tuple(found)

    def _of(self, environment: Environment) -> list[Target]:
        regions = dict.fromkeys(region for wave in environment.waves for region in wave)
        return [
            target
            for region in regions
            for target in self._deployers(region).targets(environment.application, environment.group)
        ]

    def _standing(self, environment: Environment, target: Target, release: Release) -> Standing:
        def stands(is_right: bool | None, detail: str) -> Standing:
            return Standing(environment.name, target.target_id, target.region, release.version, is_right, detail)

        if environment.serves is None:
            return stands(None, "`serves` is not configured, so the instance was not asked")
        try:
            answer = self._texts.fetch(
                self._expanded(environment.serves.url, environment, target, release), timeout=TIMEOUT
            ).strip()
        except UnreachableError as error:
            return stands(is_right=False, detail=error.message)
        expected = self._expanded(environment.serves.expect, environment, target, release)
        return stands(holds(answer, expected), f"serves {answer[:60]!r}")

    def _expanded(self, text: str, environment: Environment, target: Target, release: Release) -> str:
        values = {
            "application": environment.application,
            "environment": environment.name,
            "region": target.region,
            "release.version": release.version,
            "release.digest": release.digest,
            "release.commit": release.source.commit if release.source else "",
            "promotion.id": "rehearsal",
            "target.id": target.target_id,
            "target.address": target.address,
        }
        return expand(text, {**values, "endpoint": expand(environment.endpoint, values)})
