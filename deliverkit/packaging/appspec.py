"""Parse an application specification (appspec.yml) into values with places, and say what is wrong with its form.

Three kinds exist (CodeDeploy User Guide, "AppSpec file structure"): for servers, which the host agent reads from the
bundle, and for Lambda functions and ECS services, which name `Resources`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from deliverkit.packaging import rules
from deliverkit.packaging.finding import Finding, Rule
from deliverkit.yaml_tree import Breach, Mapping, Node, Place, Scalar, Sequence, Violation, place_of, read_tree

T = TypeVar("T")

SERVER_KEYS = ("version", "os", "file_exists_behavior", "files", "permissions", "hooks")
RESOURCE_KEYS = ("version", "Resources", "Hooks", "resources", "hooks")
# In the order in which the agent runs them.
SERVER_HOOKS = (
    *("BeforeBlockTraffic", "AfterBlockTraffic", "ApplicationStop", "BeforeInstall", "AfterInstall"),
    *("ApplicationStart", "ValidateService", "BeforeAllowTraffic", "AfterAllowTraffic"),
)
UNSCRIPTABLE_HOOKS = ("Start", "BlockTraffic", "DownloadBundle", "Install", "AllowTraffic", "End")
_SCRIPT_KEYS = ("location", "timeout", "runas", "sudo")
_FILE_KEYS = ("source", "destination")
_PERMISSION_KEYS = ("object", "pattern", "except", "owner", "group", "mode", "acls", "context", "type")
_BYTES_LIMIT = 1 << 20
# The agent's parser takes tags that it does not know for texts.
_RULES = {
    Breach.SYNTAX: rules.YAML_SYNTAX,
    Breach.SIZE: rules.APPSPEC_SIZE,
    Breach.ALIAS: rules.YAML_ALIAS,
    Breach.LOOP: rules.YAML_SYNTAX,
    Breach.KEY: rules.SHAPE,
    Breach.DUPLICATE: rules.YAML_DUPLICATE,
    Breach.MERGE: rules.KEY_UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class Script:
    """One script of a hook: where it lies in the bundle, and its limits as they were written."""

    location: Scalar
    timeout: Scalar | None
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

    target: Scalar
    mode: Scalar | None
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
    """An application specification for a Lambda function or an ECS service."""

    place: Place
    version: Scalar | None
    resources: tuple[tuple[Scalar, Mapping], ...]
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
    if len(data) > _BYTES_LIMIT:
        return None, (rules.APPSPEC_SIZE.at(Place(file=file), f"{len(data)} bytes are no appspec"),)
    root, findings = _read(data, file)
    parser = _Parser(list(findings))
    if root is None or (isinstance(root, Scalar) and root.is_null):
        empty = () if parser.findings else (rules.APPSPEC_EMPTY.at(Place(file=file), "the appspec is empty"),)
        return None, (*findings, *empty)
    top = parser.mapping(root, "the appspec")
    return parser.appspec(top) if top else None, tuple(parser.findings)


def _read(data: bytes, file: str) -> tuple[Node | None, tuple[Finding, ...]]:
    try:
        root, violations = read_tree(data.decode("utf-8-sig"), file)
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig")
        return None, (rules.YAML_SYNTAX.at(place_of(before, len(before), file), "not UTF-8 text"),)
    return root, tuple(_RULES[each.breach].at(each.place, _told(each)) for each in violations if each.breach in _RULES)


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
        is_for_servers = top.get("Resources") is None and top.get("resources") is None
        self.keys(top, SERVER_KEYS if is_for_servers else RESOURCE_KEYS, "the appspec")
        return self.server(top) if is_for_servers else self.resource(top)

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
        resources = top.get("Resources") or top.get("resources")
        hooks = top.get("Hooks") or top.get("hooks")
        return ResourceAppspec(
            place=top.place,
            version=self.text(top.get("version"), "version"),
            resources=tuple(self.named(resources, "Resources", self.mapping)),
            hooks=tuple(self.named(hooks, "Hooks", self.text)),
        )

    def file_copy(self, item: Mapping) -> FileCopy | None:
        self.keys(item, _FILE_KEYS, "files")
        source, destination = (self.text(item.get(key), key) for key in _FILE_KEYS)
        if source is None or destination is None or not source.text.strip() or not destination.text.strip():
            self.note(rules.FILE_INCOMPLETE, item.place, "files needs source and destination")
            return None
        return FileCopy(source, destination)

    def permission(self, item: Mapping) -> Permission | None:
        self.keys(item, _PERMISSION_KEYS, "permissions")
        target = self.text(item.get("object"), "object")
        if target is None or not target.text.strip():
            self.note(rules.OBJECT_REQUIRED, item.place, "permissions needs object")
            return None
        types = item.get("type")
        if types is not None and not isinstance(types, Sequence):
            self.note(rules.PERMISSION_TYPE, types.place, "type must be a list")
            types = None
        texts = (self.text(kind, "type") for kind in types.items) if types else ()
        return Permission(target, self.text(item.get("mode"), "mode"), tuple(text for text in texts if text))

    def server_hooks(self, node: Node | None) -> Iterator[Hook]:
        top = None if node is None else self.mapping(node, "hooks")
        for name, scripts in top.entries if top else ():
            if isinstance(scripts, Scalar) and scripts.is_null:
                self.note(rules.SHAPE, name.place, f"the hook {name.text} has no scripts")
                continue
            yield Hook(name, tuple(self.each(scripts, f"the hook {name.text}", self.script)))

    def script(self, item: Mapping) -> Script | None:
        self.keys(item, _SCRIPT_KEYS, "a script")
        location = self.text(item.get("location"), "location")
        timeout, _, sudo = (self.text(item.get(key), key) for key in _SCRIPT_KEYS[1:])
        if location is None or not location.text.strip():
            self.note(rules.LOCATION_REQUIRED, item.place, "a script needs a location")
            return None
        return Script(location, timeout, sudo)

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

    def named(self, node: Node | None, what: str, parse: Callable[[Node, str], T | None]) -> Iterator[tuple[Scalar, T]]:
        """Every name and value of a list of one-key mappings, as the files for Lambda and ECS have them."""
        for item in self.each(node, what, lambda entry: entry):
            for name, value in item.entries:
                parsed = parse(value, name.text)
                if parsed is not None:
                    yield name, parsed

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

    def keys(self, node: Mapping, known: tuple[str, ...], what: str) -> None:
        for key, _ in node.entries:
            if key.text not in known:
                self.note(rules.KEY_UNKNOWN, key.place, f"{what} has no key {key.text!r}{nearest(key.text, known)}")

    def note(self, rule: Rule, place: Place, message: str) -> None:
        self.findings.append(rule.at(place, message))
