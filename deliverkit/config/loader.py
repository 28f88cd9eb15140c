"""Finding, reading and checking a deliverkit.yml."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deliverkit.config.problem import Problem, Reading, refusal
from deliverkit.config.settings import Settings
from deliverkit.config.shapes import Shape
from deliverkit.errors import UsageError
from deliverkit.yaml_tree import Breach, KeyPath, Node, Place, Sequence, place_of, read_tree
from deliverkit.yaml_tree import Mapping as TreeMapping

if TYPE_CHECKING:
    from deliverkit.domain.gate import Gate

NAME = "deliverkit.yml"
LARGEST = 1024 * 1024
"""Bytes; larger files are something else by mistake."""

_START = Place()


def find(start: Path) -> Path:
    """The deliverkit.yml that holds for a folder: its own, or the nearest one above it.

    Raises:
        UsageError: If there is none.
    """
    folder = start.absolute()
    for each in (folder, *folder.parents):
        if (each / NAME).is_file():
            return each / NAME
    raise UsageError(f"there is no {NAME} in {folder} or above it", hint="deliverkit init")


def load(path: Path) -> Settings:
    """Read a configuration file.

    Raises:
        UsageError: If it cannot be read or is wrong: the message tells all its problems in the order of the file, each
            with its line, column, key path and what was expected.
    """
    from deliverkit.config.build import build  # noqa: PLC0415  (the declaration is made when it is needed)
    from deliverkit.config.consistency import check_consistency  # noqa: PLC0415
    from deliverkit.config.declaration import SETTINGS  # noqa: PLC0415

    reading = Reading()
    values = _read(path, SETTINGS, reading)
    if isinstance(values, dict):
        check_consistency(values, reading)
    if reading.problems:
        raise refusal(
            path,
            reading.problems,
            hint=f"mend {path.name} and type the command again; `deliverkit init` in an empty folder shows every key",
        )
    return build(path, values)


def load_gates(path: Path) -> Mapping[str, Gate]:
    """The gates of a configuration, or of a file that has nothing but `gates`.

    Raises:
        UsageError: If it cannot be read or is wrong: the message tells all its problems, as `load` does.
    """
    from deliverkit.config.declaration import GATES  # noqa: PLC0415
    from deliverkit.config.gate_building import gate  # noqa: PLC0415
    from deliverkit.config.shapes import Record  # noqa: PLC0415

    root = _tree(_text(path, hint=f"name a file that is there: {NAME}, or one with `gates` alone"), Reading())
    if not isinstance(root, TreeMapping) or [key.text for key, _ in root.entries] != [GATES.key]:
        return load(path).gates
    values = load_shaped(path, Record("gates by name", (GATES,)))
    return {name: gate(name, each) for name, each in values[GATES.key].items()}


def load_shaped(path: Path, shape: Shape) -> Any:
    """A YAML file of any shape, as the shape reads it.

    Raises:
        UsageError: If it cannot be read or is wrong: the message tells all its problems, as `load` does.
    """
    reading = Reading()
    values = _read(path, shape, reading)
    if reading.problems:
        raise refusal(path, reading.problems)
    return values


def load_mapping(path: Path) -> Mapping[str, Any]:
    """A YAML or JSON file that is a mapping, as plain values: a pipeline's declaration.

    Raises:
        UsageError: If it cannot be read, is not YAML, or is not a mapping.
    """
    from ruamel.yaml import YAML  # noqa: PLC0415

    reading, text = Reading(), _text(path)
    root = _tree(text, reading)
    if not reading.problems and not isinstance(root, TreeMapping):
        reading.report((), "expected a mapping", _START)
    if reading.problems:
        raise refusal(path, reading.problems)
    try:
        values: dict[str, Any] = YAML(typ="safe", pure=True).load(text)
    except Exception as error:  # it is YAML, yet one of its values is none, such as the 30th of February
        raise refusal(path, [Problem(_START, (), f"a value cannot be read: {error}")]) from error
    return values


def misplaced(path: Path, problems: Iterable[tuple[KeyPath, str]]) -> UsageError:
    """The error about a mapping that `load_mapping` read, and in which somebody else found problems.

    Args:
        path: The file.
        problems: Keys and list positions that lead to each value, or to one that is missing; and what is wrong.
    """
    root = _tree(_text(path), Reading())
    return refusal(path, [Problem(_nearest(root, keys), keys, message) for keys, message in problems])


def _nearest(node: Node | None, keys: KeyPath) -> Place:
    """The place of a value, or of what it would be in."""
    place = node.place if node is not None else _START
    for key in keys:
        if isinstance(node, TreeMapping):
            found = next((entry for entry in node.entries if entry[0].text == key), None)
            place, node = (found[0].place, found[1]) if found else (place, None)
        elif isinstance(node, Sequence) and isinstance(key, int) and key < len(node.items):
            node = node.items[key]
            place = node.place
    return place


def _read(path: Path, shape: Shape, reading: Reading) -> Any:
    root = _tree(_text(path), reading)
    if root is None:
        return {}
    reading.keys[()] = _START
    reading.values[()] = root.place
    return shape.read(root, (), reading)


def _tree(text: str, reading: Reading) -> Node | None:
    root, violations = read_tree(text)
    for each in violations:
        if each.breach is not Breach.ALIAS:  # a configuration may use an anchor as often as it likes
            reading.report(each.path, each.message, each.place)
    if root is None and not reading.problems:
        reading.report((), "the file is empty", _START)
    return root


def _text(path: Path, hint: str = "deliverkit init") -> str:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except FileNotFoundError as error:
        raise UsageError(f"there is no file {path}", hint=hint) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"{path} cannot be read: {reason}") from error
    if len(data) > LARGEST:
        raise refusal(path, [Problem(_START, (), f"larger than {LARGEST // 1024} KiB, which no configuration is")])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig")
        place = place_of(before, len(before))
        raise refusal(path, [Problem(place, (), "not UTF-8 text")]) from error
