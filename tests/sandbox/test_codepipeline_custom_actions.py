"""Custom action types: their declaration, deletion and return, and the actions made of them."""

from __future__ import annotations

from typing import Any

import pytest
from codepipeline_fixtures import Rig, deploy, refused, source, stage, structure
from codepipeline_workers import action, declare, property_of

COUNTS = {"minimumCount": 0, "maximumCount": 1}


def create(rig: Rig, provider: str, client: Any = None, **more: Any) -> Any:
    declared = {"inputArtifactDetails": COUNTS, "outputArtifactDetails": COUNTS, **more}
    return (client or rig.cp).create_custom_action_type(category="Build", provider=provider, version="1", **declared)


def delete(rig: Rig, provider: str) -> None:
    rig.cp.delete_custom_action_type(category="Build", provider=provider, version="1")


def identity(provider: str) -> dict[str, str]:
    return {"category": "Build", "owner": "Custom", "provider": provider, "version": "1"}


def test_a_type_is_answered_as_declared_with_owner_custom(rig: Rig) -> None:
    declared = [property_of("Project", key=True, queryable=True, description="what to build", type="String")]
    settings = {
        "entityUrlTemplate": "https://ci.example/{Config:Project}",
        "executionUrlTemplate": "https://ci.example/{Config:Project}/{ExternalExecutionId}",
    }
    tags = [{"key": "team", "value": "shop"}]
    answer = create(rig, "Ci", configurationProperties=declared, settings=settings, tags=tags)
    assert answer["tags"] == tags
    assert answer["actionType"] == {
        "id": identity("Ci"),
        "settings": settings,
        "actionConfigurationProperties": declared,
        "inputArtifactDetails": COUNTS,
        "outputArtifactDetails": COUNTS,
    }
    listed = rig.cp.list_action_types(actionOwnerFilter="Custom")["actionTypes"]
    assert answer["actionType"] in listed


def test_a_type_exists_once_and_in_one_region(rig: Rig) -> None:
    create(rig, "Once")
    with refused("ValidationException", "exists"):
        create(rig, "Once")
    create(rig, "Once", rig.client("codepipeline", "eu-west-1"))


def test_a_deleted_type_comes_back_unchanged_only(rig: Rig) -> None:
    create(rig, "Back", configurationProperties=[property_of("Project")])
    delete(rig, "Back")
    assert identity("Back") not in [
        each["id"] for each in rig.cp.list_action_types(actionOwnerFilter="Custom")["actionTypes"]
    ]
    with refused("ActionTypeNotFoundException"):
        rig.cp.poll_for_jobs(actionTypeId=identity("Back"))
    with refused("InvalidActionDeclarationException", "'Back'"):
        rig.create(stage("Build", {"name": "Build", "actionTypeId": identity("Back")}))
    with refused("ValidationException", "unchanged"):
        create(rig, "Back", configurationProperties=[property_of("Other")])
    create(rig, "Back", configurationProperties=[property_of("Project")])
    assert rig.cp.poll_for_jobs(actionTypeId=identity("Back"))["jobs"] == []


def test_deleting_a_type_that_never_was_is_fine(rig: Rig) -> None:
    before = rig.cp.list_action_types(actionOwnerFilter="Custom")["actionTypes"]
    delete(rig, "Never")
    assert rig.cp.list_action_types(actionOwnerFilter="Custom")["actionTypes"] == before


def test_a_pipeline_whose_type_was_deleted_can_still_be_looked_at(rig: Rig) -> None:
    worker = declare(rig, property_of("Project"), settings={"entityUrlTemplate": "https://ci/{Config:Project}"})
    name = rig.create(stage("Build", action(worker, configuration={"Project": "shop"})))
    worker.poll(maxBatchSize=1)
    rig.cp.delete_custom_action_type(**{part: worker.kind[part] for part in ("category", "provider", "version")})
    assert rig.action(name, "Build", "Build")["entityUrl"] == "https://ci/shop"
    with refused("ActionTypeNotFoundException"):
        rig.cp.poll_for_jobs(actionTypeId=worker.kind)


def test_fifty_types_of_a_region_are_all(rig: Rig) -> None:
    client = rig.client("codepipeline", "ap-south-1")
    for number in range(50):
        create(rig, f"T{number}", client)
    with refused("LimitExceededException", "50"):
        create(rig, "T50", client)
    client.delete_custom_action_type(category="Build", provider="T0", version="1")
    create(rig, "T50", client)


@pytest.mark.parametrize(
    ("properties", "text"),
    [
        ([property_of("A"), property_of("A")], "more than once"),
        ([property_of("A", queryable=True), property_of("B", queryable=True)], "at most one"),
        ([property_of("A", queryable=True, required=False)], "'A'"),
        ([property_of("A", queryable=True, secret=True)], "'A'"),
        ([property_of(f"P{number}") for number in range(11)], "10"),
    ],
    ids=["twice", "two-queryable", "optional-queryable", "secret-queryable", "eleven"],
)
def test_properties_that_do_not_go_together_are_refused(rig: Rig, properties: list[dict[str, Any]], text: str) -> None:
    with refused("ValidationException", text):
        create(rig, "Wrong", configurationProperties=properties)


@pytest.mark.parametrize(
    "declared",
    [property_of("Key", secret=True), property_of("Key", required=False), property_of("Other")],
    ids=["secret", "optional", "unknown"],
)
def test_a_template_shows_required_properties_that_are_no_secret(rig: Rig, declared: dict[str, Any]) -> None:
    with refused("ValidationException", "'Key'"):
        create(
            rig,
            "Shown",
            configurationProperties=[declared],
            settings={"entityUrlTemplate": "https://ci/{Config:Key}"},
        )


