"""What a kind of fault is: its name, its settings, and what it does to a request or to the world."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from deliverkit.sandbox.access.answers import HttpAnswer
from deliverkit.sandbox.access.request import Request
from deliverkit.sandbox.faults.fault import Fault, FaultStore
from deliverkit.sandbox.faults.settings import Setting
from deliverkit.sandbox.kernel.world import World
from deliverkit.sandbox.kernel.wsgi import Environ


@dataclass(frozen=True, slots=True)
class Passing:
    """A request on its way to the services.

    Attributes:
        world: The sandbox.
        request: What is asked.
        environ: As WSGI has it.
        forward: Sends it on and gives the answer; the faults added later act on the way.
    """

    world: World
    request: Request
    environ: Environ
    forward: Callable[[], HttpAnswer]

    def strike(self, fault: Fault) -> None:
        """Note that a fault struck this request."""
        note(self.world, fault, self.request.action, self.request.account, self.request.region)


Interfere = Callable[[Fault, Passing], HttpAnswer]
Change = Callable[[World, Fault], None]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault.

    Attributes:
        name: As fault files write it.
        meaning: For people.
        settings: What it can be told.
        interfere: What it does to a request that it strikes; None when it strikes no requests.
        watches: True when it is shown every request to its services, and throws its dice itself.
        begin: What happens to the world when it begins; None for faults of requests.
        end: How the world is mended.
    """

    name: str
    meaning: str
    settings: tuple[Setting, ...]
    interfere: Interfere | None = None
    watches: bool = False
    begin: Change | None = None
    end: Change | None = None


def note(world: World, fault: Fault, what: str, account: str, region: str) -> None:
    """Note that a fault struck something."""
    with world.lock:
        world.store(FaultStore, "", "").note(fault, world.clock.now(), what, account, region)
