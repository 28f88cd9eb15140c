"""Which instances a deployment reaches and at what pace; over HTTP, on real agents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from codedeploy_calls import wait_for
from codedeploy_fleet import Fleet


@pytest.mark.parametrize(
    ("selection", "chosen"),
    [
        ({"ec2TagFilters": [{"Key": "tier-{0}", "Type": "KEY_ONLY"}]}, [0, 1]),
        ({"ec2TagFilters": [{"Value": "back-{0}", "Type": "VALUE_ONLY"}]}, [1, 2]),
        ({"ec2TagFilters": [{"Key": "tier-{0}", "Value": "front-{0}", "Type": "KEY_AND_VALUE"}]}, [0]),
        (
            {
                "ec2TagFilters": [
                    {"Key": "tier-{0}", "Value": "front-{0}", "Type": "KEY_AND_VALUE"},
                    {"Key": "only-{0}", "Type": "KEY_ONLY"},
                ]
            },
            [0, 2],
        ),
        (
            {
                "ec2TagSet": {
                    "ec2TagSetList": [
                        [{"Key": "tier-{0}", "Type": "KEY_ONLY"}, {"Key": "only-{0}", "Type": "KEY_ONLY"}],
                        [{"Value": "back-{0}", "Type": "VALUE_ONLY"}],
                    ]
                }
            },
            [1, 2],
        ),
        ({"ec2TagSet": {"ec2TagSetList": [[{"Key": "tier-{0}", "Type": "KEY_ONLY"}], [{"Key": "no-{0}"}]]}}, []),
    ],
)
def test_tags_choose_the_instances(fleet: Fleet, selection: Any, chosen: list[int]) -> None:
    mark = fleet.name()
    tags = [{f"tier-{mark}": f"front-{mark}"}, {f"tier-{mark}": f"back-{mark}"}, {f"only-{mark}": f"back-{mark}"}]
    instances = [fleet.launch(1, **each)[0] for each in tags]
    group = fleet.group(0, **_marked(selection, mark))
    deployment = fleet.deploy(group, "exit 0")
    fleet.end(deployment)
    assert sorted(fleet.targets(deployment)) == sorted(instances[number] for number in chosen)


def _marked(value: Any, mark: str) -> Any:
    if isinstance(value, dict):
        return {key: _marked(each, mark) for key, each in value.items()}
    if isinstance(value, list):
        return [_marked(each, mark) for each in value]
    return value.replace("{0}", mark)


def test_a_stopped_instance_counts_as_failed_and_a_terminated_one_is_no_member(fleet: Fleet) -> None:
    group = fleet.group(0)
    stopped, gone, alive = fleet.launch(3, serves=group)
    fleet.ec2.stop_instances(InstanceIds=[stopped])
    fleet.ec2.terminate_instances(InstanceIds=[gone])
    deployment = fleet.deploy(group, "exit 0", deploymentConfigName="CodeDeployDefault.AllAtOnce")
    assert fleet.end(deployment)["status"] == "Succeeded"
    assert (fleet.targets(deployment, "Failed"), fleet.targets(deployment, "Succeeded")) == ([stopped], [alive])
    assert {each["status"] for each in fleet.events(deployment, stopped).values()} == {"Skipped"}


def test_instances_on_the_revision_already_come_last(fleet: Fleet) -> None:
    group = fleet.group(0)
    first, second = fleet.launch(2, serves=group)
    fleet.end(fleet.deploy(group, "exit 0"))
    fleet.ec2.delete_tags(Resources=[second], Tags=[{"Key": "serves"}])
    ahead = fleet.end(fleet.deploy(group, "exit 0"))
    fleet.ec2.create_tags(Resources=[second], Tags=[{"Key": "serves", "Value": group}])
    deployment = fleet.redeploy(group, ahead["revision"])
    fleet.end(deployment)
    begun = {each: fleet.events(deployment, each)["ApplicationStop"]["startTime"] for each in (first, second)}
    assert begun[second] < begun[first]


def test_half_at_a_time_holds_half_of_a_healthy_fleet_back(fleet: Fleet, tmp_path: Path) -> None:
    group = fleet.group(4, deploymentConfigName="CodeDeployDefault.AllAtOnce")
    fleet.end(fleet.deploy(group, "exit 0"))
    deployment = fleet.deploy(
        group,
        f"while [ ! -e {tmp_path}/go ]; do sleep 0.02; done",
        deploymentConfigName="CodeDeployDefault.HalfAtATime",
    )
    wait_for(lambda: fleet.get(deployment).get("deploymentOverview", {}).get("InProgress") == 2)
    assert fleet.get(deployment)["deploymentOverview"]["Pending"] == 2
    (tmp_path / "go").touch()
    assert fleet.end(deployment)["deploymentOverview"]["Succeeded"] == 4


def test_the_last_of_several_may_fail_one_at_a_time(fleet: Fleet, tmp_path: Path) -> None:
    group = fleet.group(2)
    assert fleet.end(fleet.deploy(group, "exit 0"))["status"] == "Succeeded"
    info = fleet.end(fleet.deploy(group, f"mkdir {tmp_path}/taken"))
    overview = info["deploymentOverview"]
    assert (info["status"], overview["Succeeded"], overview["Failed"]) == ("Succeeded", 1, 1)


def test_an_instance_that_was_never_tried_keeps_its_health(fleet: Fleet) -> None:
    group = fleet.group(2)
    good = fleet.end(fleet.deploy(group, "exit 0"))
    bad = fleet.deploy(group, "exit 1")
    fleet.end(bad)
    repair = fleet.redeploy(group, good["revision"], updateOutdatedInstancesOnly=True)
    assert fleet.end(repair)["status"] == "Succeeded"
    assert fleet.targets(repair) == fleet.targets(bad, "Failed")
