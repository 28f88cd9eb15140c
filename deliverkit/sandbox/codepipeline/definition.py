"""A pipeline's definition: the structure as declared, normalised as AWS gives it back, parsed for the engine."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Structure = Mapping[str, Any]
"""The `pipeline` member of CreatePipeline (CodePipeline API reference, PipelineDeclaration)."""


RULE = "Rule"
"""The category of what a condition checks; a rule runs as an action does (CodePipeline API reference, RuleTypeId)."""


BEFORE_ENTRY = "BEFORE_ENTRY"
ON_SUCCESS = "ON_SUCCESS"
ON_FAILURE = "ON_FAILURE"
CONDITIONS: Mapping[str, str] = {"beforeEntry": BEFORE_ENTRY, "onSuccess": ON_SUCCESS, "onFailure": ON_FAILURE}
"""The kinds of conditions, by the member of a stage that declares them (CodePipeline API reference, ConditionType)."""


@dataclass(frozen=True, slots=True)
class ActionType:
    """What an action is (CodePipeline API reference, ActionTypeId)."""

    category: str
    owner: str
    provider: str
    version: str

    def as_json(self) -> dict[str, str]:
        """As the API shows it."""
        return {"category": self.category, "owner": self.owner, "provider": self.provider, "version": self.version}


@dataclass(frozen=True, slots=True)
class EnvironmentVariable:
    """A variable in an action's environment (CodePipeline API reference, EnvironmentVariable)."""

    name: str
    value: str
    type: str


@dataclass(frozen=True, slots=True)
class Action:
    """One action of a stage, or one rule of a condition.

    Attributes:
        name: Unique in its stage; a rule's in its condition.
        stage: Name of its stage.
        type: Category, owner, provider, version.
        run_order: Actions of one order run together; orders run one after the other.
        configuration: As declared; `#{namespace.key}` not yet replaced.
        inputs: Names of the artifacts it consumes.
        outputs: Names of the artifacts it produces.
        namespace: Under which its output variables are known; empty for none.
        region: Where it runs; empty for the pipeline's own Region.
        role_arn: The role it assumes; empty for the pipeline's.
        timeout_minutes: Declared time limit of a manual approval or a rule; None for the default.
        commands: Shell commands of a Commands action or rule.
        environment: Variables of its environment.
        output_variables: Names of the environment variables that become its output variables.
        output_files: Patterns of the files that go into each output artifact, by artifact; absent for all files.
    """

    name: str
    stage: str
    type: ActionType
    run_order: int
    configuration: Mapping[str, str]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    namespace: str
    region: str
    role_arn: str
    timeout_minutes: int | None
    commands: tuple[str, ...] = ()
    environment: tuple[EnvironmentVariable, ...] = ()
    output_variables: tuple[str, ...] = ()
    output_files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def account(self, default: str) -> str:
        """The account that it works in: that of its role, which may be another one than the pipeline's.

        CodePipeline user guide, "Create a pipeline that uses resources from another AWS account".

        Args:
            default: Account of the pipeline.
        """
        parts = self.role_arn.split(":")
        return parts[4] if len(parts) == 6 and parts[4] else default


@dataclass(frozen=True, slots=True)
class Condition:
    """What is checked before a stage is entered or left (CodePipeline API reference, Condition).

    Attributes:
        result: What happens when a rule fails: `FAIL`, `SKIP`, `ROLLBACK`, `RETRY`; empty when not declared.
        rules: All of them must succeed.
    """

    result: str
    rules: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage.

    Attributes:
        name: Unique in the pipeline.
        actions: In the order of declaration.
        failure_result: What a failure leads to: `ROLLBACK`, `RETRY`, `FAIL`; empty when not declared.
        retry_mode: Which actions an automatic retry runs again.
        conditions: What is checked `BEFORE_ENTRY`, `ON_SUCCESS` and `ON_FAILURE`.
    """

    name: str
    actions: tuple[Action, ...]
    failure_result: str
    retry_mode: str
    conditions: Mapping[str, Condition] = field(default_factory=dict)

    def groups(self) -> list[list[Action]]:
        """The actions that run together, group after group."""
        ordered = sorted(self.actions, key=lambda action: action.run_order)
        return [list(group) for _, group in itertools.groupby(ordered, key=lambda action: action.run_order)]

    def action(self, name: str) -> Action | None:
        """The action of that name."""
        return next((action for action in self.actions if action.name == name), None)


@dataclass(frozen=True, slots=True)
class Definition:
    """One version of a pipeline.

    Attributes:
        name: The pipeline's name.
        version: 1 at creation, one more with every update.
        mode: `SUPERSEDED`, `QUEUED` or `PARALLEL`.
        stages: In order.
        variables: Names of the pipeline's variables with their defaults; None where a start must give the value.
        structure: Normalised, as GetPipeline answers.
    """

    name: str
    version: int
    mode: str
    stages: tuple[Stage, ...]
    variables: Mapping[str, str | None]
    structure: Structure

    @property
    def role_arn(self) -> str:
        """The pipeline's service role."""
        return str(self.structure["roleArn"])

    @property
    def sources(self) -> tuple[Action, ...]:
        """The source actions."""
        return tuple(action for action in self.stages[0].actions if action.type.category == "Source")

    def stage(self, name: str) -> Stage | None:
        """The stage of that name."""
        return next((stage for stage in self.stages if stage.name == name), None)

    def after(self, name: str) -> Stage | None:
        """The stage that follows."""
        later = itertools.dropwhile(lambda stage: stage.name != name, self.stages)
        next(later)
        return next(later, None)

    def before(self, name: str) -> Stage | None:
        """The stage that precedes."""
        earlier = list(itertools.takewhile(lambda stage: stage.name != name, self.stages))
        return earlier[-1] if earlier else None

    def artifact_bucket(self, region: str) -> str:
        """The bucket that holds the artifacts of actions in a Region."""
        if "artifactStore" in self.structure:
            return str(self.structure["artifactStore"]["location"])
        return str(self.structure["artifactStores"][region]["location"])


