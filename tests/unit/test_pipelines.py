"""The pipeline declaration that users copy: the service takes it, and deliverkit finds its way in it."""

from __future__ import annotations

import re
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator
from ruamel.yaml import YAML

from deliverkit.domain.environment import Environment
from deliverkit.domain.pipeline import ActionDeclaration, StageDeclaration
from deliverkit.domain.plan import StageMap
from deliverkit.engine.stages import source_action, stage_of

ROOT = Path(__file__).parents[2]
DECLARATIONS = sorted((ROOT / "pipelines").glob("*.yml"))
STOREFRONT = ROOT / "examples/storefront/deliverkit.yml"

# CodePipeline User Guide, action reference: what each action type takes, and how many artifacts go in and out.
ALLOWED = {
    ("Source", "S3"): {"S3Bucket", "S3ObjectKey", "PollForSourceChanges", "AllowOverrideForS3ObjectKey"},
    ("Deploy", "CodeDeploy"): {"ApplicationName", "DeploymentGroupName"},
    ("Approval", "Manual"): {"NotificationArn", "ExternalEntityLink", "CustomData"},
}
REQUIRED = {
    ("Source", "S3"): {"S3Bucket", "S3ObjectKey"},
    ("Deploy", "CodeDeploy"): {"ApplicationName", "DeploymentGroupName"},
    ("Approval", "Manual"): set(),
}
ARTIFACTS = {("Source", "S3"): (0, 1), ("Deploy", "CodeDeploy"): (1, 0), ("Approval", "Manual"): (0, 0)}


