"""Instances: EC2 machines of moto with a home, an address and an agent, and nothing left when they are gone."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from agent_bench import ScriptedService, appspec, hook, is_running, shell, specification, wait_for, zipped

from deliverkit.sandbox.agent.agent import Agent
from deliverkit.sandbox.agent.host import make_host
from deliverkit.sandbox.agent.protocol import CommandStatus, HostCommand
from deliverkit.sandbox.instances.addresses import Addresses
from deliverkit.sandbox.instances.engine import Boot, Instances, StartAgent
from deliverkit.sandbox.kernel.world import World
from deliverkit.sandbox.moto_base import MotoBase

ACCOUNT, REGION = "123456789012", "us-east-1"


@dataclass
class Switchboard:
    """One scripted service per host."""

    services: dict[str, ScriptedService] = field(default_factory=dict)
    polled: set[str] = field(default_factory=set)

    def of(self, host: str) -> ScriptedService:
        return self.services.setdefault(host, ScriptedService(specification(), []))

    def poll(self, host: str) -> HostCommand | None:
        self.polled.add(host)
        command = self.of(host).poll(host)
        return command and HostCommand(
            f"{host}|{command.identifier}", host, command.execution_id, command.name, command.nonce
        )

    def specification(self, execution_id: str, host: str) -> Any:
        return self.of(host).specification(execution_id, host)

    def acknowledge(self, identifier: str, *, is_noop: bool) -> CommandStatus:
        host, own = identifier.split("|")
        return self.of(host).acknowledge(own, is_noop=is_noop)

    def complete(self, identifier: str, status: CommandStatus, diagnostics: Any) -> None:
        host, own = identifier.split("|")
        self.of(host).complete(own, status, diagnostics)


@dataclass
class Fleet:
    """A world with moto, the engine on it, and hands to launch and stop machines with."""

    world: World
    engine: Instances
    switchboard: Switchboard

    def ec2(self, region: str = REGION) -> Any:
        return self.world.moto.backend("ec2", ACCOUNT, region)

    def launch(self, region: str = REGION) -> str:
        reservation = self.ec2(region).run_instances(
            "ami-1", 1, "", [], is_instance_type_default=True, instance_type="t3.micro"
        )
        return str(reservation.instances[0].id)

    def has_agent(self, instance_id: str, region: str = REGION) -> bool:
        return self.engine.has_agent(ACCOUNT, region, instance_id)

    def address(self, instance_id: str) -> str:
        return next(machine.private_ip for machine in self.world.moto.machines() if machine.instance_id == instance_id)

    def home(self, instance_id: str) -> Path:
        return self.world.state_dir / "instances" / instance_id

    def deploy(self, instance_id: str, tree: dict[str, Any], *events: str) -> ScriptedService:
        """Have the instance work through the events; a bucket is made for the bundle."""
        s3 = self.world.moto.backend("s3", ACCOUNT, "global")
        if "releases" not in s3.buckets:
            s3.create_bucket("releases", "us-east-1")
        s3.put_object("releases", instance_id, zipped(tree))
        host = f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{instance_id}"
        service = self.switchboard.of(host)
        service.spec = specification(key=instance_id)
        service.events.extend(events)
        self.world.doorbell.ring(host)
        return service


def thread_agents(world: World, switchboard: Switchboard) -> StartAgent:
    """Agents on threads of this process, in conversation with the scripted services."""

    def make(boot: Boot) -> Agent:
        def fetch(bucket: str, key: str, version: str | None, into: Path) -> str:
            stored = world.moto.read_object(boot.machine.account, bucket, key, version)
            into.write_bytes(stored.body)
            return str(stored.e_tag)

        host = make_host(boot.identifier, boot.home / "root", boot.address, world.clock.now)
        agent = Agent(host, switchboard, fetch)
        world.doorbell.subscribe(lambda _: agent.wake())
        return agent

    return make


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    reset()
    world = World(state_dir=tmp_path, moto=MotoBase())
    world.address_base = f"127.{random.randint(64, 127)}.{random.randint(0, 255)}"
    switchboard = Switchboard()
    engine = Instances(world, thread_agents(world, switchboard))
    engine.start()
    yield Fleet(world, engine, switchboard)
    engine.stop()
    reset()


def reset() -> None:
    from moto.backends import get_backend  # noqa: PLC0415  (slow to import)

    for service in ("ec2", "s3"):
        get_backend(service).reset()


SERVER = shell(
    "setsid python3 -u -m http.server --bind $DELIVERKIT_INSTANCE_ADDRESS 8080 </dev/null >/dev/null 2>&1 &",
    "echo $! > $DELIVERKIT_INSTANCE_ROOT/pid",
)
STARTS_SERVER = {"appspec.yml": hook("ApplicationStart", "location: serve.sh"), "serve.sh": SERVER}


def is_open(address: str) -> bool:
    with socket.socket() as client:
        return client.connect_ex((address, 8080)) == 0


def serve(fleet: Fleet, instance_id: str) -> int:
    service = fleet.deploy(instance_id, STARTS_SERVER, "DownloadBundle", "ApplicationStart")
    service.wait_until(lambda: len(service.completions) >= 2)
    wait_for(lambda: is_open(fleet.address(instance_id)), "the server")
    return int((fleet.home(instance_id) / "root/pid").read_text())


def test_every_running_instance_gets_a_home_an_address_and_an_agent(fleet: Fleet) -> None:
    first, second = fleet.launch(), fleet.launch("eu-west-1")
    assert fleet.has_agent(first)
    assert fleet.has_agent(second, "eu-west-1")
    base = fleet.world.address_base
    assert {fleet.address(first), fleet.address(second)} == {f"{base}.2", f"{base}.3"}
    assert (fleet.home(first) / "root").is_dir()
    assert (fleet.home(second) / "root").is_dir()
    wait_for(lambda: len(fleet.switchboard.polled) == 2, "polls")
    assert f"arn:aws:ec2:eu-west-1:{ACCOUNT}:instance/{second}" in fleet.switchboard.polled


def test_an_instance_is_found_without_anybody_asking(fleet: Fleet) -> None:
    instance_id = fleet.launch()
    wait_for(lambda: bool(fleet.switchboard.polled), "the agent's poll")
    assert next(iter(fleet.switchboard.polled)).endswith(instance_id)


def test_there_is_no_agent_where_there_is_no_instance(fleet: Fleet) -> None:
    instance_id = fleet.launch()
    assert not fleet.has_agent("i-00000000000000000")
    assert not fleet.has_agent(instance_id, "eu-west-1")
    fleet.world.doorbell.ring("arn:aws:ec2:us-east-1:123456789012:instance/i-00000000000000000")
    fleet.world.doorbell.ring("nonsense")
    assert fleet.has_agent(instance_id)


def test_two_instances_serve_on_the_same_port_until_they_are_gone(fleet: Fleet) -> None:
    first, second = fleet.launch(), fleet.launch()
    assert fleet.has_agent(first)
    pids = [serve(fleet, first), serve(fleet, second)]
    addresses = [fleet.address(first), fleet.address(second)]

    fleet.ec2().terminate_instances([first])
    wait_for(lambda: not is_open(addresses[0]) and not is_running(pids[0]), "the first server's end")
    wait_for(lambda: not fleet.has_agent(first), "the agent's end")
    assert is_open(addresses[1])
    fleet.engine.stop()
    wait_for(lambda: not is_running(pids[1]), "the second server's end")


def test_a_stopped_instance_keeps_its_disk_and_address_and_comes_back_with_a_new_agent(fleet: Fleet) -> None:
    instance_id = fleet.launch()
    assert fleet.has_agent(instance_id)
    pid, address = serve(fleet, instance_id), fleet.address(instance_id)
    fleet.ec2().stop_instances([instance_id])
    wait_for(lambda: not is_running(pid), "the server's end")
    wait_for(lambda: not fleet.has_agent(instance_id), "the agent's end")

    fleet.ec2().start_instances([instance_id])
    assert fleet.has_agent(instance_id)
    assert fleet.address(instance_id) == address
    assert (fleet.home(instance_id) / "root/pid").read_text().strip() == str(pid)
    assert not is_open(address)  # what ran before does not start by itself
    service = fleet.switchboard.of(f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{instance_id}")
    service.completions.clear()
    service.acknowledged.clear()
    fleet.world.doorbell.ring(f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{instance_id}")
    wait_for(lambda: is_open(address), "the server, deployed again")


def test_an_instance_that_stops_in_the_middle_of_a_hook_fails_the_event_when_it_is_back(fleet: Fleet) -> None:
    instance_id = fleet.launch()
    assert fleet.has_agent(instance_id)
    hang = shell("touch $DELIVERKIT_INSTANCE_ROOT/started", "sleep 600")
    tree = {"appspec.yml": hook("AfterInstall", "location: a.sh"), "a.sh": hang}
    service = fleet.deploy(instance_id, tree, "DownloadBundle", "AfterInstall")
    wait_for((fleet.home(instance_id) / "root/started").exists, "the hook's start")
    fleet.ec2().stop_instances([instance_id])
    wait_for(lambda: not fleet.has_agent(instance_id), "the agent's end")
    assert len(service.completions) == 1
    fleet.ec2().start_instances([instance_id])
    service.wait_until(lambda: len(service.completions) == 2)
    name, status, diagnostics = service.completions[1]
    assert (name, status, diagnostics.error_code) == ("AfterInstall", CommandStatus.FAILED, 7)


def test_an_instance_without_address_gets_that_of_the_next_to_go(fleet: Fleet) -> None:
    first = fleet.launch()
    assert fleet.has_agent(first)
    address = fleet.address(first)
    while fleet.engine._addresses.take() is not None:
        pass
    second = fleet.launch()
    assert not fleet.has_agent(second)
    fleet.ec2().stop_instances([first])
    wait_for(lambda: not fleet.has_agent(first), "the agent's end")
    assert not fleet.has_agent(second)  # a stopped instance keeps its address
    fleet.ec2().terminate_instances([first])
    wait_for(lambda: fleet.has_agent(second), "an address")
    assert fleet.address(second) == address


def test_a_bundle_that_is_not_in_s3_fails_the_download(fleet: Fleet) -> None:
    instance_id = fleet.launch()
    assert fleet.has_agent(instance_id)
    service = fleet.deploy(instance_id, {"appspec.yml": appspec()})
    service.spec = specification(key="gone")
    service.events.append("DownloadBundle")
    fleet.world.doorbell.ring(f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{instance_id}")
    service.wait_until(lambda: bool(service.completions))
    assert service.completions[0][2].message.startswith("NoSuchKey: s3://releases/gone")


def test_asking_under_the_worlds_lock_never_blocks(fleet: Fleet) -> None:
    found: list[bool] = []

    def ask() -> None:
        with fleet.world.lock:
            found.extend(fleet.has_agent(fleet.launch()) for _ in range(5))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert found == [True] * 15


def test_stopping_twice_and_asking_afterwards(fleet: Fleet) -> None:
    instance_id = fleet.launch()
    assert fleet.has_agent(instance_id)
    fleet.engine.stop()
    fleet.engine.stop()
    assert not fleet.has_agent(instance_id)


def sleeper(root: Path) -> subprocess.Popen[bytes]:
    """A process of the instance with that root."""
    marks = {"DELIVERKIT_INSTANCE_ID": root.parent.name, "DELIVERKIT_INSTANCE_ROOT": str(root)}
    return subprocess.Popen(["sleep", "600"], env={"PATH": os.defpath, **marks}, start_new_session=True)


def test_what_a_killed_sandbox_left_behind_ends_when_the_next_one_starts(tmp_path: Path) -> None:
    left = sleeper(tmp_path / "state/instances/i-1/root")
    other = sleeper(tmp_path / "state/instances-of-another/i-1/root")
    world = World(state_dir=tmp_path / "state", moto=MotoBase())
    engine = Instances(world, thread_agents(world, Switchboard()))
    try:
        engine.start()
        assert left.wait(10) == -signal.SIGKILL
        assert other.poll() is None
    finally:
        engine.stop()
        for process in (left, other):
            process.kill()
            process.wait()


def test_what_a_killed_sandbox_left_on_a_stopped_instance_ends_too(fleet: Fleet) -> None:
    running, stopped = fleet.launch(), fleet.launch()
    fleet.engine.stop()
    fleet.ec2().stop_instances([stopped])
    left = {each: sleeper(fleet.home(each) / "root") for each in (running, stopped)}
    engine = Instances(fleet.world, thread_agents(fleet.world, fleet.switchboard))
    try:
        engine.start()
        assert left[stopped].wait(10) == -signal.SIGKILL
        assert left[running].poll() is None
    finally:
        engine.stop()
        for process in left.values():
            process.kill()
            process.wait()


def test_addresses_are_used_again_only_when_none_is_fresh() -> None:
    addresses = Addresses("127.9.9")
    first = addresses.take()
    assert first == "127.9.9.2"
    addresses.give_back(first)
    rest = [addresses.take() for _ in range(252)]
    assert first not in rest
    assert len({*rest, first}) == 253
    assert addresses.take() == first
    assert addresses.take() is None
