"""Watches EC2 and keeps an agent alive on every running instance, and nothing alive on any other."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from deliverkit.sandbox.agent.processes import kill_strangers
from deliverkit.sandbox.instances.addresses import Addresses
from deliverkit.sandbox.instances.agents import InstanceAgent, Pause
from deliverkit.sandbox.instances.conditions import Conditions, Key
from deliverkit.sandbox.instances.memory_agents import MEMORY, NONE, TAG, MemoryAgents
from deliverkit.sandbox.kernel.world import World
from deliverkit.sandbox.moto_base import Machine

log = logging.getLogger(__name__)

TICK_SECONDS = 0.1  # real time: instances come and go by API calls, also while the virtual clock is frozen
JOIN_SECONDS = 5.0
GONE = frozenset({"terminated", "shutting-down"})


@dataclass(frozen=True, slots=True)
class Boot:
    """An instance that is about to run.

    Attributes:
        machine: As EC2 knows it.
        identifier: Its host identifier.
        home: Its directory.
        address: Its loopback address.
    """

    machine: Machine
    identifier: str
    home: Path
    address: str


StartAgent = Callable[[Boot], InstanceAgent]
"""Makes the agent of an instance; the engine starts it."""


@dataclass
class Instance:
    """What the sandbox keeps for one EC2 instance: its address for life, and its agent while it runs."""

    address: str
    agent: InstanceAgent | None = field(default=None)
    pause: Pause = field(default_factory=Pause)


class Instances:
    """The engine behind EC2's instances.

    Everything but killing happens under the world's lock.

    Args:
        world: The sandbox.
        make_agent: Makes the agent of an instance.
        memory_agents: Answers for simulated instances.
    """

    def __init__(self, world: World, make_agent: StartAgent, memory_agents: MemoryAgents | None = None) -> None:
        self._world = world
        self._make_agent = make_agent
        self._memory_agents = memory_agents
        self._instances: dict[Key, Instance] = {}
        self._simulated: dict[Key, str] = {}
        self._without_address: set[Key] = set()
        self._states: tuple[tuple[str, str], ...] = ()
        self._addresses = Addresses(world.address_base)
        self._is_settled = False
        world.moto.hear_launches(self._hear_launch)
        self._homes = world.state_dir.resolve() / "instances"
        self._is_stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="sandbox-instances", daemon=True)

    def start(self) -> None:
        """Begin to watch, once what an earlier sandbox in the same directory left behind and nobody owns is gone."""
        kill_strangers(self._homes, {self._homes / machine.instance_id for machine in self._running()})
        with self._world.lock:
            self._settle()
        if self._memory_agents is not None:
            self._memory_agents.start()
        self._thread.start()

    def stop(self) -> None:
        """Kill all instances; none of their processes survives."""
        self._is_stopped.set()
        if self._thread.is_alive():
            self._thread.join(JOIN_SECONDS)
        if self._memory_agents is not None:
            self._memory_agents.stop()
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

    def _watch(self) -> None:
        while not self._is_stopped.wait(TICK_SECONDS):
            try:
                states = self._states_now()
                if not self._has_changed(states):
                    continue
                with self._world.lock:
                    self._start_running()
                    ended = self._take_ended()
                self._states = states
                for agent in ended:  # outside the lock: killing looks through all processes
                    agent.kill()
            except Exception:
                log.exception("watching the instances failed")

    def _states_now(self) -> tuple[tuple[str, str], ...]:
        states = self._world.moto.machine_states()
        with self._world.lock:
            return (*states, *sorted((instance, "crashed") for _, _, instance in self._crashed))

    def _has_changed(self, states: tuple[tuple[str, str], ...]) -> bool:
        """True when an instance came, went or changed its state, or an agent ended, since the last look."""
        with self._world.lock:
            served = [instance.agent for instance in self._instances.values() if instance.agent is not None]
            waits = bool(self._without_address)
        return states != self._states or waits or not all(agent.is_alive for agent in served)

    def _machines(self) -> list[Machine]:
        return list(self._world.moto.machines())

    def _running(self) -> list[Machine]:
        """Instances on which an agent is to run."""
        return [
            machine
            for machine in self._machines()
            if machine.state == "running" and machine.tags.get(TAG) != NONE and _key(machine) not in self._crashed
        ]

    @property
    def _crashed(self) -> set[Key]:
        return self._world.store(Conditions, "", "").crashed

    # --- beginning ------------------------------------------------------------------------------------

    def _start_running(self) -> None:
        if self._is_stopped.is_set():
            return
        for machine in self._running():
            key = _key(machine)
            if machine.tags.get(TAG) == MEMORY and self._memory_agents is not None:
                if key not in self._simulated:
                    self._simulated[key] = identifier_of(machine)
                    self._memory_agents.add(identifier_of(machine), machine.account)
            elif not self._is_served(key):
                self._boot(key, machine)

    def _is_served(self, key: Key) -> bool:
        """True while the instance's agent runs, or ended only a moment ago."""
        instance = self._instances.get(key)
        if instance is None or instance.agent is None:
            return False
        return instance.agent.is_alive or not instance.pause.is_over()

    def _boot(self, key: Key, machine: Machine) -> None:
        instance = self._instances.get(key) or self._place(key, machine)
        if instance is None:
            return
        instance.pause.is_over()
        home = self._homes / machine.instance_id
        instance.agent = self._make_agent(Boot(machine, identifier_of(machine), home, instance.address))
        instance.agent.start()

    def _hear_launch(self, machine: Machine) -> None:
        """Give a new instance its address before RunInstances answers, for that tells it.

        A launch that is carried out again after a crash gets the same one, which its agent still has.
        """
        if machine.tags.get(TAG) not in {MEMORY, NONE}:
            with self._world.lock:
                self._settle()
                self._place(_key(machine), machine)

    def _settle(self) -> None:
        """Let the instances of an earlier sandbox in this directory keep their addresses.

        Not before there is need: the server knows its own address only after it was made, and what an earlier one kept
        comes back after that.
        """
        if self._is_settled:
            return
        self._is_settled = True
        self._addresses = Addresses(self._world.address_base)
        for machine in self._machines():
            if machine.state not in GONE and self._addresses.reserve(machine.private_ip):
                self._instances[_key(machine)] = Instance(machine.private_ip)

    def _place(self, key: Key, machine: Machine) -> Instance | None:
        """Give the instance an address for life; None when all are taken."""
        address = self._addresses.take()
        if address is None:
            if key not in self._without_address:  # said once; it is tried again at every tick
                log.warning("%s gets no agent: all addresses are taken", machine.instance_id)
            self._without_address.add(key)
            return None
        self._without_address.discard(key)
        instance = self._instances[key] = Instance(address)
        self._world.moto.set_private_ip(machine.account, machine.region, machine.instance_id, address)
        return instance

    # --- ending ---------------------------------------------------------------------------------------

    def _take_ended(self) -> list[InstanceAgent]:
        """Agents of instances that run no longer; their instances forget them."""
        states = {_key(machine): machine.state for machine in self._machines()}
        self._forget_simulated(states)
        ended = []
        for key, instance in list(self._instances.items()):
            state = states.get(key, "terminated")
            is_down = state != "running" or key in self._crashed
            if is_down and instance.agent is not None:
                ended.append(instance.agent)
                instance.agent = None
            if state in GONE:
                self._addresses.give_back(instance.address)
                del self._instances[key]
        return ended

    def _forget_simulated(self, states: dict[Key, str]) -> None:
        for key, identifier in list(self._simulated.items()):
            is_down = states.get(key) != "running" or key in self._crashed
            if is_down and self._memory_agents is not None:
                self._memory_agents.remove(identifier)
                del self._simulated[key]


def _key(machine: Machine) -> Key:
    return machine.account, machine.region, machine.instance_id


def identifier_of(machine: Machine) -> str:
    """The host identifier under which an instance's agent polls: the instance's ARN."""
    return f"arn:aws:ec2:{machine.region}:{machine.account}:instance/{machine.instance_id}"
