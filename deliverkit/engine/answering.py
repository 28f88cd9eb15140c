"""Answering what a build asks people."""

from __future__ import annotations

from collections.abc import Sequence

from deliverkit.build_ports import BuildServer
from deliverkit.domain.build import Question
from deliverkit.errors import NotFoundError, UsageError


def the_question(server: BuildServer, job: str, number: int, name: str = "") -> Question:
    """The question that is meant.

    Args:
        server: Who knows what the build asks.
        job: Full name of the job.
        number: The build.
        name: The question's id, as the Jenkinsfile or as the server spells it; may be left out when there is only one.

    Raises:
        NotFoundError: If the build does not ask that now.
        UsageError: If it asks several things and none is named.
    """
    asked = server.questions(job, number)
    # Jenkins upper-cases the first letter of the id in a Jenkinsfile, and answers to nothing else.
    meant = [each for each in asked if not name or each.id in {name, name[:1].upper() + name[1:]}]
    if len(meant) == 1:
        return meant[0]
    look = f"deliverkit jenkins input list {job} {number}"
    if not asked:
        raise NotFoundError(f"{job} #{number} asks nothing now", hint=f"deliverkit jenkins status {job} {number}")
    if not meant:
        raise NotFoundError(f"{job} #{number} does not ask {name} now, but {_ids(asked)}", hint=look)
    raise UsageError(f"{job} #{number} asks {len(meant)} things: {_ids(asked)}", hint=f"--id ID; see {look}")


def note(server: BuildServer, question: Question, line: str) -> None:
    """Add a line to the build's description: Jenkins itself keeps no reason of an answer.

    Raises:
        DeliverkitError: If that cannot be done; whatever was answered stays answered.
    """
    before = server.observe(question.job, question.build).description
    server.describe(question.job, question.build, f"{before}\n{line}" if before else line)


def _ids(questions: Sequence[Question]) -> str:
    return ", ".join(each.id for each in questions)