def load(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    return loaded


def kind(action: dict[str, Any]) -> tuple[str, str]:
    return action["actionTypeId"]["category"], action["actionTypeId"]["provider"]


def actions(pipeline: dict[str, Any]) -> list[dict[str, Any]]:
    return [action for stage in pipeline["stages"] for action in stage["actions"]]


def as_port(pipeline: dict[str, Any]) -> list[StageDeclaration]:
    """The declaration as the port hands it to the planner."""
    return [
        StageDeclaration(
            name=stage["name"],
            actions=tuple(
                ActionDeclaration(
                    name=action["name"],
                    category=kind(action)[0],
                    provider=kind(action)[1],
                    configuration=action.get("configuration", {}),
                    run_order=action.get("runOrder", 1),
                    region=action.get("region", "us-east-1"),
                )
                for action in stage["actions"]
            ),
        )
        for stage in pipeline["stages"]
    ]


@pytest.fixture(params=DECLARATIONS, ids=lambda path: path.name)
def pipeline(request: pytest.FixtureRequest) -> dict[str, Any]:
    return load(request.param)


def test_botocores_model_takes_it(pipeline: dict[str, Any]) -> None:
    shape = (
        botocore.session.get_session().get_service_model("codepipeline").operation_model("CreatePipeline").input_shape
    )
    report = ParamValidator().validate({"pipeline": pipeline}, shape)
    assert not report.has_errors(), report.generate_report()


def test_the_readmes_command_wraps_it_into_the_input_of_create_pipeline() -> None:
    readme = (ROOT / "pipelines/README.md").read_text(encoding="utf-8")
    [wrap] = re.findall(r'--cli-input-yaml "\$\((.*)\)"', readme)
    wrapped = subprocess.run(["sh", "-c", wrap], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert YAML(typ="safe").load(wrapped) == {"pipeline": load(ROOT / "pipelines/delivery.yml")}


def test_names_and_values_have_the_form_that_the_service_demands(pipeline: dict[str, Any]) -> None:
    stage_names = [stage["name"] for stage in pipeline["stages"]]
    names = [pipeline["name"], *stage_names, *(action["name"] for action in actions(pipeline))]
    assert [name for name in names if not re.fullmatch(r"[A-Za-z0-9.@\-_]{1,100}", name)] == []
    assert len(set(stage_names)) == len(stage_names) >= 2
    for stage in pipeline["stages"]:
        own = [action["name"] for action in stage["actions"]]
        assert len(set(own)) == len(own), stage["name"]
    for action in actions(pipeline):
        for key, value in action["configuration"].items():
            assert isinstance(value, str), f"{action['name']}.{key} must be quoted: CodePipeline takes strings only"
            assert 1 <= len(key) <= 50
            assert 1 <= len(value) <= 1000


def test_actions_have_the_keys_and_artifacts_of_their_type(pipeline: dict[str, Any]) -> None:
    for action in actions(pipeline):
        keys, type_id = set(action["configuration"]), action["actionTypeId"]
        assert (type_id["owner"], type_id["version"]) == ("AWS", "1")
        assert REQUIRED[kind(action)] <= keys <= ALLOWED[kind(action)], action["name"]
        counts = len(action.get("inputArtifacts", [])), len(action.get("outputArtifacts", []))
        assert counts == ARTIFACTS[kind(action)], action["name"]


def test_time_limits_stand_on_approvals_only_and_within_bounds(pipeline: dict[str, Any]) -> None:
    limited = [action for action in actions(pipeline) if "timeoutInMinutes" in action]
    assert {kind(action) for action in limited} <= {("Approval", "Manual")}
    assert all(5 <= action["timeoutInMinutes"] <= 86400 for action in limited)
    assert all(1 <= action.get("runOrder", 1) <= 999 for action in actions(pipeline))


def test_sources_come_first_and_every_input_was_made_before(pipeline: dict[str, Any]) -> None:
    first, *rest = pipeline["stages"]
    assert {kind(action)[0] for action in first["actions"]} == {"Source"}
    assert all(kind(action)[0] != "Source" for stage in rest for action in stage["actions"])
    made = [artifact["name"] for action in first["actions"] for artifact in action["outputArtifacts"]]
    assert len(set(made)) == len(made)
    used = {
        artifact["name"]
        for stage in rest
        for action in stage["actions"]
        for artifact in action.get("inputArtifacts", [])
    }
    assert used == set(made)


def test_variables_name_a_namespace_of_an_earlier_action_and_a_value_it_has(pipeline: dict[str, Any]) -> None:
    published = {"Release": {"ETag", "VersionId"}, "codepipeline": {"PipelineExecutionId"}}
    declared = [action["namespace"] for action in actions(pipeline) if "namespace" in action]
    artifacts = {artifact["name"] for action in actions(pipeline) for artifact in action.get("outputArtifacts", [])}
    assert declared == ["Release"]
    assert not artifacts & set(declared), "a namespace must differ from every artifact's name"
    for action in actions(pipeline):
        for value in action["configuration"].values():
            for namespace, key in re.findall(r"#\{([^.}]+)\.([^}]+)\}", value):
                assert key in published[namespace], value


def test_releases_keep_their_order_and_nothing_starts_or_rolls_back_by_itself(pipeline: dict[str, Any]) -> None:
    assert (pipeline["pipelineType"], pipeline["executionMode"]) == ("V2", "QUEUED")
    assert [stage["name"] for stage in pipeline["stages"] if "onFailure" in stage] == []
    assert "triggers" not in pipeline
    source = source_action(pipeline["name"], as_port(pipeline)).configuration
    assert source["AllowOverrideForS3ObjectKey"] == "true"
    assert source["PollForSourceChanges"] == "false"  # left out it means true


@pytest.mark.parametrize("name", ["dev", "staging", "production"])
def test_deliverkit_finds_the_storefronts_environments_with_entry_and_judge(name: str) -> None:
    settings, declared = load(STOREFRONT), load(ROOT / "pipelines/delivery.yml")
    group = settings["environments"][name]["deploy"]["codedeploy"]["group"]
    environment = Environment(name=name, waves=(("us-east-1",),), application=settings["application"], group=group)
    title = name.capitalize()
    assert stage_of(environment, as_port(declared)) == StageMap(
        stage=f"Deploy-{title}",
        deploy_actions=(f"Deploy-{title}",),
        entry_stage=f"Deploy-{title}",
        entry_action=f"Admit-{title}",
        judge_action=f"Judge-{title}",
    )


def test_pipeline_and_storefront_agree_on_name_file_bucket_and_order() -> None:
    settings, declared = load(STOREFRONT), load(ROOT / "pipelines/delivery.yml")
    assert settings["pipeline"]["name"] == declared["name"]
    assert (STOREFRONT.parent / settings["pipeline"]["file"]).resolve() == ROOT / "pipelines/delivery.yml"
    bucket = source_action(declared["name"], as_port(declared)).configuration["S3Bucket"]
    assert settings["release"]["store"].startswith(f"s3://{bucket}/")
    assert declared["artifactStore"]["location"] != bucket
    deploys = [action["configuration"] for action in actions(declared) if kind(action) == ("Deploy", "CodeDeploy")]
    groups = [environment["deploy"]["codedeploy"]["group"] for environment in settings["environments"].values()]
    assert [deploy["DeploymentGroupName"] for deploy in deploys] == groups
    assert {deploy["ApplicationName"] for deploy in deploys} == {settings["application"]}
    ways_in = [environment.get("from") for environment in settings["environments"].values()]
    assert ways_in == [None, *list(settings["environments"])[:-1]]


def test_a_judge_waits_longer_than_the_longest_bake_time() -> None:
    settings, declared = load(STOREFRONT), load(ROOT / "pipelines/delivery.yml")
    baked = [
        re.fullmatch(r"(\d+)s", environment.get("bake_time", "0s")) for environment in settings["environments"].values()
    ]
    longest = max(timedelta(seconds=int(match[1])) for match in baked if match)
    judges = [action for action in actions(declared) if action["name"].startswith("Judge-")]
    assert len(judges) == len(baked) == 3
    assert all(timedelta(minutes=judge["timeoutInMinutes"]) > longest for judge in judges)
