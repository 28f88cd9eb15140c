"""Clients whose requests moto answers within this process: how one service of the sandbox uses another."""

from __future__ import annotations

from typing import Any

ACCOUNT_HEADER = "x-moto-account-id"
"""The header by which moto takes a request for an account's, whatever key signed it."""


def in_process_client(service: str, account: str, region: str) -> Any:
    """A client of a moto service in an account and region; threads may share it."""
    import botocore.session  # noqa: PLC0415  (only what uses other services pays for it)
    from botocore.config import Config  # noqa: PLC0415

    # A user's AWS_ENDPOINT_URL points at the sandbox's front; in process AWS's own hosts are kept, because moto finds
    # the service by the host's name. A retry would only repeat the same answer.
    options: Any = {"ignore_configured_endpoint_urls": True, "retries": {"total_max_attempts": 1}}
    keys = {"aws_access_key_id": "sandbox", "aws_secret_access_key": "sandbox"}  # nobody checks them
    session: Any = botocore.session.get_session()
    client: Any = session.create_client(service, region_name=region, config=Config(**options), **keys)

    def answer(request: Any, **_: Any) -> Any:
        request.headers[ACCOUNT_HEADER] = account
        return _answer(request)

    client.meta.events.register("before-send", answer)
    return client


def _answer(request: Any) -> Any:
    from botocore.awsrequest import AWSResponse  # noqa: PLC0415
    from moto.core.botocore_stubber import BotocoreStubber, MockRawResponse  # noqa: PLC0415

    found = BotocoreStubber().process_request(request)
    if found is None:
        raise RuntimeError(f"moto has no answer for {request.method} {request.url}")
    status, headers, body = found
    return AWSResponse(request.url, status, headers, MockRawResponse(body))