def test_artifact_counts_have_an_order(rig: Rig) -> None:
    with refused("ValidationException", "minimumCount"):
        create(rig, "Counts", inputArtifactDetails={"minimumCount": 2, "maximumCount": 1})
    with refused("ValidationException"):
        create(rig, "Counts", inputArtifactDetails={"minimumCount": 0, "maximumCount": 6})


def test_tags_of_aws_are_refused(rig: Rig) -> None:
    with refused("InvalidTagsException"):
        create(rig, "Tagged", tags=[{"key": "aws:mine", "value": ""}])
    with refused("TooManyTagsException"):
        create(rig, "Tagged", tags=[{"key": f"k{number}", "value": ""} for number in range(51)])


def test_an_action_keeps_to_its_type(rig: Rig) -> None:
    worker = declare(
        rig,
        property_of("Project", queryable=True),
        property_of("Flags", required=False),
        outputArtifactDetails={"minimumCount": 1, "maximumCount": 1},
    )
    good = {"Project": "shop"}
    wrong: list[tuple[dict[str, Any], str]] = [
        ({}, "'Project'"),
        ({"Project": "shop", "Extra": "1"}, "'Extra'"),
        ({"Project": "two words"}, "queryable"),
        ({"Project": "x" * 21}, "queryable"),
    ]
    for configuration, text in wrong:
        with refused("InvalidActionDeclarationException", text):
            rig.create(stage("Build", action(worker, configuration=configuration)))
    with refused("InvalidActionDeclarationException", "output artifacts"):
        rig.create(stage("Build", action(worker, configuration=good, outputArtifacts=[])))
    rig.create(stage("Build", action(worker, configuration={**good, "Flags": "-v"})))
    fetched = source(namespace="fetched")
    rig.create(stage("Source", fetched), stage("Build", action(worker, configuration={"Project": "#{fetched.ETag}"})))


def test_a_custom_action_runs_in_the_pipelines_region_only(rig: Rig) -> None:
    worker = declare(rig)
    with refused("InvalidStructureException", "eu-west-1"):
        rig.create(stage("Build", action(worker, region="eu-west-1")))
    stores = {name: {"type": "S3", "location": "pipeline-artifacts"} for name in ("us-east-1", "eu-west-1")}
    declared = structure(rig.name(), stage("Build", action(worker, region="eu-west-1")), artifactStores=stores)
    del declared["artifactStore"]
    with refused("InvalidActionDeclarationException", "another region"):
        rig.cp.create_pipeline(pipeline=declared)


def test_urls_are_made_of_the_types_templates(rig: Rig) -> None:
    settings = {
        "entityUrlTemplate": "https://ci/{Config:Project}",
        "executionUrlTemplate": "https://ci/{Config:Project}/{ExternalExecutionId}",
    }
    worker = declare(rig, property_of("Project"), settings=settings)
    name = rig.create(stage("Build", action(worker, configuration={"Project": "shop"})))
    assert rig.action(name, "Build", "Build")["entityUrl"] == "https://ci/shop"
    worker.succeed(worker.claim(), executionDetails={"externalExecutionId": "17"})
    execution_id = rig.first_execution(name)
    assert rig.ends(name, execution_id) == "Succeeded"
    assert rig.action(name, "Build", "Build")["latestExecution"]["externalExecutionUrl"] == "https://ci/shop/17"
    result = rig.actions(name, execution_id)[-1]["output"]["executionResult"]
    assert (result["externalExecutionId"], result["externalExecutionUrl"]) == ("17", "https://ci/shop/17")


def secret_of(declared: Any) -> str:
    return str(declared["stages"][1]["actions"][0]["configuration"]["Password"])


def test_a_secret_is_masked_everywhere_but_in_the_job(rig: Rig) -> None:
    worker = declare(rig, property_of("Password", secret=True))
    declared = structure(rig.name(), stage("Build", action(worker, configuration={"Password": "s3cret"})))
    name = declared["name"]
    assert secret_of(rig.cp.create_pipeline(pipeline=declared)["pipeline"]) == "****"
    shown = rig.cp.get_pipeline(name=name)["pipeline"]
    assert secret_of(shown) == "****"
    job = worker.claim()
    assert job["data"]["actionConfiguration"]["configuration"] == {"Password": "s3cret"}
    told = rig.actions(name, rig.first_execution(name))[-1]["input"]
    assert (told["configuration"], told["resolvedConfiguration"]) == ({"Password": "****"}, {"Password": "****"})
    worker.succeed(job)

    assert secret_of(rig.cp.update_pipeline(pipeline=shown)["pipeline"]) == "****"
    rig.start(name)
    job = worker.claim()
    assert job["data"]["actionConfiguration"]["configuration"] == {"Password": "s3cret"}, "the mask keeps the value"
    worker.succeed(job)

    shown["stages"][1]["name"] = "Renamed"
    rig.cp.update_pipeline(pipeline=shown)
    rig.start(name)
    job = worker.claim()
    assert job["data"]["actionConfiguration"]["configuration"] == {"Password": "****"}, "a new name has no secret"


def test_the_same_type_runs_at_once_for_many_pipelines(rig: Rig) -> None:
    worker = declare(rig)
    names = [rig.create(stage("Build", action(worker)), stage("Deploy", deploy())) for _ in range(3)]
    seen = {worker.claim()["data"]["pipelineContext"]["pipelineName"] for _ in names}
    assert seen == set(names)
