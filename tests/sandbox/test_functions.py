"""Functions really run: results, errors, time-outs, logs, versions, and what they can reach; over HTTP."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from datetime import timedelta
from functools import partial

import pytest
from agent_bench import wait_for, zipped
from botocore.exceptions import ClientError
from codepipeline_fixtures import Rig, refused, whole_rig
from functions_bench import function, invoke, publish, role

from deliverkit.sandbox import functions
from deliverkit.sandbox.functions.queue import Store
from deliverkit.sandbox.kernel.errors import ApiError

ACCOUNT = "123456789012"
ECHO = "def handler(event, context):\n    return {'got': event}\n"
COUNTS = """
import boto3
def handler(event, context):
    s3 = boto3.client("s3")
    s3.put_object(Bucket="counts", Key=context.aws_request_id + "/" + str(event["n"]), Body=b"")
    tries = s3.list_objects_v2(Bucket="counts", Prefix="tries/")["KeyCount"]
    s3.put_object(Bucket="counts", Key="tries/" + str(tries), Body=b"")
    if tries < event["fails"]:
        raise RuntimeError("not yet")
"""


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with whole_rig(tmp_path_factory.mktemp("sandbox")) as rig:
        yield rig


def test_a_function_answers_with_what_its_handler_returns(rig: Rig) -> None:
    function(rig, "echo", ECHO)
    result, answer = invoke(rig, "echo", {"n": 1})
    assert result == {"got": {"n": 1}}
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert "FunctionError" not in answer
    assert rig.client("lambda").invoke(FunctionName="echo")["Payload"].read() == b'{"got": {}}'


def test_a_function_is_found_by_its_arn_and_by_its_versions(rig: Rig) -> None:
    code = "import os\ndef handler(event, context):\n    return [{!r}, context.function_version]\n"
    arn = function(rig, "versions", code.format("zero"))
    first, second = publish(rig, "versions", code.format("one")), publish(rig, "versions", code.format("two"))
    rig.client("lambda").create_alias(FunctionName="versions", Name="live", FunctionVersion=first)
    assert (first, second) == ("1", "2")
    assert invoke(rig, arn)[0] == ["two", "$LATEST"]
    assert invoke(rig, "versions", Qualifier="1")[0] == ["one", "1"]
    assert invoke(rig, f"{arn}:2")[0] == ["two", "2"]
    result, answer = invoke(rig, "versions:live")
    assert (result, answer["ExecutedVersion"]) == (["one", "1"], "1")


def test_an_alias_with_weights_serves_both_of_its_versions(rig: Rig) -> None:
    code = "def handler(event, context):\n    return {!r}\n"
    function(rig, "weighted", code.format("zero"))
    first, second = publish(rig, "weighted", code.format("one")), publish(rig, "weighted", code.format("two"))
    client = rig.client("lambda")
    weights = {"AdditionalVersionWeights": {second: 1.0}}
    client.create_alias(FunctionName="weighted", Name="live", FunctionVersion=first, RoutingConfig=weights)
    assert invoke(rig, "weighted:live")[0] == "two"
    client.update_alias(FunctionName="weighted", Name="live", RoutingConfig={"AdditionalVersionWeights": {second: 0.0}})
    assert invoke(rig, "weighted:live")[0] == "one"


def test_an_exception_is_the_functions_error(rig: Rig) -> None:
    function(rig, "broken", "def fail():\n    raise KeyError('why')\ndef handler(event, context):\n    fail()\n")
    result, answer = invoke(rig, "broken", LogType="Tail")
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert (result["errorType"], result["errorMessage"]) == ("KeyError", "'why'")
    assert [line.split(", ")[-1].split("\n")[0] for line in result["stackTrace"]] == ["in handler", "in fail"]
    assert "KeyError" in base64.b64decode(answer["LogResult"]).decode()


@pytest.mark.parametrize(
    ("code", "settings", "kind"),
    [
        ("import nowhere_to_be_found\n", {}, "Runtime.ImportModuleError"),
        ("def handler(\n", {}, "Runtime.UserCodeSyntaxError"),
        ("x = 1\n", {}, "Runtime.HandlerNotFound"),
        ("def handler(event, context):\n    return object()\n", {}, "Runtime.MarshalError"),
        ("import os\ndef handler(event, context):\n    os._exit(3)\n", {}, "Runtime.ExitError"),
        ("import time\ndef handler(e, c):\n    time.sleep(60)\n", {"Timeout": 1}, "Sandbox.Timedout"),
    ],
)
def test_what_goes_wrong_has_its_name(rig: Rig, code: str, settings: dict[str, int], kind: str) -> None:
    name = f"wrong-{kind.rpartition('.')[2]}"
    function(rig, name, code, **settings)
    result, answer = invoke(rig, name)
    assert (result["errorType"], answer["FunctionError"]) == (kind, "Unhandled")


def test_a_function_knows_its_surroundings_and_reaches_the_sandbox(rig: Rig) -> None:
    code = """
