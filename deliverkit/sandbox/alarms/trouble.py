"""Trouble with metric data: series that come incomplete, or not at all, when somebody asks for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from deliverkit.sandbox.kernel.world import World


@dataclass(frozen=True, slots=True)
class MetricTrouble:
    """One trouble.

    Attributes:
        metric: Names of metrics; wildcards allowed.
        account: Account id, with wildcards.
        region: Region, with wildcards.
        status: `PartialData` or `InternalError`, as GetMetricData tells it.
        strike: Told of each series that it befalls: `(what, account, region)`.
    """

    metric: str
    account: str
    region: str
    status: str
    strike: Callable[[str, str, str], None]

    def means(self, names: set[str], account: str, region: str) -> bool:
        """True for a series of one of these metrics."""
        is_here = fnmatchcase(account, self.account) and fnmatchcase(region, self.region)
        return is_here and any(fnmatchcase(name, self.metric) for name in names)


@dataclass
class Troubles:
    """Those that there are, by the ids of the faults that make them."""

    active: dict[str, MetricTrouble] = field(default_factory=dict)


def troubled(world: World, result: dict[str, Any], names: set[str], account: str, region: str) -> dict[str, Any]:
    """A result of GetMetricData as trouble leaves it.

    Args:
        world: The sandbox.
        result: The whole one, the newest datapoint first or last.
        names: The metrics that it is made of.
        account: Account id.
        region: Region.
    """
    found = world.existing(Troubles, "", "")
    for trouble in list(found.active.values()) if found is not None else ():
        if trouble.means(names, account, region):
            trouble.strike(f"{', '.join(sorted(names))} {trouble.status}", account, region)
            return {**result, **_left(result, trouble.status), "StatusCode": trouble.status}
    return result


def _left(result: dict[str, Any], status: str) -> dict[str, Any]:
    """The older half of incomplete data, nothing of what failed."""
    points = sorted(zip(result["Timestamps"], result["Values"], strict=True))
    kept = points[: len(points) // 2] if status == "PartialData" else []
    if result["Timestamps"][:1] > result["Timestamps"][-1:]:
        kept.reverse()
    return {"Timestamps": [at for at, _ in kept], "Values": [value for _, value in kept]}
