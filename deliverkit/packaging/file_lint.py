"""Check the `files` of an application specification for servers: what is copied, and into which place of the host."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from deliverkit.packaging import rules
from deliverkit.packaging.appspec import FileCopy, ServerAppspec
from deliverkit.packaging.destinations import lint_destinations, lint_links
from deliverkit.packaging.finding import Finding
from deliverkit.packaging.subject import Subject
from deliverkit.packaging.tree import EntryKind, follow
from deliverkit.yaml_tree import Place

_LITERAL = re.compile(r"~|.*(?:\$\{?[A-Za-z_]|%[A-Za-z_]+%|\{\{|[*?])")
_ABSOLUTE = {False: re.compile("/"), True: re.compile(r"/|\\|[A-Za-z]:[\\/]")}
# Folders into which the system, other packages and people put files too.
_SHARED_WORDS = (
    "/ /bin /sbin /lib /lib64 /usr /usr/bin /usr/sbin /usr/lib /usr/lib64 /usr/share /usr/local /usr/local/bin"
    " /usr/local/sbin /usr/local/lib /usr/local/etc /etc /opt /srv /var /var/lib /var/www /var/www/html"
    " /usr/share/nginx/html /tmp /var/tmp /home /root"
    " c: c:/windows c:/windows/system32 c:/temp c:/inetpub c:/inetpub/wwwroot"
)
_SHARED = frozenset(_SHARED_WORDS.split())


def lint_files(spec: ServerAppspec, subject: Subject) -> Iterator[Finding]:
    """Check every entry, and whether they meet."""
    may_clash = spec.file_exists_behavior is None or spec.file_exists_behavior.text == "DISALLOW"
    for item in spec.files:
        yield from _source(item, subject)
        yield from lint_place(item.destination.text, item.destination.place, "destination", subject)
        if may_clash:
            yield from _shared(item)
    yield from lint_destinations(spec.files, subject)
    yield from lint_links(spec.files, subject)


def lint_place(written: str, place: Place, what: str, subject: Subject) -> Iterator[Finding]:
    """Check a path of the host."""
    path = written.strip()
    if found := _LITERAL.match(path):
        yield rules.PATH_VARIABLE.at(place, f"{what} {path} holds {found[0][-1]}, which stays as it is")
    elif not _ABSOLUTE[subject.is_windows].match(path):
        yield rules.DESTINATION_RELATIVE.at(place, f"{what} {path} is not absolute")


def _source(item: FileCopy, subject: Subject) -> Iterator[Finding]:
    source, place = subject.slashes(item.source.text.strip()), item.source.place
    path = follow({}, source)
    if path is None:
        yield rules.SOURCE_ESCAPES.at(place, f"{source} leaves the bundle")
        return
    entry = (subject.collection.get(path) or subject.find(path)) if path else None
    if path and entry is None:
        yield rules.SOURCE_MISSING.at(place, f"the bundle has no {path}{subject.advice(path)}")
    elif entry is not None and entry.kind is not EntryKind.DIRECTORY:
        yield from _into(item, posixpath.basename(path))


def _into(item: FileCopy, name: str) -> Iterator[Finding]:
    """A file whose destination looks like a file too."""
    destination = item.destination.text.strip().replace("\\", "/")
    folder = posixpath.basename(destination)
    suffix = posixpath.splitext(name)[1]
    if folder == name or (suffix and posixpath.splitext(folder)[1] == suffix):
        becomes = posixpath.join(destination, name)
        yield rules.DESTINATION_IS_FILE.at(item.destination.place, f"the file becomes {becomes}")


def _shared(item: FileCopy) -> Iterator[Finding]:
    folder = posixpath.normpath(item.destination.text.strip().replace("\\", "/"))
    if folder.lower() in _SHARED or folder.startswith("/etc/"):
        message = f"{folder} belongs to others too, and what exists there may not be replaced"
        yield rules.FILE_EXISTS_SHARED.at(item.destination.place, message)
