"""All action types of an account and Region, and the providers that run their actions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from deliverkit.sandbox.codepipeline.action_types import aws
from deliverkit.sandbox.codepipeline.action_types.custom import CustomType, Registry
from deliverkit.sandbox.codepipeline.action_types.properties import fill
from deliverkit.sandbox.codepipeline.definition import ActionType
from deliverkit.sandbox.codepipeline.providers import PROVIDERS
from deliverkit.sandbox.codepipeline.providers.custom import CustomActions
from deliverkit.sandbox.codepipeline.providers.provider import Provider
from deliverkit.sandbox.kernel.world import World


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What actions can be, in one account and Region."""

    world: World
    account: str
    region: str

    @property
    def registry(self) -> Registry:
        """The custom types."""
        return self.world.store(Registry, self.account, self.region)

    def provider(self, kind: ActionType) -> Provider | None:
        """What runs the actions of a type; a custom type that was deleted still has its provider."""
        custom = self._custom(kind)
        return CustomActions(custom) if custom else PROVIDERS.get(kind)

    def available(self, kind: ActionType) -> Provider | None:
        """What runs the actions of a type that a pipeline may be made of now."""
        custom = self._custom(kind)
        return None if custom and custom.is_deleted else self.provider(kind)

    def running(self, kind: ActionType) -> Provider:
        """What runs the actions of a type that a pipeline has."""
        provider = self.provider(kind)
        assert provider is not None, "a pipeline was only made of known types"
        return provider

    def secrets(self, kind: ActionType) -> frozenset[str]:
        """Configuration keys of a type whose values are masked."""
        custom = self._custom(kind)
        return custom.secrets if custom else aws.SECRETS.get(kind, frozenset())

    def execution_url(self, kind: ActionType, configuration: Mapping[str, str], external_id: str) -> str:
        """The page about one execution at its worker's; empty when the type has no template."""
        custom = self._custom(kind)
        return fill(custom.settings.get("executionUrlTemplate", ""), configuration, external_id) if custom else ""

    def _custom(self, kind: ActionType) -> CustomType | None:
        return self.registry.types.get(kind)
