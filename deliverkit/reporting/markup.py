"""HTML and SVG out of nested calls: whatever is not markup by its type is text, and is escaped."""

from __future__ import annotations

import re
from html import escape

_OBEYED = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
"""Control characters, what turns the direction of writing, and what HTML may not hold; it is spelled, as JSON does."""
_VOID = frozenset({"meta", "hr", "br"})
"""Elements that have no end (HTML Standard, void elements), of those that are used here."""
_EMPTY = frozenset({"rect", "line", "circle", "path", "polyline"})
"""SVG elements that are closed where they begin, unless they hold a title."""


_URL_LIMIT = 2_000
"""Characters; longer ones are refused by servers (RFC 9110, 4.1, asks for 8,000) and make a page of nothing else."""


class Html(str):
    """Markup that is finished: put into a page as it is."""

    __slots__ = ()


def text(value: str) -> Html:
    """A text as markup: it shows what it is, and is obeyed by nobody."""
    shown = _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", value)
    return Html(escape(shown, quote=True))


def clipped(value: str, limit: int) -> str:
    """A text of bounded length, saying how much of it is missing."""
    if len(value) <= limit:
        return value
    return f"{value[:limit]}\N{HORIZONTAL ELLIPSIS} ({len(value) - limit:,} more characters in the ledger)"


def tag(name: str, /, *children: str | None, **attributes: str | float | None) -> Html:
    """An element.

    Args:
        name: Its name.
        children: What it holds; None for nothing.
        attributes: With `_` for `-`, and one at the end of words that Python keeps for itself; None leaves one out.
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inner = joined(*children)
    if name in _VOID:
        return Html(f"<{name}{given}>")
    return Html(f"<{name}{given}/>" if name in _EMPTY and not inner else f"<{name}{given}>{inner}</{name}>")


def joined(*parts: str | None, by: str = "") -> Html:
    """Parts one after the other."""
    return Html(by.join(each if isinstance(each, Html) else text(each) for each in parts if each is not None))


def link(url: str, words: str) -> Html:
    """A link, where the address is one of the web; otherwise the words alone."""
    is_one = len(url) <= _URL_LIMIT and re.match(r"https?://[^/\s]", url)
    return tag("a", words, href=url, rel="noreferrer") if is_one else joined(words)
