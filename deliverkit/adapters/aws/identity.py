"""Who we are to AWS."""

from __future__ import annotations

from deliverkit.adapters.aws.errors import translated
from deliverkit.adapters.aws.session import Aws
from deliverkit.errors import DeliverkitError
from deliverkit.ports import Identity


class StsIdentity:
    """Implements `ports.IdentityProvider` with STS and IAM."""

    def __init__(self, aws: Aws) -> None:
        """Take the session; AWS is asked once, when somebody wants to know."""
        self._aws = aws
        self._known: Identity | None = None

    def whoami(self) -> Identity:
        """The calling identity, with the IAM groups of a user or the name of an assumed role."""
        self._known = self._known or self._ask()
        return self._known

    def _ask(self) -> Identity:
        with translated("asking AWS who we are"):
            answer = self._aws.client("sts").get_caller_identity()
        arn = str(answer["Arn"])
        return Identity(arn=arn, account=str(answer["Account"]), groups=self._groups(arn))

    def _groups(self, arn: str) -> tuple[str, ...]:
        kind, _, rest = arn.rpartition(":")[2].partition("/")
        if kind == "assumed-role":
            # arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION
            return (rest.partition("/")[0],)
        return self._groups_of_user(rest.rpartition("/")[2]) if kind == "user" else ()

    def _groups_of_user(self, user: str) -> tuple[str, ...]:
        try:
            with translated(f"reading the groups of {user}"):
                pages = self._aws.client("iam").get_paginator("list_groups_for_user").paginate(UserName=user)
                return tuple(group["GroupName"] for page in pages for group in page["Groups"])
        except DeliverkitError:
            # A user who may not read their own groups is in none as far as approvals go: fail closed.
            return ()
