"""What a report is made of, and where what it names can be looked at."""

from __future__ import annotations

import re
from dataclasses import dataclass

from deliverkit.domain.build_claims import claim, web_address
from deliverkit.domain.carriage import DeploymentReport
from deliverkit.domain.changes import Ticket
from deliverkit.domain.trust import Provenance, same_repository
from deliverkit.reporting.history import History

_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_REGION = re.compile(r"[a-z]{2}-[a-z]+-\d")
_DEPLOYMENT = re.compile(r"d-[A-Za-z0-9]+")
_CODECOMMIT = re.compile(r"git-codecommit\.([a-z0-9-]+)\.amazonaws\.com/v1/repos/([A-Za-z0-9._-]+)")
_FORGES = {"github.com": "commit", "gitlab.com": "-/commit", "bitbucket.org": "commits"}
"""Hosts of which we know the address of a commit, and the word for it."""


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that a report tells.

    Attributes:
        history: What happened.
        origin: What the release's provenance says, whoever signed it; None when there is none.
        tickets: Tickets that its commits name, since the release before it.
        has_console: True when the deployments are in AWS itself, where they can be looked at.
    """

    history: History
    origin: Provenance | None = None
    tickets: tuple[Ticket, ...] = ()
    has_console: bool = True

    @property
    def commit_url(self) -> str:
        """Where the release's commit can be looked at; empty where we do not know."""
        source, origin = self.history.rollout.plan.release.source, self.origin
        if source is None or origin is None or origin.origin is None or not _COMMIT.fullmatch(source.commit):
            return ""
        return commit_url(origin.origin.repository, source.commit)

    @property
    def build(self) -> str:
        """The build that made the release, as people call it; empty when it does not say."""
        if self.origin is None:
            return ""
        claims = self.origin.claims
        return claim(" ".join(filter(None, (claims.job, claims.number and f"#{claims.number}"))) or self.origin.build)

    @property
    def build_url(self) -> str:
        """Where that build can be looked at; empty when it does not say."""
        # Whoever may write to the store may have stated anything.
        return web_address(self.origin.invocation) if self.origin else ""

    def deployment_url(self, deployment: DeploymentReport) -> str:
        """Where a deployment can be looked at; empty where that is not AWS's public console."""
        region, name = deployment.region, deployment.deployment_id
        # China, the government's and the isolated regions have consoles elsewhere.
        is_public = _REGION.fullmatch(region) and not region.startswith(("cn-", "us-gov", "us-iso"))
        if not self.has_console or not is_public or not _DEPLOYMENT.fullmatch(name):
            return ""
        return f"https://{region}.console.aws.amazon.com/codesuite/codedeploy/deployments/{name}?region={region}"


def commit_url(repository: str, commit: str) -> str:
    """Where a commit of a repository can be looked at; empty where we do not know.

    Args:
        repository: Its address, in any of git's spellings.
        commit: Full commit id.
    """
    name = same_repository(repository)
    host, _, path = name.partition("/")
    if host in _FORGES and re.fullmatch(r"[\w.~/-]+", path):
        return f"https://{host}/{path}/{_FORGES[host]}/{commit}"
    found = _CODECOMMIT.fullmatch(name)
    if found is None:
        return ""
    region, project = found.groups()
    place = f"https://{region}.console.aws.amazon.com/codesuite/codecommit/repositories"
    return f"{place}/{project}/commit/{commit}?region={region}"
