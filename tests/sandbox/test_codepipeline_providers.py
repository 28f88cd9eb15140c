"""Actions that really do what they are for: sources, builds, deployments; whole pipelines over HTTP."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from codepipeline_actions import action, commit, contents, detail, error_of, on, run, zipped
from codepipeline_fixtures import ROLE, Rig, refused, stage, whole_rig


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with whole_rig(tmp_path_factory.mktemp("sandbox")) as rig:
        yield rig


# --- Deploy/S3 ------------------------------------------------------------------------------------


def test_an_artifact_is_put_into_a_bucket_as_it_is(rig: Rig) -> None:
    rig.s3.create_bucket(Bucket="website")
    body = zipped({"index.html": "hello"})
    rig.put(body)
    put = {"BucketName": "website", "Extract": "false", "ObjectKey": "site.zip", "CacheControl": "max-age=60"}
    name, execution, end = run(rig, stage("Deploy", on("Put", "Deploy/S3", put)))
    assert end == "Succeeded"
    found = rig.s3.get_object(Bucket="website", Key="site.zip")
    assert (found["Body"].read(), found["CacheControl"]) == (body, "max-age=60")
    result = detail(rig, name, execution, "Put")["output"]["executionResult"]
    assert result["externalExecutionId"] == "website/site.zip"


def test_an_artifact_is_extracted_below_a_key(rig: Rig) -> None:
    rig.s3.create_bucket(Bucket="extracted")
    rig.put(zipped({"index.html": "hello", "css/a.css": "red"}))
    whole = on("Whole", "Deploy/S3", {"BucketName": "extracted", "Extract": "true"})
    below = on("Below", "Deploy/S3", {"BucketName": "extracted", "Extract": "true", "ObjectKey": "v1"})
    name, execution, end = run(rig, stage("Deploy", whole, below))
    assert end == "Succeeded"
    keys = {each["Key"] for each in rig.s3.list_objects_v2(Bucket="extracted")["Contents"]}
    assert keys == {"index.html", "css/a.css", "v1/index.html", "v1/css/a.css"}
    ids = [
        detail(rig, name, execution, each)["output"]["executionResult"]["externalExecutionId"]
        for each in ("Whole", "Below")
    ]
    assert ids == ["extracted", "extracted/v1"]


@pytest.mark.parametrize(
    ("configuration", "text"),
    [
        ({"BucketName": "extracted", "Extract": "True"}, "set 'Extract' to either 'true' or 'false'"),
        ({"BucketName": "extracted", "Extract": "false"}, "you must provide an object"),
        ({"BucketName": "nowhere-at-all", "Extract": "true"}, "does not exist"),
    ],
)
def test_what_cannot_be_put_is_a_configuration_error(rig: Rig, configuration: dict[str, str], text: str) -> None:
    rig.put(zipped({"a": "b"}))
    name, execution, end = run(rig, stage("Deploy", on("Put", "Deploy/S3", configuration)))
    assert end == "Failed"
    code, message = error_of(rig, name, execution, "Put")
    assert code == "ConfigurationError"
    assert text in message


def test_extracted_files_have_their_types_and_keys_their_placeholders(rig: Rig) -> None:
    rig.s3.create_bucket(Bucket="pages")
    names = ["index.html", "UPPER.HTML", "app.js", "font.woff2", "README"]
    rig.put(zipped(dict.fromkeys(names, "hello")))
    whole = on("Whole", "Deploy/S3", {"BucketName": "pages", "Extract": "true"})
    named = {"BucketName": "pages", "Extract": "false", "ObjectKey": "kept/{datetime}_{uuid}.zip"}
    _, _, end = run(rig, stage("Deploy", whole, on("Named", "Deploy/S3", named)))
    assert end == "Succeeded"
    keys = [each["Key"] for each in rig.s3.list_objects_v2(Bucket="pages")["Contents"]]
    types = {key: rig.s3.head_object(Bucket="pages", Key=key)["ContentType"] for key in keys}
    plain = "application/octet-stream"
    assert [types[name] for name in names] == ["text/html", "text/html", "application/x-javascript", plain, plain]
    [kept] = [key for key in keys if key.startswith("kept/")]
    assert re.fullmatch(r"kept/\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.zip", kept)
    assert types[kept] == plain


def test_names_in_the_archive_become_keys_as_they_are_until_one_is_refused(rig: Rig) -> None:
    rig.s3.create_bucket(Bucket="opaque")
    rig.put(zipped({"/leading.txt": "a", "windows\\key.txt": "b", "nested/../relative.txt": "c", "after.txt": "d"}))
    put = on("Put", "Deploy/S3", {"BucketName": "opaque", "Extract": "true"})
    name, execution, end = run(rig, stage("Deploy", put))
    assert end == "Failed"
    assert error_of(rig, name, execution, "Put") == (
        "ConfigurationError",
        "The file name nested/../relative.txt contains invalid sequence: dot-dot-slash.",
    )
    keys = {each["Key"] for each in rig.s3.list_objects_v2(Bucket="opaque")["Contents"]}
    assert keys == {"/leading.txt", "windows/key.txt"}


def test_a_prefix_is_followed_by_a_slash_of_its_own(rig: Rig) -> None:
    rig.s3.create_bucket(Bucket="prefixed")
    rig.put(zipped({"index.html": "hello"}))
    put = on("Put", "Deploy/S3", {"BucketName": "prefixed", "Extract": "true", "ObjectKey": "prefix/"})
    name, execution, end = run(rig, stage("Deploy", put))
    assert end == "Succeeded"
    assert [each["Key"] for each in rig.s3.list_objects_v2(Bucket="prefixed")["Contents"]] == ["prefix//index.html"]
    result = detail(rig, name, execution, "Put")["output"]["executionResult"]
    assert result["externalExecutionId"] == "prefixed/prefix/"


def test_what_is_no_archive_cannot_be_extracted(rig: Rig) -> None:
    rig.s3.create_bucket(Bucket="corrupt")
    rig.put(b"owned corrupt archive")
    name, execution, end = run(
        rig, stage("Deploy", on("Put", "Deploy/S3", {"BucketName": "corrupt", "Extract": "true"}))
    )
    assert end == "Failed"
    assert error_of(rig, name, execution, "Put") == ("JobFailed", "The archive is malformed.")


# --- builds ---------------------------------------------------------------------------------------

BUILDSPEC = """
version: 0.2
env:
  variables: {COLOUR: blue}
  exported-variables: [VERSION, COLOUR]
