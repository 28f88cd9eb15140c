"""Credentials of a folder (cloudbees-folder, `FolderCredentialsProvider`): part of its definition on the server only.

People enter them, and Jenkins encrypts them with a key of its own. No file states them, so a definition that is read
is without them, and one that is written leaves those that are there.
"""

from __future__ import annotations

from dataclasses import replace

from deliverkit.domain.job_xml import Element, parse, write

_PROPERTY = "FolderCredentialsProvider_-FolderCredentialsProperty"
"""What the element's name ends with; before it stands the package."""


def hidden(xml: str, name: str) -> str:
    """The definition of a job or folder without the credentials in it.

    Raises:
        UsageError: If it cannot be read.
    """
    if _PROPERTY not in _spelled(xml):
        return xml
    root = parse(xml, f"the server's definition of {name}")
    return write(_with(root, [each for each in _properties(root) if not _is_ours(each)]))


def kept(xml: str, server: str, name: str) -> str:
    """A definition that is to replace the server's, with the credentials that are there, unless it states its own.

    Raises:
        UsageError: If one of them cannot be read.
    """
    if _PROPERTY not in _spelled(server) or _PROPERTY in _spelled(xml):
        return xml
    there = [each for each in _properties(parse(server, f"the server's definition of {name}")) if _is_ours(each)]
    root = parse(xml, f"the definition of {name}")
    return write(_with(root, [*_properties(root), *there]))


def _is_ours(element: Element) -> bool:
    return _spelled(element.name).endswith(_PROPERTY)


def _properties(root: Element) -> tuple[Element, ...]:
    return (root.child("properties") or Element("properties")).children


def _with(root: Element, properties: list[Element]) -> Element:
    rest = tuple(each for each in root.children if each.name != "properties")
    return replace(root, children=(*rest, replace(Element("properties"), children=tuple(properties))))


def _spelled(text: str) -> str:
    """XStream writes `_-` for a dollar sign, and reads both."""
    return text.replace("$", "_-")
