"""PutWebhook, ListWebhooks, DeleteWebhook, and their registration with third parties."""

from __future__ import annotations

import ipaddress
import string
from collections.abc import Mapping
from typing import Any

from deliverkit.sandbox.codepipeline import errors
from deliverkit.sandbox.codepipeline.operations import tags
from deliverkit.sandbox.codepipeline.operations.lookup import pipeline_of
from deliverkit.sandbox.codepipeline.operations.pages import page
from deliverkit.sandbox.codepipeline.webhooks.webhook import MAX_WEBHOOKS, Webhook, Webhooks, webhooks_of
from deliverkit.sandbox.kernel import chance, json_path
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.operations import Answer, Context, Operation, Params

TOKEN_LENGTH = 48
_ALPHABET = string.ascii_letters + string.digits
_NEEDS = {
    "GITHUB_HMAC": frozenset({"SecretToken"}),
    "IP": frozenset({"AllowedIPRange"}),
    "UNAUTHENTICATED": frozenset[str](),
}


def put_webhook(params: Params, context: Context) -> Answer:
    """Create a webhook, or replace the one of that name, whose URL stays."""
    definition, store = params["webhook"], _store(context)
    _check_target(definition, context)
    _check_authentication(definition)
    _check_filters(definition)
    known = store.webhooks.get(definition["name"])
    given_tags = tags.checked(params.get("tags", []), known.tags if known else {})
    if known is None and len(store.webhooks) >= MAX_WEBHOOKS:
        raise ApiError("LimitExceededException", f"The limit of {MAX_WEBHOOKS} webhooks is reached")
    if known is None:
        known = Webhook(definition, chance.text(TOKEN_LENGTH, _ALPHABET))
        store.webhooks[known.name] = known
    known.definition, known.tags = definition, given_tags
    return {"webhook": _shown(known, context)}


def list_webhooks(params: Params, context: Context) -> Answer:
    """Every webhook, by name; secrets are redacted."""
    found = sorted(_store(context).webhooks.values(), key=lambda webhook: webhook.name)
    asked = {"maxResults": params.get("MaxResults"), "nextToken": params.get("NextToken")}
    shown, token = page("webhooks", found, asked, lambda webhook: webhook.name)
    return {"webhooks": [_shown(webhook, context) for webhook in shown], "NextToken": token}


def delete_webhook(params: Params, context: Context) -> None:
    """Delete a webhook with its URL; one that is gone is no error."""
    _store(context).webhooks.pop(params["name"], None)


def register_webhook_with_third_party(params: Params, context: Context) -> None:
    """Take note that GitHub is to call the webhook.

    There is no GitHub here to be told: the webhook says so in its error message, and whoever plays GitHub posts to the
    URL that ListWebhooks shows.
    """
    webhook = _github_webhook(params, context)
    webhook.error_code = "NoThirdParty"
    webhook.error_message = "The sandbox has no GitHub to register the webhook with; post to its URL instead"


def deregister_webhook_with_third_party(params: Params, context: Context) -> None:
    """Take back the registration."""
    webhook = _github_webhook(params, context)
    webhook.error_code = webhook.error_message = ""


def _store(context: Context) -> Webhooks:
    return webhooks_of(context.world, context.account, context.region)


def _github_webhook(params: Params, context: Context) -> Webhook:
    """The named webhook, if its target is a GitHub source (CodePipeline API reference: only those can be registered).

    Raises:
        ApiError: `WebhookNotFoundException`, `ValidationException`.
    """
    name = params.get("webhookName")
    if name is None:
        raise errors.invalid("webhookName must be given")
    webhook = _store(context).webhooks.get(name)
    if webhook is None:
        raise ApiError("WebhookNotFoundException", f"The webhook '{name}' does not exist")
    if webhook.definition["authentication"] != "GITHUB_HMAC":
        raise errors.invalid(f"The webhook '{name}' is not for GitHub")
    return webhook


def _check_target(definition: Mapping[str, Any], context: Context) -> None:
    pipeline = pipeline_of(context, definition["targetPipeline"])
    name = definition["targetAction"]
    if pipeline.current.stages[0].action(name) is None:
        # No exception of the operation's list names an action.
        raise errors.invalid(f"Action '{name}' is not in the source stage of pipeline '{pipeline.name}'")


def _check_authentication(definition: Mapping[str, Any]) -> None:
    kind, configuration = definition["authentication"], definition["authenticationConfiguration"]
    if set(configuration) != _NEEDS[kind]:
        wanted = ", ".join(_NEEDS[kind]) or "nothing"
        raise _bad_authentication(f"Authentication {kind} needs {wanted} in authenticationConfiguration and no more")
    try:
        ipaddress.ip_network(configuration.get("AllowedIPRange", "0.0.0.0/0"), strict=False)
    except ValueError as error:
        raise _bad_authentication(f"AllowedIPRange is not a CIDR range: {error}") from error


def _bad_authentication(text: str) -> ApiError:
    return ApiError("InvalidWebhookAuthenticationParametersException", text)


def _check_filters(definition: Mapping[str, Any]) -> None:
    for rule in definition["filters"]:
        try:
            json_path.parse(rule["jsonPath"])
        except json_path.PathError as error:
            raise ApiError("InvalidWebhookFilterPatternException", f"The JSON path {error}") from error


def _shown(webhook: Webhook, context: Context) -> dict[str, Any]:
    return {
        "definition": webhook.shown_definition(),
        "url": webhook.url(context.world),
        "arn": webhook.arn(context.account, context.region),
        "tags": tags.as_json(webhook.tags),
        "lastTriggered": webhook.last_triggered,
        "errorCode": webhook.error_code or None,
        "errorMessage": webhook.error_message or None,
    }


OPERATIONS: Mapping[str, Operation] = {
    "PutWebhook": put_webhook,
    "ListWebhooks": list_webhooks,
    "DeleteWebhook": delete_webhook,
    "RegisterWebhookWithThirdParty": register_webhook_with_third_party,
    "DeregisterWebhookWithThirdParty": deregister_webhook_with_third_party,
}
