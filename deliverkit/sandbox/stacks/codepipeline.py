"""AWS::CodePipeline::Pipeline, CustomActionType and Webhook (CloudFormation template reference)."""

from __future__ import annotations

from functools import partial
from typing import Any

from deliverkit.sandbox.stacks.kind import Attributes, Kind, Made, Place, Properties, retag, unless_gone, without
from deliverkit.sandbox.stacks.shaping import is_true

SERVICE = "codepipeline"
_NOT_DECLARED = ("DisableInboundStageTransitions", "RestartExecutionOnUpdate", "Tags")
"""Properties of a pipeline that are no members of its declaration."""


# --- pipelines -------------------------------------------------------------------------------------


def _make_pipeline(place: Place, name: str, properties: Properties) -> Made:
    params = {"pipeline": _declaration(place, "CreatePipeline", name, properties)}
    tags = {"Tags": properties["Tags"]} if properties.get("Tags") else {}
    answer = place.ask(SERVICE, "CreatePipeline", {**params, **place.shape(SERVICE, "CreatePipeline", tags)})
    _close(place, name, {}, properties)
    return Made(name, _version(answer))


def _change_pipeline(place: Place, name: str, old: Properties, new: Properties) -> Attributes:
    declaration = _declaration(place, "UpdatePipeline", name, new)
    answer = place.ask(SERVICE, "UpdatePipeline", {"pipeline": declaration})
    _close(place, name, old, new)
    retag(place, SERVICE, place.arn(SERVICE, name), old, new)
    # "Indicates whether to rerun the CodePipeline pipeline after you update it."
    if is_true(new.get("RestartExecutionOnUpdate")):
        place.ask(SERVICE, "StartPipelineExecution", {"name": name})
    return _version(answer)


def _declaration(place: Place, operation: str, name: str, properties: Properties) -> dict[str, Any]:
    declared = {**without(properties, *_NOT_DECLARED, "ArtifactStores"), "Name": name}
    members = place.shape(SERVICE, operation, declared, "pipeline")
    stores = {each["Region"]: each["ArtifactStore"] for each in properties.get("ArtifactStores") or ()}
    if stores:
        members |= place.shape(SERVICE, operation, {"artifactStores": stores}, "pipeline")
    return members


def _version(answer: Any) -> Attributes:
    return {"Version": str(answer["pipeline"]["version"])}


def _close(place: Place, name: str, old: Properties, new: Properties) -> None:
    before, after = _closed(old), _closed(new)
    for stage in before.keys() - after.keys():
        place.ask(SERVICE, "EnableStageTransition", _transition(name, stage))
    for stage, reason in after.items():
        if before.get(stage) != reason:
            place.ask(SERVICE, "DisableStageTransition", {**_transition(name, stage), "reason": reason})


def _closed(properties: Properties) -> dict[str, str]:
    transitions = properties.get("DisableInboundStageTransitions") or ()
    return {str(each["StageName"]): str(each["Reason"]) for each in transitions}


def _transition(name: str, stage: str) -> dict[str, str]:
    return {"pipelineName": name, "stageName": stage, "transitionType": "Inbound"}


def _remove_pipeline(place: Place, name: str, _properties: Properties) -> None:
    place.ask(SERVICE, "DeletePipeline", {"name": name})


# --- custom action types ---------------------------------------------------------------------------


def _make_type(place: Place, name: str, properties: Properties) -> Made:
    place.ask(SERVICE, "CreateCustomActionType", place.shape(SERVICE, "CreateCustomActionType", properties))
    # "Ref returns the custom action name, such as custo-MyCus-A1BCDEFGHIJ2", a name that nothing else knows.
    return Made(name, {"Id": name})


def _change_type(place: Place, name: str, old: Properties, new: Properties) -> Attributes:
    key = "/".join(str(new[part]) for part in ("Category", "Provider", "Version"))
    retag(place, SERVICE, place.arn(SERVICE, f"actiontype:Custom/{key}"), old, new)
    return {"Id": name}


def _remove_type(place: Place, _name: str, properties: Properties) -> None:
    params = {part.lower(): str(properties[part]) for part in ("Category", "Provider", "Version")}
    place.ask(SERVICE, "DeleteCustomActionType", params)


# --- webhooks --------------------------------------------------------------------------------------


def _make_webhook(place: Place, name: str, properties: Properties) -> Made:
    return Made(name, _put_webhook(place, name, {}, properties))


def _change_webhook(place: Place, name: str, old: Properties, new: Properties) -> Attributes:
    return _put_webhook(place, name, old, new)


def _put_webhook(place: Place, name: str, old: Properties, new: Properties) -> Attributes:
    # The version of the pipeline is a property that PutWebhook has no member for.
    declared = {**without(new, "RegisterWithThirdParty", "TargetPipelineVersion"), "Name": name}
    webhook = place.shape(SERVICE, "PutWebhook", declared, "webhook")
    answer = place.ask(SERVICE, "PutWebhook", {"webhook": webhook})
    if _is_registered(new):
        place.ask(SERVICE, "RegisterWebhookWithThirdParty", {"webhookName": name})
    elif _is_registered(old):
        place.ask(SERVICE, "DeregisterWebhookWithThirdParty", {"webhookName": name})
    return {"Url": answer["webhook"]["url"]}


def _is_registered(properties: Properties) -> bool:
    return is_true(properties.get("RegisterWithThirdParty"))


def _remove_webhook(place: Place, name: str, properties: Properties) -> None:
    if _is_registered(properties):
        unless_gone(partial(place.ask, SERVICE, "DeregisterWebhookWithThirdParty", {"webhookName": name}))
    place.ask(SERVICE, "DeleteWebhook", {"name": name})


PIPELINE = Kind(
    "AWS::CodePipeline::Pipeline",
    SERVICE,
    "Name",
    frozenset({"Name"}),
    ("Version",),
    _make_pipeline,
    _change_pipeline,
    _remove_pipeline,
)
CUSTOM_ACTION_TYPE = Kind(
    "AWS::CodePipeline::CustomActionType",
    SERVICE,
    "",
    frozenset(
        {
            "Category",
            "ConfigurationProperties",
            "InputArtifactDetails",
            "OutputArtifactDetails",
            "Provider",
            "Settings",
            "Version",
        }
    ),
    ("Id",),
    _make_type,
    _change_type,
    _remove_type,
)
WEBHOOK = Kind(
    "AWS::CodePipeline::Webhook",
    SERVICE,
    "Name",
    frozenset({"Name"}),
    ("Url",),
    _make_webhook,
    _change_webhook,
    _remove_webhook,
)
