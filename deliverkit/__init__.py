"""deliverkit carries a build to production on AWS and brings it back when it turns out bad.

The public API:

    open_delivery(config)   the delivery that deliverkit.yml describes; everything starts here
    Delivery                package, plan, promote, watch, decide, rollback, abort, and what serves where
    Release, Plan, Rollout  what is promoted; what a promotion will do; what it is doing or did
    Outcome, Phase, Verdict the words in which promotions, rollouts and gates end
    AbortMode               what an abort leaves behind
    DeliverkitError         every expected failure, with `message`, `hint` and `exit_code`
    ExitCode                what the command line leaves with

Names are imported when they are first used, so that `import deliverkit` costs next to nothing.
"""

from __future__ import annotations

from deliverkit._version import __version__

TYPE_CHECKING = False  # as type checkers read it; importing `typing` would cost `--version` a quarter of its time
if TYPE_CHECKING:
    from typing import Any

    from deliverkit.app import open_delivery
    from deliverkit.delivery import Delivery
    from deliverkit.domain.gate import Verdict
    from deliverkit.domain.plan import Plan
    from deliverkit.domain.release import Release
    from deliverkit.domain.rollout import AbortMode, Outcome, Phase, Rollout
    from deliverkit.errors import DeliverkitError, ExitCode

__all__ = [
    "AbortMode",
    "DeliverkitError",
    "Delivery",
    "ExitCode",
    "Outcome",
    "Phase",
    "Plan",
    "Release",
    "Rollout",
    "Verdict",
    "__version__",
    "open_delivery",
]

_HOMES = {
    "AbortMode": "deliverkit.domain.rollout",
    "Delivery": "deliverkit.delivery",
    "DeliverkitError": "deliverkit.errors",
    "ExitCode": "deliverkit.errors",
    "Outcome": "deliverkit.domain.rollout",
    "Phase": "deliverkit.domain.rollout",
    "Plan": "deliverkit.domain.plan",
    "Release": "deliverkit.domain.release",
    "Rollout": "deliverkit.domain.rollout",
    "Verdict": "deliverkit.domain.gate",
    "open_delivery": "deliverkit.app",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used.

    Raises:
        AttributeError: If the package has no such name.
    """
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib  # noqa: PLC0415

    return getattr(importlib.import_module(_HOMES[name]), name)
