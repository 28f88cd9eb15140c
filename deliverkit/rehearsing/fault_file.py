"""Fault files: YAML whose keys are the sandbox's own table of kinds, so that the two cannot part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deliverkit.config.loader import load_shaped
from deliverkit.config.problem import Reading, written
from deliverkit.config.shapes import Boolean, Choice, Field, Integer, ListOf, Record, Shape, Text
from deliverkit.config.texts import DURATION
from deliverkit.domain.duration import parse_duration
from deliverkit.errors import UsageError
from deliverkit.sandbox.faults.kind import Kind
from deliverkit.sandbox.faults.kinds import KINDS
from deliverkit.sandbox.faults.settings import Setting, SettingType
from deliverkit.yaml_tree import Mapping as TreeMapping
from deliverkit.yaml_tree import Place, Scalar

BUILT_IN = Path(__file__).parent / "files"
REGION = "${region}"
"""Stands in a fault file for the region that is rehearsed in."""


@dataclass(frozen=True, slots=True)
class FaultScript:
    """What a fault file says.

    Attributes:
        seed: Of the faults' dice.
        faults: As the sandbox takes them: `kind` and settings, times in seconds.
    """

    seed: int
    faults: Sequence[Mapping[str, Any]]

    def in_region(self, region: str) -> FaultScript:
        """The same with the region filled in."""
        filled = [
            {name: region if value == REGION else value for name, value in fault.items()} for fault in self.faults
        ]
        return FaultScript(self.seed, filled)


def built_in_names() -> tuple[str, ...]:
    """Names of the fault files that come with deliverkit."""
    return tuple(sorted(path.stem for path in BUILT_IN.glob("*.yml")))


def find_script(name: str) -> FaultScript:
    """The script of a file, or of one that comes with deliverkit.

    Raises:
        UsageError: If there is none, or it is wrong: all its problems are told, each with its line.
    """
    if name in built_in_names():
        return read_script(BUILT_IN / f"{name}.yml")
    path = Path(name)
    if not path.exists():
        raise UsageError(f"there is no fault file {name}", hint=f"built in are {', '.join(built_in_names())}")
    return read_script(path)


def read_script(path: Path) -> FaultScript:
    """The script of a file.

    Raises:
        UsageError: If it cannot be read or is wrong.
    """
    values = load_shaped(path, SCRIPT)
    faults = [{"kind": kind, **settings} for each in values["faults"] for kind, settings in each.items()]
    return FaultScript(values.get("seed", 0), faults)


def read_words(kind: str, words: Sequence[str]) -> Mapping[str, Any]:
    """One fault from words such as `service=codedeploy`.

    Raises:
        UsageError: If a word is wrong, with all that is.
    """
    place = Place()
    entries = [_entry(word, place) for word in words]
    reading = Reading()
    reading.keys[()] = reading.values[()] = place
    node = TreeMapping(((Scalar(kind, is_plain=False, place=place), TreeMapping(tuple(entries), place)),), place)
    values = FAULT.read(node, (), reading)
    if reading.problems:
        told = "; ".join(f"{written(each.path)}: {each.message}" for each in reading.problems)
        raise UsageError(told, hint="deliverkit sandbox fault add throttling service=codedeploy probability=0.3")
    return {"kind": kind, **values[kind]}


def _entry(word: str, place: Place) -> tuple[Scalar, Scalar]:
    name, separator, value = word.partition("=")
    if not separator:
        raise UsageError(f"{word!r} is no setting: write NAME=VALUE")
    return Scalar(name, is_plain=False, place=place), Scalar(value, is_plain=True, place=place)


# --- shapes ----------------------------------------------------------------------------------------


def _seconds(text: str) -> float:
    return parse_duration(text).total_seconds()


def _share(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        raise ValueError(f"{text!r} is not a share: write a number from 0 to 1")
    return number


def _shape(setting: Setting) -> Shape:
    match setting.type:
        case SettingType.SECONDS:
            return Text("a time such as 500ms, 5s or 1m", _seconds, DURATION)
        case SettingType.SHARE:
            return Text("a number from 0 to 1", _share)
        case SettingType.NUMBER:
            return Integer(1, 1_000_000)
        case SettingType.CHOICE:
            return Choice(setting.choices)
        case SettingType.FLAG:
            return Boolean()
        case SettingType.TEXT:
            return Text("a text")


def shown_default(setting: Setting) -> str:
    """A setting's default as a fault file would write it; empty when it has none."""
    if setting.default is None:
        return ""
    if setting.type is SettingType.SECONDS:
        return f"{setting.default:g}s"
    return str(setting.default).lower() if setting.type is SettingType.FLAG else str(setting.default)


def _record(kind: Kind) -> Record:
    fields = tuple(
        Field(each.name, _shape(each), each.meaning, is_required=each.is_required, default=shown_default(each))
        for each in kind.settings
    )
    needs_nothing = not any(each.is_required for each in kind.settings)
    return Record(f"settings of {kind.name}", fields, may_be_empty=needs_nothing)


FAULT = Record(
    "a fault such as {throttling: {service: codedeploy}}",
    tuple(Field(kind.name, _record(kind), kind.meaning) for kind in KINDS.values()),
    choices=tuple(KINDS),
)
SCRIPT = Record(
    "a mapping",
    (
        Field("seed", Integer(0, 2**31 - 1), "Of the dice: the same seed makes the same choices.", default="0"),
        Field("faults", ListOf(FAULT, "a list of faults"), "The faults, in the order they act.", is_required=True),
    ),
)