def parse(structure: Structure, version: int) -> Definition:
    """The definition behind a structure that was found valid."""
    normalised = normalise(structure, version)
    variables = {each["name"]: each.get("defaultValue") for each in normalised.get("variables", [])}
    return Definition(
        name=normalised["name"],
        version=version,
        mode=normalised["executionMode"],
        stages=tuple(_stage(stage) for stage in normalised["stages"]),
        variables=variables,
        structure=normalised,
    )


def pipeline_type(structure: Structure) -> str:
    """`V1` when nothing is said and nothing of V2 is used (CodePipeline API reference, PipelineDeclaration)."""
    declared = structure.get("pipelineType")
    if declared:
        return str(declared)
    has_policy = any(stage.keys() & {"onFailure", "onSuccess", "beforeEntry"} for stage in structure["stages"])
    has_action = any(is_v2_only(action) for stage in structure["stages"] for action in stage["actions"])
    is_v2 = structure.get("executionMode") in ("QUEUED", "PARALLEL") or structure.keys() & {"variables", "triggers"}
    return "V2" if is_v2 or has_policy or has_action else "V1"


def is_v2_only(action: Mapping[str, Any]) -> bool:
    """True for the actions that V1 does not know (user guide, action references)."""
    kind = action["actionTypeId"]
    place = (kind["category"], kind["owner"], kind["provider"])
    return kind["category"] == "Compute" or place in _ONLY_IN_V2


_ONLY_IN_V2 = frozenset(
    {
        ("Build", "AWS", "ECRBuildAndPublish"),
        ("Deploy", "AWS", "EC2"),
        ("Deploy", "AWS", "EKS"),
        ("Deploy", "AWS", "Lambda"),
        ("Invoke", "AWS", "CodePipeline"),
        ("Invoke", "AWS", "InspectorScan"),
    }
)


def normalise(structure: Structure, version: int) -> dict[str, Any]:
    """The structure as AWS gives it back: absent lists become empty, run order, mode, type and version are filled."""
    filled = dict(structure)
    filled["stages"] = [_normalised_stage(stage) for stage in structure["stages"]]
    filled["executionMode"] = structure.get("executionMode", "SUPERSEDED")
    filled["pipelineType"] = pipeline_type(structure)
    filled["version"] = version
    return filled


def _normalised_stage(stage: Mapping[str, Any]) -> dict[str, Any]:
    filled = {**stage, "actions": [_normalised_action(action) for action in stage["actions"]]}
    for member in CONDITIONS:
        if stage.get(member, {}).get("conditions"):
            conditions = [_normalised_condition(each) for each in stage[member]["conditions"]]
            filled[member] = {**stage[member], "conditions": conditions}
    return filled


def _normalised_condition(condition: Mapping[str, Any]) -> dict[str, Any]:
    return {**condition, "rules": [_normalised_rule(rule) for rule in condition.get("rules", [])]}


def _normalised_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    # What is filled for rules is undocumented; owner AWS and version 1 are the only ones there are.
    kind = {"owner": "AWS", "version": "1", **rule["ruleTypeId"]}
    return {"configuration": {}, "inputArtifacts": [], **rule, "ruleTypeId": kind}


def _normalised_action(action: Mapping[str, Any]) -> dict[str, Any]:
    defaults = {"runOrder": 1, "configuration": {}, "inputArtifacts": [], "outputArtifacts": []}
    return {**defaults, **action}


def _stage(stage: Mapping[str, Any]) -> Stage:
    failure = stage.get("onFailure", {})
    return Stage(
        name=stage["name"],
        actions=tuple(_action(stage["name"], action) for action in stage["actions"]),
        failure_result=failure.get("result", ""),
        # The user guide and the API reference give no mode for when none is declared, the CDK's reference does.
        retry_mode=failure.get("retryConfiguration", {}).get("retryMode", "ALL_ACTIONS"),
        conditions={
            kind: _condition(stage["name"], condition)
            for member, kind in CONDITIONS.items()
            for condition in stage.get(member, {}).get("conditions", [])
        },
    )


def _condition(stage: str, condition: Mapping[str, Any]) -> Condition:
    return Condition(condition.get("result", ""), tuple(_rule(stage, rule) for rule in condition["rules"]))


def _rule(stage: str, rule: Mapping[str, Any]) -> Action:
    return _action(stage, {"runOrder": 1, "outputArtifacts": [], **rule, "actionTypeId": rule["ruleTypeId"]})


def _action(stage: str, action: Mapping[str, Any]) -> Action:
    return Action(
        name=action["name"],
        stage=stage,
        type=ActionType(**action["actionTypeId"]),
        run_order=action["runOrder"],
        configuration=action["configuration"],
        inputs=tuple(each["name"] for each in action["inputArtifacts"]),
        outputs=tuple(each["name"] for each in action["outputArtifacts"]),
        namespace=action.get("namespace", ""),
        region=action.get("region", ""),
        role_arn=action.get("roleArn", ""),
        timeout_minutes=action.get("timeoutInMinutes"),
        commands=tuple(action.get("commands", ())),
        environment=tuple(
            EnvironmentVariable(each["name"], each["value"], each.get("type", "PLAINTEXT"))
            for each in action.get("environmentVariables", ())
        ),
        output_variables=tuple(action.get("outputVariables", ())),
        output_files={
            each["name"]: tuple(each["files"]) for each in action["outputArtifacts"] if each.get("files") is not None
        },
    )