import os, boto3
def handler(event, context):
    return {
        "region": os.environ["AWS_REGION"],
        "mine": os.environ["SHOP"],
        "account": boto3.client("sts").get_caller_identity()["Account"],
        "arn": context.invoked_function_arn,
        "left": 0 < context.get_remaining_time_in_millis() <= 30000,
        "pipelines": boto3.client("codepipeline").list_pipelines()["pipelines"],
    }
"""
    arn = function(rig, "looks", code, Environment={"Variables": {"SHOP": "tea", "AWS_REGION": "mars-1"}})
    assert invoke(rig, "looks")[0] == {
        "region": "us-east-1",
        "mine": "tea",
        "account": ACCOUNT,
        "arn": arn,
        "left": True,
        "pipelines": [],
    }


def test_what_a_function_prints_is_in_its_log(rig: Rig) -> None:
    function(rig, "prints", "def handler(event, context):\n    print('hello', event['n'])\n")
    _, answer = invoke(rig, "prints", {"n": 7}, LogType="Tail")
    tail = base64.b64decode(answer["LogResult"]).decode().splitlines()
    assert tail[0].startswith("START RequestId: ")
    assert tail[1] == "hello 7"
    assert [line.split()[0] for line in tail[2:]] == ["END", "REPORT"]
    logs = rig.client("logs")
    stream = logs.describe_log_streams(logGroupName="/aws/lambda/prints")["logStreams"][0]["logStreamName"]
    events = logs.get_log_events(logGroupName="/aws/lambda/prints", logStreamName=stream)["events"]
    assert [event["message"] for event in events] == tail


def test_refusals(rig: Rig) -> None:
    function(rig, "refuses", ECHO)
    client = rig.client("lambda")
    for name, qualifier in [("missing", None), ("refuses", "9"), ("refuses", "live"), ("refuses:9", None)]:
        with pytest.raises(ClientError) as raised:
            invoke(rig, name, **({"Qualifier": qualifier} if qualifier else {}))
        answer = raised.value.response
        assert answer["Error"]["Code"] == "ResourceNotFoundException"
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 404
        assert f":function:{name}" in answer["Error"]["Message"]
    with refused("InvalidRequestContentException"):
        client.invoke(FunctionName="refuses", Payload=b"{")
    with refused("InvalidParameterValueException"):
        client.invoke(FunctionName="refuses", InvocationType="Sometimes")


def test_a_dry_run_only_looks(rig: Rig) -> None:
    function(rig, "dry", "raise SystemExit\n")
    assert rig.client("lambda").invoke(FunctionName="dry", InvocationType="DryRun")["StatusCode"] == 204


def test_a_runtime_that_cannot_be_run_says_so(rig: Rig) -> None:
    function(rig, "java", ECHO, Runtime="java21")
    with pytest.raises(ClientError, match="java21 is not supported") as raised:
        invoke(rig, "java")
    assert raised.value.response["Error"]["Code"] == "InvalidRuntimeException"


@pytest.mark.skipif(shutil.which("node") is None, reason="no node here")
def test_node_handlers_run_too(rig: Rig) -> None:
    settings = {"Runtime": "nodejs20.x"}
    function(rig, "node", "exports.handler = async (event, c) => [event.n, c.functionName];", **settings)
    assert invoke(rig, "node", {"n": 3})[0] == [3, "node"]
    function(rig, "node-back", "exports.handler = (event, context, done) => done(null, event.n);", **settings)
    assert invoke(rig, "node-back", {"n": 4})[0] == 4
    function(rig, "node-bad", "exports.handler = async () => { throw new TypeError('no'); };", **settings)
    result, answer = invoke(rig, "node-bad")
    assert (result["errorType"], result["errorMessage"], answer["FunctionError"]) == ("TypeError", "no", "Unhandled")


# --- asynchronous ---------------------------------------------------------------------------------


def counted(rig: Rig, prefix: str) -> int:
    return int(rig.s3.list_objects_v2(Bucket="counts", Prefix=prefix).get("KeyCount", 0))


def test_an_event_is_delivered_and_tried_again_after_one_and_two_minutes(rig: Rig) -> None:
    rig.s3.create_bucket(Bucket="counts")
    function(rig, "counts", COUNTS)
    answer = rig.client("lambda").invoke(FunctionName="counts", InvocationType="Event", Payload=b'{"n": 1, "fails": 9}')
    assert answer["StatusCode"] == 202
    pauses = [timedelta(0), timedelta(minutes=1), timedelta(minutes=2)]
    for attempt, pause in enumerate(pauses, start=1):
        rig.sandbox.world.clock.advance(pause)
        wait_for(partial(has_ended, rig, attempt), f"the end of attempt {attempt}")
        assert counted(rig, "tries/") == attempt


def has_ended(rig: Rig, attempt: int) -> bool:
    """True once that attempt of the only event on its way is over; after the third nothing is on its way."""
    stores = rig.sandbox.world.stores(Store)
    invocations = [each for _, _, store in stores for each in list(store.invocations.values())]
    return [each.attempts for each in invocations if not each.runs] == ([attempt] if attempt < 3 else []) and not any(
        each.runs for each in invocations
    )


def test_the_package_refuses_functions_that_do_not_exist(rig: Rig) -> None:
    with pytest.raises(ApiError) as raised:
        functions.invoke(rig.sandbox.world, ACCOUNT, "us-east-1", "nobody", {})
    assert raised.value.code == "ResourceNotFoundException"


def test_code_that_leaves_its_directory_is_refused(rig: Rig) -> None:
    rig.client("lambda").create_function(
        FunctionName="leaves",
        Role=role(rig),
        Runtime="python3.12",
        Handler="app.handler",
        Code={"ZipFile": zipped({"../../app.py": ECHO})},
    )
    with pytest.raises(ClientError, match="names a file outside"):
        invoke(rig, "leaves")


FAILS_FOR_ONE = "def handler(event, context):\n    if event['n'] == 1:\n        raise RuntimeError('one')\n"


def statistics(rig: Rig, name: str, dimensions: dict[str, str]) -> tuple[float, ...]:
    """Samples, sum and maximum of a metric of Lambda's."""
    now, wanted = rig.sandbox.world.clock.now(), ["SampleCount", "Sum", "Maximum"]
    points = rig.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName=name,
        Dimensions=[{"Name": each, "Value": value} for each, value in dimensions.items()],
        StartTime=now - timedelta(hours=1),
        EndTime=now,
        Period=3600,
        Statistics=wanted,
    )["Datapoints"]
    return tuple(sum(point[each] for point in points) for each in wanted)


