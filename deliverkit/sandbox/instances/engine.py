"""Watches EC2 and keeps an agent alive on every running instance, and nothing alive on any other."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from deliverkit.sandbox.agent.agent import Agent
from deliverkit.sandbox.agent.host import Download, Fetcher, make_host
from deliverkit.sandbox.agent.processes import kill_leftovers
from deliverkit.sandbox.agent.protocol import CommandService
from deliverkit.sandbox.instances.addresses import Addresses
from deliverkit.sandbox.kernel.world import World
from deliverkit.sandbox.moto_base import Machine

log = logging.getLogger(__name__)

TICK_SECONDS = 0.1  # real time: instances come and go by API calls, also while the virtual clock is frozen
JOIN_SECONDS = 5.0
GONE = frozenset({"terminated", "shutting-down"})

Key = tuple[str, str, str]


@dataclass
class Instance:
    """What the sandbox keeps for one EC2 instance: its address for life, and its agent while it runs."""

    address: str
    agent: Agent | None = field(default=None)


class Instances:
    """The engine behind EC2's instances, and what CodeDeploy asks about them.

    Everything but killing happens under the world's lock, the only one: CodeDeploy asks while it holds that lock.

    Args:
        world: The sandbox.
        command_service: Gives the service that agents poll; asked once, when the first instance starts.
    """

    def __init__(self, world: World, command_service: Callable[[World], CommandService]) -> None:
        self._world = world
        self._command_service = command_service
        self._instances: dict[Key, Instance] = {}
        self._without_address: set[Key] = set()
        self._addresses = Addresses(world.address_base)
        self._homes = world.state_dir.resolve() / "instances"
        self._is_stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="sandbox-instances", daemon=True)

    def start(self) -> None:
        """Begin to watch, once what an earlier sandbox in the same directory left behind is gone."""
        kill_leftovers(self._homes)
        self._addresses = Addresses(self._world.address_base)  # the server knows its own only after it was made
        self._thread.start()

    def stop(self) -> None:
        """Kill all instances; none of their processes survives."""
        self._is_stopped.set()
        if self._thread.is_alive():
            self._thread.join(JOIN_SECONDS)
        with self._world.lock:
            agents = [instance.agent for instance in self._instances.values() if instance.agent is not None]
            self._instances.clear()
        for agent in agents:
            agent.kill()
        for agent in agents:
            if not agent.join(JOIN_SECONDS):
                log.warning("an agent did not end within %s s", JOIN_SECONDS)

    def has_agent(self, account: str, region: str, instance_id: str) -> bool:
        """True when an agent runs on the instance and polls."""
        with self._world.lock:
            instance = self._instances.get((account, region, instance_id))
            if instance is None or instance.agent is None:
                self._start_running()
                instance = self._instances.get((account, region, instance_id))
            return instance is not None and instance.agent is not None and instance.agent.is_alive

    def wake(self, host: str) -> None:
        """A command waits for the host; its agent polls now."""
        parts = host.split(":")
        if len(parts) != 6:
            return
        with self._world.lock:
            instance = self._instances.get((parts[4], parts[3], parts[5].removeprefix("instance/")))
            if instance is not None and instance.agent is not None:
                instance.agent.wake()

    def _watch(self) -> None:
        while not self._is_stopped.wait(TICK_SECONDS):
            try:
                with self._world.lock:
                    self._start_running()
                    ended = self._take_ended()
                for agent in ended:  # outside the lock: killing looks through all processes
                    agent.kill()
            except Exception:
                log.exception("watching the instances failed")

    def _machines(self) -> list[Machine]:
        # Nobody has launched an instance before moto's EC2 is loaded, and loading it costs as much time as the rest of
        # the sandbox's start.
        return list(self._world.moto.machines()) if "moto.ec2.models" in sys.modules else []

    def _start_running(self) -> None:
        if self._is_stopped.is_set():
            return
        for machine in self._machines():
            key = (machine.account, machine.region, machine.instance_id)
            instance = self._instances.get(key)
            if machine.state == "running" and (instance is None or instance.agent is None):
                self._boot(key, machine)

    def _boot(self, key: Key, machine: Machine) -> None:
        instance = self._instances.get(key)
        if instance is None:
            address = self._addresses.take()
            if address is None:
                if key not in self._without_address:  # said once; it is tried again at every tick
                    log.warning("%s gets no agent: all addresses are taken", machine.instance_id)
                self._without_address.add(key)
                return
            instance = self._instances[key] = Instance(address)
            self._world.moto.set_private_ip(machine.account, machine.region, machine.instance_id, address)
        root = self._homes / machine.instance_id / "root"
        identifier = f"arn:aws:ec2:{machine.region}:{machine.account}:instance/{machine.instance_id}"
        host = make_host(identifier, root, instance.address, self._world.clock.now)
        instance.agent = Agent(host, self._command_service(self._world), self._fetcher(machine.account))
        instance.agent.start()

    def _take_ended(self) -> list[Agent]:
        """Agents of instances that run no longer; their instances forget them."""
        states = {(machine.account, machine.region, machine.instance_id): machine.state for machine in self._machines()}
        ended = []
        for key, instance in list(self._instances.items()):
            state = states.get(key, "terminated")
            if state != "running" and instance.agent is not None:
                ended.append(instance.agent)
                instance.agent = None
            if state in GONE:
                self._addresses.give_back(instance.address)
                del self._instances[key]
        return ended

    def _fetcher(self, account: str) -> Fetcher:
        def fetch(bucket: str, key: str, version: str | None) -> Download:
            stored = self._world.moto.read_object(account, bucket, key, version)
            return Download(stored.body, stored.e_tag)

        return fetch
