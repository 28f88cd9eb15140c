"""Who signed a request, and what that identity's policies are, as moto's IAM and STS know them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from typing import Any

from deliverkit.sandbox.access.policy import Document, parsed
from deliverkit.sandbox.access.signatures import Secret
from deliverkit.sandbox.moto_base import MotoBase
from deliverkit.sandbox.moto_policies import managed_policy

ROOT_KEY = "sandbox"
"""The access key that the sandbox prints for `eval`: the root of the default account."""

AGENT_ROLE = "deliverkit-sandbox-instance"
"""The role of the sandbox's own host agents."""


@dataclass(frozen=True, slots=True)
class Caller:
    """An identity.

    Attributes:
        arn: As error messages and `aws:PrincipalArn` name it; empty for an unknown key.
        account: Account id.
        user_name: IAM user's name; empty for a role.
        role_arn: The role behind a session; empty for a user.
        is_root: True when nothing is denied to it.
        policies: Identity policies.
        secret: What its requests are signed with; None where nobody checks.
        limits: Sets of policies each of which must allow as well: permissions boundary, session policy.
    """

    arn: str
    account: str
    user_name: str = ""
    role_arn: str = ""
    is_root: bool = False
    secret: Secret | None = None
    policies: Sequence[Document] = ()
    limits: Sequence[Sequence[Document]] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names by which a trust policy may mean it."""
        names = (self.arn, self.role_arn, self.account, f"arn:aws:iam::{self.account}:root")
        return tuple(name for name in names if name)


def find_caller(moto: MotoBase, access_key: str) -> Caller:
    """The identity behind an access key."""
    account = moto.account_of(access_key)
    if access_key == ROOT_KEY:
        return Caller(f"arn:aws:iam::{account}:root", account, is_root=True)
    iam = moto.backend("iam", account, "global")
    session = moto.backend("sts", account, "global").get_assumed_role_from_access_key(access_key)
    if session is not None:
        return replace(_session(iam, session, account), secret=_session_secret(session))
    user = iam.get_user_from_access_key_id(access_key)
    key = iam.access_keys.get(access_key)
    if user is None or key is None or key.status != "Active":
        return Caller("", account)
    secret, policies = Secret(str(key.secret_access_key)), [*_user_policies(iam, str(user.name))]
    return Caller(str(user.arn), account, str(user.name), secret=secret, policies=policies, limits=_boundary(iam, user))


def _session_secret(session: Any) -> Secret:
    """What a session's requests are signed with; host agents have got theirs for good, as nobody renews them here."""
    is_agent = str(session.role_arn).endswith(f":role/{AGENT_ROLE}")
    expires = None if is_agent else session.expiration.replace(tzinfo=UTC)
    return Secret(str(session.secret_access_key), str(session.session_token), expires)


def role_caller(moto: MotoBase, account: str, name: str, session_arn: str) -> Caller | None:
    """A session of a role, by the role's name; None when there is no such role."""
    iam = moto.backend("iam", account, "global")
    role = next((each for each in list(iam.roles.values()) if each.name == name), None)
    if role is None:
        return None
    policies = [*_role_policies(iam, name)]
    return Caller(session_arn, account, role_arn=str(role.arn), policies=policies, limits=_boundary(iam, role))


def role_trust(moto: MotoBase, role_arn: str) -> Document | None:
    """The trust policy of a role; None when there is no such role."""
    role = _role(moto.backend("iam", role_arn.split(":")[4], "global"), role_arn)
    return None if role is None else parsed(role.assume_role_policy_document)


def _session(iam: Any, session: Any, account: str) -> Caller:
    role_arn = str(session.role_arn)
    role = _role(iam, role_arn)
    if role is None:
        # moto lets roles be assumed that nobody made. Host agents have such a one, and may what they ask.
        return Caller(str(session.arn), account, role_arn=role_arn, is_root=role_arn.endswith(f":role/{AGENT_ROLE}"))
    limits = _boundary(iam, role)
    if session.policy:
        limits.append([parsed(session.policy)])
    policies = [*_role_policies(iam, str(role.name))]
    return Caller(str(session.arn), account, role_arn=role_arn, policies=policies, limits=limits)


def _role(iam: Any, arn: str) -> Any:
    return next((role for role in list(iam.roles.values()) if role.arn == arn), None)


def _user_policies(iam: Any, name: str) -> Iterator[Document]:
    for policy in iam.list_user_policies(name):
        yield parsed(iam.get_user_policy(name, policy)["policy_document"])
    yield from _attached(iam.list_attached_user_policies(name)[0])
    for group in iam.get_groups_for_user(name):
        for policy in iam.list_group_policies(group.name):
            yield parsed(iam.get_group_policy(group.name, policy)["policy_document"])
        yield from _attached(iam.list_attached_group_policies(group.name)[0])


def _role_policies(iam: Any, name: str) -> Iterator[Document]:
    for policy in iam.list_role_policies(name):
        yield parsed(iam.get_role_policy(name, policy)[1])
    yield from _attached(iam.list_attached_role_policies(name)[0])


def _boundary(iam: Any, identity: Any) -> list[Sequence[Document]]:
    arn = getattr(identity, "permissions_boundary", None)
    arn = arn.get("PermissionsBoundaryArn") if isinstance(arn, dict) else arn
    policy = managed_policy(iam, arn) if arn else None
    return [] if policy is None else [[_default_version(policy)]]


def _attached(policies: Any) -> Iterator[Document]:
    for policy in policies:
        yield _default_version(policy)


def _default_version(policy: Any) -> Document:
    return parsed(next(version.document for version in policy.versions if version.is_default))
