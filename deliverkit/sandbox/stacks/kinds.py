"""The table of types."""

from __future__ import annotations

from deliverkit.sandbox.stacks.around import BUCKET_POLICY, CONNECTION, OLD_CONNECTION, PROJECT, REPOSITORY
from deliverkit.sandbox.stacks.codedeploy import APPLICATION, CONFIG, GROUP
from deliverkit.sandbox.stacks.codepipeline import CUSTOM_ACTION_TYPE, PIPELINE, WEBHOOK
from deliverkit.sandbox.stacks.kind import Kind
from deliverkit.sandbox.stacks.monitoring import ALARM

KINDS: dict[str, Kind] = {
    kind.type: kind
    for kind in (
        APPLICATION,
        GROUP,
        CONFIG,
        PIPELINE,
        CUSTOM_ACTION_TYPE,
        WEBHOOK,
        PROJECT,
        REPOSITORY,
        BUCKET_POLICY,
        CONNECTION,
        OLD_CONNECTION,
        ALARM,
    )
}
"""Kinds by the types that templates write."""
