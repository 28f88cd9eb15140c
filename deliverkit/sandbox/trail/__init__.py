"""CloudTrail's event history: every management request that came in, and LookupEvents over them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from deliverkit.sandbox.moto_trail import answer_lookups
from deliverkit.sandbox.trail.lookup import lookup_events

if TYPE_CHECKING:
    from deliverkit.sandbox.kernel.world import World


def install(world: World) -> None:
    """Let CloudTrail answer LookupEvents; what a `Recorder` sees is what it tells."""
    answer_lookups(partial(lookup_events, world))
