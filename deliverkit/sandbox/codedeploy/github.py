"""GitHub account tokens: made only in AWS's console by OAuth, so the sandbox never has one (CodeDeploy user guide)."""

from __future__ import annotations

import re
from typing import Any

from deliverkit.sandbox.codedeploy.validation import page
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.operations import Context, Params, Service

_NAME = re.compile(r"\S(.{0,98}\S)?")


def register(service: Service) -> None:
    """Add the operations."""
    service.operation("ListGitHubAccountTokenNames")(list_git_hub_account_token_names)
    service.operation("DeleteGitHubAccountToken")(delete_git_hub_account_token)


def list_git_hub_account_token_names(params: Params, _context: Context) -> dict[str, Any]:
    """ListGitHubAccountTokenNames."""
    names: list[str] = []
    return page(names, params, "tokenNameList")


def delete_git_hub_account_token(params: Params, _context: Context) -> dict[str, Any]:
    """DeleteGitHubAccountToken."""
    name = params.get("tokenName")
    if not name:
        raise ApiError("GitHubAccountTokenNameRequiredException", "The tokenName is required but was not specified.")
    if not _NAME.fullmatch(name):
        raise ApiError("InvalidGitHubAccountTokenNameException", f"The token name {name!r} is not valid.")
    raise ApiError("GitHubAccountTokenDoesNotExistException", f"There is no GitHub account token {name}.")
