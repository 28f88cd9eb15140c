"""Parse an application specification (appspec.yml) into values with places, and say what is wrong with its form.

Three kinds exist (CodeDeploy User Guide, "AppSpec file structure"): for servers, which the host agent reads from the
bundle, and for Lambda functions and ECS services, which name `Resources`.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from deliverkit.packaging import rules
from deliverkit.packaging.appspec_form import (
    CONTEXT_KEYS,
    FILE_KEYS,
    PERMISSION_KEYS,
    RESOURCE_KEYS,
    SCRIPT_KEYS,
    SERVER_KEYS,
    spellings,
)
from deliverkit.packaging.finding import Finding, Rule
from deliverkit.packaging.yaml11 import retyped
from deliverkit.yaml_tree import Breach, Mapping, Node, Place, Scalar, Sequence, Violation, place_of, read_tree

T = TypeVar("T")

APPSPEC_BYTES_LIMIT = 1 << 20
# The agent's parser takes tags that it does not know for texts.
_RULES = {
    Breach.SYNTAX: rules.YAML_SYNTAX,
    Breach.SIZE: rules.APPSPEC_SIZE,
    Breach.ALIAS: rules.YAML_ALIAS,
    Breach.LOOP: rules.YAML_SYNTAX,
    Breach.KEY: rules.KEY_UNKNOWN,
    Breach.DUPLICATE: rules.YAML_DUPLICATE,
    Breach.MERGE: rules.KEY_UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class Script:
    """One script of a hook: where it lies in the bundle, and its limits as they were written."""

    location: Scalar
    timeout: Scalar | None
    runas: Scalar | None
    sudo: Scalar | None


@dataclass(frozen=True, slots=True)
class Hook:
    """A lifecycle event and its scripts, in order."""

    name: Scalar
    scripts: tuple[Script, ...]


@dataclass(frozen=True, slots=True)
class FileCopy:
    """What is copied from the bundle, and into which directory of the host."""

    source: Scalar
    destination: Scalar


@dataclass(frozen=True, slots=True)
class Permission:
    """Owner, mode and so on for something that was copied."""

    place: Place
    target: Scalar
    pattern: Scalar | None
    exceptions: tuple[Scalar, ...]
    owner: Scalar | None
    group: Scalar | None
    mode: Scalar | None
    acls: tuple[Scalar, ...]
    context: Mapping | None
    types: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class ServerAppspec:
    """An application specification for servers."""

    place: Place
    version: Scalar | None
    os: Scalar | None
    file_exists_behavior: Scalar | None
    files: tuple[FileCopy, ...]
    permissions: tuple[Permission, ...]
    hooks: tuple[Hook, ...]


@dataclass(frozen=True, slots=True)
class ResourceAppspec:
    """An application specification for a Lambda function or an ECS service; its entries as they were written."""

    place: Place
    version: Scalar | None
    resources: tuple[Mapping, ...]
    hooks: tuple[tuple[Scalar, Scalar], ...]


Appspec = ServerAppspec | ResourceAppspec


def parse_appspec(data: bytes, file: str) -> tuple[Appspec | None, tuple[Finding, ...]]:
    """Parse the file, whatever it holds.

    Args:
        data: The file's bytes, in YAML or JSON.
        file: Its name for the findings.

    Returns:
        The specification as far as it could be understood, None if not at all; and what is wrong with its form.
    """
    if len(data) > APPSPEC_BYTES_LIMIT:
        return None, (rules.APPSPEC_SIZE.at(Place(file=file), f"{len(data)} bytes or more are no appspec"),)
    text, complaint = _decoded(data, file)
    if complaint:
        return None, (complaint,)
    root, violations = read_tree(_without_tabs(text), file)
    findings = [_RULES[each.breach].at(each.place, _told(each)) for each in violations if each.breach in _RULES]
    parser = _Parser(findings)
    spec = None
    if root is not None and not (isinstance(root, Scalar) and root.is_null):
        top = parser.mapping(root, "the appspec")
        spec = parser.appspec(top) if top else None
    elif not findings:
        parser.note(rules.APPSPEC_EMPTY, Place(file=file), "the appspec is empty")
    return spec, tuple(parser.findings)


def _decoded(data: bytes, file: str) -> tuple[str, Finding | None]:
    try:
        return data.decode("utf-8-sig"), None
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig")
        is_utf16 = data[:2] in {b"\xff\xfe", b"\xfe\xff"}
        what = "UTF-16, not UTF-8 text: save it as UTF-8" if is_utf16 else "not UTF-8 text"
        return "", rules.YAML_SYNTAX.at(place_of(before, len(before), file), what)


def _without_tabs(text: str) -> str:
    """JSON may be indented with tabs, which our reader of YAML refuses and the agent's does not.

    A tab stands in no text of JSON, so every one can give way to a space; the places stay.
    """
    if "\t" not in text or not text.lstrip().startswith("{"):
        return text
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text
    return text.replace("\t", " ")


def _told(violation: Violation) -> str:
    key = f"{violation.path[-1]} is " if violation.breach is Breach.DUPLICATE else ""
    return f"{key}{violation.message}"


def nearest(name: str, known: Iterable[str]) -> str:
    """`, did you mean X?` for the most similar known spelling; empty when nothing is similar."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return f", did you mean {by_lower[close[0]]}?" if close else ""


