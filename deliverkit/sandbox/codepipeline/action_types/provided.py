"""Action types that a provider makes for its customers (CodePipeline API reference, ActionTypeDeclaration)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deliverkit.sandbox.codepipeline.action_types.declared import DeclaredType, count_range
from deliverkit.sandbox.codepipeline.action_types.properties import Property, check_properties, check_template
from deliverkit.sandbox.codepipeline.definition import ActionType
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.world import World

OWNER = "ThirdParty"
EVERYBODY = "*"
_EXECUTORS = {"JobWorker": "jobWorkerExecutorConfiguration", "Lambda": "lambdaExecutorConfiguration"}
_SETTINGS = {"configurationUrl": "thirdPartyConfigurationUrl"}


@dataclass(frozen=True, slots=True)
class ProvidedType:
    """An action type of a provider.

    Attributes:
        account: The provider's account.
        declaration: As UpdateActionType gave it.
        declared: What pipelines are checked against.
    """

    account: str
    declaration: Mapping[str, Any]
    declared: DeclaredType

    @property
    def executor(self) -> str:
        """`JobWorker` or `Lambda`."""
        return str(self.declaration["executor"]["type"])

    @property
    def function(self) -> str:
        """ARN of the function that does the jobs; empty when workers poll for them."""
        configuration = self.declaration["executor"]["configuration"]
        return str(configuration.get("lambdaExecutorConfiguration", {}).get("lambdaFunctionArn", ""))

    @property
    def job_timeout(self) -> int | None:
        """Seconds that one job may take, as declared."""
        seconds: int | None = self.declaration["executor"].get("jobTimeout")
        return seconds

    def allows(self, account: str) -> bool:
        """True when an account may use it: its provider, and whom the permissions name."""
        allowed = self.declaration.get("permissions", {}).get("allowedAccounts", [])
        return account == self.account or account in allowed or EVERYBODY in allowed

    def lets_poll(self, account: str) -> bool:
        """True when workers of an account may take its jobs.

        Which accounts stand behind `pollingServicePrincipals` cannot be known here; those poll in vain.
        """
        worker = self.declaration["executor"]["configuration"].get("jobWorkerExecutorConfiguration", {})
        return account in (worker.get("pollingAccounts") or [self.account])


@dataclass(slots=True)
class ProvidedTypes:
    """The types that one account provides in one Region."""

    types: dict[ActionType, ProvidedType] = field(default_factory=dict)


def parse_provided_type(account: str, declaration: Mapping[str, Any]) -> ProvidedType:
    """The type behind the declaration of an UpdateActionType.

    Raises:
        ApiError: `RequestFailedException` when the declaration contradicts itself; that this is the exception for it is
            assumed, the model only says that the request failed.
    """
    _check_executor(declaration["executor"])
    properties = tuple(_property(each) for each in declaration.get("properties", []))
    urls: Mapping[str, str] = declaration.get("urls", {})
    try:
        check_properties(properties)
        for member, template in urls.items():
            check_template(member, template, properties)
        inputs = count_range("inputArtifactDetails", declaration)
        outputs = count_range("outputArtifactDetails", declaration)
    except ApiError as error:
        raise request_failed(error.message) from error
    settings = {_SETTINGS.get(member, member): url for member, url in urls.items()}
    kind = ActionType(**declaration["id"])
    return ProvidedType(account, declaration, DeclaredType(kind, properties, settings, inputs, outputs))


def provided_to(world: World, account: str, region: str) -> dict[ActionType, ProvidedType]:
    """What an account may use in a Region, whoever provides it."""
    return {
        kind: each
        for _, where, store in world.stores(ProvidedTypes)
        if where == region
        for kind, each in store.types.items()
        if each.allows(account)
    }


def provided_type(world: World, region: str, kind: ActionType) -> ProvidedType | None:
    """The type of that name in a Region, whoever provides it."""
    stores = (store for _, where, store in world.stores(ProvidedTypes) if where == region)
    return next((store.types[kind] for store in stores if kind in store.types), None)


def request_failed(text: str) -> ApiError:
    """RequestFailedException."""
    return ApiError("RequestFailedException", text)


def _check_executor(executor: Mapping[str, Any]) -> None:
    wanted = _EXECUTORS[executor["type"]]
    if set(executor["configuration"]) != {wanted}:
        raise request_failed(f"An executor of type {executor['type']} needs {wanted}, and no other configuration")
    try:
        json.loads(executor.get("policyStatementsTemplate", "{}"))
    except ValueError as error:
        raise request_failed("policyStatementsTemplate is not JSON") from error


def _property(declared: Mapping[str, Any]) -> Property:
    return Property(
        name=declared["name"],
        is_required=not declared["optional"],
        is_key=declared["key"],
        is_secret=declared["noEcho"],
        is_queryable=declared.get("queryable", False),
        description=declared.get("description", ""),
    )
