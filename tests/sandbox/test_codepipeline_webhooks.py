"""Webhooks: their declaration, who may call them, what their filters let through, and what they start."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from codepipeline_fixtures import KEY, Rig, refused
from hypothesis import given
from hypothesis import strategies as st

from deliverkit.sandbox.kernel.json_path import PathError, parse, select

PUSH = {"ref": "refs/heads/main", "commits": [{"id": "a1"}, {"id": "b2"}], "repository": {"private": True}}
_names = itertools.count()


@pytest.fixture
def pipeline(rig: Rig) -> str:
    name = rig.create()
    assert rig.ends(name, rig.first_execution(name)) == "Succeeded"
    return name


def definition(pipeline: str, **more: Any) -> dict[str, Any]:
    return {
        "name": f"hook-{next(_names)}",
        "targetPipeline": pipeline,
        "targetAction": "Read",
        "filters": [],
        "authentication": "UNAUTHENTICATED",
        "authenticationConfiguration": {},
        **more,
    }


def hook(rig: Rig, pipeline: str, **more: Any) -> Any:
    return rig.cp.put_webhook(webhook=definition(pipeline, **more))["webhook"]


def post(url: str, document: Any = PUSH, headers: dict[str, str] | None = None, method: str = "POST") -> int:
    """The HTTP status of a call of the webhook."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json", **(headers or {})}, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return int(error.code)


def executions(rig: Rig, pipeline: str) -> list[Any]:
    return list(rig.cp.list_pipeline_executions(pipelineName=pipeline)["pipelineExecutionSummaries"])


def starts(rig: Rig, pipeline: str) -> int:
    """How often webhooks started the pipeline."""
    return sum(each["trigger"]["triggerType"] == "Webhook" for each in executions(rig, pipeline))


def signed(secret: str, document: Any, digest: str = "sha256") -> dict[str, str]:
    made = hmac.new(secret.encode(), json.dumps(document).encode(), getattr(hashlib, digest)).hexdigest()
    return {f"X-Hub-Signature{'-256' if digest == 'sha256' else ''}": f"{digest}={made}"}


def test_a_call_starts_the_pipeline_and_is_its_trigger(rig: Rig, pipeline: str) -> None:
    made = hook(rig, pipeline)
    assert post(made["url"]) == 200
    newest = executions(rig, pipeline)[0]
    assert newest["trigger"] == {"triggerType": "Webhook", "triggerDetail": made["arn"]}
    assert rig.ends(pipeline, newest["pipelineExecutionId"]) == "Succeeded"
    listed = {each["arn"]: each for each in rig.cp.list_webhooks()["webhooks"]}
    assert listed[made["arn"]]["lastTriggered"] >= newest["startTime"]
    assert "lastTriggered" not in made


def test_a_webhook_is_answered_as_declared(rig: Rig, pipeline: str) -> None:
    declared = definition(pipeline, filters=[{"jsonPath": "$.ref", "matchEquals": "refs/heads/{Branch}"}])
    tags = [{"key": "team", "value": "shop"}]
    made = rig.cp.put_webhook(webhook=declared, tags=tags)["webhook"]
    assert made["definition"] == declared
    assert made["arn"] == f"arn:aws:codepipeline:us-east-1:123456789012:webhook:{declared['name']}"
    assert made["tags"] == tags


def test_a_secret_is_redacted_and_signs_the_calls(rig: Rig, pipeline: str) -> None:
    secret = {"SecretToken": "between us"}
    made = hook(rig, pipeline, authentication="GITHUB_HMAC", authenticationConfiguration=secret)
    assert made["definition"]["authenticationConfiguration"] == {"SecretToken": "****"}
    assert "between us" not in str(rig.cp.list_webhooks()["webhooks"])
    for headers in ({}, signed("wrong", PUSH), signed("between us", {"other": 1}), signed("wrong", PUSH, "sha1")):
        assert post(made["url"], headers=headers) == 403
    assert starts(rig, pipeline) == 0
    assert post(made["url"], headers=signed("between us", PUSH)) == 200
    assert post(made["url"], headers=signed("between us", PUSH, "sha1")) == 200
    assert starts(rig, pipeline) == 2


def test_a_range_of_addresses_decides_who_may_call(rig: Rig, pipeline: str) -> None:
    near = hook(rig, pipeline, authentication="IP", authenticationConfiguration={"AllowedIPRange": "127.0.0.0/8"})
    far = hook(rig, pipeline, authentication="IP", authenticationConfiguration={"AllowedIPRange": "10.0.0.0/8"})
    assert post(far["url"]) == 403
    assert starts(rig, pipeline) == 0
    assert post(near["url"]) == 200
    assert starts(rig, pipeline) == 1


