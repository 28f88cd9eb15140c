"""An identity that never changes."""

from __future__ import annotations

from deliverkit.ports import Identity

DEVELOPER = Identity(arn="arn:aws:iam::123456789012:user/developer", account="123456789012", groups=("developers",))


class FixedIdentity:
    """An `IdentityProvider` that always gives the same answer."""

    def __init__(self, identity: Identity = DEVELOPER) -> None:
        """Take the answer."""
        self._identity = identity

    def whoami(self) -> Identity:
        """The identity it was made with."""
        return self._identity