@dataclass(slots=True)
class _Parser:
    """Walks down the known shape and notes what does not fit."""

    findings: list[Finding] = field(default_factory=list)

    def appspec(self, top: Mapping) -> Appspec:
        if top.get("Resources") is None and top.get("resources") is None:
            self.keys(top, SERVER_KEYS, "the appspec", (*SERVER_KEYS, "Resources"))
            return self.server(top)
        self.keys(top, tuple(each for key in RESOURCE_KEYS for each in (key, key.lower())), "the appspec")
        return self.resource(top)

    def server(self, top: Mapping) -> ServerAppspec:
        return ServerAppspec(
            place=top.place,
            version=self.text(top.get("version"), "version"),
            os=self.text(top.get("os"), "os"),
            file_exists_behavior=self.text(top.get("file_exists_behavior"), "file_exists_behavior"),
            files=tuple(self.each(top.get("files"), "files", self.file_copy)),
            permissions=tuple(self.each(top.get("permissions"), "permissions", self.permission)),
            hooks=tuple(self.server_hooks(top.get("hooks"))),
        )

    def resource(self, top: Mapping) -> ResourceAppspec:
        return ResourceAppspec(
            place=top.place,
            version=self.text(top.get("version"), "version"),
            resources=tuple(self.each(self.either(top, "Resources"), "Resources", lambda entry: entry)),
            hooks=tuple(self.resource_hooks(self.either(top, "Hooks"))),
        )

    def either(self, node: Mapping, key: str) -> Node | None:
        """The value of a key that may be written with capitals or without, but once."""
        found = [(each, value) for each, value in node.entries if each.text in spellings(key, is_lenient=True)]
        for other, _ in found[1:]:
            self.note(rules.YAML_DUPLICATE, other.place, f"{other.text} is written for the second time")
        return node.get(found[0][0].text) if found else None

    def resource_hooks(self, node: Node | None) -> Iterator[tuple[Scalar, Scalar]]:
        for entry in self.each(node, "Hooks", lambda entry: entry):
            for name, value in entry.entries:
                function = self.text(value, name.text)
                if function is not None:
                    yield name, function

    def file_copy(self, item: Mapping) -> FileCopy | None:
        self.keys(item, FILE_KEYS, "files")
        source, destination = (self.name(item.get(key), key) for key in FILE_KEYS)
        if source is None or destination is None or not source.text.strip() or not destination.text.strip():
            self.note(rules.FILE_INCOMPLETE, item.place, "files needs source and destination")
            return None
        return FileCopy(source, destination)

    def permission(self, item: Mapping) -> Permission | None:
        self.keys(item, PERMISSION_KEYS, "permissions")
        target = self.name(item.get("object"), "object")
        if target is None or not target.text.strip():
            self.note(rules.OBJECT_REQUIRED, item.place, "permissions needs object")
            return None
        context = item.get("context")
        return Permission(
            place=item.place,
            target=target,
            pattern=self.text(item.get("pattern"), "pattern"),
            exceptions=self.texts(item.get("except"), "except", rules.PERMISSION_LIST),
            owner=self.text(item.get("owner"), "owner"),
            group=self.text(item.get("group"), "group"),
            mode=self.text(item.get("mode"), "mode"),
            acls=self.texts(item.get("acls"), "acls", rules.PERMISSION_LIST),
            context=None if context is None else self.context(context),
            types=self.texts(item.get("type"), "type", rules.PERMISSION_TYPE),
        )

    def context(self, node: Node) -> Mapping | None:
        if not isinstance(node, Mapping):
            self.note(rules.CONTEXT, node.place, "context must be keys and values (type: ...)")
            return None
        self.keys(node, CONTEXT_KEYS, "context")
        return node

    def texts(self, node: Node | None, what: str, rule: Rule) -> tuple[Scalar, ...]:
        """The items of a list of texts."""
        if node is None:
            return ()
        if not isinstance(node, Sequence):
            self.note(rule, node.place, f"{what} must be a list")
            return ()
        for item in node.items:
            if not isinstance(item, Scalar) or item.is_null:
                self.note(rule, item.place, f"{what} must be a list of texts")
        return tuple(item for item in node.items if isinstance(item, Scalar) and not item.is_null)

    def server_hooks(self, node: Node | None) -> Iterator[Hook]:
        top = None if node is None else self.mapping(node, "hooks")
        for name, scripts in top.entries if top else ():
            if isinstance(scripts, Scalar) and scripts.is_null:
                self.note(rules.SHAPE, name.place, f"the hook {name.text} has no scripts")
                continue
            yield Hook(name, tuple(self.each(scripts, f"the hook {name.text}", self.script)))

    def script(self, item: Mapping) -> Script | None:
        self.keys(item, SCRIPT_KEYS, "a script")
        location = self.name(item.get("location"), "location")
        timeout, sudo = (self.text(item.get(key), key) for key in ("timeout", "sudo"))
        if location is None or not location.text.strip():
            self.note(rules.LOCATION_REQUIRED, item.place, "a script needs a location")
            return None
        return Script(location, timeout, self.name(item.get("runas"), "runas"), sudo)

    def each(self, node: Node | None, what: str, parse: Callable[[Mapping], T | None]) -> Iterator[T]:
        """Every entry of a list of mappings that can be understood."""
        if node is None:
            return
        if not isinstance(node, Sequence):
            self.note(rules.SHAPE, node.place, f"{what} must be a list (- ...)")
            return
        for item in node.items:
            entry = self.mapping(item, f"an entry of {what}")
            value = parse(entry) if entry else None
            if value is not None:
                yield value

    def mapping(self, node: Node, what: str) -> Mapping | None:
        if isinstance(node, Mapping):
            return node
        self.note(rules.SHAPE, node.place, f"{what} must be keys and values (key: value)")
        return None

    def text(self, node: Node | None, what: str) -> Scalar | None:
        if node is None or isinstance(node, Scalar):
            return node
        self.note(rules.SHAPE, node.place, f"{what} must be a single value")
        return None

    def name(self, node: Node | None, what: str) -> Scalar | None:
        """A single value that the agent takes for a text, and which must therefore be one to its parser."""
        text = self.text(node, what)
        became = retyped(text.text) if text is not None and text.is_plain else None
        if text is not None and became and (became.text != text.text or "date" in became.kind):
            message = f"{what} {text.text} is {became.kind} without quotes"
            self.note(rules.YAML_RETYPED, text.place, f"{message}, and reaches the agent as {became.text}")
        return text

    def keys(self, node: Mapping, known: tuple[str, ...], what: str, meant: tuple[str, ...] = ()) -> None:
        for key, _ in node.entries:
            if key.text not in known:
                advice = nearest(key.text, meant or known)
                self.note(rules.KEY_UNKNOWN, key.place, f"{what} has no key {key.text!r}{advice}")

    def note(self, rule: Rule, place: Place, message: str) -> None:
        self.findings.append(rule.at(place, message))