phases:
  install:
    commands:
      - export VERSION=1.2.$((1 + 2))
      - mkdir -p out && cd out
  build:
    commands:
      - echo "$VERSION $COLOUR $GREETING" > result.txt
      - |
        for name in a b; do
          echo $name > $name.txt
        done
    finally:
      - echo always > ../finally.txt
artifacts:
  files: ['**/*']
  base-directory: out
  exclude-paths: [b.txt]
"""


def project(rig: Rig, name: str, buildspec: str = "", **environment: str) -> str:
    declared = [{"name": key, "value": value, "type": "PLAINTEXT"} for key, value in environment.items()]
    rig.client("codebuild").create_project(
        name=name,
        source={"type": "CODEPIPELINE", **({"buildspec": buildspec} if buildspec else {})},
        artifacts={"type": "CODEPIPELINE"},
        environment={
            "type": "LINUX_CONTAINER",
            "image": "aws/codebuild/standard:7.0",
            "computeType": "BUILD_GENERAL1_SMALL",
            "environmentVariables": declared,
        },
        serviceRole=ROLE,
    )
    return name


def build(name: str, **more: Any) -> dict[str, Any]:
    configuration = {"ProjectName": name, **more.pop("configuration", {})}
    return on("Build", "Build/CodeBuild", configuration, namespace="built", **more)


def test_a_build_runs_its_phases_exports_variables_and_packs_its_files(rig: Rig) -> None:
    rig.put(zipped({"buildspec.yml": BUILDSPEC, "input.txt": "given"}))
    name = project(rig, "whole", GREETING="declared")
    variables = json.dumps([{"name": "GREETING", "value": "#{codepipeline.PipelineExecutionId}", "type": "PLAINTEXT"}])
    shop = build(name, configuration={"EnvironmentVariables": variables}, outputArtifacts=[{"name": "Built"}])
    ask = action("Ask", "Approval/Manual", {"CustomData": "#{built.VERSION} in #{built.COLOUR}"})
    pipeline = rig.create(stage("Build", shop), stage("Approve", ask))
    execution = rig.first_execution(pipeline)
    token = rig.token(pipeline)
    built = detail(rig, pipeline, execution, "Build")["output"]
    assert built["outputVariables"] == {"VERSION": "1.2.3", "COLOUR": "blue"}
    assert contents(rig, built["outputArtifacts"][0]) == {
        "result.txt": f"1.2.3 blue {execution}\n",
        "a.txt": "a\n",
    }
    asked = detail(rig, pipeline, execution, "Ask")["input"]["resolvedConfiguration"]
    assert asked["CustomData"] == "1.2.3 in blue"
    rig.answer(pipeline, token)


@pytest.mark.parametrize(
    ("buildspec", "code", "text"),
    [
        (
            "phases: {build: {commands: [echo before, '(exit 7)', echo after]}}\nartifacts: {files: [a]}",
            "JobFailed",
            "exit status 7",
        ),
        ("phases: {build: {commands: [ls]}}\nartifacts: {files: [gone.txt]}", "JobFailed", "gone.txt"),
        ("phases: {build: {commands: [ls]}}\nartifacts: {files: ['../*']}", "JobFailed", "../*"),
        ("phases: {deploy: {commands: [ls]}}", "ConfigurationError", "deploy"),
        ("phases: [", "ConfigurationError", "no YAML"),
    ],
)
def test_a_build_that_fails_says_why(rig: Rig, buildspec: str, code: str, text: str) -> None:
    rig.put(zipped({"a": "b"}))
    name = project(rig, f"failing-{abs(hash(buildspec))}", f"version: 0.2\n{buildspec}\n")
    shop = build(name, outputArtifacts=[{"name": "Built"}])
    pipeline, execution, end = run(rig, stage("Build", shop))
    assert end == "Failed"
    told, message = error_of(rig, pipeline, execution, "Build")
    assert told == code, message
    assert text in message


def test_post_build_runs_after_a_failed_build_and_is_told(rig: Rig, tmp_path: Path) -> None:
    told = tmp_path / "told"
    rig.put(zipped({"a": "b"}))
    spec = f"""version: 0.2
