"""Action types that AWS has and the sandbox does not run: pipelines may declare them, and their actions fail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from deliverkit.sandbox.codepipeline.definition import Action, ActionType
from deliverkit.sandbox.codepipeline.providers.provider import Job, Kind


@dataclass(frozen=True, slots=True)
class UnexecutedActions:
    """The actions of one type that is only declared here.

    A definition written for AWS is accepted as it stands, but what nobody does must never pass for done: the action
    fails as soon as it starts, and says that it is the sandbox which does not do it.
    """

    kind: Kind

    def check(self, action: Action, region: str) -> None:
        """Everything known about it is in the kind."""

    def entity_url(self, action: Action, region: str) -> str:
        """There is nothing to look at."""
        return ""

    def start(self, job: Job) -> None:
        """Fail."""
        kind = self.kind.type
        name = f"{kind.category}/{kind.owner}/{kind.provider}/{kind.version}"
        job.fail("SystemUnavailable", f"The sandbox does not run actions of type {name}; on AWS this one would run")


def unexecuted() -> Iterator[UnexecutedActions]:
    """The types (user guide, action structure reference, and valid input and output artifacts for each action type).

    Required keys are those of the references; what else a type takes is not checked.
    """
    for (category, owner, provider), required, inputs, outputs in _TYPES:
        kind = ActionType(category, owner, provider, "1")
        yield UnexecutedActions(Kind(kind, frozenset(required), frozenset(), inputs, outputs, takes_any_key=True))


_TYPES: tuple[tuple[tuple[str, str, str], set[str], tuple[int, int], tuple[int, int]], ...] = (
    (("Build", "AWS", "ECRBuildAndPublish"), {"ECRRepositoryName"}, (1, 1), (0, 1)),
    (("Test", "AWS", "DeviceFarm"), {"AppType", "ProjectId", "App", "TestType", "DevicePoolArn"}, (1, 1), (0, 0)),
    (("Deploy", "AWS", "AppConfig"), {"Application", "Environment", "ConfigurationProfile"}, (1, 1), (0, 0)),
    (("Deploy", "AWS", "EC2"), {"InstanceTagKey", "InstanceType"}, (1, 1), (0, 0)),
    (("Deploy", "AWS", "EKS"), {"ClusterName"}, (1, 1), (0, 0)),
    (("Deploy", "AWS", "ElasticBeanstalk"), {"ApplicationName", "EnvironmentName"}, (1, 1), (0, 0)),
    (("Deploy", "AWS", "Lambda"), {"FunctionName"}, (0, 1), (0, 0)),
    (("Deploy", "AWS", "OpsWorks"), {"Stack", "App"}, (1, 1), (0, 0)),
    (("Deploy", "AWS", "ServiceCatalog"), set(), (1, 1), (0, 0)),
    (("Deploy", "ThirdParty", "AlexaSkillsKit"), {"ClientId", "ClientSecret", "RefreshToken"}, (1, 2), (0, 0)),
    (("Invoke", "AWS", "CodePipeline"), {"PipelineName"}, (0, 1), (0, 0)),
    (("Invoke", "AWS", "InspectorScan"), {"InspectorRunMode"}, (0, 1), (0, 1)),
    (("Invoke", "ThirdParty", "Snyk"), set(), (1, 1), (0, 1)),
)
