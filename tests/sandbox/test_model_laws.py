"""Every operation, fed with generated requests: no answer is outside of its model, and none is the server's failure."""

from __future__ import annotations

import http.client
import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from codedeploy_fleet import Fleet
from codepipeline_fixtures import ROLE, SOURCE_BUCKET, Rig, approval, source, stage, structure, whole_rig
from codepipeline_workers import action, declare, property_of
from hypothesis import HealthCheck, given, settings
from model_answers import objections
from model_input import Known, requests, service_model

MODELS = {"codedeploy": service_model("codedeploy"), "codepipeline": service_model("codepipeline")}
SIGNED = "AWS4-HMAC-SHA256 Credential=test/20260105/us-east-1/{}/aws4_request, SignedHeaders=host, Signature=0"


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with whole_rig(tmp_path_factory.mktemp("sandbox")) as rig:
        rig.put()
        yield rig


@pytest.fixture(scope="module")
def fleet(rig: Rig) -> Fleet:
    return Fleet(rig)


_numbers = itertools.count()


def codedeploy_world(fleet: Fleet) -> Known:
    """An application whose group has a deployment behind it and one under way, and what belongs to them."""
    api, number = fleet.api, next(_numbers)
    application, group, config, host = (f"{what}-{number}" for what in ("shop", "all", "careful", "host"))
    api.create_application(applicationName=application)
    for platform in ("Lambda", "ECS"):
        api.create_application(applicationName=f"{platform}-{number}", computePlatform=platform)
    api.create_deployment_config(deploymentConfigName=config, minimumHealthyHosts={"type": "HOST_COUNT", "value": 0})
    fleet.launch(1, serves=group, **{"deliverkit:agent": "memory"})
    api.create_deployment_group(
        applicationName=application,
        deploymentGroupName=group,
        serviceRoleArn=ROLE,
        ec2TagFilters=[{"Key": "serves", "Value": group, "Type": "KEY_AND_VALUE"}],
    )
    revision = fleet.revision(f"{group}.zip", {"appspec.yml": "version: 0.0\nos: linux\n"})
    names = {"applicationName": application, "deploymentGroupName": group, "revision": revision}
    done = fleet.end(api.create_deployment(**names)["deploymentId"])["deploymentId"]
    (busy,) = fleet.launch(1, serves=group, **{"deliverkit:agent": "none"})
    live = api.create_deployment(**names, deploymentConfigName=config)["deploymentId"]
    user = f"arn:aws:iam::123456789012:user/{host}"
    api.register_on_premises_instance(instanceName=host, iamUserArn=user)
    arn = f"arn:aws:codedeploy:us-east-1:123456789012:application:{application}"
    return {
        "applicationname": [application, application, application, f"Lambda-{number}", f"ECS-{number}", "absent"],
        "newapplicationname": [f"new-{application}"],
        "deploymentgroupname": [group, group, group, "absent"],
        "currentdeploymentgroupname": [group],
        "deploymentconfigname": [config, "CodeDeployDefault.AllAtOnce", "absent"],
        "deploymentid": [done, live, "d-ABCDEFGHI"],
        "instanceid": [busy, host, "i-0123456789abcdef0"],
        "targetid": [busy, "i-0123456789abcdef0"],
        "instancename": [host, host, host, "absent"],
        "iamuserarn": [user, "arn:aws:iam::123456789012:user/new"],
        "iamsessionarn": ["arn:aws:sts::123456789012:assumed-role/build/session"],
        "servicerolearn": [ROLE],
        "resourcearn": [arn, arn + "-absent"],
        "revision": [revision],
        "ec2tagfilter": [{"Key": "serves", "Value": group, "Type": "KEY_AND_VALUE"}],
    }


def codepipeline_world(rig: Rig) -> Known:
    """A pipeline whose execution waits for an approval and for a worker, and what belongs to them."""
    worker = declare(rig, property_of("Project", required=False))
    name, hook = rig.name(), f"hook-{next(_numbers)}"
    ask = stage("Approve", approval(), action(worker, configuration={"Project": "shop"}))
    declared = structure(name, stage("Source", source()), ask, stage("Last", approval("Again")))
    rig.cp.create_pipeline(pipeline=declared)
    token = rig.token(name)
    execution = rig.first_execution(name)
    (job,) = rig.until(lambda: rig.cp.poll_for_jobs(actionTypeId=worker.kind)["jobs"])
    target = {"targetPipeline": name, "targetAction": "Read", "authentication": "UNAUTHENTICATED"}
    webhook = {"name": hook, "filters": [{"jsonPath": "$.ref"}], "authenticationConfiguration": {}, **target}
    rig.cp.put_webhook(webhook=webhook)
    attempt = rig.actions(name, execution)[-1]["actionExecutionId"]
    arn = f"arn:aws:codepipeline:us-east-1:123456789012:{name}"
    return {
        "name": [name, name, hook, "absent"],
        "pipelinename": [name, name, name, "absent"],
        "pipeline": [declared],
        "webhook": [webhook],
        "webhookname": [hook],
        "stagename": ["Source", "Approve", "Last", "absent"],
        "actionname": ["Read", "Ask", "Build", "absent"],
        "pipelineexecutionid": [execution, "00000000-0000-4000-8000-000000000000"],
        "targetpipelineexecutionid": [execution],
        "actionexecutionid": [attempt, token],
        "token": [token, "00000000-0000-4000-8000-000000000000"],
        "jobid": [job["id"], "00000000-0000-4000-8000-000000000000"],
        "nonce": [job["nonce"], "1"],
        "actiontypeid": [worker.kind],
        "category": [worker.kind["category"]],
        "provider": [worker.kind["provider"], "S3"],
        "owner": ["AWS", "Custom"],
        "version": ["1"],
        "resourcearn": [arn, arn + "-absent"],
        "bucketname": [SOURCE_BUCKET],
        "reason": ["held", "because"],
    }


def send(rig: Rig, service: str, operation: str, body: Any) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", rig.sandbox.port, timeout=10)
    target = f"{MODELS[service].metadata['targetPrefix']}.{operation}"
    headers = {"X-Amz-Target": target, "Authorization": SIGNED.format(service)}
    connection.request("POST", "/", json.dumps(body).encode(), headers)
    answer = connection.getresponse()
    found = answer.status, answer.read()
    connection.close()
    return found


FED = settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.mark.parametrize("operation", MODELS["codedeploy"].operation_names)
def test_every_answer_of_codedeploy_is_in_its_model(rig: Rig, fleet: Fleet, operation: str) -> None:
    _feed(rig, "codedeploy", operation, codedeploy_world(fleet))


@pytest.mark.parametrize("operation", MODELS["codepipeline"].operation_names)
def test_every_answer_of_codepipeline_is_in_its_model(rig: Rig, operation: str) -> None:
    _feed(rig, "codepipeline", operation, codepipeline_world(rig))


def _feed(rig: Rig, service: str, operation: str, known: Known) -> None:
    model = MODELS[service].operation_model(operation)

    @FED
    @given(body=requests(model, known))
    def every_answer(body: Any) -> None:
        status, answer = send(rig, service, operation, body)
        assert objections(model, status, answer) == [], answer

    every_answer()
