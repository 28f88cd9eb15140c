"""The published forms of the declaration: the JSON Schema for editors and the reference page.

`python -m deliverkit.config.reference` in a checkout writes both; a test compares them with what is declared.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deliverkit.config.declaration import SETTINGS
from deliverkit.config.shapes import Field, ListOf, MapOf, Record, Shape, WordOr
from deliverkit.domain.placeholders import PLACEHOLDERS

FOLDER = Path("docs/reference")
PAGE = "configuration.md"
SCHEMA = "deliverkit.schema.json"

_INTRODUCTION = """\
# deliverkit.yml

This page and the [JSON Schema](deliverkit.schema.json) are generated from the declaration that the loader follows:
`python -m deliverkit.config.reference`.

`deliverkit init` writes the example below. The file is looked for in the current folder and those above it, or named
with `--config FILE`. It is YAML 1.2 in UTF-8, at most 1 MiB. Paths are relative to it. Times carry their unit: `500ms`,
`90s`, `5m`, `24h`, `2d`, or several, the larger one first: `1h30m`.

Every problem of a file is told at once, as `FILE:LINE:COLUMN key.path: what was expected`, with the nearest valid
spelling, and the exit code is 2. Keys marked *reserved* are known, and refused until a release can do what they say.
"""


def json_schema() -> str:
    """The JSON Schema (draft 7, which editors understand), as text."""
    schema: dict[str, Any] = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "deliverkit.yml",
        **SETTINGS.schema(),
    }
    return json.dumps(schema, indent=2) + "\n"


def page() -> str:
    """The reference page, as Markdown."""
    example = (Path(__file__).parent / "example.yml").read_text(encoding="utf-8")
    parts = [_INTRODUCTION, f"## Example\n\n```yaml\n{example}```\n", "## Keys\n"]
    told: dict[int, str] = {}
    for path, record in _records("", SETTINGS):
        # What a check is told is the same wherever it stands.
        if told.setdefault(id(record), path) == path:
            parts.append(_section(path, record))
    parts.append(_placeholders())
    return "\n".join(parts)


def write(folder: Path) -> None:
    """Write both into a folder."""
    (folder / PAGE).write_text(page(), encoding="utf-8")
    (folder / SCHEMA).write_text(json_schema(), encoding="utf-8")


def _records(path: str, shape: Shape) -> Iterator[tuple[str, Record]]:
    """Every record with fields, with its key path, in the order of the declaration."""
    match shape:
        case Record() if shape.fields:
            yield path, shape
            for field in shape.fields:
                yield from _records(f"{path}.{field.key}".removeprefix("."), field.shape)
        case MapOf():
            yield from _records(f"{path}.NAME", shape.value)
        case ListOf():
            yield from _records(f"{path}[]", shape.item)
        case WordOr():
            yield from _records(path, shape.record)
        case _:
            pass


def _section(path: str, record: Record) -> str:
    lines = [f"### {f'`{path}`' if path else 'The whole file'}", ""]
    offered = [field.key for field in record.fields if field.is_offered]
    if record.choices:
        lines += [f"Exactly one of {_listed([key for key in record.choices if key in offered])}.", ""]
    if record.exclusive:
        lines += [f"At most one of {_listed(record.exclusive)}.", ""]
    lines += ["| key | form | meaning | without it |", "|---|---|---|---|"]
    lines += [_row(field, record) for field in record.fields]
    return "\n".join([*lines, ""])


def _listed(keys: tuple[str, ...] | list[str]) -> str:
    return ", ".join(f"`{key}`" for key in keys)


def _row(field: Field, record: Record) -> str:
    if not field.is_offered:
        return f"| `{field.key}` | *reserved* | {field.meaning} | |"
    is_open = field.is_required or field.key in record.choices
    absent = "refused" if field.is_required else "" if is_open else field.default or "nothing"
    form = field.shape.expected.replace("|", "\\|")
    return f"| `{field.key}` | {form} | {field.meaning} | {absent} |"


def _placeholders() -> str:
    rows = [f"| `${{{name}}}` | {meaning} |" for name, meaning in PLACEHOLDERS.items()]
    head = ["## Placeholders", "", "The list is closed; anything else in `${...}` is refused.", ""]
    note = (
        "A command runs once for all instances, so targets have no value there; `${NAME}` without a dot is the shell's."
    )
    return "\n".join([*head, "| placeholder | stands for |", "|---|---|", *rows, "", note, ""])


if __name__ == "__main__":
    write(FOLDER)
