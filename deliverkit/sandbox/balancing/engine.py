"""Application load balancers that take real requests, probe real targets and count what they see.

Every listener with protocol HTTP is served on the loopback. All load balancers of a sandbox share the address
`<base>.1`, next to its instances'. A listener has its declared port there if that is free and allowed, and otherwise a
free one. DescribeLoadBalancers gives the address as the DNS name, and `GET /_sandbox/balancers` the URLs of listeners,
for ports that are not the declared ones. HTTPS, network load balancers, authentication and stickiness are not built.

A probe takes real time, and a target is never probed twice at once: however far the clock jumps, that is one probe.
Only target groups that a listener forwards to are probed; those without one are `unused`. Simulated instances, which
have no address, are healthy as moto says, and so are targets of balancers that are not served.
"""

from __future__ import annotations

import ipaddress
import logging
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from deliverkit.sandbox.balancing.health import DRAINING, REGISTERING, UNUSED, TargetState, probe
from deliverkit.sandbox.balancing.routing import Request, Turns, action_for
from deliverkit.sandbox.balancing.server import Fixed, ListenerServer, Target
from deliverkit.sandbox.balancing.tally import Tally
from deliverkit.sandbox.instances.memory_agents import MEMORY, NONE, TAG
from deliverkit.sandbox.kernel.world import World
from deliverkit.sandbox.moto_balancing import (
    Group,
    Health,
    Listener,
    find_listener,
    judge_targets,
    listeners,
    name_balancer,
    weights,
)

log = logging.getLogger(__name__)
HOSTS_COUNTED = timedelta(minutes=1)
PROBERS = 8
NOWHERE = "127.255.255.254"
"""Probed in place of a target that has no loopback address: nobody answers there."""


@dataclass
class Served:
    """Where listeners were served, so that they are there again after a restart.

    Attributes:
        places: Address and port by the listener's ARN.
        drained_at: When targets were deregistered, by target group and target.
    """

    places: dict[str, tuple[str, int]] = field(default_factory=dict)
    drained_at: dict[tuple[str, str], datetime] = field(default_factory=dict)


