"""The `permissions` section of an appspec: what it may say, and which copied files and directories it is about."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deliverkit.sandbox.agent.errors import AppSpecError
from deliverkit.sandbox.agent.layout import host_path

EVERYTHING = "**"
TYPES = ("file", "directory")


@dataclass(frozen=True, slots=True)
class Permission:
    """One entry.

    Attributes:
        object: File or directory on the instance.
        pattern: `**` for everything below the object, else a glob for its direct children.
        exceptions: Globs of direct children to leave alone.
        types: Which kinds of things below a directory are meant.
        mode: One to four octal digits, padded to three; None to leave it.
        owner: User name; None to leave it.
        group: Group name; None to leave it.
        acls: Entries for setfacl; None to leave them.
        context: SELinux context; None to leave it.
    """

    object: str
    pattern: str
    exceptions: tuple[str, ...]
    types: tuple[str, ...]
    mode: str | None
    owner: str | None
    group: str | None
    acls: tuple[str, ...] | None
    context: Mapping[str, Any] | None

    def covers(self, path: str) -> bool:
        """True for a path below the object that the pattern names and no exception excludes."""
        base = host_path(self.object).rstrip("/") + "/"
        if not path.startswith(base):
            return False
        name = path.removeprefix(base)
        is_named = self.pattern == EVERYTHING or _matches(name, self.pattern)
        return is_named and not any(_matches(name, glob) for glob in self.exceptions)

    def check_single_file(self) -> None:
        """Refuse a pattern or exceptions when the object is a file itself.

        Raises:
            AppSpecError: If it has one.
        """
        if self.pattern != EVERYTHING or self.exceptions:
            raise AppSpecError(
                "The deployment failed because the application specification file includes an object"
                f" ({self.object}) with an invalid pattern ({self.pattern}), such as a pattern for a file applied to a"
                " directory. Correct the permissions section of the AppSpec file, and then try again."
            )


def parse_permissions(entries: list[Mapping[str, Any]]) -> tuple[Permission, ...]:
    """Read the section.

    Raises:
        AppSpecError: If an entry has no object, an unknown type or a malformed mode.
    """
    return tuple(_parse(entry) for entry in entries)


def _parse(entry: Mapping[str, Any]) -> Permission:
    target = str(entry.get("object") or "").strip()
    if not target:
        raise AppSpecError(
            "The deployment failed because a permission listed in the application specification file has no object"
            " value. Update the permissions section of the AppSpec file, and then try again."
        )
    acls = _listed(entry, "acls")
    return Permission(
        object=target,
        pattern=str(entry.get("pattern") or EVERYTHING),
        exceptions=tuple(str(glob) for glob in _listed(entry, "except") or ()),
        types=_parse_types(entry.get("type")),
        mode=_parse_mode(entry.get("mode")),
        owner=_text(entry.get("owner")),
        group=_text(entry.get("group")),
        acls=None if acls is None else tuple(str(acl) for acl in acls),
        context=entry.get("context"),
    )


def _listed(entry: Mapping[str, Any], key: str) -> list[Any] | None:
    """A list; the agent goes through the value without asking, and fails over a text."""
    value = entry.get(key)
    if value is None or isinstance(value, list):
        return value
    raise AppSpecError(f"undefined method `each' for {value!r}, the {key} of a permission")


def _parse_types(types: Any) -> tuple[str, ...]:
    for kind in types or TYPES:
        if kind not in TYPES:
            raise AppSpecError(
                "The deployment failed because the application specification file specifies a permission for an object"
                f" type not supported for permissions ({kind}). Update the permissions section of the AppSpec file, and"
                " then try again."
            )
    return tuple(types or TYPES)


def _parse_mode(mode: object) -> str | None:
    if mode is None:
        return None
    digits = str(mode).rjust(3, "0")
    if not re.fullmatch(r"[0-7]{3,4}", digits):
        raise AppSpecError(
            f"The deployment failed because the mode {mode} in the permissions section of the application specification"
            " file is not one to four octal digits. Update the AppSpec file, and then try again."
        )
    return digits


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _matches(name: str, glob: str) -> bool:
    # The agent's globs know `*` only, and never cross a slash.
    expression = ".*".join(re.escape(part) for part in glob.split("*"))
    return "/" not in name and re.fullmatch(expression, name) is not None
