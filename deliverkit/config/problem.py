"""Problems of a configuration file: each with its place, its key path and what was expected."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from deliverkit.errors import UsageError
from deliverkit.yaml_tree import KeyPath, Place

SHOWN = 20
"""Problems told at once: a screen."""


class Problem(Struct, frozen=True):
    """One thing that is wrong.

    Attributes:
        place: Where.
        path: Keys and list positions that lead there.
        message: What was expected, and the nearest valid spelling.
    """

    place: Place
    path: KeyPath
    message: str


class Reading(Struct):
    """What is known while a file is read: the problems so far, and where everything stands.

    Attributes:
        problems: In the order they were found.
        keys: Place of the key that leads to each path; for list items, of the item.
        values: Place of each value.
    """

    problems: list[Problem] = []
    keys: dict[KeyPath, Place] = {}
    values: dict[KeyPath, Place] = {}

    def report(self, path: KeyPath, message: str, place: Place | None = None) -> None:
        """Note a problem with the value at a path, by default at the place of that value."""
        self.problems.append(Problem(place or self.values[path], path, message))

    def report_missing(self, parent: KeyPath, key: str, message: str) -> None:
        """Note that a mapping lacks a key: at the key that leads to the mapping, for that is where one looks."""
        place = self.keys.get(parent) or self.values[parent]
        self.problems.append(Problem(place, (*parent, key), message))


def refusal(file: Path, problems: Iterable[Problem], *, hint: str = "") -> UsageError:
    """The error that tells all problems of a file at once, in the order of the file; at most a screen of them."""
    ordered = sorted(dict.fromkeys(problems), key=lambda problem: problem.place)
    lines = [_line(file, problem) for problem in ordered[:SHOWN]]
    if len(ordered) > SHOWN:
        lines.append(f"... and {len(ordered) - SHOWN} more")
    count = "a problem" if len(ordered) == 1 else f"{len(ordered)} problems"
    return UsageError("\n  ".join([f"{file.name} has {count}:", *lines]), hint=hint)


def written(path: KeyPath) -> str:
    """A key path as people write it: `environments.dev.gates.after[0]`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The nearest known word as the end of a sentence, or all of them when none is near; empty when there are none."""
    words = list(known)
    near = nearest(word, words)
    if near:
        return f"; did you mean '{near}'?"
    return f"; known are {', '.join(words)}" if words else ""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that looks most like this one; None when none does."""
    import difflib  # noqa: PLC0415  (only mistakes pay for it)

    by_lower = {each.lower(): each for each in known}
    near = difflib.get_close_matches(word.lower(), by_lower, n=1)
    return by_lower[near[0]] if near else None


def _line(file: Path, problem: Problem) -> str:
    path = f" {_shortened(written(problem.path))}" if problem.path else ""
    return f"{file}:{problem.place.line}:{problem.place.column}{path}: {_shortened(problem.message, 300)}"


def _shortened(text: str, limit: int = 120) -> str:
    shown = "".join(letter if letter.isprintable() else "?" for letter in text)
    return shown if len(shown) <= limit else f"{shown[: limit - 3]}..."