def test_invocations_are_metrics_of_the_function_the_alias_and_the_version(rig: Rig) -> None:
    function(rig, "measured", FAILS_FOR_ONE)
    version = publish(rig, "measured", FAILS_FOR_ONE)
    rig.client("lambda").create_alias(FunctionName="measured", Name="live", FunctionVersion=version)
    for number in (1, 2, 3):
        invoke(rig, "measured:live", {"n": number})
    invoke(rig, "measured", {"n": 1}, Qualifier=version)
    invoke(rig, "measured", {"n": 2})
    everything = {"FunctionName": "measured"}
    assert statistics(rig, "Invocations", everything)[0] == 0  # the minute is not over
    rig.advance(timedelta(seconds=61))
    wait_for(lambda: statistics(rig, "Invocations", everything)[0] == 5, "the metrics")
    assert statistics(rig, "Invocations", everything) == (5, 5, 1)
    assert statistics(rig, "Errors", everything) == (5, 2, 1)
    assert statistics(rig, "Throttles", everything) == (5, 0, 0)
    assert statistics(rig, "ConcurrentExecutions", everything) == (5, 5, 1)
    samples, total, longest = statistics(rig, "Duration", everything)
    assert samples == 5
    assert 1 < longest < total
    by_alias = {**everything, "Resource": "measured:live"}
    assert statistics(rig, "Errors", by_alias) == (3, 1, 1)
    assert statistics(rig, "Errors", {**by_alias, "ExecutedVersion": version}) == (3, 1, 1)
    by_version = {**everything, "Resource": f"measured:{version}"}
    assert statistics(rig, "Errors", by_version) == (1, 1, 1)
    assert statistics(rig, "Errors", {**by_version, "ExecutedVersion": version})[0] == 0
    assert statistics(rig, "Errors", {})[0] >= 5
