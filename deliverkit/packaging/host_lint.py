"""Check the whole bundle against the hosts: names that Windows cannot hold, and disks that it would fill."""

from __future__ import annotations

import re
from collections.abc import Iterator

from deliverkit.domain.release import BundleFormat
from deliverkit.packaging import rules
from deliverkit.packaging.finding import Finding
from deliverkit.packaging.subject import Subject
from deliverkit.packaging.tree import EntryKind, shown
from deliverkit.yaml_tree import Place

# Microsoft, "Naming Files, Paths, and Namespaces".
_FORBIDDEN = re.compile(r'[<>:"|?*\\\x00-\x1f]')
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[1-9]|lpt[1-9])(?:\..*)?", re.IGNORECASE)
_PATH_LIMIT = 259
# C:\ProgramData\Amazon\CodeDeploy\<36 of the group>\d-<9>\deployment-archive\
_FOLDER = 33 + 37 + 12 + 19
# Archive and unpacked bundle.
_COPIES = 2
_MIB = 1 << 20


def lint_disk(place: Place, subject: Subject) -> Iterator[Finding]:
    """Compare what the agent keeps with the declared free disk."""
    hosts = subject.policy.hosts
    size = sum(entry.size for entry in subject.collection.entries if entry.kind is EntryKind.FILE)
    needed = size * _COPIES * hosts.max_revisions
    if hosts.free_disk is not None and needed > hosts.free_disk:
        message = f"{hosts.max_revisions} releases of {_mib(size)} MiB, archive and unpacked, need {_mib(needed)} MiB"
        yield rules.DISK.at(place, f"{message} of {_mib(hosts.free_disk)} MiB")


def _mib(size: int) -> int:
    return -(-size // _MIB)


def lint_windows(place: Place, subject: Subject) -> Iterator[Finding]:
    """Check what only Windows minds."""
    if subject.format is not BundleFormat.ZIP:
        yield rules.WINDOWS_FORMAT.at(place, f"the bundle is a {subject.format.value}")
    for entry in subject.collection.entries:
        fault = _fault(entry.path.rpartition("/")[2])
        here = Place(file=subject.named(entry.path))
        if fault:
            yield rules.WINDOWS_NAME.at(here, f"{shown(entry.path)} {fault}")
        elif len(entry.path) + _FOLDER > _PATH_LIMIT:
            yield rules.WINDOWS_LENGTH.at(here, f"{shown(entry.path)} becomes {len(entry.path) + _FOLDER} characters")
    for first, *others in subject.clashes_of_capitals:
        for path in others:
            message = f"{shown(path)} and {shown(first)} are one file to Windows"
            yield rules.WINDOWS_CASE.at(Place(file=subject.named(path)), message)


def _fault(name: str) -> str:
    if found := _FORBIDDEN.search(name):
        return f"holds {found[0]!r}"
    if _DEVICE.fullmatch(name):
        return "is the name of a device"
    return "ends in a dot or a space" if name.endswith((".", " ")) else ""
