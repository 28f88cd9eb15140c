"""The shared state of one sandbox: clock, timers, lock, the services, and one store per service, account and region."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from deliverkit.sandbox.kernel import chance
from deliverkit.sandbox.kernel.clock import Timers, VirtualClock
from deliverkit.sandbox.kernel.doorbell import Doorbell
from deliverkit.sandbox.kernel.metrics import Metrics
from deliverkit.sandbox.kernel.operations import Answer, Context, Service

if TYPE_CHECKING:
    from deliverkit.sandbox.moto_base import MotoBase

StoreT = TypeVar("StoreT")


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a service wants the world to know, shaped like an EventBridge event.

    Attributes:
        source: `aws.codedeploy`, `aws.codepipeline`, `aws.cloudwatch`.
        detail_type: As EventBridge names it.
        account: Account id.
        region: Region name.
        resources: ARNs.
        detail: The event's own members.
    """

    source: str
    detail_type: str
    account: str
    region: str
    resources: tuple[str, ...]
    detail: Mapping[str, Any]


@dataclass
class World:
    """Everything the services of one sandbox share.

    One re-entrant lock guards all state: operations and timers run under it, so no engine ever sees another half-way.
    Slow work (hooks, downloads) belongs to agent threads, which take the lock only to report.
    """

    state_dir: Path
    moto: MotoBase
    clock: VirtualClock = field(default_factory=VirtualClock)
    lock: threading.RLock = field(default_factory=threading.RLock)
    timers: Timers = field(init=False)
    metrics: Metrics = field(init=False)
    doorbell: Doorbell = field(default_factory=Doorbell)
    services: dict[str, Service] = field(default_factory=dict)
    address_base: str = "127.0.1"
    endpoint: str = ""
    parts: dict[type, Any] = field(default_factory=dict)
    """Moving parts by their type, for timers that need one and must be kept on disk without it."""
    authorise: Callable[[str, str, Mapping[str, Any], Context], None] = field(default=lambda *_: None)
    """Refuses calls between services that their role does not allow."""
    _stores: dict[tuple[type, str, str], Any] = field(default_factory=dict)
    _subscribers: list[Callable[[Notice], None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.timers = Timers(self.clock, self.lock)
        self.timers.begin_sequence = self.begin_sequence
        self.metrics = Metrics(self)

    def begin_sequence(self, seed: int) -> None:
        """Let all ids from now on come from a number, moto's too."""
        chance.seed(seed)
        self.moto.seed(seed)

    def add_service(self, service: Service) -> None:
        """Let the service answer at the front and to `call`."""
        self.services[service.name] = service

    def store(self, kind: Callable[[], StoreT], account: str, region: str) -> StoreT:
        """The one instance of a service's store for an account and region, made at first use."""
        key = (kind, account, region)
        with self.lock:
            if key not in self._stores:
                self._stores[key] = kind()  # type: ignore[index]
            return self._stores[key]  # type: ignore[index,no-any-return]

    def existing(self, kind: Callable[[], StoreT], account: str, region: str) -> StoreT | None:
        """The store if there is one, without waiting for the lock: for what is asked at every request."""
        return self._stores.get((kind, account, region))  # type: ignore[arg-type]

    def stores(self, kind: Callable[[], StoreT]) -> list[tuple[str, str, StoreT]]:
        """All existing stores of a kind, as (account, region, store)."""
        with self.lock:
            return [(account, region, store) for (k, account, region), store in self._stores.items() if k is kind]

    def kept_stores(self) -> dict[tuple[type, str, str], Any]:
        """All stores, as they are kept on disk."""
        return self._stores

    def put_stores(self, stores: Mapping[tuple[type, str, str], Any]) -> None:
        """Take over the stores of an earlier process, in place of what there is."""
        with self.lock:
            self._stores.clear()
            self._stores.update(stores)

    def context(self, account: str, region: str, principal_arn: str) -> Context:
        """A context for a call that starts now."""
        return Context(self, account, region, principal_arn, str(uuid.uuid4()), self.clock.now())

    def call(self, service: str, operation: str, params: Mapping[str, Any], context: Context) -> Answer:
        """Call another service of the sandbox as its own client would.

        Raises:
            ApiError: As for an outside caller.
        """
        self.authorise(service, operation, params, context)
        return self.services[service].call(operation, params, context)

    def subscribe(self, subscriber: Callable[[Notice], None]) -> None:
        """Hear every notice from now on."""
        self._subscribers.append(subscriber)

    def publish(self, notice: Notice) -> None:
        """Tell every subscriber."""
        for subscriber in self._subscribers:
            subscriber(notice)
