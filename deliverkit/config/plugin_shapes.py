"""Checks of kinds that installed packages add: their keys are known once a file uses one, and read by the plug-in."""

from __future__ import annotations

import json
from re import fullmatch
from typing import Any

from msgspec import Struct

from deliverkit.config.problem import Reading, nearest
from deliverkit.config.shapes import INVALID, Field, Record
from deliverkit.config.texts import with_secrets_for_a_whole_leg
from deliverkit.config.value_shapes import plain
from deliverkit.yaml_tree import KeyPath, Mapping, Node, Scalar, Sequence

KIND = r"^[a-z][a-z0-9]*(-[a-z0-9]+)+$"
"""As `check_plugins.KIND`; editors must not refuse what they cannot know."""


class PluginSpec(Struct, frozen=True):
    """Settings of a check whose kind a plug-in adds, as the plug-in read them."""

    values: dict[str, Any]


class PluginSettings(Struct, frozen=True):
    """What a plug-in is told; nothing but the plug-in knows its keys."""

    kind: str

    @property
    def expected(self) -> str:
        """The form of its settings."""
        return f"the settings of {self.kind}: a mapping"

    def read(self, node: Node, path: KeyPath, reading: Reading) -> Any:
        """The settings as the plug-in reads them."""
        from deliverkit import check_plugins  # noqa: PLC0415  (few files have a kind that is not ours)

        is_nothing = isinstance(node, Scalar) and node.is_null
        if not isinstance(node, Mapping) and not is_nothing:
            reading.report(path, f"expected {self.expected}, found something else", node.place)
            return INVALID
        before = len(reading.problems)
        _check_placeholders(node, path, reading)
        try:
            plugin = check_plugins.find(self.kind)
            if plugin is None or len(reading.problems) > before:
                return INVALID
            values = plugin.implementation.read({} if is_nothing else plain(node))
            return PluginSpec(_json(values))
        except ValueError as error:  # what a plug-in that cannot be used raises, too
            reading.report(path, str(error), reading.keys[path])
        except Exception as error:  # noqa: BLE001  (whatever somebody else's code raises, it is that plug-in's)
            reading.report(path, f"the plug-in cannot read this: {type(error).__name__}: {error}", reading.keys[path])
        return INVALID

    def schema(self) -> dict[str, Any]:
        """Anything matches."""
        return {}


class MissingPlugin(Struct, frozen=True):
    """The settings of a kind that nobody offers: a hyphen means a plug-in's."""

    kind: str
    installed: tuple[str, ...]

    @property
    def expected(self) -> str:
        """The form of its settings, which nobody knows."""
        return f"the settings of {self.kind}"

    def read(self, _node: Node, path: KeyPath, reading: Reading) -> Any:
        """Nothing; that is the problem."""
        known = f"installed are {', '.join(self.installed)}" if self.installed else "none offers any"
        message = f"no installed package offers the kind {self.kind}, {known}: install the one that does"
        reading.report(path, message, reading.keys[path])
        return INVALID

    def schema(self) -> dict[str, Any]:
        """Anything matches."""
        return {}


class OpenRecord(Record, frozen=True):
    """A record among whose choices may be a kind that a plug-in adds."""

    def read(self, node: Node, path: KeyPath, reading: Reading) -> Any:
        """The values by key; those of a plug-in as a `PluginSpec`."""
        known = {name for field in self.fields for name in (field.key, *field.mistaken_for)}
        if not isinstance(node, Mapping) or known.issuperset(key.text for key, _ in node.entries):
            return Record.read(self, node, path, reading)
        from deliverkit.check_plugins import installed_kinds  # noqa: PLC0415

        kinds = tuple(kind for kind in installed_kinds() if kind not in known)
        added = tuple(Field(kind, PluginSettings(kind), "A plug-in's.") for kind in kinds)
        words = (*known, *kinds)
        gone = [key.text for key, _ in node.entries if fullmatch(KIND, key.text) and not nearest(key.text, words)]
        added += tuple(Field(kind, MissingPlugin(kind, kinds), "Nobody's.") for kind in gone)
        # Before the keys that all checks share: known kinds are told in this order.
        whole = Record(
            self.expected, (*added, *self.fields), (*self.choices, *kinds, *gone), self.exclusive, self.may_be_empty
        )
        return whole.read(node, path, reading)

    def schema(self) -> dict[str, Any]:
        """As a record's; but a key with a hyphen may be a plug-in's."""
        shape = Record.schema(self)
        shape["patternProperties"] = {KIND: {"type": ["object", "null"]}}
        # That not every name is something else: at least one is a plug-in's.
        has_another = {"not": {"propertyNames": {"not": {"pattern": KIND}}}}
        shape["oneOf"] = [*shape["oneOf"], has_another]
        return shape


def _json(values: Any) -> dict[str, Any]:
    """What a plug-in made of its settings, as it will be recorded.

    Raises:
        TypeError, ValueError: If it is nothing that JSON can hold, or no mapping.
    """
    found = json.loads(json.dumps(values, allow_nan=False))
    if not isinstance(found, dict):
        raise TypeError(f"it made {type(values).__name__} of it, not a mapping")
    return found


def _check_placeholders(node: Node, path: KeyPath, reading: Reading) -> None:
    """Report every text with a placeholder that will have no value."""
    if isinstance(node, Scalar):
        try:
            with_secrets_for_a_whole_leg(node.text)
        except ValueError as error:
            reading.report(path, str(error), node.place)
    for index, item in enumerate(node.items if isinstance(node, Sequence) else ()):
        _check_placeholders(item, (*path, index), reading)
    for key, value in node.entries if isinstance(node, Mapping) else ():
        _check_placeholders(value, (*path, key.text), reading)
