"""What the shapes cannot see: names that must exist elsewhere in the file, and orders that must not go in circles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from deliverkit.config.gate_declaration import POLICY
from deliverkit.config.metric_consistency import check_metrics
from deliverkit.config.plugin_shapes import PluginSpec
from deliverkit.config.problem import Reading, did_you_mean
from deliverkit.config.shapes import INVALID
from deliverkit.domain.placeholders import needs_target
from deliverkit.yaml_tree import KeyPath

TAGS_LIMIT = 10
"""Amazon S3 user guide, "Categorizing your storage using tags"."""
PHASES = ("before", "during", "after")
_ASKED_ONCE = ("command", "jenkins", "lambda", "drift", "vulnerabilities", "load_balancer")
"""Kinds of checks whose texts are not about one instance."""
_OF_CHECKS = frozenset(field.key for field in POLICY)


def check_consistency(values: Mapping[str, Any], reading: Reading) -> None:
    """Report every reference that leads nowhere; values that were wrong in themselves are passed over."""
    _check_tags(_mapping(_mapping(values.get("release")).get("tags")), reading)
    gates = _mapping(values.get("gates"))
    _check_replicas(_mapping(values.get("release")), reading)
    _check_members(gates, reading)
    environments = _mapping(values.get("environments"))
    for name, environment in environments.items():
        path: KeyPath = ("environments", name)
        _check_gates(_mapping(environment), gates, path, reading)
        _check_waves(_mapping(environment), path, reading)
        _check_predecessor(_mapping(environment), environments, path, reading)
    _check_circles({name: _mapping(each).get("from") for name, each in environments.items()}, reading)


def _check_replicas(release: Mapping[str, Any], reading: Reading) -> None:
    """A bucket lies in one region, so that each region needs one of its own."""
    seen = {getattr(release.get("store"), "bucket", None): "release.store"}
    for region, place in _mapping(release.get("replicas")).items():
        path: KeyPath = ("release", "replicas", region)
        if place is INVALID:
            continue
        if place.bucket in seen:
            reading.report(path, f"bucket {place.bucket} is that of {seen[place.bucket]} already; name one in {region}")
        seen.setdefault(place.bucket, ".".join(map(str, path)))


def _check_tags(tags: Mapping[str, Any], reading: Reading) -> None:
    if len(tags) > TAGS_LIMIT:
        reading.report(("release", "tags"), f"{len(tags)} tags are more than S3 takes for an object: {TAGS_LIMIT}")


def _check_gates(environment: Mapping[str, Any], gates: Mapping[str, Any], path: KeyPath, reading: Reading) -> None:
    endpoint = environment.get("endpoint", "${target.address}")
    for phase, index, name in _uses(environment):
        here = (*path, "gates", phase, index)
        if name not in gates:
            advice = did_you_mean(name, gates) if gates else "; the file has no `gates`"
            reading.report(here, f"there is no gate {name!r}{advice}")
        elif endpoint is not INVALID and needs_target(endpoint) and _names_endpoint(gates[name]):
            # Nothing could be put in its place, and the command or job would ask nobody.
            message = f"gate {name!r} names ${{endpoint}}, which stands for each instance here, and is asked once"
            reading.report(here, f"{message}; give the environment an `endpoint` without a target")


def _uses(environment: Mapping[str, Any]) -> Iterator[tuple[str, int, str]]:
    phases = _mapping(environment.get("gates"))
    for phase in PHASES:
        names = phases.get(phase, ())
        for index, name in enumerate(() if names is INVALID else names):
            if name is not INVALID:
                yield phase, index, name


def _names_endpoint(gate: Any) -> bool:
    return any("${endpoint}" in text for check in _checks(gate) for text in _asked_once(check))


def _checks(gate: Any) -> tuple[Any, ...]:
    """The gate's checks; itself when it is no more than one."""
    return tuple(_mapping(_mapping(gate).get("checks")).values()) or (gate,)


def _asked_once(check: Any) -> Iterator[str]:
    for kind, settings in _mapping(check).items():
        if isinstance(settings, PluginSpec):
            yield from _texts(settings.values)
        elif kind in _ASKED_ONCE:
            yield from _texts(settings)


def _texts(value: Any) -> Iterator[str]:
    """All texts in the settings of a check."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(each)


def _check_members(gates: Mapping[str, Any], reading: Reading) -> None:
    for name, gate in gates.items():
        _check_each(("gates", name), gate, reading)
        path, checks = ("gates", name), _mapping(_mapping(gate).get("checks"))
        for key in _mapping(gate) if checks else ():
            if key in _OF_CHECKS:
                reading.report((*path, key), "belongs to each of the checks", reading.keys[*path, key])
        if all(_mapping(check).get("observe_only") is True for check in _checks(gate)) and gate is not INVALID:
            reading.report(path, "every check is only observed, so the gate could never pass; let one of them count")


def _check_each(path: KeyPath, gate: Any, reading: Reading) -> None:
    checks = _mapping(_mapping(gate).get("checks"))
    for name, check in checks.items():
        _check_count(_mapping(check), (*path, "checks", name), reading)
        check_metrics(_mapping(check), (*path, "checks", name), reading)
    if not checks:
        _check_count(_mapping(gate), path, reading)
        check_metrics(_mapping(gate), path, reading)


def _check_count(check: Mapping[str, Any], path: KeyPath, reading: Reading) -> None:
    """More passes than measurements never come."""
    passes, count = check.get("passes"), check.get("count")
    if isinstance(passes, int) and isinstance(count, int) and passes > count:
        message = f"{passes} passes never come of {count} measurements, so the check could never pass"
        reading.report((*path, "passes"), f"{message}; let `count` be {passes} at least")


def _check_waves(environment: Mapping[str, Any], path: KeyPath, reading: Reading) -> None:
    waves = environment.get("waves", ())
    seen: dict[str, int] = {}
    for number, wave in enumerate(() if waves is INVALID else waves):
        for index, region in enumerate(() if wave is INVALID else wave):
            if region is not INVALID and seen.setdefault(region, number) != number:
                reading.report((*path, "waves", number, index), f"{region} is in an earlier wave already")


def _check_predecessor(
    environment: Mapping[str, Any], environments: Mapping[str, Any], path: KeyPath, reading: Reading
) -> None:
    predecessor = environment.get("from")
    if isinstance(predecessor, str) and predecessor not in environments:
        others = [name for name in environments if name != path[-1]]
        reading.report((*path, "from"), f"there is no environment {predecessor!r}{did_you_mean(predecessor, others)}")


def _check_circles(predecessors: Mapping[str, Any], reading: Reading) -> None:
    known: set[str] = set()
    for start in predecessors:
        way = [start]
        before = predecessors.get(start)
        while isinstance(before, str) and before in predecessors and before not in known and before not in way:
            way.append(before)
            before = predecessors.get(before)
        if before in way:
            circle = way[way.index(before) :]
            first = min(circle, key=list(predecessors).index)
            round_trip = [*circle[circle.index(first) :], *circle[: circle.index(first)], first]
            message = f"the promotion order goes in a circle: {' from '.join(round_trip)}"
            reading.report(("environments", first, "from"), message)
        known.update(way)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