class Balancing:
    """The engine behind application load balancers."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._servers: dict[str, ListenerServer] = {}
        self._states: dict[tuple[str, str], TargetState] = {}
        self._groups: dict[str, Group] = {}
        self._turns = Turns()
        self._tally = Tally(world.metrics)
        self._pool: ThreadPoolExecutor | None = None
        self._is_stopped = threading.Event()
        judge_targets(self._judge, self._changed)

    def start(self) -> None:
        """Serve what an earlier process served."""
        self.look()
        self._count_hosts()

    def stop(self) -> None:
        """End every server; probes under way end by themselves."""
        self._is_stopped.set()
        for server in self._servers.values():
            server.stop()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def look(self) -> None:
        """Serve new listeners, end those that are gone, and probe new targets; somebody talked to ELB."""
        with self._world.lock:
            found = {each.arn: each for each in listeners() if each.protocol == "HTTP"}
            for arn in self._servers.keys() - found.keys():
                # Ending waits for the server's thread, which may wait for the world's lock.
                threading.Thread(target=self._servers.pop(arn).stop, daemon=True).start()
            for arn, listener in found.items():
                if arn not in self._servers and not self._is_stopped.is_set():
                    self._servers[arn] = self._serve(listener)
            self._watch({arn: group for each in found.values() for arn, group in each.groups.items()})

    def urls(self, _params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Where every listener is."""
        with self._world.lock:
            return {
                "balancers": [
                    {"listenerArn": arn, "url": f"http://{server.address}:{server.port}"}
                    for arn, server in self._servers.items()
                ]
            }

    # --- serving --------------------------------------------------------------------------------------

    def _serve(self, listener: Listener) -> ListenerServer:
        places = self._world.store(Served, "", "").places
        address = f"{self._world.address_base}.1"
        wished = places.get(listener.arn, (address, listener.port))
        decide = partial(self._decide, listener.account, listener.region, listener.balancer, listener.arn)
        count = partial(self._count, listener)
        try:
            server = ListenerServer(*wished, decide, count)
        except OSError:
            server = ListenerServer(address, 0, decide, count)
        places[listener.arn] = (server.address, server.port)
        name_balancer(listener, server.address)
        return server

    def _decide(self, account: str, region: str, balancer: str, arn: str, request: Request) -> Fixed | Target:
        with self._world.lock:
            listener = find_listener(account, region, balancer, arn)
            action = action_for(listener.rules, request) if listener else None
            if listener is None or action is None:
                return Fixed(503)
            match action.get("Type"):
                case "forward":
                    return self._choose(listener, weights(action))
                case "fixed-response":
                    config = action["FixedResponseConfig"]
                    kind = (("Content-Type", config.get("ContentType") or "text/plain"),)
                    return Fixed(
                        int(config["StatusCode"]), (config.get("MessageBody") or "").encode(), kind, "fixed-response"
                    )
                case "redirect":
                    return _redirect(action["RedirectConfig"], request, listener)
            return Fixed(503)

    def _choose(self, listener: Listener, shares: Mapping[str, int]) -> Fixed | Target:
        arn = self._turns.take(listener.arn, {arn: weight for arn, weight in shares.items() if arn in listener.groups})
        group = listener.groups[arn] if arn else None
        if group is None or not group.targets:
            return Fixed(503)
        # Without a healthy target all are tried (user guide, "fail open").
        healthy = [name for name in group.targets if self._is_healthy(group, name)] or list(group.targets)
        name = self._turns.take(group.arn, dict.fromkeys(healthy, 1))
        address = self._address(listener.account, listener.region, name) if name else None
        if name is None or address is None:
            return Fixed(502)
        return Target(group.arn, name, address, group.targets[name])

    def _is_healthy(self, group: Group, name: str) -> bool:
        state = self._states.get((group.arn, name))
        return state is not None and state.health[0] == "healthy"

    def _count(self, listener: Listener, decision: Fixed | Target, status: int, seconds: float | None) -> None:
        place = (listener.account, listener.region)
        if isinstance(decision, Fixed):
            self._tally.answered_itself(place, listener.balancer, status, decision.action)
            return
        instance = decision.name if decision.name.startswith("i-") else None
        self._tally.served(place, listener.balancer, decision.group, instance, status, seconds)

    def _address(self, account: str, region: str, target: str) -> str | None:
        """The target's loopback address; None when it has none, for the sandbox calls nobody else."""
        address = target
        if target.startswith("i-"):
            machines = self._world.moto.machines(account, region)
            address = next((each.private_ip for each in machines if each.instance_id == target), "")
        try:
            return address if ipaddress.ip_address(address).is_loopback else None
        except ValueError:
            return None

    # --- health ---------------------------------------------------------------------------------------

    def _judge(self, group: Group, target: str) -> Health | None:
        if group.arn not in self._groups:
            is_used = group.is_used or any(group.arn in listener.groups for listener in listeners())
            return None if is_used or target not in group.targets else UNUSED
        if target in group.targets:
            is_simulated = self._is_simulated(group, target)
            return None if is_simulated else self._states.get((group.arn, target), TargetState(REGISTERING)).health
        drained = self._world.store(Served, "", "").drained_at.get((group.arn, target))
        is_draining = drained is not None and self._world.clock.now() < drained + timedelta(seconds=group.delay)
        return DRAINING if is_draining else None

    def _is_simulated(self, group: Group, target: str) -> bool:
        machines = self._world.moto.machines(group.account, group.region) if target.startswith("i-") else ()
        return any(each.instance_id == target and each.tags.get(TAG) in {MEMORY, NONE} for each in machines)

    def _changed(self, group: str, target: str, is_registered: bool) -> None:
        drained_at = self._world.store(Served, "", "").drained_at
        self._states.pop((group, target), None)
        if is_registered:
            drained_at.pop((group, target), None)
            self._world.timers.after(timedelta(0), self.look, is_kept=False)
        else:
            drained_at[group, target] = self._world.clock.now()

    def _watch(self, groups: Mapping[str, Group]) -> None:
        """Probe what is new at once, and every group again after its interval."""
        fresh = [group for arn, group in groups.items() if arn not in self._groups]
        self._groups = dict(groups)
        for group in groups.values():
            for name in group.targets:
                if (group.arn, name) not in self._states:
                    self._states[group.arn, name] = TargetState()
                    self._probe_soon(group, name)
        for group in fresh:
            self._world.timers.after(timedelta(seconds=group.interval), partial(self._round, group.arn), is_kept=False)

    def _round(self, arn: str) -> None:
        self._refresh()
        group = self._groups.get(arn)
        if group is None or self._is_stopped.is_set():
            return
        for name in group.targets:
            self._states.setdefault((arn, name), TargetState())
            self._probe_soon(group, name)
        self._world.timers.after(timedelta(seconds=group.interval), partial(self._round, arn), is_kept=False)

    def _refresh(self) -> None:
        found = {arn: group for each in listeners() if each.protocol == "HTTP" for arn, group in each.groups.items()}
        self._groups = {arn: group for arn, group in found.items() if arn in self._groups}

    def _probe_soon(self, group: Group, name: str) -> None:
        state = self._states[group.arn, name]
        if state.is_probing or self._is_stopped.is_set():
            return
        state.is_probing = True
        if self._pool is None:
            self._pool = ThreadPoolExecutor(PROBERS, "sandbox-prober")
        self._pool.submit(self._probe, group, name, state)

    def _probe(self, group: Group, name: str, state: TargetState) -> None:
        try:
            with self._world.lock:
                address = self._address(group.account, group.region, name)
            found = probe(group, address or NOWHERE, group.targets[name])
            with self._world.lock:
                state.take(found, group)
        except Exception:
            log.exception("the health check of %s failed", name)
        finally:
            state.is_probing = False

    # --- metrics --------------------------------------------------------------------------------------

    def _count_hosts(self) -> None:
        if self._is_stopped.is_set():
            return
        with self._world.lock:
            for listener in listeners():
                for group in listener.groups.values():
                    healthy = sum(self._is_healthy(group, name) for name in group.targets)
                    place = (listener.account, listener.region)
                    self._tally.hosts(place, listener.balancer, group.arn, healthy, len(group.targets) - healthy)
        self._world.timers.after(HOSTS_COUNTED, self._count_hosts, is_kept=False)


def _redirect(config: Mapping[str, Any], request: Request, listener: Listener) -> Fixed:
    host, _, port = request.headers.get("host", "").partition(":")
    known = {
        "protocol": "http",
        "host": host,
        "port": port or str(listener.port),
        "path": request.path.lstrip("/"),
        "query": request.query,
    }

    def filled(name: str, default: str) -> str:
        text = str(config.get(name) or default)
        for key, value in known.items():
            text = text.replace(f"#{{{key}}}", value)
        return text

    query = filled("Query", "#{query}")
    where = f"{filled('Host', '#{host}')}:{filled('Port', '#{port}')}{filled('Path', '/#{path}')}"
    protocol = filled("Protocol", "#{protocol}").lower()
    status = 301 if config.get("StatusCode") == "HTTP_301" else 302
    location = f"{protocol}://{where}" + (f"?{query}" if query else "")
    return Fixed(status, headers=(("Location", location),), action="redirect")
