"""What CodeDeploy does of its own accord: it publishes messages and notices what Auto Scaling launches and ends."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

from deliverkit.sandbox.codedeploy import auto_scaling, scale_in, scale_out, triggers
from deliverkit.sandbox.codedeploy.creation import Wish, create
from deliverkit.sandbox.codedeploy.engine import launch
from deliverkit.sandbox.codedeploy.state import Application, Group, Store
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.world import World

log = logging.getLogger(__name__)
TICK_SECONDS = 0.2  # real time: instances come by API calls, also while the virtual clock is frozen
JOIN_SECONDS = 5.0


class Watch:
    """One thread; it takes the world's lock to look, and publishes without it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._is_stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sandbox-codedeploy", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more; messages that wait stay in the state."""
        self._is_stopped.set()
        if self._thread.is_alive():
            self._thread.join(JOIN_SECONDS)

    def _run(self) -> None:
        while not self._is_stopped.wait(TICK_SECONDS):
            try:
                with self._world.lock:
                    notice_launches(self._world)
                    notice_terminations(self._world)
                triggers.deliver(self._world)
            except Exception:
                log.exception("CodeDeploy's watch failed")


def notice_launches(world: World) -> None:
    """Deploy the last successful revision to every instance that Auto Scaling launched since the last look."""
    for store, application, group, name in _scaled(world):
        _notice_in(world, store, application, group, name)


def notice_terminations(world: World) -> None:
    """Deploy to every instance that Auto Scaling is about to end; without a good revision there is nothing to run."""
    for _, application, group, name in _scaled(world):
        leaving, good = group.scaling[name].leaving, group.last_successful
        for instance_id in sorted(auto_scaling.held(world, group, [name]) - leaving):
            leaving.add(instance_id)
            wish = Wish(good.revision, scale_in.CREATOR, {"instanceId": instance_id}) if good else None
            if wish is None or not _bring_in(world, application, group, wish):
                scale_in.let_go(world, group, instance_id)


def _scaled(world: World) -> Iterator[tuple[Store, Application, Group, str]]:
    """The Auto Scaling groups of all deployment groups, by name."""
    for _, _, store in world.stores(Store):
        for application in store.applications.values():
            for group in application.groups.values():
                for name in list(group.scaling):
                    yield store, application, group, name


def _notice_in(world: World, store: Store, application: Application, group: Group, name: str) -> None:
    seen = group.scaling[name].seen
    new = auto_scaling.instances_of(world, group, [name]) - seen
    for instance_id in sorted(new):
        seen.add(instance_id)
        good = group.last_successful
        # Instances of a group that was never deployed to enter service as they are.
        if good is not None and not _is_served(store, group, instance_id):
            _bring_in(world, application, group, Wish(good.revision, scale_out.CREATOR, {"instanceId": instance_id}))


def _is_served(store: Store, group: Group, instance_id: str) -> bool:
    """True when a deployment of the group found the instance before this look did."""
    live = (one for one in store.deployments.values() if one.group is group and one.is_live)
    return instance_id in group.health or any(instance_id in one.targets for one in live)


def _bring_in(world: World, application: Application, group: Group, wish: Wish) -> bool:
    try:
        launch(world, create(world, application, group, wish))
    except ApiError as error:
        log.warning("no deployment for an instance of %s: %s", group.name, error)
        return False
    return True
