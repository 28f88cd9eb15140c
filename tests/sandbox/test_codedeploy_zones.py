"""Deployments that go through the Availability Zones one at a time: laws of the choice, and the waits over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from codedeploy_calls import wait_for
from codedeploy_traffic import Balanced, tagged
from hypothesis import given
from hypothesis import strategies as st

from deliverkit.sandbox.codedeploy import scheduling, zones
from deliverkit.sandbox.codedeploy.scheduling import Verdict
from deliverkit.sandbox.codedeploy.state import Deployment, Group, Target

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ZONES = ["us-east-1a", "us-east-1b", "us-east-1c"]


# --- laws -----------------------------------------------------------------------------------------


def deployment_of(hosts: list[tuple[str, bool]], minimum: int, per_zone: int) -> Deployment:
    """A deployment to hosts of these zones and of this health."""
    group = Group("g", "id", "shop", "123456789012", "us-east-1", {})
    hosts_minimum = {"type": "HOST_COUNT", "value": minimum}
    made = Deployment("d", "shop", group, "g", "custom", hosts_minimum, {}, "user", NOW, {})
    made.zonal = {"minimumHealthyHostsPerZone": {"type": "HOST_COUNT", "value": per_zone}}
    for number, (zone, healthy) in enumerate(hosts):
        made.targets[str(number)] = Target(str(number), f"arn:{number}", healthy, NOW, [], zone=zone)
    return made


HOSTS = st.lists(st.tuples(st.sampled_from(ZONES), st.booleans()), min_size=1, max_size=12)


@given(HOSTS, st.integers(0, 11), st.integers(0, 5), st.data())
def test_zones_go_one_after_the_other_and_keep_their_minimum(
    hosts: list[tuple[str, bool]], minimum: int, per_zone: int, data: st.DataObject
) -> None:
    order = sorted({zone for zone, _ in hosts})
    sizes = {zone: sum(each == zone for each, _ in hosts) for zone in order}
    minimum, per_zone = min(minimum, len(hosts) - 1), min(per_zone, min(sizes.values()) - 1)
    deployment = deployment_of(hosts, minimum, per_zone)
    floor = {zone: min(per_zone, sum(healthy for each, healthy in hosts if each == zone)) for zone in order}
    for zone in order:
        while (decision := zones.decide(deployment, zone)).verdict is Verdict.GO_ON:
            for name in decision.start:
                assert deployment.targets[name].zone == zone
                deployment.targets[name].status = "InProgress"
            members = scheduling.members_of(deployment.targets.values())
            running = [each.identifier for each in members if each.phase is scheduling.Phase.RUNNING]
            # It never waits for nothing.
            assert running
            standing = sum(
                each.is_healthy and each.phase is not scheduling.Phase.RUNNING
                for each in members
                if deployment.targets[each.identifier].zone == zone
            )
            assert standing >= floor[zone]
            name = data.draw(st.sampled_from(running))
            deployment.targets[name].status = data.draw(st.sampled_from(["Succeeded", "Failed"]))
        if decision.verdict is Verdict.FAILED:
            return
        assert all(each.status in {"Succeeded", "Failed"} for each in deployment.targets.values() if each.zone == zone)


@given(HOSTS, st.integers(0, 11), st.integers(0, 5))
def test_when_every_host_succeeds_every_zone_does(hosts: list[tuple[str, bool]], minimum: int, per_zone: int) -> None:
    order = sorted({zone for zone, _ in hosts})
    sizes = [sum(each == zone for each, _ in hosts) for zone in order]
    unhealthy_first = [(zone, False) for zone, _ in hosts]
    deployment = deployment_of(unhealthy_first, min(minimum, len(hosts) - 1), min(per_zone, min(sizes) - 1))
    for zone in order:
        while (decision := zones.decide(deployment, zone)).verdict is Verdict.GO_ON:
            for name in decision.start:
                deployment.targets[name].status = "Succeeded"
        assert decision.verdict is Verdict.SUCCEEDED


# --- over HTTP ------------------------------------------------------------------------------------


def spread(balanced: Balanced, per_zone: int, **tags: str) -> dict[str, list[str]]:
    """Instances in three zones."""
    return {zone: balanced.launch_in(zone, per_zone, **tags) for zone in ZONES}


def config(balanced: Balanced, **zonal: Any) -> str:
    name = balanced.name("zonal")
    balanced.api.create_deployment_config(
        deploymentConfigName=name, minimumHealthyHosts={"type": "HOST_COUNT", "value": 0}, zonalConfig=zonal
    )
    return name


def test_each_zone_is_monitored_before_the_next_begins(balanced: Balanced) -> None:
    fleet = balanced.name("fleet")
    hosts = spread(balanced, 2, fleet=fleet)
    name = config(balanced, firstZoneMonitorDurationInSeconds=1200, monitorDurationInSeconds=600)
    shown = balanced.api.get_deployment_config(deploymentConfigName=name)["deploymentConfigInfo"]
    assert shown["zonalConfig"] == {"firstZoneMonitorDurationInSeconds": 1200, "monitorDurationInSeconds": 600}
    group = balanced.group(ec2TagFilters=tagged(fleet), deploymentConfigName=name)
    deployment = balanced.fleet.redeploy(group, balanced.revision())

    def done() -> set[str]:
        return set(balanced.fleet.targets(deployment, "Succeeded"))

    first, second, third = (set(hosts[zone]) for zone in ZONES)
    wait_for(lambda: done() == first)
    balanced.advance(seconds=1100)
    assert (done(), len(balanced.fleet.targets(deployment, "Pending"))) == (first, 4)
    balanced.advance(seconds=101)
    wait_for(lambda: done() == first | second)
    balanced.advance(seconds=500)
    assert done() == first | second
    balanced.advance(seconds=101)
    # Nothing is waited for after the last zone.
    assert balanced.fleet.end(deployment)["status"] == "Succeeded"
    assert done() == first | second | third


def test_a_zone_keeps_its_own_minimum(balanced: Balanced) -> None:
    fleet = balanced.name("fleet")
    hosts = spread(balanced, 3, fleet=fleet, **{"deliverkit:agent": "none"})
    name = config(balanced, minimumHealthyHostsPerZone={"type": "FLEET_PERCENT", "value": 34})
    group = balanced.group(ec2TagFilters=tagged(fleet), deploymentConfigName=name)
    deployment = balanced.fleet.redeploy(group, balanced.revision())
    wait_for(lambda: balanced.fleet.targets(deployment, "InProgress") != [])
    # 34 % of three are two: one at a time, though the deployment as a whole has no minimum.
    (running,) = balanced.fleet.targets(deployment, "InProgress")
    assert running in hosts[ZONES[0]]
    balanced.api.stop_deployment(deploymentId=deployment)


def test_a_zone_that_is_too_small_for_its_minimum_lets_nothing_begin(balanced: Balanced) -> None:
    fleet = balanced.name("fleet")
    spread(balanced, 1, fleet=fleet)
    name = config(balanced, minimumHealthyHostsPerZone={"type": "HOST_COUNT", "value": 1})
    group = balanced.group(ec2TagFilters=tagged(fleet), deploymentConfigName=name)
    info = balanced.fleet.end(balanced.fleet.redeploy(group, balanced.revision()))
    assert (info["status"], info["errorInformation"]["code"]) == ("Failed", "HEALTH_CONSTRAINTS_INVALID")
    assert info["deploymentOverview"]["Skipped"] == 3


def test_a_zone_that_fails_keeps_the_others_from_beginning(balanced: Balanced) -> None:
    fleet = balanced.name("fleet")
    hosts = spread(balanced, 2, fleet=fleet)
    name = config(balanced, minimumHealthyHostsPerZone={"type": "HOST_COUNT", "value": 1})
    group = balanced.group(ec2TagFilters=tagged(fleet), deploymentConfigName=name)
    location = {"bucket": "releases", "key": "nowhere.zip", "bundleType": "zip"}
    info = balanced.fleet.end(balanced.fleet.redeploy(group, {"revisionType": "S3", "s3Location": location}))
    assert (info["status"], info["errorInformation"]["code"]) == ("Failed", "HEALTH_CONSTRAINTS")
    failed = set(balanced.fleet.targets(info["deploymentId"], "Failed"))
    assert failed == set(hosts[ZONES[0]])
