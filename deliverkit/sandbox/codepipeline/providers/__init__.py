"""The action types, one module for each that really runs; adding a provider is adding a module and a line here."""

from __future__ import annotations

from collections.abc import Mapping

from deliverkit.sandbox.codepipeline.definition import ActionType
from deliverkit.sandbox.codepipeline.providers.approval import ManualApproval
from deliverkit.sandbox.codepipeline.providers.build_codebuild import CodeBuild
from deliverkit.sandbox.codepipeline.providers.cloudformation import CloudFormationDeploy
from deliverkit.sandbox.codepipeline.providers.compute_commands import Commands
from deliverkit.sandbox.codepipeline.providers.deploy_codedeploy import CodeDeployDeploy
from deliverkit.sandbox.codepipeline.providers.deploy_ecs import EcsBlueGreenDeploy, EcsDeploy
from deliverkit.sandbox.codepipeline.providers.deploy_s3 import S3Deploy
from deliverkit.sandbox.codepipeline.providers.lambda_invoke import LambdaInvoke
from deliverkit.sandbox.codepipeline.providers.provider import Provider
from deliverkit.sandbox.codepipeline.providers.source_ecr import EcrSource
from deliverkit.sandbox.codepipeline.providers.source_git import CodeCommitSource, ConnectionSource, GitHubSource
from deliverkit.sandbox.codepipeline.providers.source_s3 import S3Source
from deliverkit.sandbox.codepipeline.providers.stack_sets import StackInstancesDeploy, StackSetDeploy
from deliverkit.sandbox.codepipeline.providers.step_functions import StepFunctionsInvoke
from deliverkit.sandbox.codepipeline.providers.unexecuted import unexecuted

_ALL: tuple[Provider, ...] = (
    S3Source(),
    CodeCommitSource(),
    ConnectionSource(),
    GitHubSource(),
    EcrSource(),
    CodeBuild("Build"),
    CodeBuild("Test"),
    Commands(),
    CodeDeployDeploy(),
    S3Deploy(),
    CloudFormationDeploy(),
    StackSetDeploy(),
    StackInstancesDeploy(),
    EcsDeploy(),
    EcsBlueGreenDeploy(),
    StepFunctionsInvoke(),
    ManualApproval(),
    LambdaInvoke(),
    *unexecuted(),
)
PROVIDERS: Mapping[ActionType, Provider] = {provider.kind.type: provider for provider in _ALL}
