"""Conditions of stages: the rules they are made of, one module each, and what their outcome leads to."""

from __future__ import annotations

from collections.abc import Mapping

from deliverkit.sandbox.codepipeline.conditions.alarm import CloudWatchAlarm
from deliverkit.sandbox.codepipeline.conditions.commands import Commands
from deliverkit.sandbox.codepipeline.conditions.function import LambdaInvoke
from deliverkit.sandbox.codepipeline.conditions.project import CodeBuild
from deliverkit.sandbox.codepipeline.conditions.rule import RuleProvider
from deliverkit.sandbox.codepipeline.conditions.variable import VariableCheck
from deliverkit.sandbox.codepipeline.conditions.window import DeploymentWindow
from deliverkit.sandbox.codepipeline.definition import ActionType

RULES: Mapping[ActionType, RuleProvider] = {
    provider.kind.type: provider
    for provider in (CloudWatchAlarm(), CodeBuild(), Commands(), DeploymentWindow(), LambdaInvoke(), VariableCheck())
}
"""The rule types that really run."""
