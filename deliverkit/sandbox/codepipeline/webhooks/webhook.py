"""A webhook, and all webhooks of an account and Region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from deliverkit.sandbox.kernel.world import World

PREFIX = "/_sandbox/webhooks/"
"""Path below which the front serves the URLs."""
MAX_WEBHOOKS = 300
"""Webhooks of an account in a Region (CodePipeline user guide, quotas)."""
_REDACTED = "****"


@dataclass(slots=True)
class Webhook:
    """A URL and what it starts.

    Attributes:
        definition: As PutWebhook gave it, its secret in clear.
        token: The part of the URL that nobody guesses.
        tags: Tags of the webhook.
        last_triggered: When it last started its pipeline.
        error_code: Of the last attempt to register it with a third party; empty for none.
        error_message: The same in words.
    """

    definition: Mapping[str, Any]
    token: str
    tags: dict[str, str] = field(default_factory=dict)
    last_triggered: datetime | None = None
    error_code: str = ""
    error_message: str = ""

    @property
    def name(self) -> str:
        """Unique in its account and Region."""
        return str(self.definition["name"])

    @property
    def pipeline(self) -> str:
        """Name of the pipeline that it starts."""
        return str(self.definition["targetPipeline"])

    def arn(self, account: str, region: str) -> str:
        """`arn:aws:codepipeline:<region>:<account>:webhook:<name>`."""
        return f"arn:aws:codepipeline:{region}:{account}:webhook:{self.name}"

    def url(self, world: World) -> str:
        """Where to post to."""
        return f"{world.endpoint}{PREFIX}{self.token}"

    def shown_definition(self) -> dict[str, Any]:
        """The definition with its secret redacted."""
        configuration = dict(self.definition["authenticationConfiguration"])
        if "SecretToken" in configuration:
            configuration["SecretToken"] = _REDACTED
        return {**self.definition, "authenticationConfiguration": configuration}


@dataclass(slots=True)
class Webhooks:
    """The webhooks of one account in one Region, by name."""

    webhooks: dict[str, Webhook] = field(default_factory=dict)


def webhooks_of(world: World, account: str, region: str) -> Webhooks:
    """The webhooks of an account and Region."""
    return world.store(Webhooks, account, region)
