"""What deployments tell the world: SNS messages of triggers, and EventBridge events; over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC
from typing import Any

from codedeploy_calls import wait_for
from codedeploy_traffic import BLUE_GREEN, Balanced, tagged, targets

IN_WORDS = "%a %b %d %H:%M:%S UTC %Y"
EVENTS = [
    "DeploymentStart",
    "DeploymentSuccess",
    "DeploymentFailure",
    "DeploymentStop",
    "DeploymentRollback",
    "InstanceStart",
    "InstanceSuccess",
    "InstanceFailure",
]


class Inbox:
    """A queue behind a topic."""

    def __init__(self, balanced: Balanced) -> None:
        self.sqs, name = balanced.fleet.rig.client("sqs"), balanced.name("inbox")
        sns = balanced.fleet.rig.client("sns")
        self.topic = sns.create_topic(Name=name)["TopicArn"]
        self.url = self.sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = f"arn:aws:sqs:us-east-1:123456789012:{name}"
        sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=arn)
        self.messages: list[Any] = []
        self.subjects: list[str] = []

    def trigger(self, *events: str, name: str = "watch") -> dict[str, Any]:
        return {"triggerName": name, "triggerTargetArn": self.topic, "triggerEvents": list(events)}

    def wait(self, count: int) -> list[Any]:
        def received() -> bool:
            for each in self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages", []):
                envelope = json.loads(each["Body"])
                self.messages.append(json.loads(envelope["Message"]))
                self.subjects.append(envelope["Subject"])
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=each["ReceiptHandle"])
            return len(self.messages) >= count

        wait_for(received)
        return self.messages


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for each in value.values():
            yield from leaves(each)
    elif isinstance(value, list):
        for each in value:
            yield from leaves(each)
    else:
        yield value


def test_every_event_of_a_deployment_reaches_the_topic_in_its_form(balanced: Balanced) -> None:
    inbox, fleet = Inbox(balanced), balanced.name("fleet")
    (instance,) = balanced.launch(1, fleet=fleet)
    group = balanced.group(ec2TagFilters=tagged(fleet), triggerConfigurations=[inbox.trigger(*EVENTS)])
    test = inbox.wait(1)[0]
    assert (test["eventTriggerName"], test["deploymentGroupName"]) == ("watch", group)
    deployment = balanced.fleet.redeploy(group, balanced.revision())
    balanced.fleet.end(deployment)
    _, start, instance_start, instance_end, end = inbox.wait(5)
    told = {
        "region": "us-east-1",
        "accountId": "123456789012",
        "eventTriggerName": "watch",
        "applicationName": "shop",
        "deploymentId": deployment,
        "deploymentGroupName": group,
        "createTime": f"{balanced.fleet.get(deployment)['createTime'].astimezone(UTC):{IN_WORDS}}",
    }
    assert start == {**told, "completeTime": None, "status": "CREATED"}
    overview = '{"Succeeded":1,"Failed":0,"Skipped":0,"InProgress":0,"Pending":0}'
    complete = f"{balanced.fleet.get(deployment)['completeTime'].astimezone(UTC):{IN_WORDS}}"
    assert end == {**told, "completeTime": complete, "deploymentOverview": overview, "status": "SUCCEEDED"}
    assert inbox.subjects[1] == f"CREATED: AWS CodeDeploy {deployment} in us-east-1 to shop"
    assert inbox.subjects[4] == f"SUCCEEDED: AWS CodeDeploy {deployment} in us-east-1 to shop"
    # The guide's form, of which nothing else was seen.
    assert {type(each) for each in leaves(instance_end)} == {str}
    assert (instance_start["instanceStatus"], instance_end["instanceStatus"]) == ("InProgress", "Succeeded")
    assert instance_end["instanceId"] == f"arn:aws:ec2:us-east-1:123456789012:instance/{instance}"
    last = instance_end["lifecycleEvents"][-1]
    assert (last["LifecycleEvent"], last["LifecycleEventStatus"]) == ("ValidateService", "Succeeded")
    assert float(last["EndTime"]) >= float(last["StartTime"])


def test_triggers_hear_only_what_they_ask_for(balanced: Balanced) -> None:
    failures, rollbacks = Inbox(balanced), Inbox(balanced)
    fleet = balanced.name("fleet")
    balanced.launch(1, fleet=fleet)
    group = balanced.group(
        ec2TagFilters=tagged(fleet),
        autoRollbackConfiguration={"enabled": True, "events": ["DEPLOYMENT_FAILURE"]},
        triggerConfigurations=[
            failures.trigger("DeploymentFailure", "InstanceFailure"),
            rollbacks.trigger("DeploymentRollback", name="back"),
        ],
    )
    balanced.fleet.end(balanced.fleet.redeploy(group, balanced.revision()))
    location = {"bucket": "releases", "key": "nowhere.zip", "bundleType": "zip"}
    bad = balanced.fleet.end(balanced.fleet.redeploy(group, {"revisionType": "S3", "s3Location": location}))
    back = balanced.fleet.end(bad["rollbackInfo"]["rollbackDeploymentId"])
    assert back["status"] == "Succeeded"
    _, instance, deployment = failures.wait(3)
    assert (instance["instanceStatus"], deployment["status"]) == ("Failed", "FAILED")
    assert json.loads(deployment["errorInformation"])["ErrorCode"] == "HEALTH_CONSTRAINTS"
    # The failure is told of before its rollback exists.
    assert deployment["rollbackInformation"] == "{}"
    told = rollbacks.wait(2)[1]
    assert (told["deploymentId"], told["status"]) == (back["deploymentId"], "IN_PROGRESS")
    assert json.loads(told["rollbackInformation"]) == {
        "RollbackMessage": back["rollbackInfo"]["rollbackMessage"],
        "RollbackTriggeringDeploymentId": bad["deploymentId"],
    }
    # What comes after all of this shows that nothing else was said.
    balanced.api.update_deployment_group(
        applicationName="shop",
        currentDeploymentGroupName=group,
        triggerConfigurations=[
            failures.trigger("DeploymentFailure", name="again"),
            rollbacks.trigger("DeploymentRollback", name="back"),
            rollbacks.trigger("DeploymentRollback", name="new"),
        ],
    )
    assert [each.get("eventTriggerName") for each in failures.wait(4)][3:] == ["again"]
    assert [each.get("eventTriggerName") for each in rollbacks.wait(3)][2:] == ["new"]
    assert all("CodeDeploy" in subject for subject in failures.subjects)


def test_blue_green_deployments_tell_that_they_are_ready(balanced: Balanced) -> None:
    inbox, fleet = Inbox(balanced), balanced.name("fleet")
    (green,) = balanced.launch(1, fleet=fleet)
    group = balanced.group(
        deploymentStyle=BLUE_GREEN,
        blueGreenDeploymentConfiguration={"deploymentReadyOption": {"actionOnTimeout": "STOP_DEPLOYMENT"}},
        triggerConfigurations=[inbox.trigger("DeploymentReady", "InstanceReady", "DeploymentStop")],
        **targets(balanced.target_group()),
    )
    deployment = balanced.fleet.redeploy(group, balanced.revision(), targetInstances={"tagFilters": tagged(fleet)})
    _, instance, ready = inbox.wait(3)
    assert (instance["instanceStatus"], instance["instanceId"].endswith(green)) == ("Ready", True)
    assert ready["status"] == "READY"
    # The overview of messages has no count of instances that are ready.
    assert "Ready" not in json.loads(ready["deploymentOverview"])
    balanced.api.stop_deployment(deploymentId=deployment)
    stop = inbox.wait(4)[3]
    assert (stop["status"], json.loads(stop["errorInformation"])["ErrorCode"]) == ("STOPPED", "MANUAL_STOP")


def test_a_topic_that_is_gone_fails_no_deployment(balanced: Balanced) -> None:
    inbox, fleet = Inbox(balanced), balanced.name("fleet")
    balanced.launch(1, fleet=fleet)
    group = balanced.group(ec2TagFilters=tagged(fleet), triggerConfigurations=[inbox.trigger("DeploymentStart")])
    inbox.wait(1)
    balanced.fleet.rig.client("sns").delete_topic(TopicArn=inbox.topic)
    deployment = balanced.fleet.redeploy(group, balanced.revision())
    assert balanced.fleet.end(deployment)["status"] == "Succeeded"
    other = Inbox(balanced)
    balanced.api.update_deployment_group(
        applicationName="shop",
        currentDeploymentGroupName=group,
        triggerConfigurations=[other.trigger("DeploymentStart")],
    )
    assert len(other.wait(1)) == 1


def test_events_for_eventbridge_have_all_members(balanced: Balanced) -> None:
    fleet = balanced.name("fleet")
    (instance,) = balanced.launch(1, fleet=fleet)
    group = balanced.group(ec2TagFilters=tagged(fleet))
    deployment = balanced.fleet.redeploy(group, balanced.revision())
    balanced.fleet.end(deployment)
    ours = [each for each in balanced.fleet.rig.notices if each.detail.get("deploymentId") == deployment]
    told = [(each.detail_type.split()[1], each.detail["state"]) for each in ours]
    assert told == [("Deployment", "START"), ("Instance", "START"), ("Instance", "SUCCESS"), ("Deployment", "SUCCESS")]
    scope = "arn:aws:codedeploy:us-east-1:123456789012"
    owners = (f"{scope}:application:shop", f"{scope}:deploymentgroup:shop/{group}")
    host = f"arn:aws:ec2:us-east-1:123456789012:instance/{instance}"
    assert [each.resources for each in ours] == [owners, (host, *owners), (host, *owners), owners]
    shown = balanced.fleet.shown(group)
    assert ours[1].detail == {
        "region": "us-east-1",
        "application": "shop",
        "deploymentGroup": group,
        "deploymentId": deployment,
        "instanceGroupId": shown["deploymentGroupId"],
        "state": "START",
        "instanceId": instance,
    }
    assert {each.source for each in ours} == {"aws.codedeploy"}
