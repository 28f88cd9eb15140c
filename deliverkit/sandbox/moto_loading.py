"""Mending a module of moto's when it is loaded, by whomever, instead of loading it at the start.

moto's EC2, on which its load balancers build, costs as much time and memory as all the rest of an idle sandbox; most
sandboxes get to it late or never.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

Mend = Callable[[Any], None]


def when_loaded(name: str, mend: Mend) -> None:
    """Call `mend` with a module as soon as it is loaded, or at once; of several for one module the last is called."""
    if name in sys.modules:
        mend(sys.modules[name])
        return
    _finder.waiting[name] = mend
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


def is_loaded(name: str) -> bool:
    """True once somebody has imported the module: before that nothing of it can exist."""
    return name in sys.modules


class _Finder(importlib.abc.MetaPathFinder):
    """Answers for awaited modules only, and leaves finding them to the others."""

    def __init__(self) -> None:
        self.waiting: dict[str, Mend] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        mend = self.waiting.pop(fullname, None)
        spec = importlib.util.find_spec(fullname) if mend is not None else None
        if mend is not None and spec is not None and spec.loader is not None:
            spec.loader = _MendingLoader(spec.loader, mend)
        return spec


class _MendingLoader(importlib.abc.Loader):
    """Loads as the module's own loader does, and mends what came of it."""

    def __init__(self, loader: Any, mend: Mend) -> None:
        self._loader, self._mend = loader, mend

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        made: ModuleType | None = self._loader.create_module(spec)
        return made

    def exec_module(self, module: ModuleType) -> None:
        # From here on the module is as if its own loader had been alone.
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        self._mend(module)


_finder = _Finder()
