"""All action types of an account and Region, and the providers that run their actions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deliverkit.sandbox.codepipeline.action_types import aws
from deliverkit.sandbox.codepipeline.action_types.custom import Registry
from deliverkit.sandbox.codepipeline.action_types.declared import DeclaredType
from deliverkit.sandbox.codepipeline.action_types.properties import fill
from deliverkit.sandbox.codepipeline.action_types.provided import provided_to, provided_type
from deliverkit.sandbox.codepipeline.definition import ActionType
from deliverkit.sandbox.codepipeline.providers import PROVIDERS
from deliverkit.sandbox.codepipeline.providers.custom import CustomActions
from deliverkit.sandbox.codepipeline.providers.provider import Provider
from deliverkit.sandbox.codepipeline.providers.third_party import ThirdPartyActions
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
        """What runs the actions of a type that may have been deleted or withdrawn since."""
        custom = self._custom(kind)
        if custom is not None:
            return CustomActions(custom)
        provided = provided_type(self.world, self.region, kind)
        return ThirdPartyActions(provided) if provided else PROVIDERS.get(kind)

    def available(self, kind: ActionType) -> Provider | None:
        """What runs the actions of a type that a pipeline may be made of now."""
        custom = self._custom(kind)
        provided = provided_type(self.world, self.region, kind)
        is_gone = (custom and custom.is_deleted) or (provided and not provided.allows(self.account))
        return None if is_gone else self.provider(kind)

    def running(self, kind: ActionType) -> Provider:
        """What runs the actions of a type that a pipeline has."""
        provider = self.provider(kind)
        assert provider is not None, "a pipeline was only made of known types"
        return provider

    def secrets(self, kind: ActionType) -> frozenset[str]:
        """Configuration keys of a type whose values are masked."""
        declared = self._declared(kind)
        return declared.secrets if declared else aws.SECRETS.get(kind, frozenset())

    def execution_url(self, kind: ActionType, configuration: Mapping[str, str], external_id: str) -> str:
        """The page about one execution at its worker's; empty when the type has no template."""
        declared = self._declared(kind)
        return fill(declared.settings.get("executionUrlTemplate", ""), configuration, external_id) if declared else ""

    def revision_url(self, kind: ActionType, configuration: Mapping[str, str]) -> str:
        """The page about what a worker's action works on; empty when the type has no template."""
        declared = self._declared(kind)
        return fill(declared.settings.get("revisionUrlTemplate", ""), configuration) if declared else ""

    def shown(self) -> list[dict[str, Any]]:
        """Every type that a pipeline may be made of, as ListActionTypes shows it."""
        provided = provided_to(self.world, self.account, self.region).values()
        declared = [*self.registry.present(), *(each.declared for each in provided)]
        return [*(aws.as_json(kind) for kind in aws.types()), *(each.as_json() for each in declared)]

    def _declared(self, kind: ActionType) -> DeclaredType | None:
        provided = provided_type(self.world, self.region, kind)
        return self._custom(kind) or (provided.declared if provided else None)

    def _custom(self, kind: ActionType) -> DeclaredType | None:
        return self.registry.types.get(kind)
