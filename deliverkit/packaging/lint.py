"""Check an application specification against the bundle it will travel in, before anything is uploaded.

The rules say what CodeDeploy's host agent would do with it; see `rules` for their reasons and sources.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from deliverkit.domain.linting import LintPolicy
from deliverkit.domain.release import BundleFormat
from deliverkit.packaging import rules
from deliverkit.packaging.allowing import allow
from deliverkit.packaging.appspec import (
    APPSPEC_BYTES_LIMIT,
    Appspec,
    ServerAppspec,
    nearest,
    parse_appspec,
)
from deliverkit.packaging.appspec_form import FILE_EXISTS_BEHAVIORS, OPERATING_SYSTEMS
from deliverkit.packaging.collect import APPSPEC, read_head
from deliverkit.packaging.file_lint import lint_files
from deliverkit.packaging.finding import Finding
from deliverkit.packaging.hook_lint import lint_hooks
from deliverkit.packaging.host_lint import lint_disk, lint_windows
from deliverkit.packaging.permission_lint import lint_permissions
from deliverkit.packaging.resource_lint import lint_resources
from deliverkit.packaging.subject import Subject
from deliverkit.packaging.tree import Collection, EntryKind
from deliverkit.packaging.yaml11 import retyped
from deliverkit.yaml_tree import Place, Scalar


def lint(
    collection: Collection,
    *,
    shown_at: Path,
    policy: LintPolicy | None = None,
    format: BundleFormat = BundleFormat.ZIP,  # noqa: A002 - the configuration's own word
) -> tuple[Finding, ...]:
    """Lint what was collected.

    Args:
        collection: What will lie in the bundle.
        shown_at: The tree as the user named it, for the places of findings.
        policy: What is declared about the hosts, and allowed; nothing by default.
        format: The archive that will be made.

    Returns:
        Every finding in the order of the files, those that were allowed included.
    """
    subject = Subject(collection, shown_at, policy or LintPolicy(), format)
    spec, findings = _parsed(subject)
    if isinstance(spec, ServerAppspec):
        subject.is_windows = spec.os is not None and spec.os.text == "windows"
        findings = (*findings, *_server(spec, subject))
    elif spec is not None:
        findings = (*findings, *_version(spec), *lint_resources(spec))
    # A script that two hooks share is looked at twice.
    found = sorted(set(_inside(findings, subject.texts)), key=_order)
    allowed = allow(found, subject.texts, subject.policy.allow, is_complete=spec is not None)
    return tuple(sorted(allowed, key=_order))


def _order(finding: Finding) -> tuple[bool, str, int, int, str, str]:
    place = finding.place
    return (not place.file.endswith(APPSPEC), place.file, place.line, place.column, finding.rule, finding.message)


def _parsed(subject: Subject) -> tuple[Appspec | None, tuple[Finding, ...]]:
    entry = subject.collection.resolve(APPSPEC)
    if entry is None or entry.kind is not EntryKind.FILE:
        return None, (_missing(subject),)
    data = read_head(subject.collection.location(entry), APPSPEC_BYTES_LIMIT + 1)
    file = subject.named(APPSPEC)
    subject.texts[file] = data.decode("utf-8-sig", "replace")
    spec, findings = parse_appspec(data, file)
    return spec, (*findings, *_others(subject))


def _missing(subject: Subject) -> Finding:
    other = next(_named_alike(subject), None)
    if other is not None:
        place = Place(file=subject.named(other))
        return rules.APPSPEC_NAME.at(place, f"the bundle has {other} but no {APPSPEC}")
    deeper = [entry.path for entry in subject.collection.entries if entry.path.endswith(f"/{APPSPEC}")]
    place = Place(file=subject.named(deeper[0] if len(deeper) == 1 else APPSPEC))
    if len(deeper) == 1 and deeper[0].count("/") == 1:
        folder = posixpath.dirname(deeper[0])
        return rules.APPSPEC_NESTED.at(place, f"the bundle's root has no {APPSPEC}, but its folder {folder} has one")
    where = f"; there is one at {deeper[0]}" if deeper else ""
    return rules.APPSPEC_MISSING.at(place, f"the bundle has no {APPSPEC} at its root{where}")


def _named_alike(subject: Subject) -> Iterator[str]:
    """Files at the root that somebody may take for the appspec."""
    for entry in subject.collection.entries:
        if entry.path.lower() in {APPSPEC, "appspec.yaml", "appspec.json"} and entry.path != APPSPEC:
            yield entry.path


def _others(subject: Subject) -> Iterator[Finding]:
    for other in _named_alike(subject):
        message = f"the bundle has {other} beside {APPSPEC}"
        yield rules.APPSPEC_SEVERAL.at(Place(file=subject.named(other)), message)


def _inside(findings: Iterable[Finding], texts: dict[str, str]) -> Iterator[Finding]:
    """The findings, with places that exist for those who look there.

    The parser points behind the last line for what it misses there, and breaks lines where editors do not (U+2028).
    """
    lines = {file: text.split("\n") for file, text in texts.items()}
    for finding in findings:
        known = lines.get(finding.place.file)
        yield replace(finding, place=_clamped(finding.place, known)) if known else finding


def _clamped(place: Place, lines: list[str]) -> Place:
    last = len(lines) - 1 if len(lines) > 1 and not lines[-1] else len(lines)
    if place.line > last:
        return Place(last, len(lines[last - 1]) + 1, place.file)
    return Place(place.line, min(place.column, len(lines[place.line - 1]) + 1), place.file)


def _version(spec: Appspec) -> Iterator[Finding]:
    version = spec.version
    if version is None:
        yield rules.VERSION.at(spec.place, "version is missing")
    elif not (version.is_plain and version.text == "0.0"):
        is_zero = isinstance(spec, ServerAppspec) and _is_zero(version)
        rule = rules.VERSION_FORM if is_zero else rules.VERSION
        yield rule.at(version.place, f"version must be 0.0, not {version.text!r}")


def _is_zero(version: Scalar) -> bool:
    became = retyped(version.text) if version.is_plain else None
    return became is not None and became.kind == "a number" and float(became.text) == 0


def _server(spec: ServerAppspec, subject: Subject) -> Iterator[Finding]:
    yield from _version(spec)
    yield from _head(spec, subject)
    yield from lint_hooks(spec.hooks, subject)
    yield from lint_files(spec, subject)
    yield from lint_permissions(spec, subject)
    yield from lint_disk(spec.place, subject)
    if subject.is_windows:
        yield from lint_windows(spec.place, subject)


def _head(spec: ServerAppspec, subject: Subject) -> Iterator[Finding]:
    fleet = subject.policy.hosts.os
    if spec.os is None:
        yield rules.OS.at(spec.place, "os is missing")
    elif spec.os.text not in OPERATING_SYSTEMS:
        yield rules.OS.at(spec.os.place, f"os must be linux or windows, not {spec.os.text!r}")
    elif fleet is not None and spec.os.text != fleet:
        yield rules.OS_FLEET.at(spec.os.place, f"the appspec is for {spec.os.text}, the hosts run {fleet}")
    behavior = spec.file_exists_behavior
    if behavior is not None and behavior.text not in FILE_EXISTS_BEHAVIORS:
        message = f"file_exists_behavior cannot be {behavior.text!r}{nearest(behavior.text, FILE_EXISTS_BEHAVIORS)}"
        yield rules.FILE_EXISTS.at(behavior.place, message)
    if not spec.files and not any(hook.scripts for hook in spec.hooks):
        yield rules.NOTHING_TO_DO.at(spec.place, "the appspec names neither files nor scripts")