phases:
  build: {{commands: ['false']}}
  post_build: {{commands: ['echo $CODEBUILD_BUILD_SUCCEEDING > {told}']}}
"""
    _, _, end = run(rig, stage("Build", build(project(rig, "post", spec))))
    assert end == "Failed"
    assert told.read_text() == "0\n"


def test_a_build_of_no_project_is_a_configuration_error(rig: Rig) -> None:
    rig.put(zipped({"a": "b"}))
    pipeline, execution, end = run(rig, stage("Build", build("nobody")))
    assert end == "Failed"
    assert error_of(rig, pipeline, execution, "Build")[0] == "ConfigurationError"


def test_commands_run_without_a_project(rig: Rig) -> None:
    rig.put(zipped({"name.txt": "storefront"}))
    commands = {
        "commands": ["export NAME=$(cat name.txt)", 'echo "$NAME $FROM" > made.txt'],
        "environmentVariables": [{"name": "FROM", "value": "outside", "type": "PLAINTEXT"}],
        "outputVariables": ["NAME"],
        "outputArtifacts": [{"name": "Made", "files": ["made.txt"]}],
        "namespace": "made",
    }
    pipeline, execution, end = run(rig, stage("Run", on("Run", "Compute/Commands", {}, **commands)))
    assert end == "Succeeded"
    found = detail(rig, pipeline, execution, "Run")["output"]
    assert found["outputVariables"] == {"NAME": "storefront"}
    assert contents(rig, found["outputArtifacts"][0]) == {"made.txt": "storefront outside\n"}


def test_a_build_finds_the_sandbox_in_its_environment(rig: Rig) -> None:
    program = "import boto3; print(boto3.client('sts').get_caller_identity()['Account'])"
    rig.put(zipped({"ask.py": program}))
    ask = f"export ACCOUNT=$({sys.executable} ask.py)"
    spec = f"version: 0.2\nphases: {{build: {{commands: ['{ask}']}}}}\nenv: {{exported-variables: [ACCOUNT]}}\n"
    pipeline, execution, end = run(rig, stage("Build", build(project(rig, "caller", spec))))
    assert end == "Succeeded", error_of(rig, pipeline, execution, "Build")
    assert detail(rig, pipeline, execution, "Build")["output"]["outputVariables"] == {"ACCOUNT": "123456789012"}


# --- CloudFormation -------------------------------------------------------------------------------

TEMPLATE = {
    "Parameters": {"Name": {"Type": "String"}},
    "Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Ref": "Name"}}}},
    "Outputs": {"Url": {"Value": {"Ref": "Queue"}}},
}


def stack(name: str, mode: str, **more: str) -> dict[str, Any]:
    settings = {"ActionMode": mode, "StackName": "shop", "RoleArn": ROLE, **more}
    if mode == "CHANGE_SET_EXECUTE":
        del settings["RoleArn"]
    return on(name, "Deploy/CloudFormation", settings, namespace=name)


def test_a_stack_is_created_changed_and_deleted(rig: Rig) -> None:
    later = {**TEMPLATE, "Outputs": {"Called": {"Value": "returns"}}}
    files = {"template.json": TEMPLATE, "names.json": {"queue": "orders"}, "later.json": later}
    rig.put(zipped({name: json.dumps(text) for name, text in files.items()}))
    overrides = json.dumps({"Name": {"Fn::GetParam": ["Bundle", "names.json", "queue"]}})
    create = stack("Create", "CREATE_UPDATE", TemplatePath="Bundle::template.json", ParameterOverrides=overrides)
    pipeline, execution, end = run(rig, stage("Deploy", create))
    assert end == "Succeeded", error_of(rig, pipeline, execution, "Create")
    assert detail(rig, pipeline, execution, "Create")["output"]["outputVariables"]["Url"].endswith("/orders")

    same = json.dumps({"Name": "orders"})
    change = {"TemplatePath": "Bundle::later.json", "ChangeSetName": "next", "ParameterOverrides": same}
    replace = stack("Replace", "CHANGE_SET_REPLACE", **change)
    execute = {**stack("Execute", "CHANGE_SET_EXECUTE", ChangeSetName="next"), "runOrder": 2}
    pipeline, execution, end = run(rig, stage("Deploy", replace, execute))
    assert end == "Succeeded", error_of(rig, pipeline, execution, "Replace")
    written = rig.client("cloudformation").get_template(StackName="shop")["TemplateBody"]
    assert "returns" in str(written)

    _, _, end = run(
        rig, stage("Deploy", stack("Delete", "DELETE_ONLY"), {**stack("Again", "DELETE_ONLY"), "runOrder": 2})
    )
    assert end == "Succeeded"
    with refused("ValidationError"):
        rig.client("cloudformation").describe_stacks(StackName="shop")


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"TemplatePath": "Bundle::gone.json"}, "gone.json"),
        ({"TemplatePath": "Other::template.json"}, "Other is not an input artifact"),
        ({"TemplatePath": "Bundle::template.json", "ParameterOverrides": "[1]"}, "not a JSON object"),
        ({"TemplatePath": "Bundle::template.json", "ParameterOverrides": '{"Name": {"Ref": "x"}}'}, "neither"),
    ],
)
def test_a_stack_whose_template_cannot_be_had_is_a_configuration_error(
    rig: Rig, more: dict[str, str], text: str
) -> None:
    rig.put(zipped({"template.json": json.dumps(TEMPLATE)}))
    pipeline, execution, end = run(rig, stage("Deploy", stack("Create", "CREATE_UPDATE", **more)))
    assert end == "Failed"
    code, message = error_of(rig, pipeline, execution, "Create")
    assert code == "ConfigurationError"
    assert text in message


# --- sources --------------------------------------------------------------------------------------


CONNECTION = "arn:aws:codestar-connections:us-east-1:123456789012:connection/1"


def git_source(kind: str, **configuration: str) -> dict[str, Any]:
    return action(
        "Read", kind, {"BranchName": "main", **configuration}, outputArtifacts=[{"name": "Bundle"}], namespace="code"
    )


def test_a_pushed_commit_of_codecommit_starts_the_pipeline(rig: Rig, tmp_path: Path) -> None:
    rig.client("codecommit").create_repository(repositoryName="shop")
    rig.s3.create_bucket(Bucket="from-git")
    put = on("Put", "Deploy/S3", {"BucketName": "from-git", "Extract": "true"})
    read = stage("Source", git_source("Source/CodeCommit", RepositoryName="shop"))
    name = rig.create(read, stage("Deploy", put))
    bare = rig.sandbox.state_dir / "repositories/123456789012/us-east-1/shop.git"
    rig.until(bare.exists)
    first = commit(tmp_path / "work", "The first\n\nwith more to say", README="hello")
    subprocess.run(["git", "push", "-q", str(bare), "main"], cwd=tmp_path / "work", check=True)

    def executions() -> list[Any]:
        return list(rig.cp.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"])

    polled = rig.until(
        lambda: [each for each in executions() if each["trigger"]["triggerType"] == "PollForSourceChanges"]
    )
    execution = polled[0]["pipelineExecutionId"]
    assert rig.ends(name, execution) == "Succeeded"
    variables = detail(rig, name, execution, "Read")["output"]["outputVariables"]
    assert (variables["CommitId"], variables["BranchName"], variables["RepositoryName"]) == (first, "main", "shop")
    assert variables["CommitMessage"] == "The first\n\nwith more to say"
    assert {"AuthorDate", "CommitterDate"} <= set(variables)
    assert rig.s3.get_object(Bucket="from-git", Key="README")["Body"].read() == b"hello"
    [revision] = rig.execution(name, execution)["artifactRevisions"]
    assert (revision["revisionId"], revision["revisionSummary"]) == (first, "The first")

    commit(tmp_path / "work", "The second", README="changed")
    subprocess.run(["git", "push", "-q", str(bare), "main"], cwd=tmp_path / "work", check=True)
    rig.until(lambda: rig.s3.get_object(Bucket="from-git", Key="README")["Body"].read() == b"changed")
    again = rig.start(
        name, sourceRevisions=[{"actionName": "Read", "revisionType": "COMMIT_ID", "revisionValue": first}]
    )
    assert rig.ends(name, again) == "Succeeded"
    assert rig.s3.get_object(Bucket="from-git", Key="README")["Body"].read() == b"hello"
    rig.cp.delete_pipeline(name=name)


def test_a_connection_reads_the_repository_that_was_put_there(rig: Rig) -> None:
    place = rig.sandbox.state_dir / "connections/acme/shop"
    first = commit(place, "From the hub", file="x")
    read = git_source(
        "Source/CodeStarSourceConnection", ConnectionArn=CONNECTION, FullRepositoryId="acme/shop", DetectChanges="false"
    )
    name, execution, end = run(
        rig, stage("Source", read), stage("Approve", on("Run", "Compute/Commands", {}, commands=["test -f file"]))
    )
    assert end == "Succeeded"
    variables = detail(rig, name, execution, "Read")["output"]["outputVariables"]
    assert (variables["CommitId"], variables["FullRepositoryName"], variables["ConnectionArn"]) == (
        first,
        "acme/shop",
        CONNECTION,
    )
    state = rig.action(name, "Source", "Read")
    assert json.loads(state["latestExecution"]["summary"]) == {
        "ProviderType": "GitHub",
        "CommitMessage": "From the hub",
    }
    assert state["entityUrl"].endswith("&referenceType=BRANCH&FullRepositoryId=acme/shop&Branch=main")
    assert state["revisionUrl"].endswith(f"&referenceType=COMMIT&FullRepositoryId=acme/shop&Commit={first}")


def test_a_github_source_reads_the_branch_polls_and_hides_its_token(rig: Rig) -> None:
    place = rig.sandbox.state_dir / "connections/acme/tools"
    first = commit(place, "The tools\n\nall of them", file="x")
    kind = {"category": "Source", "owner": "ThirdParty", "provider": "GitHub", "version": "1"}
    configuration = {"Owner": "acme", "Repo": "tools", "Branch": "main", "OAuthToken": "ghp_secret"}
    read = {
        **action("Read", "Source/GitHub", configuration, outputArtifacts=[{"name": "Bundle"}]),
        "actionTypeId": kind,
    }
    test = on("Run", "Compute/Commands", {}, commands=["test -f file"])
    name = rig.create(stage("Source", read), stage("Test", test))

    def executions() -> list[Any]:
        return list(rig.cp.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"])

    [polled] = rig.until(executions)
    assert polled["trigger"] == {"triggerType": "PollForSourceChanges", "triggerDetail": "Read"}
    execution = polled["pipelineExecutionId"]
    assert rig.ends(name, execution) == "Succeeded"
    variables = detail(rig, name, execution, "Read")["output"]["outputVariables"]
    assert set(variables) == {
        "AuthorDate",
        "BranchName",
        "CommitId",
        "CommitMessage",
        "CommitterDate",
        "CommitUrl",
        "RepositoryName",
    }
    assert variables["CommitUrl"] == f"https://github.com/acme/tools/commit/{first}"
    declared = rig.cp.get_pipeline(name=name)["pipeline"]["stages"][0]["actions"][0]["configuration"]
    assert declared == {**configuration, "OAuthToken": "****"}
    commit(place, "More tools", file="y")
    newer = rig.until(lambda: executions() if len(executions()) == 2 else None)
    assert newer[0]["sourceRevisions"] == [] or newer[0]["sourceRevisions"][0]["revisionId"] != first


@pytest.mark.parametrize(
    ("kind", "configuration", "text"),
    [
        ("Source/CodeCommit", {"RepositoryName": "nobody", "PollForSourceChanges": "false"}, "nobody does not exist"),
        (
            "Source/CodeStarSourceConnection",
            {"ConnectionArn": CONNECTION, "FullRepositoryId": "../../etc", "DetectChanges": "false"},
            "No repository",
        ),
    ],
)
def test_a_repository_that_is_not_there_fails_the_source(
    rig: Rig, kind: str, configuration: dict[str, str], text: str
) -> None:
    name, execution, end = run(
        rig,
        stage("Source", git_source(kind, **configuration)),
        stage("Run", on("Run", "Compute/Commands", {}, commands=["true"])),
    )
    assert end == "Failed"
    code, message = error_of(rig, name, execution, "Read")
    assert code == "ConfigurationError"
    assert text in message


# --- ECS and Step Functions ------------------------------------------------------------------------


def test_a_service_gets_its_images(rig: Rig) -> None:
    ecs = rig.client("ecs")
    ecs.create_cluster(clusterName="shop")
    container = {"name": "web", "image": "shop:1", "memory": 128}
    ecs.register_task_definition(family="web", containerDefinitions=[container])
    ecs.create_service(cluster="shop", serviceName="web", taskDefinition="web", desiredCount=0)
    rig.put(zipped({"imagedefinitions.json": json.dumps([{"name": "web", "imageUri": "shop:2"}])}))
    deploy = on("Deploy", "Deploy/ECS", {"ClusterName": "shop", "ServiceName": "web"})
    pipeline, execution, end = run(rig, stage("Deploy", deploy))
    assert end == "Succeeded", error_of(rig, pipeline, execution, "Deploy")
    present = ecs.describe_services(cluster="shop", services=["web"])["services"][0]["taskDefinition"]
    [found] = ecs.describe_task_definition(taskDefinition=present)["taskDefinition"]["containerDefinitions"]
    assert found["image"] == "shop:2"


def test_a_state_machine_runs(rig: Rig) -> None:
    definition = {"StartAt": "Pass", "States": {"Pass": {"Type": "Pass", "End": True}}}
    machine = rig.client("stepfunctions").create_state_machine(
        name="judge", definition=json.dumps(definition), roleArn=ROLE
    )["stateMachineArn"]
    rig.put(zipped({"input.json": '{"a": 1}'}))
    invoke = on(
        "Judge",
        "Invoke/StepFunctions",
        {"StateMachineArn": machine, "InputType": "FilePath", "Input": "input.json"},
        namespace="judged",
        outputArtifacts=[{"name": "Verdict"}],
    )
    pipeline, execution, end = run(rig, stage("Judge", invoke))
    assert end == "Succeeded", error_of(rig, pipeline, execution, "Judge")
    output = detail(rig, pipeline, execution, "Judge")["output"]
    assert output["outputVariables"]["StateMachineArn"] == machine
    [written] = contents(rig, output["outputArtifacts"][0]).values()
    assert json.loads(written) == {"a": 1}


def test_nobody_waits_for_an_express_state_machine(rig: Rig) -> None:
    definition = {"StartAt": "Fail", "States": {"Fail": {"Type": "Fail"}}}
    machine = rig.client("stepfunctions").create_state_machine(
        name="express", definition=json.dumps(definition), roleArn=ROLE, type="EXPRESS"
    )["stateMachineArn"]
    invoke = action("Call", "Invoke/StepFunctions", {"StateMachineArn": machine})
    pipeline, execution, end = run(rig, stage("Call", invoke))
    assert end == "Succeeded"
    variables = detail(rig, pipeline, execution, "Call")["output"]["outputVariables"]
    assert variables == {"StateMachineArn": machine}
