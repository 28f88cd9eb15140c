"""Check the `permissions` of an application specification: the form of each entry, and what they are about together."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from deliverkit.packaging import rules
from deliverkit.packaging.appspec import Permission, ServerAppspec
from deliverkit.packaging.appspec_form import MODE, PERMISSION_TYPES
from deliverkit.packaging.destinations import Installed, installed
from deliverkit.packaging.file_lint import lint_place
from deliverkit.packaging.finding import Finding
from deliverkit.packaging.subject import Subject
from deliverkit.packaging.tree import shown
from deliverkit.packaging.yaml11 import retyped
from deliverkit.yaml_tree import Mapping, Scalar

_EVERYTHING = "**"
_ACCOUNT = re.compile(r"[A-Za-z_][A-Za-z0-9_.@\\-]*\$?")
_KINDS = {"u": "user", "g": "group", "m": "mask", "o": "other"}
_RANGE = re.compile(r"s([0-9]+)(?:-s([0-9]+))?(?::(c[0-9]+(?:\.c[0-9]+)?(?:,c[0-9]+(?:\.c[0-9]+)?)*))?")
_CATEGORY_LIMIT = 1023


def lint_permissions(spec: ServerAppspec, subject: Subject) -> Iterator[Finding]:
    """Check every entry by itself, then whether they touch something, and nothing twice."""
    if subject.is_windows and spec.permissions:
        yield rules.PERMISSION_OS.at(spec.permissions[0].target.place, "permissions cannot be used on windows")
        return
    for permission in spec.permissions:
        yield from lint_place(permission.target.text, permission.target.place, "object", subject)
        yield from _mode(permission.mode)
        yield from _accounts(permission)
        yield from _texts(permission)
        for acl in permission.acls:
            if fault := _acl_fault(acl.text):
                yield rules.ACL.at(acl.place, f"acls entry {acl.text!r} {fault}")
        if permission.context is not None:
            yield from _context(permission.context)
    if spec.permissions:
        yield from _coverage(spec, installed(spec.files, subject.collection))


def _mode(mode: Scalar | None) -> Iterator[Finding]:
    if mode is not None and not re.fullmatch(MODE, mode.text):
        yield rules.MODE.at(mode.place, f"mode {mode.text!r} is not one to four octal digits")
    elif mode is not None and mode.is_plain and len(mode.text) > 1 and mode.text.startswith("0"):
        as_read = int(mode.text, 8)
        yield rules.MODE_OCTAL.at(mode.place, f"mode {mode.text} without quotes reaches the agent as {as_read}")


def _accounts(permission: Permission) -> Iterator[Finding]:
    for what, account in (("owner", permission.owner), ("group", permission.group)):
        if account is None:
            continue
        became = retyped(account.text) if account.is_plain else None
        if became or not _ACCOUNT.fullmatch(account.text):
            kind = f"is {became.kind}, not a name" if became else "is no name"
            yield rules.OWNER.at(account.place, f"{what} {account.text!r} {kind}")


def _texts(permission: Permission) -> Iterator[Finding]:
    for kind in permission.types:
        if kind.text not in PERMISSION_TYPES:
            yield rules.PERMISSION_TYPE.at(kind.place, f"type cannot be {kind.text!r}")
    for what, text in (("pattern", permission.pattern), *(("except", each) for each in permission.exceptions)):
        became = retyped(text.text) if text is not None and text.is_plain else None
        if text is not None and became:
            yield rules.PERMISSION_LIST.at(text.place, f"{what} {text.text} is {became.kind} without quotes")


def _acl_fault(entry: str) -> str:
    """What is wrong with an entry, as the agent takes it apart; empty when nothing is."""
    *front, name, allowed = ["", "", *entry.split(":")] if ":" not in entry else entry.split(":")
    if ":" not in entry or len(front) > 2:
        return "does not have the form TYPE:NAME:rwx"
    is_default = bool(front) and front[0] in {"d", "default"}
    front = front[1:] if is_default else front
    kind = _KINDS.get(front[0], front[0]) if front else ""
    if len(front) > 1 or kind not in {"", *_KINDS.values()}:
        return "does not begin with default, user, group, mask or other"
    if not kind and name in {"m", "mask", "o", "other"}:
        kind, name = _KINDS.get(name, name), ""
    if kind in {"mask", "other"} and name:
        return f"gives a name to {kind}"
    if not is_default and kind != "mask" and not name:
        return "is a base entry, which mode sets"
    return "" if re.fullmatch("[0-7]|[rwx-]*", allowed) else f"has the permissions {allowed!r}"


def _is_default(acl: Scalar) -> bool:
    return acl.text.startswith(("d:", "default:"))


def _context(context: Mapping) -> Iterator[Finding]:
    if context.get("type") is None:
        yield rules.CONTEXT.at(context.place, "context has no type")
    for key, _ in context.entries:
        if key.text == "user":
            yield rules.CONTEXT_USER.at(key.place, "context.user is not read")
    reach = context.get("range")
    if reach is not None and not (isinstance(reach, Scalar) and _is_range(reach.text)):
        yield rules.CONTEXT.at(reach.place, "context.range is none that SELinux knows")


def _is_range(text: str) -> bool:
    found = _RANGE.fullmatch(text)
    if found is None or len(text) > 1000:
        return False
    low, high, categories = found[1], found[2] or found[1], found[3] or ""
    numbers: list[int] = []
    for part in filter(None, categories.split(",")):
        first, *last = (int(each[1:]) for each in part.split("."))
        if max((first, *last)) > _CATEGORY_LIMIT or (last and last[0] < first):
            return False
        numbers += range(first, (last[0] if last else first) + 1)
    return int(low) <= int(high) and len(numbers) == len(set(numbers))


# --- what the entries are about ----------------------------------------------------------------------


def _coverage(spec: ServerAppspec, made: Installed) -> Iterator[Finding]:
    taken: dict[str, Permission] = {}
    for permission in spec.permissions:
        target = posixpath.normpath(permission.target.text.strip())
        kinds = {kind.text for kind in permission.types} or set(PERMISSION_TYPES)
        if target in made.copies and "file" in kinds:
            yield from _single_file(permission)
            covered = [target]
        else:
            covered = list(_covered(permission, target, kinds, made))
            yield from _exceptions(permission, target, made)
        if not covered:
            yield rules.PERMISSION_UNUSED.at(permission.target.place, _nothing(permission, target, made))
        yield from _default_on_file(permission, covered, made)
        yield from _twice(permission, covered, taken)


def _single_file(permission: Permission) -> Iterator[Finding]:
    pattern = permission.pattern
    if pattern is not None and pattern.text != _EVERYTHING:
        yield rules.PERMISSION_PATTERN.at(pattern.place, f"pattern {pattern.text!r} for the file {_shown(permission)}")
    elif permission.exceptions:
        yield rules.PERMISSION_PATTERN.at(permission.exceptions[0].place, f"except for the file {_shown(permission)}")


def _covered(permission: Permission, target: str, kinds: set[str], made: Installed) -> Iterator[str]:
    base = target.rstrip("/") + "/"
    pattern = permission.pattern.text if permission.pattern else _EVERYTHING
    is_named = _glob(pattern)
    exceptions = [_glob(each.text) for each in permission.exceptions]
    for kind, paths in (("file", made.copies), ("directory", made.directories)):
        for path in paths if kind in kinds else ():
            if not path.startswith(base):
                continue
            name = path.removeprefix(base)
            is_child = "/" not in name
            if (pattern == _EVERYTHING or (is_child and is_named.fullmatch(name))) and not (
                is_child and any(each.fullmatch(name) for each in exceptions)
            ):
                yield path


def _exceptions(permission: Permission, target: str, made: Installed) -> Iterator[Finding]:
    base = target.rstrip("/") + "/"
    children = {path.removeprefix(base) for path in (*made.copies, *made.directories) if path.startswith(base)}
    for each in permission.exceptions:
        if children and not any("/" not in child and _glob(each.text).fullmatch(child) for child in children):
            yield rules.PERMISSION_EXCEPT.at(each.place, f"except {each.text!r} names nothing directly in {target}")


def _glob(text: str) -> re.Pattern[str]:
    """The agent's wildcard: `*`, and never across a slash."""
    return re.compile("[^/]*".join(map(re.escape, re.split(r"\*+", text))), re.DOTALL)


def _nothing(permission: Permission, target: str, made: Installed) -> str:
    if target in made.directories or any(path.startswith(target.rstrip("/") + "/") for path in made.copies):
        pattern = permission.pattern.text if permission.pattern else _EVERYTHING
        types = ", ".join(kind.text for kind in permission.types) or "file, directory"
        return f"nothing below {shown(target)} matches pattern {pattern!r} and type {types}"
    return f"this deployment brings nothing to {shown(target)}"


def _default_on_file(permission: Permission, covered: list[str], made: Installed) -> Iterator[Finding]:
    default = next(filter(_is_default, permission.acls), None)
    file = next((path for path in covered if path in made.copies), None)
    if default is not None and file is not None:
        yield rules.ACL_DEFAULT.at(default.place, f"the default entry {default.text} meets the file {shown(file)}")


def _twice(permission: Permission, covered: list[str], taken: dict[str, Permission]) -> Iterator[Finding]:
    for path in covered:
        other = taken.setdefault(path, permission)
        if other is not permission:
            message = f"{shown(path)} has permissions from line {other.place.line} already"
            yield rules.PERMISSION_DUPLICATE.at(permission.target.place, message)
            return


def _shown(permission: Permission) -> str:
    return shown(permission.target.text.strip())
