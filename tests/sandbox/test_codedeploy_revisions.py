"""Revisions of CodeDeploy applications, over HTTP with boto3."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from codedeploy_calls import wait_for
from codedeploy_fleet import Fleet, group, s3
from codepipeline_fixtures import refused


def keys(answer: Any) -> list[str]:
    return [each["s3Location"]["key"] for each in answer["revisions"]]


def test_a_registered_revision_is_known_by_what_identifies_it(api: Any, app: str) -> None:
    api.register_application_revision(applicationName=app, revision=s3("k", eTag='"abc"'), description="first")
    told = api.get_application_revision(applicationName=app, revision=s3("k", eTag="abc"))
    assert told["revisionInfo"]["description"] == "first"
    assert told["revisionInfo"]["deploymentGroups"] == []
    assert not {"firstUsedTime", "lastUsedTime"} & set(told["revisionInfo"])
    api.register_application_revision(applicationName=app, revision=s3("k", eTag="abc"), description="again")
    answer = api.batch_get_application_revisions(applicationName=app, revisions=[s3("k", eTag="abc"), s3("other")])
    assert [each["genericRevisionInfo"]["description"] for each in answer["revisions"]] == ["again"]
    assert answer["errorMessage"]
    for unknown in (s3("k"), s3("k", eTag="abc", version="1"), s3("K", eTag="abc")):
        with refused("RevisionDoesNotExistException"):
            api.get_application_revision(applicationName=app, revision=unknown)


def test_a_github_revision_is_registered_by_its_commit_but_never_deployed(api: Any, app: str) -> None:
    github = {"revisionType": "GitHub", "gitHubLocation": {"repository": "acct/repo", "commitId": "0f"}}
    api.register_application_revision(applicationName=app, revision=github)
    assert api.get_application_revision(applicationName=app, revision=github)["revision"] == github
    assert api.list_application_revisions(applicationName=app)["revisions"] == [github]
    assert api.list_application_revisions(applicationName=app, s3Bucket="b")["revisions"] == []
    group(api, app)
    deployment = api.create_deployment(applicationName=app, deploymentGroupName="prod", revision=github)["deploymentId"]
    wait_for(lambda: api.get_deployment(deploymentId=deployment)["deploymentInfo"]["status"] == "Failed")
    error = api.get_deployment(deploymentId=deployment)["deploymentInfo"]["errorInformation"]
    assert error["code"] == "MISSING_GITHUB_TOKEN"


@pytest.mark.parametrize(
    ("revision", "code"),
    [
        ({}, "RevisionRequiredException"),
        ({"revisionType": "S3"}, "InvalidRevisionException"),
        ({"revisionType": "S3", "s3Location": {"bucket": "b", "bundleType": "zip"}}, "InvalidRevisionException"),
        (s3("k", bundleType="rar"), "InvalidRevisionException"),
        (
            {"revisionType": "GitHub", "gitHubLocation": {"repository": "repo", "commitId": "0f"}},
            "InvalidRevisionException",
        ),
        (s3("k", bundleType="YAML"), "InvalidRevisionException"),
        ({"revisionType": "GitHub", "gitHubLocation": {"repository": "a/b"}}, "InvalidRevisionException"),
        ({"revisionType": "AppSpecContent", "appSpecContent": {"content": "{}"}}, "InvalidRevisionException"),
        ({"revisionType": "String", "string": {"content": "{}"}}, "InvalidRevisionException"),
    ],
)
def test_revisions_that_a_server_cannot_take_are_refused_everywhere(
    api: Any, app: str, revision: dict[str, Any], code: str
) -> None:
    group(api, app)
    with refused(code):
        api.register_application_revision(applicationName=app, revision=revision)
    with refused(code):
        api.get_application_revision(applicationName=app, revision=revision)
    with refused(code):
        api.create_deployment(applicationName=app, deploymentGroupName="prod", revision=revision)
    assert api.list_application_revisions(applicationName=app)["revisions"] == []


def test_revisions_are_filtered_by_place_and_sorted_by_time(fleet: Fleet, api: Any, app: str) -> None:
    for key in ("a/1", "a/2", "c/3"):
        api.register_application_revision(applicationName=app, revision=s3(key))
        fleet.rig.sandbox.world.clock.advance(timedelta(seconds=1))
    group(api, app)
    for key in ("c/3", "a/1", "c/3"):
        started = api.create_deployment(applicationName=app, deploymentGroupName="prod", revision=s3(key))
        fleet.end(started["deploymentId"])
        fleet.rig.sandbox.world.clock.advance(timedelta(seconds=1))

    def listed(**filters: str) -> list[str]:
        return keys(api.list_application_revisions(applicationName=app, **filters))

    assert listed(sortBy="registerTime") == ["a/1", "a/2", "c/3"]
    assert listed(sortBy="registerTime", sortOrder="descending") == ["c/3", "a/2", "a/1"]
    assert listed(sortBy="firstUsedTime") == ["a/2", "c/3", "a/1"]
    assert listed(sortBy="lastUsedTime", sortOrder="descending") == ["c/3", "a/1", "a/2"]
    assert sorted(listed(s3Bucket="b", s3KeyPrefix="a/")) == ["a/1", "a/2"]
    assert listed(s3Bucket="elsewhere") == []
    # No instance was there to deploy to, so that no revision became a group's own.
    assert (listed(deployed="include"), len(listed(deployed="exclude")), len(listed(deployed="ignore"))) == ([], 3, 3)


@pytest.mark.parametrize(
    ("filters", "code"),
    [
        ({"sortBy": "size"}, "InvalidSortByException"),
        ({"sortOrder": "up"}, "InvalidSortOrderException"),
        ({"deployed": "maybe"}, "InvalidDeployedStateFilterException"),
        ({"s3KeyPrefix": "a/"}, "BucketNameFilterRequiredException"),
        ({"s3Bucket": "Not A Bucket"}, "InvalidBucketNameFilterException"),
        ({"s3Bucket": "b", "s3KeyPrefix": "k" * 1025}, "InvalidKeyPrefixFilterException"),
        ({"nextToken": "x"}, "InvalidNextTokenException"),
    ],
)
def test_filters_of_revisions_that_mean_nothing_are_refused(api: Any, app: str, filters: Any, code: str) -> None:
    with refused(code):
        api.list_application_revisions(applicationName=app, **filters)


def test_batches_of_revisions_and_descriptions_have_their_limits(api: Any, app: str) -> None:
    with refused("BatchLimitExceededException", "25"):
        api.batch_get_application_revisions(applicationName=app, revisions=[s3("k")] * 26)
    with refused("RevisionRequiredException"):
        api.batch_get_application_revisions(applicationName=app, revisions=[])
    with refused("DescriptionTooLongException"):
        api.register_application_revision(applicationName=app, revision=s3("k"), description="d" * 257)
    api.register_application_revision(applicationName=app, revision=s3("k"), description="d" * 256)
