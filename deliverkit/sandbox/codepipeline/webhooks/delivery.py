"""What a POST to a webhook's URL does: it is authenticated, held against the filters, and starts the pipeline."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import re
from collections.abc import Mapping
from typing import Any

from deliverkit.sandbox.codepipeline import starts
from deliverkit.sandbox.codepipeline.definition import Action
from deliverkit.sandbox.codepipeline.state import Pipeline, Store, Trigger
from deliverkit.sandbox.codepipeline.webhooks.webhook import PREFIX, Webhook, Webhooks
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.json_path import select
from deliverkit.sandbox.kernel.world import World

_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
_SIGNATURES = {"HTTP_X_HUB_SIGNATURE_256": "sha256", "HTTP_X_HUB_SIGNATURE": "sha1"}


def deliver(world: World, environ: Mapping[str, Any]) -> Mapping[str, Any]:
    """Answer a request to a webhook's URL.

    What AWS answers is undocumented, but that a request which the filters do not let through is ignored.

    Returns:
        The id of the execution that began, if one did.

    Raises:
        ApiError: With status 404 for a URL that is none (any more), 405 for anything but a POST, 403 when the
            authentication fails, 400 for a body that is not JSON and for a pipeline that cannot start.
    """
    if environ["REQUEST_METHOD"] != "POST":
        raise ApiError("MethodNotAllowedException", "a webhook takes POST requests", status=405)
    body: bytes = environ["wsgi.input"].read()
    with world.lock:
        account, region, webhook = _find(world, str(environ["PATH_INFO"]).removeprefix(PREFIX))
        if not _is_authentic(webhook, environ, body):
            text = "the request does not pass the webhook's authentication"
            raise ApiError("AccessDeniedException", text, status=403)
        pipeline = world.store(Store, account, region).pipelines.get(webhook.pipeline)
        action = _target(pipeline, webhook) if pipeline else None
        if pipeline is None or action is None:
            raise ApiError("PipelineNotFoundException", "the webhook's pipeline or action does not exist any more")
        if not _lets_through(webhook, action, _document(body)):
            return {}
        execution = starts.begin(world, pipeline, Trigger("Webhook", webhook.arn(account, region)))
        webhook.last_triggered = world.clock.now()
        return {"pipelineExecutionId": execution.id}


def _find(world: World, token: str) -> tuple[str, str, Webhook]:
    for account, region, store in world.stores(Webhooks):
        for webhook in store.webhooks.values():
            if webhook.token == token:
                return account, region, webhook
    raise ApiError("WebhookNotFoundException", "no webhook has this URL", status=404)


def _is_authentic(webhook: Webhook, environ: Mapping[str, Any], body: bytes) -> bool:
    configuration = webhook.definition["authenticationConfiguration"]
    match webhook.definition["authentication"]:
        case "GITHUB_HMAC":
            return _is_signed(configuration["SecretToken"], environ, body)
        case "IP":
            network = ipaddress.ip_network(configuration["AllowedIPRange"], strict=False)
            return ipaddress.ip_address(environ.get("REMOTE_ADDR", "127.0.0.1")) in network
        case _:
            return True


def _is_signed(secret: str, environ: Mapping[str, Any], body: bytes) -> bool:
    """True for the signature that GitHub sends: the HMAC of the body under the secret, the stronger one first."""
    for header, digest in _SIGNATURES.items():
        if header in environ:
            wanted = f"{digest}={hmac.new(secret.encode(), body, getattr(hashlib, digest)).hexdigest()}"
            return hmac.compare_digest(wanted.encode(), str(environ[header]).encode())
    return False


def _target(pipeline: Pipeline, webhook: Webhook) -> Action | None:
    return pipeline.current.stages[0].action(webhook.definition["targetAction"])


def _document(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ApiError("SerializationException", "the body of the request is not JSON") from error


def _lets_through(webhook: Webhook, action: Action, document: Any) -> bool:
    return all(_matches(each, action, document) for each in webhook.definition["filters"])


def _matches(rule: Mapping[str, str], action: Action, document: Any) -> bool:
    """True when one of the selected values is the wanted one; without a wanted one, when there is any value."""
    found = select(rule["jsonPath"], document)
    if "matchEquals" not in rule:
        return bool(found)
    wanted = _PLACEHOLDER.sub(lambda match: action.configuration.get(match[1], match[0]), rule["matchEquals"])
    return any(_text(value) == wanted for value in found)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
