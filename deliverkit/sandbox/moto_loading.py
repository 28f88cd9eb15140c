"""Mending a module of moto's when it is loaded, by whomever, instead of loading it at the start.

moto's EC2, on which its load balancers build, costs as much time and memory as all the rest of an idle sandbox; most
sandboxes get to it late or never.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

Mend = Callable[[Any], None]


def when_loaded(name: str, mend: Mend) -> None:
    """Call `mend` with a module as soon as it is loaded, at once if it is there already.

    Args:
        name: The module's full name.
        mend: Must not mind to be called again, as `moto_hooks.replace` does not: every sandbox of a process asks.
    """
    if name in sys.modules:
        mend(importlib.import_module(name))  # which waits for another thread that is about it
        return
    _finder.waiting.setdefault(name, []).append(mend)
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


def is_loaded(name: str) -> bool:
    """True once somebody has imported the module: before that nothing of it can exist."""
    module = sys.modules.get(name)
    # A module stands there while it is being executed, too.
    return module is not None and not getattr(module.__spec__, "_initializing", False)


class _Finder(importlib.abc.MetaPathFinder):
    """Answers for awaited modules only, and leaves finding them to the others."""

    def __init__(self) -> None:
        self.waiting: dict[str, list[Mend]] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        mends = self.waiting.pop(fullname, [])
        spec = importlib.util.find_spec(fullname) if mends else None
        if spec is not None and spec.loader is not None:
            spec.loader = _MendingLoader(spec.loader, mends)
        return spec


class _MendingLoader(importlib.abc.Loader):
    """Loads as the module's own loader does, and mends what came of it."""

    def __init__(self, loader: Any, mends: Sequence[Mend]) -> None:
        self._loader, self._mends = loader, mends

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        made: ModuleType | None = self._loader.create_module(spec)
        return made

    def exec_module(self, module: ModuleType) -> None:
        # From here on the module is as if its own loader had been alone.
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        for mend in self._mends:
            mend(module)


_finder = _Finder()