@pytest.mark.parametrize(
    ("filters", "is_started"),
    [
        ([{"jsonPath": "$.ref", "matchEquals": "refs/heads/main"}], True),
        ([{"jsonPath": "$.ref", "matchEquals": "refs/heads/other"}], False),
        ([{"jsonPath": "$['commits'][1].id", "matchEquals": "b2"}], True),
        ([{"jsonPath": "$.commits[-1]['id']", "matchEquals": "b2"}], True),
        ([{"jsonPath": "$..id", "matchEquals": "a1"}], True),
        ([{"jsonPath": "$.commits[*].id", "matchEquals": "c3"}], False),
        ([{"jsonPath": "$.repository.private", "matchEquals": "true"}], True),
        ([{"jsonPath": "$.missing", "matchEquals": "x"}], False),
        ([{"jsonPath": "$.ref"}], True),
        ([{"jsonPath": "$.missing"}], False),
        ([{"jsonPath": "$.ref", "matchEquals": "refs/heads/main"}, {"jsonPath": "$.missing"}], False),
    ],
)
def test_all_filters_must_match(rig: Rig, pipeline: str, filters: list[dict[str, str]], is_started: bool) -> None:
    made = hook(rig, pipeline, filters=filters)
    assert post(made["url"]) == 200
    assert starts(rig, pipeline) == int(is_started)


def test_a_filter_can_name_the_actions_configuration(rig: Rig, pipeline: str) -> None:
    rule = {"jsonPath": "$.changed", "matchEquals": "s3://{S3Bucket}/{S3ObjectKey}?{Nothing}"}
    made = hook(rig, pipeline, filters=[rule])
    assert post(made["url"], {"changed": "s3://releases/other.zip?{Nothing}"}) == 200
    assert starts(rig, pipeline) == 0
    assert post(made["url"], {"changed": f"s3://releases/{KEY}?{{Nothing}}"}) == 200
    assert starts(rig, pipeline) == 1


@pytest.mark.parametrize(
    "body", [b"", b"payload=%7B%7D", b"\xff\xfe", b"[" * 100_000], ids=["no", "form", "bytes", "deep"]
)
def test_a_body_that_is_not_json_is_refused(rig: Rig, pipeline: str, body: bytes) -> None:
    assert post(hook(rig, pipeline)["url"], body) == 400
    assert starts(rig, pipeline) == 0


def test_only_posts_to_urls_that_exist_are_answered(rig: Rig, pipeline: str) -> None:
    url = hook(rig, pipeline)["url"]
    assert post(url, method="GET") == 405
    assert post(f"{url}x") == 404
    assert post(f"{rig.sandbox.endpoint}/_sandbox/webhooks/") == 404


def test_putting_a_webhook_again_replaces_it_under_the_same_url(rig: Rig, pipeline: str) -> None:
    first = hook(rig, pipeline)
    name = first["definition"]["name"]
    again = hook(rig, pipeline, name=name, filters=[{"jsonPath": "$.never"}])
    assert (again["url"], again["arn"]) == (first["url"], first["arn"])
    assert post(again["url"]) == 200
    assert starts(rig, pipeline) == 0


def test_deleting_ends_the_url_and_a_new_webhook_has_another(rig: Rig, pipeline: str) -> None:
    made = hook(rig, pipeline)
    name = made["definition"]["name"]
    rig.cp.delete_webhook(name=name)
    rig.cp.delete_webhook(name=name)
    assert post(made["url"]) == 404
    assert hook(rig, pipeline, name=name)["url"] != made["url"]


def test_a_webhook_outlives_its_pipeline_and_starts_nothing(rig: Rig, pipeline: str) -> None:
    made = hook(rig, pipeline)
    rig.cp.delete_pipeline(name=pipeline)
    assert post(made["url"]) == 400


def test_the_target_must_be_a_source_action_of_a_pipeline(rig: Rig, pipeline: str) -> None:
    with refused("PipelineNotFoundException"):
        hook(rig, "nobody")
    for action in ("Deploy", "Nobody"):
        with refused("ValidationException", f"'{action}'"):
            hook(rig, pipeline, targetAction=action)


