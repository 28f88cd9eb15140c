"""Laws that hold whatever is asked: an answer of the model, or an error that the operation declares."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from codedeploy_fleet import Fleet
from codepipeline_fixtures import ROLE, whole_rig
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deliverkit.sandbox.kernel.model import service_model

MODEL = service_model("codedeploy")
EDGES = ("", " ", "two words", "nobody", "x" * 101, "x" * 257, "d-ABCDEFGHI", ROLE)
ARNS = ("arn:aws:codedeploy:us-east-1:123456789012:application:shop", "arn:aws:codedeploy:us-east-1:1:instance/web")
KNOWN = ("shop", "prod", "alias", "boxes", "CodeDeployDefault.OneAtATime", "CodeDeployDefault.ECSAllAtOnce", *ARNS)
NAMES = {"applicationName": "shop", "deploymentGroupName": "prod", "currentDeploymentGroupName": "prod"}
NUMBERS = (-1, 0, 1, 50, 99, 100, 2880, 10_000)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with whole_rig(tmp_path_factory.mktemp("sandbox")) as rig:
        fleet = Fleet(rig)
        fleet.api.create_deployment_group(applicationName="shop", deploymentGroupName="prod", serviceRoleArn=ROLE)
        for name, platform in (("alias", "Lambda"), ("boxes", "ECS")):
            fleet.api.create_application(applicationName=name, computePlatform=platform)
        yield rig.client("codedeploy", parameter_validation=False)


def values(shape: Any) -> st.SearchStrategy[Any]:
    """What a shape of the model takes, and much that it does not."""
    match shape.type_name:
        case "structure":
            return st.fixed_dictionaries({}, optional={name: values(each) for name, each in shape.members.items()})
        case "list":
            return st.lists(values(shape.member), max_size=3)
        case "map":
            return st.dictionaries(values(shape.key), values(shape.value), max_size=2)
        case "string":
            return st.sampled_from([*shape.enum, *EDGES, *KNOWN])
        case "boolean":
            return st.booleans()
        case "timestamp":
            return st.integers(0, 2**31).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
        case _:
            return st.sampled_from(NUMBERS)


def requests(shape: Any) -> st.SearchStrategy[Any]:
    """Whole requests; every second one is about what exists, which chance alone would seldom find."""
    known = {name: value for name, value in NAMES.items() if name in shape.members}
    return st.builds(lambda asked, is_known: {**asked, **known} if is_known else asked, values(shape), st.booleans())


@pytest.mark.parametrize("operation", MODEL.operation_names)
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_every_error_is_one_that_the_operation_declares(api: Any, operation: str, data: st.DataObject) -> None:
    model = MODEL.operation_model(operation)
    asked = data.draw(requests(model.input_shape))
    try:
        getattr(api, xform_name(operation))(**asked)
    except ClientError as error:
        told = error.response
        assert (told["ResponseMetadata"]["HTTPStatusCode"], told["Error"]["Code"]) in {
            (400, shape.name) for shape in model.error_shapes
        }
