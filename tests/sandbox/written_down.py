"""What another process would find, had it to go on with what the sandbox remembers now."""

from __future__ import annotations

import io
from typing import Any

from deliverkit.sandbox.keeping import pickling
from deliverkit.sandbox.kernel.world import World


def written_down(world: World, *kinds: Any) -> tuple[Any, ...]:
    """The stores of the kinds, one of each, and the timers: written as an image is, and read again."""
    with world.lock:
        stores = [store for kind in kinds for _, _, store in world.stores(kind)]
        queue = [timer for timer in world.timers._queue if not timer.is_cancelled]
        out = io.BytesIO()
        pickling.dump((*stores, queue), out)
        out.seek(0)
        kept: tuple[Any, ...] = pickling.load(world, out)
    return kept
