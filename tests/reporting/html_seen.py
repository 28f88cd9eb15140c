"""An HTML document as a browser's parser sees it, and what Jenkins' content security policy would block of it."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import urlsplit

VOID = {"meta", "br", "hr", "img", "link", "input", "base"}
LOADING = {"script", "style", "link", "iframe", "object", "embed", "img", "image", "use", "base", "form", "frame"}
"""Elements that load, run or send something; none has a place in a page that is one file."""


ATTRIBUTES = {
    *("lang", "charset", "name", "content", "id", "role", "aria-labelledby", "scope", "href", "rel"),
    *("align", "valign", "width", "height", "border", "bordercolor", "frame", "rules", "cellpadding", "cellspacing"),
    *("bgcolor", "color", "face", "text", "link", "vlink"),
    *("viewbox", "fill", "stroke", "stroke-width", "stroke-dasharray", "points", "cx", "cy", "r", "rx"),
    *("x", "x1", "x2", "y", "y1", "y2", "font-family", "font-size", "font-weight", "text-anchor"),
}
"""All that a page of ours has; whatever else there is came out of somebody's text."""


class Seen(HTMLParser):
    """What is in a document.

    Attributes:
        elements: Each element's name and attributes, in order.
        texts: Texts between them.
        open: Elements that have not been closed, from the outside in.
        faults: Ends that close nothing.
    """

    def __init__(self, document: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.faults: list[str] = []
        self.feed(document)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if len(dict(attrs)) != len(attrs):
            self.faults.append(f"{tag} has an attribute twice")
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> closes nothing")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        self.faults.append(f"a comment: {data}")

    def handle_pi(self, data: str) -> None:
        self.faults.append(f"an instruction: {data}")

    def unknown_decl(self, data: str) -> None:
        self.faults.append(f"a declaration: {data}")

    @property
    def shape(self) -> list[tuple[str, tuple[str, ...]]]:
        """Elements with the names of their attributes."""
        return [(tag, tuple(attributes)) for tag, attributes in self.elements]

    def blocked(self) -> Iterator[str]:
        """What `default-src 'none'; style-src 'self'; img-src 'self'` and `sandbox` would block."""
        for tag, attributes in self.elements:
            if tag in LOADING:
                yield f"<{tag}>"
            yield from (f"{tag} {name}" for name in attributes if name not in ATTRIBUTES)
            for name, value in attributes.items():
                if name.startswith("on") or name in {"style", "src", "srcset", "background", "xlink:href", "action"}:
                    yield f"{tag} {name}"
                if name == "href" and urlsplit(value or "").scheme not in {"http", "https"}:
                    yield f"{tag} href={value}"
                if "url(" in (value or "") and name != "content":
                    yield f"{tag} {name}={value}"
