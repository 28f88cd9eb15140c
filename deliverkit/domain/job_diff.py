"""Two definitions of a job side by side, for people: what would change on the server, without what is secret."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from deliverkit.domain.job_xml import Element, canonical, merged

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HIDDEN = "***"
_FROM, _TO = "\U000ffffc", "\U000ffffd"
"""Stand around what is secret until the lines are compared."""
_SECRETIVE = re.compile(r"pass(word|phrase)|secret|token|(private|api|access).?key(?!id)|credentials?$", re.IGNORECASE)
_ENCRYPTED = re.compile(r"\{AQ[A-Za-z0-9+/]{14,}={0,2}\}")
"""A value that Jenkins has encrypted (hudson.util.Secret): whoever has the controller's keys can read it."""
_IN_ADDRESS = re.compile(r"(?<=://)[^/@\s:]*:[^/@\s]+(?=@)")


def difference(name: str, stated: Element, server: Element | None) -> tuple[str, ...]:
    """What a server would change if it were given a definition, as a unified diff.

    Args:
        name: The job's full name, for the head.
        stated: What a file states.
        server: What the server has; None for nothing.

    Returns:
        Lines without their ends; empty when the two mean the same.
    """
    if server is None:
        return tuple(_unified((), tuple(_lines(canonical(stated), "")), name))
    wanted = canonical(merged(stated, server))
    found = canonical(server)
    if wanted == found:
        return ()
    return tuple(_unified(tuple(_lines(found, "")), tuple(_lines(wanted, "")), name))


def _unified(before: tuple[str, ...], after: tuple[str, ...], name: str) -> Iterator[str]:
    then = f"{name} (server)" if before else "(nothing)"
    # Hidden only afterwards: a secret that changes has to be seen to change.
    return map(_hidden, difflib.unified_diff(before, after, then, f"{name} (file)", lineterm=""))


def _lines(element: Element, indent: str, parent: str = "") -> Iterator[str]:
    attributes = "".join(f' {name}="{_on_one_line(value)}"' for name, value in element.attributes)
    head = f"{indent}<{element.name}{attributes}"
    if element.text and not element.children and _is_secret(element, parent):
        yield f"{head}>{_FROM}{_on_one_line(element.text)}{_TO}</{element.name}>"
    elif element.children or "\n" in element.text:
        yield f"{head}>"
        yield from (f"{indent}  | {line}" for line in _text_lines(element.text))
        for each in element.children:
            yield from _lines(each, f"{indent}  ", element.name)
        yield f"{indent}</{element.name}>"
    elif element.text:
        yield f"{head}>{_on_one_line(element.text)}</{element.name}>"
    else:
        yield f"{head}/>"


def _is_secret(element: Element, parent: str) -> bool:
    if element.name == "defaultValue":
        return "PasswordParameter" in parent  # hudson.model.PasswordParameterDefinition, and what is like it
    return _SECRETIVE.search(element.name) is not None


def _text_lines(text: str) -> Iterable[str]:
    return text.split("\n") if text else ()


def _on_one_line(text: str) -> str:
    return text.replace("\r", "\\r").replace("\n", "\\n")


def _hidden(line: str) -> str:
    start = line.find(_FROM)
    if start >= 0:
        line = f"{line[:start]}{HIDDEN}{line[line.rfind(_TO) + 1 :]}"
    return _IN_ADDRESS.sub(HIDDEN, _ENCRYPTED.sub(HIDDEN, line))
