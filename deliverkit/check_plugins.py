"""Checks that others add: what a plug-in is, and how it is found. This module is public.

A package offers a kind of check under the entry-point group `deliverkit.checks`:

    [options.entry_points]
    deliverkit.checks =
        acme-budget = acme_checks:ErrorBudget

The entry point's name is the kind, and the key of a gate's check in deliverkit.yml. It holds a hyphen, which none of
our own kinds will ever do. It leads to a class derived from `CheckPlugin`; `docs/how-to/write-a-check.md` shows one.
"""

from __future__ import annotations

import functools
import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from deliverkit.check_ports import CheckContext
from deliverkit.domain.checks import Assessment, Assessor
from deliverkit.domain.checks.guarded import Guarded
from deliverkit.domain.gate import Verdict

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["GROUP", "Assessment", "CheckContext", "CheckPlugin", "Observation", "Verdict"]

GROUP = "deliverkit.checks"
KIND = r"[a-z][a-z0-9]*(-[a-z0-9]+)+"
"""What a kind of a plug-in is called: with a hyphen, so that it never is one of ours."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What a plug-in has seen.

    Attributes:
        seen: What came back, JSON-able, a few KiB at most: all that `assess` needs. It is recorded. Its key `error`,
            when it holds anything, says why nothing could be seen: then the measurement is an error.
        query: What was asked, so that people can ask it again.
        latencies: Response times in seconds, for reports.
    """

    seen: Mapping[str, Any]
    query: str = ""
    latencies: tuple[float, ...] = ()


class CheckPlugin(ABC):
    """One kind of check. It is made once in each process, without arguments, and used by several threads.

    Attributes:
        kind: The entry point's name, such as `acme-budget`.
        timeout: Seconds that `observe` and `assess` may take together; after them the measurement is an error.
        is_stateful: True when `assess` is to be given the state of the assessment before; it is folded anew from what
            was recorded, in whatever process goes on.
    """

    kind: ClassVar[str]
    timeout: ClassVar[float] = 60.0
    is_stateful: ClassVar[bool] = False

    def read(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """The check's settings, as `observe` and `assess` will be given them: JSON-able, defaults filled in.

        Args:
            settings: As they stand in deliverkit.yml: texts, numbers, truth values, lists and mappings.

        Raises:
            ValueError: If they are wrong; the message is told with file, line and key, and the exit code is 2.
        """
        return settings

    @abstractmethod
    def observe(self, spec: Mapping[str, Any], context: CheckContext) -> Observation | None:
        """Ask, and give what came back, without judging it; None while it takes its time, and it is asked again.

        Args:
            spec: The check's settings, `${...}` filled in, `${env.NAME}` included: those values are masked in all that
                the plug-in gives back.
            context: What may be asked about; `samples` has a name for the measurement, the same one until it is on
                record, in whatever process.

        Raises:
            Exception: If it cannot be asked, which makes the measurement an error with this message.
        """

    @abstractmethod
    def assess(self, spec: Mapping[str, Any], seen: Mapping[str, Any], state: Any) -> Assessment:
        """Judge what was seen. Pure: it is done again when the verdict is replayed, also under other settings.

        Args:
            spec: The check's settings, `${...}` not filled in.
            seen: What `observe` gave, or what an earlier version of the plug-in did.
            state: Of the assessment before, JSON-able; None for the first, and for kinds without one.
        """


class PluginError(ValueError):
    """A plug-in is there and cannot be used."""


@dataclass(frozen=True, slots=True)
class Plugin:
    """A plug-in that was loaded.

    Attributes:
        implementation: The plug-in itself.
        origin: The package that it came with, and its version.
    """

    implementation: CheckPlugin
    origin: str

    @property
    def label(self) -> str:
        """For people."""
        return f"plug-in {self.implementation.kind} ({self.origin})"


_loaded: dict[tuple[str, str], Plugin] = {}


def installed_kinds() -> tuple[str, ...]:
    """The kinds that installed packages offer, in the order of the alphabet."""
    return tuple(sorted({each.name for each in _entry_points() if re.fullmatch(KIND, each.name)}))


def find(kind: str) -> Plugin | None:
    """The plug-in for a kind of check; None when no installed package offers one.

    Raises:
        PluginError: If there is one that cannot be used, or two packages offer the kind.
    """
    if not re.fullmatch(KIND, kind):
        return None
    offered = {each.value: each for each in _entry_points() if each.name == kind}
    if len(offered) > 1:
        packages = " and ".join(sorted(_origin(each) for each in offered.values()))
        raise PluginError(f"{kind} is offered by {packages}; uninstall one of them")
    for value, entry in offered.items():
        if (kind, value) not in _loaded:
            _loaded[kind, value] = _load(entry)
        return _loaded[kind, value]
    return None


def assessor_of(kind: str) -> tuple[Assessor, bool] | None:
    """What assesses checks of a plug-in's kind, and whether it carries a state; None when no plug-in can."""
    try:
        plugin = find(kind)
    except PluginError:
        return None
    if plugin is None:
        return None
    return Guarded(plugin.implementation, plugin.label), plugin.implementation.is_stateful


def _entry_points() -> tuple[EntryPoint, ...]:
    return _entry_points_on(tuple(sys.path))


@functools.lru_cache(maxsize=1)
def _entry_points_on(_path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    from importlib.metadata import entry_points  # noqa: PLC0415  (it reads every package's description)

    return tuple(entry_points(group=GROUP))


def _origin(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value


def _load(entry: EntryPoint) -> Plugin:
    try:
        found = entry.load()
        implementation = found() if isinstance(found, type) else found
    except Exception as error:  # whatever somebody else's code raises, it is that plug-in's
        told = f"{type(error).__name__}: {error}"
        raise PluginError(f"plug-in {entry.name} ({_origin(entry)}) cannot be loaded: {told}") from error
    if not isinstance(implementation, CheckPlugin):
        raise PluginError(
            f"plug-in {entry.name} ({_origin(entry)}): {entry.value} is no class derived from CheckPlugin"
        )
    if getattr(implementation, "kind", None) != entry.name:
        named = getattr(implementation, "kind", None)
        raise PluginError(f"plug-in {entry.name} ({_origin(entry)}) calls its own kind {named!r}")
    return Plugin(implementation, _origin(entry))
