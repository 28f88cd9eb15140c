"""Where a bundle comes from, as its provenance tells, and the policy that says which origins may be deployed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase


class DirtyTree(StrEnum):
    """What becomes of releases whose working tree differed from the commit."""

    REFUSE = "refuse"
    ALLOW = "allow"


class Verdict(StrEnum):
    """How a check of a release ended."""

    HOLDS = "holds"
    BROKEN = "broken"
    SKIPPED = "skipped"


class Signing(StrEnum):
    """What is kept of a release's provenance, as far as looking at it tells: only `release verify` proves anything."""

    SIGNED = "signed"
    UNSIGNED = "unsigned"
    NONE = "none"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check of a release.

    Attributes:
        check: What was checked, in a word: `bundle`, `signature`, `source`.
        verdict: How it ended; a skipped one says why there was nothing to check.
        said: What was found, on one line.
    """

    check: str
    verdict: Verdict
    said: str


@dataclass(frozen=True, slots=True)
class Origin:
    """The source revision as the provenance states it.

    Attributes:
        repository: Address of the repository without credentials; empty when it has no remote.
        commit: Full commit id.
        branch: The branch that was checked out; empty when none was.
        tag: The tag that names the commit; empty for none.
        is_dirty: True when the working tree differed from the commit.
    """

    repository: str
    commit: str
    branch: str = ""
    tag: str = ""
    is_dirty: bool = False


@dataclass(frozen=True, slots=True)
class BuildClaims:
    """What a build says of itself and its agent, besides its address: claims, however the statement is signed.

    Whoever may change the build's steps may set these variables. Only `packaged_by` is told by AWS. What is not known
    is empty.

    Attributes:
        job: Full name of the job, folders separated by slashes (JOB_NAME).
        number: The build's number (BUILD_NUMBER).
        cause: Why it ran, in one line (DELIVERKIT_CAUSE, which our shared library sets).
        agent: The agent that it ran on (NODE_NAME).
        change: The change request that it built (CHANGE_ID).
        commit: The commit that the server checked out (GIT_COMMIT); the statement's source is what git itself told.
        packaged_by: AWS identity ARN that stored the bundle.
    """

    job: str = ""
    number: str = ""
    cause: str = ""
    agent: str = ""
    change: str = ""
    commit: str = ""
    packaged_by: str = ""


@dataclass(frozen=True, slots=True)
class Provenance:
    """How a bundle came about.

    Attributes:
        application: Name of the application.
        version: The release's version.
        bundle: `sha256:...` of the bundle.
        format: Type of the archive.
        path: The build directory, relative to the configuration.
        manifest: `sha256:...` of the manifest, which fixes what is in the bundle.
        sbom: `sha256:...` of the bill of materials.
        builder: Identifies the machine that built: the address of the Jenkins controller, or our own name for others.
        builder_version: Version of deliverkit.
        invocation: Identifies the build: Jenkins's BUILD_URL; empty when there is none.
        build: Jenkins's BUILD_TAG; empty when there is none.
        started_at: When packaging began.
        finished_at: When the bundle was stored.
        origin: The source revision; None when the build was in no repository.
        claims: What the build says of itself; empty in statements that were made before they had it.
    """

    application: str
    version: str
    bundle: str
    format: str
    path: str
    manifest: str
    sbom: str
    builder: str
    builder_version: str
    started_at: datetime
    finished_at: datetime
    invocation: str = ""
    build: str = ""
    origin: Origin | None = None
    claims: BuildClaims = BuildClaims()


@dataclass(frozen=True, slots=True)
class SourcePolicy:
    """Which origins may be deployed; what is left empty is not asked for.

    Attributes:
        branches: Branches, or patterns of them with `*`, that a release may come from.
        repository: The one repository, in any of the spellings that git takes.
        dirty: Whether the working tree may have differed from the commit.
        builders: Builders that may have built it.
    """

    branches: tuple[str, ...] = ()
    repository: str = ""
    dirty: DirtyTree = DirtyTree.REFUSE
    builders: tuple[str, ...] = ()

    def objections(self, provenance: Provenance) -> tuple[str, ...]:
        """Why the policy does not hold; empty when it does. What is not known does not pass."""
        return (*self._to_source(provenance.origin), *self._to_builder(provenance.builder))

    def _to_source(self, origin: Origin | None) -> Iterator[str]:
        if origin is None:
            if self.branches or self.repository or self.dirty is DirtyTree.REFUSE:
                yield "it was built outside a git repository, so nothing tells its source"
            return
        if self.dirty is DirtyTree.REFUSE and origin.is_dirty:
            yield f"its working tree differed from commit {origin.commit[:12]}"
        if self.branches and not any(fnmatchcase(origin.branch, pattern) for pattern in self.branches if origin.branch):
            came_from = f"branch {origin.branch}" if origin.branch else "no known branch"
            yield f"it was built from {came_from}, not {' or '.join(self.branches)}"
        if self.repository and not (
            origin.repository and same_repository(self.repository) == same_repository(origin.repository)
        ):
            yield f"it was built from {origin.repository or 'a repository without a remote'}, not {self.repository}"

    def _to_builder(self, builder: str) -> Iterator[str]:
        if self.builders and builder.rstrip("/") not in {each.rstrip("/") for each in self.builders}:
            yield f"it was built by {builder}, not by {' or '.join(self.builders)}"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a release's trust rests on.

    Attributes:
        statement: `sha256:...` of the stored envelope.
        keys: Ids of the trusted keys whose signatures hold.
        key_names: Where those keys are configured, in the same order.
    """

    statement: str
    keys: tuple[str, ...]
    key_names: tuple[str, ...]


_PROTOCOLS = frozenset({"https", "http", "ssh", "git", "git+ssh", "ssh+git", "ftp", "ftps"})
"""What git itself speaks to a host."""


def same_repository(address: str) -> str:
    """The spelling-independent name of a repository: `host/path`, in lower-case host, without `.git` or user.

    `git@host:team/shop.git`, `ssh://git@host/team/shop` and `https://host/team/shop.git` are one repository. A folder
    is `file://path`, which no host can be called, and what another program than git would fetch stays as it is spelled.
    """
    text = address.strip().removeprefix("git+")
    scheme, separator, rest = text.partition("://")
    if not separator:
        # scp's spelling, `user@host:path`, unless a slash comes first: then it is a path (git-clone(1), "GIT URLS").
        host, colon, path = text.partition(":")
        if not colon or "/" in host:
            return _folder(text)
        rest = f"{host}/{path.lstrip('/')}"
    elif scheme == "file":
        return _folder(rest)
    elif scheme.lower() not in _PROTOCOLS:
        return text
    host, _, path = rest.partition("/")
    return f"{host.rpartition('@')[2].lower()}/{path.strip('/').removesuffix('.git')}"


def _folder(path: str) -> str:
    return f"file://{path.rstrip('/').removesuffix('.git')}"
