"""AWS's own action types, the way ListActionTypes shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deliverkit.sandbox.codepipeline.action_types.properties import Property
from deliverkit.sandbox.codepipeline.definition import RULE, ActionType
from deliverkit.sandbox.codepipeline.providers import PROVIDERS
from deliverkit.sandbox.codepipeline.providers.provider import Kind

SECRETS: Mapping[ActionType, frozenset[str]] = {
    ActionType("Source", "ThirdParty", "GitHub", "1"): frozenset({"OAuthToken"}),
    ActionType("Deploy", "ThirdParty", "AlexaSkillsKit", "1"): frozenset({"ClientSecret", "RefreshToken"}),
}
"""Configuration keys that are masked (CodePipeline user guide, GitHub version 1 source action and Alexa tutorial)."""


def types() -> list[Kind]:
    """What there is without anybody's declaration; rules of conditions are no actions."""
    return [provider.kind for provider in PROVIDERS.values() if provider.kind.type.category != RULE]


def as_json(kind: Kind) -> dict[str, Any]:
    """As ListActionTypes shows it.

    Which keys AWS marks as `key` is not documented; here, those that must be given.
    """
    secrets = SECRETS.get(kind.type, frozenset())
    properties = [
        Property(name, is_required=name in kind.required, is_key=name in kind.required, is_secret=name in secrets)
        for name in (*sorted(kind.required), *sorted(kind.optional))
    ]
    return {
        "id": kind.type.as_json(),
        "actionConfigurationProperties": [each.as_json() for each in properties],
        "inputArtifactDetails": {"minimumCount": kind.inputs[0], "maximumCount": kind.inputs[1]},
        "outputArtifactDetails": {"minimumCount": kind.outputs[0], "maximumCount": kind.outputs[1]},
    }
