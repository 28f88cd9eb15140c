"""Check an application specification against the bundle it will travel in, before anything is uploaded.

The rules say what CodeDeploy's host agent would do with it; see `rules` for their reasons and sources.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from deliverkit.packaging import rules
from deliverkit.packaging.appspec import (
    SERVER_HOOKS,
    UNSCRIPTABLE_HOOKS,
    Appspec,
    FileCopy,
    Hook,
    Permission,
    Script,
    ServerAppspec,
    nearest,
    parse_appspec,
)
from deliverkit.packaging.collect import APPSPEC, read_head
from deliverkit.packaging.destinations import lint_destinations
from deliverkit.packaging.finding import Finding
from deliverkit.packaging.resource_lint import lint_resources
from deliverkit.packaging.scripts import lint_script
from deliverkit.packaging.tree import Collection, EntryKind, follow
from deliverkit.yaml_tree import Place, Scalar

_EVENT_SECONDS_LIMIT = 3600
_APPSPEC_BYTES = (1 << 20) + 1


def lint(collection: Collection, *, shown_at: Path) -> tuple[Finding, ...]:
    """Lint what was collected; `shown_at` is the tree as the user named it, for the places of findings."""
    spec, findings = _parsed(collection, shown_at)
    if isinstance(spec, ServerAppspec):
        findings = (*findings, *_server(spec, collection, shown_at))
    elif spec is not None:
        findings = (*findings, *_version(spec), *lint_resources(spec))
    return tuple(sorted(set(findings), key=_order))  # a script that two hooks share is looked at twice


def _order(finding: Finding) -> tuple[bool, str, int, int, str]:
    place = finding.place
    return (not place.file.endswith(APPSPEC), place.file, place.line, place.column, finding.rule)


def _parsed(collection: Collection, shown_at: Path) -> tuple[Appspec | None, tuple[Finding, ...]]:
    entry = collection.resolve(APPSPEC)
    if entry is None or entry.kind is not EntryKind.FILE:
        return None, (_missing(collection, shown_at),)
    data = read_head(collection.location(entry), _APPSPEC_BYTES)
    placed = collection.placed.get(APPSPEC)
    return parse_appspec(data, os.fsdecode(placed) if placed else str(shown_at / APPSPEC))


def _missing(collection: Collection, shown_at: Path) -> Finding:
    if collection.get("appspec.yaml") is not None:
        place = Place(file=str(shown_at / "appspec.yaml"))
        return rules.APPSPEC_NAME.at(place, f"the bundle has appspec.yaml but no {APPSPEC}")
    deeper = [entry.path for entry in collection.entries if entry.path.endswith(f"/{APPSPEC}")]
    where = f"; there is one at {deeper[0]}" if deeper else ""
    return rules.APPSPEC_MISSING.at(
        Place(file=str(shown_at / APPSPEC)), f"the bundle has no {APPSPEC} at its root{where}"
    )


def _version(spec: Appspec) -> Iterator[Finding]:
    if spec.version is None:
        yield rules.VERSION.at(spec.place, "version is missing")
    elif not (spec.version.is_plain and spec.version.text == "0.0"):
        yield rules.VERSION.at(spec.version.place, f"version must be 0.0, not {spec.version.text!r}")


def _server(spec: ServerAppspec, collection: Collection, shown_at: Path) -> Iterator[Finding]:
    is_windows = spec.os is not None and spec.os.text == "windows"
    yield from _version(spec)
    yield from _head(spec)
    for hook in spec.hooks:
        yield from _hook(hook, collection, shown_at, is_windows=is_windows)
    for item in spec.files:
        yield from _file(item, collection, is_windows=is_windows)
    yield from lint_destinations(spec.files, collection)
    if is_windows and spec.permissions:
        yield rules.PERMISSION_OS.at(spec.permissions[0].target.place, "permissions cannot be used on windows")
    for permission in spec.permissions:
        yield from _permission(permission)


def _head(spec: ServerAppspec) -> Iterator[Finding]:
    if spec.os is None:
        yield rules.OS.at(spec.place, "os is missing")
    elif spec.os.text not in {"linux", "windows"}:
        yield rules.OS.at(spec.os.place, f"os must be linux or windows, not {spec.os.text!r}")
    behavior = spec.file_exists_behavior
    known = ("DISALLOW", "OVERWRITE", "RETAIN")
    if behavior is not None and behavior.text not in known:
        message = f"file_exists_behavior cannot be {behavior.text!r}{nearest(behavior.text, known)}"
        yield rules.FILE_EXISTS.at(behavior.place, message)


def _hook(hook: Hook, collection: Collection, shown_at: Path, *, is_windows: bool) -> Iterator[Finding]:
    name, place = hook.name.text, hook.name.place
    if name in UNSCRIPTABLE_HOOKS:
        yield rules.HOOK_NOT_SCRIPTABLE.at(place, f"{name} never runs scripts")
    elif name not in SERVER_HOOKS:
        yield rules.HOOK_UNKNOWN.at(place, f"there is no hook {name!r}{nearest(name, SERVER_HOOKS)}")
    elif name == "ApplicationStop" and hook.scripts:
        yield rules.APPLICATION_STOP.at(place, "ApplicationStop runs the previous release's script")
    for script in hook.scripts:
        yield from _script(script, collection, shown_at, is_windows=is_windows)
    total = sum(filter(None, (_seconds(script.timeout) for script in hook.scripts)))
    if total > _EVENT_SECONDS_LIMIT:
        yield rules.TIMEOUT_TOTAL.at(place, f"the timeouts of {name} add up to {total} seconds")


def _seconds(timeout: Scalar | None) -> int | None:
    """What is written as whole seconds above zero. Leading zeros would be octal to the agent."""
    return int(timeout.text) if timeout is not None and re.fullmatch(r"[1-9][0-9]{0,8}", timeout.text) else None


def _script(script: Script, collection: Collection, shown_at: Path, *, is_windows: bool) -> Iterator[Finding]:
    if script.timeout is not None and _seconds(script.timeout) is None:
        yield rules.TIMEOUT.at(script.timeout.place, f"timeout must be whole seconds, not {script.timeout.text!r}")
    if script.sudo is not None and script.sudo.text.lower() not in {"false", "no", "off"}:
        yield rules.SUDO.at(script.sudo.place, "the script runs through sudo")
    location, place = _slashes(script.location.text.strip(), is_windows=is_windows), script.location.place
    path = follow({}, location)
    if path is None:
        yield rules.LOCATION_ESCAPES.at(place, f"{location} leaves the bundle")
    elif location.startswith("/") or re.match(r"[A-Za-z]:/", location):
        yield rules.LOCATION_ABSOLUTE.at(place, f"{location} is not relative to the bundle")
    elif re.search(r"\s", location):
        yield rules.LOCATION_ARGUMENTS.at(place, f"location {location!r} holds a space")
    else:
        yield from _script_file(path, place, collection, shown_at, is_windows=is_windows)


def _script_file(
    path: str, place: Place, collection: Collection, shown_at: Path, *, is_windows: bool
) -> Iterator[Finding]:
    entry = collection.resolve(path)
    if entry is None:
        yield rules.SCRIPT_MISSING.at(place, f"the bundle has no {path}{_similar(path, collection)}")
    elif entry.kind is EntryKind.DIRECTORY:
        yield rules.SCRIPT_MISSING.at(place, f"{path} is a directory, not a script")
    elif not is_windows:
        yield from lint_script(entry, collection, shown_at, place)


def _file(item: FileCopy, collection: Collection, *, is_windows: bool) -> Iterator[Finding]:
    source, place = _slashes(item.source.text.strip(), is_windows=is_windows), item.source.place
    path = follow({}, source)
    if path is None:
        yield rules.SOURCE_ESCAPES.at(place, f"{source} leaves the bundle")
    elif path and collection.get(path) is None and collection.resolve(path) is None:
        yield rules.SOURCE_MISSING.at(place, f"the bundle has no {path}{_similar(path, collection)}")
    destination = item.destination.text.strip()
    if not re.match(r"/|\\|[A-Za-z]:[\\/]", destination):
        yield rules.DESTINATION_RELATIVE.at(item.destination.place, f"destination {destination} is not absolute")


def _permission(permission: Permission) -> Iterator[Finding]:
    mode = permission.mode
    if mode is not None and not re.fullmatch(r"[0-7]{1,4}", mode.text):
        yield rules.MODE.at(mode.place, f"mode {mode.text!r} is not one to four octal digits")
    elif mode is not None and mode.is_plain and len(mode.text) > 1 and mode.text.startswith("0"):
        as_read = int(mode.text, 8)
        yield rules.MODE_OCTAL.at(mode.place, f"mode {mode.text} without quotes reaches the agent as {as_read}")
    for kind in permission.types:
        if kind.text not in {"file", "directory"}:
            yield rules.PERMISSION_TYPE.at(kind.place, f"type cannot be {kind.text!r}")


def _slashes(path: str, *, is_windows: bool) -> str:
    return path.replace("\\", "/") if is_windows else path


def _similar(path: str, collection: Collection) -> str:
    """A hint at the nearest name in the same folder, or at a file of the same name elsewhere."""
    folder, _, name = path.rpartition("/")
    neighbours = (entry.path for entry in collection.entries if entry.path.rpartition("/")[0] == folder)
    elsewhere = (entry.path for entry in collection.entries if entry.path.rpartition("/")[2] == name)
    return nearest(path, [*islice(neighbours, 200), *islice(elsewhere, 5)])