@pytest.mark.parametrize(
    ("kind", "configuration"),
    [
        ("GITHUB_HMAC", {}),
        ("GITHUB_HMAC", {"AllowedIPRange": "10.0.0.0/8"}),
        ("IP", {"SecretToken": "x"}),
        ("IP", {"AllowedIPRange": "somewhere"}),
        ("IP", {"AllowedIPRange": "10.0.0.0/8", "SecretToken": "x"}),
        ("UNAUTHENTICATED", {"SecretToken": "x"}),
    ],
)
def test_each_authentication_has_its_own_configuration(
    rig: Rig, pipeline: str, kind: str, configuration: dict[str, str]
) -> None:
    with refused("InvalidWebhookAuthenticationParametersException"):
        hook(rig, pipeline, authentication=kind, authenticationConfiguration=configuration)


@pytest.mark.parametrize("path", ["ref", "$.", "$[", "$['a", "$.a[?(@.b)]", "$.a[1:2]", "$.length()", "$ .a", "$.."])
def test_paths_that_are_not_understood_are_refused(rig: Rig, pipeline: str, path: str) -> None:
    with refused("InvalidWebhookFilterPatternException", "JSON path"):
        hook(rig, pipeline, filters=[{"jsonPath": path, "matchEquals": "x"}])


def test_three_hundred_webhooks_of_a_region_are_all_and_come_in_pages(rig: Rig) -> None:
    client = rig.client("codepipeline", "eu-west-1")
    declared = rig.cp.get_pipeline(name=rig.create())["pipeline"]
    client.create_pipeline(pipeline=declared)
    for _ in range(300):
        client.put_webhook(webhook=definition(declared["name"]))
    with refused("LimitExceededException", "300"):
        client.put_webhook(webhook=definition(declared["name"]))
    first = client.list_webhooks(MaxResults=100)
    pages = list(client.get_paginator("list_webhooks").paginate())
    names = [each["definition"]["name"] for page in pages for each in page["webhooks"]]
    assert len(pages) == 3
    assert (len(names), names) == (300, sorted(set(names)))
    assert names[:100] == [each["definition"]["name"] for each in first["webhooks"]]
    with refused("InvalidNextTokenException"):
        client.list_webhooks(NextToken="nonsense")


def test_there_is_no_github_to_register_with_and_the_webhook_says_so(rig: Rig, pipeline: str) -> None:
    secret = {"SecretToken": "x"}
    made = hook(rig, pipeline, authentication="GITHUB_HMAC", authenticationConfiguration=secret)
    name = made["definition"]["name"]

    def message() -> str | None:
        listed = rig.cp.get_paginator("list_webhooks").paginate().search("webhooks[]")
        found = next(each for each in listed if each["definition"]["name"] == name)
        text: str | None = found.get("errorMessage")
        return text

    rig.cp.register_webhook_with_third_party(webhookName=name)
    assert "no GitHub" in (message() or "")
    rig.cp.deregister_webhook_with_third_party(webhookName=name)
    assert message() is None


def test_only_a_webhook_for_github_can_be_registered(rig: Rig, pipeline: str) -> None:
    name = hook(rig, pipeline)["definition"]["name"]
    for register in (rig.cp.register_webhook_with_third_party, rig.cp.deregister_webhook_with_third_party):
        with refused("ValidationException", "GitHub"):
            register(webhookName=name)
        with refused("WebhookNotFoundException"):
            register(webhookName="nobody")
        with refused("ValidationException"):
            register()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


def places(document: Any, path: str = "$") -> Iterator[tuple[str, Any]]:
    """Every value of a document with a path to it."""
    yield path, document
    if isinstance(document, dict):
        for key, value in document.items():
            escaped = key.replace("\\", "\\\\").replace("'", "\\'")
            yield from places(value, f"{path}['{escaped}']")
    elif isinstance(document, list):
        for index, value in enumerate(document):
            yield from places(value, f"{path}[{index}]")


@given(JSON)
def test_every_value_is_selected_by_the_path_to_it(document: Any) -> None:
    for path, value in places(document):
        assert select(path, document) == [value]


@given(JSON, st.text(alphabet="ab", min_size=1, max_size=2))
def test_a_deep_path_selects_what_has_the_name_wherever_it_is(document: Any, name: str) -> None:
    wanted = [value for path, value in places(document) if path.endswith(f"['{name}']")]
    assert len(select(f"$..{name}", document)) == len(wanted)
    assert select(f"$..['{name}']", document) == select(f"$..{name}", document)


@given(st.text(alphabet="$.[]*'\"ab0-\\ ", max_size=12))
def test_any_path_is_understood_or_refused(path: str) -> None:
    try:
        steps = parse(path)
    except PathError:
        return
    assert select(path, {}) == ([] if steps else [{}])
