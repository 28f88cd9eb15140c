"""Comments on commits in CodeCommit, which has no commit statuses."""

from __future__ import annotations

import hashlib
from typing import Any

from deliverkit.adapters.aws.errors import translated
from deliverkit.adapters.aws.session import Aws
from deliverkit.domain.commit_status import CommitState, CommitStatus


class CodeCommitComments:
    """Implements `build_ports.CommitStatuses` with one comment for each promotion that has ended.

    A comment stays for ever, so that a promotion is under way is not said: nobody could take it back.
    """

    def __init__(self, aws: Aws, repository: str) -> None:
        """Take the repository, in the region in use; nothing is asked yet."""
        self._aws = aws
        self._repository = repository

    def state(self, status: CommitStatus) -> None:
        """Comment on the commit as a whole.

        Said again, it is the same comment: the token is made of what is said (CodeCommit API reference,
        PostCommentForComparedCommit, clientRequestToken).

        Raises:
            NotFoundError: If the repository or the commit is not there.
            UnreachableError: If CodeCommit does not answer, or denies `codecommit:GetCommit` or
                `codecommit:PostCommentForComparedCommit`.
            UsageError: If it finds the request wrong.
        """
        if status.state is CommitState.PENDING:
            return
        with translated(f"commenting on {status.commit[:10]} in {self._repository}"):
            client = self._aws.client("codecommit")
            # "Required for commenting on any commit unless that commit is the initial commit" (the same page).
            found = client.get_commit(repositoryName=self._repository, commitId=status.commit)
            parents = found["commit"].get("parents") or []
            before: dict[str, Any] = {"beforeCommitId": parents[0]} if parents else {}
            content = _content(status)
            client.post_comment_for_compared_commit(
                repositoryName=self._repository,
                afterCommitId=status.commit,
                content=content,
                clientRequestToken=hashlib.sha256(f"{status.promotion}\n{content}".encode()).hexdigest(),
                **before,
            )


def _content(status: CommitStatus) -> str:
    lines = [f"{status.context}: {status.state.value}", status.description, f"promotion {status.promotion}", status.url]
    return "\n\n".join(line for line in lines if line)
