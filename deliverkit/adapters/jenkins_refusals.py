"""What a Jenkins does not accept, in our words: a request for a build, a definition of a job."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from deliverkit.adapters.jenkins_answers import RefusedError
from deliverkit.domain.build import REQUEST
from deliverkit.errors import ConflictError, NotFoundError, UsageError

NO_JOB = "see how it is spelled, with its folders (FOLDER/JOB), and that this user may see it"


@contextmanager
def definition_refused(name: str) -> Iterator[None]:
    """Why a definition was refused.

    Raises:
        ConflictError: If there is a job of that name by now.
        UsageError: If Jenkins cannot read it.
    """
    try:
        yield
    except RefusedError as refusal:
        if refusal.status == 400 and "already exists" in refusal.said:
            raise ConflictError(f"{name} exists already") from refusal
        if refusal.status in {400, 500}:
            said = f": {refusal.words}" if refusal.words else ""
            raise UsageError(
                f"Jenkins does not accept the definition of {name} ({refusal.status}){said}",
                hint="the log of the controller tells which element it did not understand, or which plugin is missing",
            ) from refusal
        raise


def refuse_unknown(job: str, parameters: Mapping[str, str], takes: frozenset[str] | None) -> None:
    """See that a job takes all parameters: those that it does not declare Jenkins drops without a word.

    Args:
        job: Full name.
        parameters: What it is to be given.
        takes: What it declares; None for nothing at all.

    Raises:
        UsageError: If there is one that it does not take.
    """
    unknown = [name for name in parameters if name not in (takes or ())]
    if not unknown:
        return
    if REQUEST in unknown:
        raise UsageError(
            f"the job {job} has no parameter {REQUEST}, so requests for it cannot be told apart",
            hint=f"add string(name: '{REQUEST}') to its parameters; run it once by hand when its Jenkinsfile has them",
        )
    if takes is None:
        raise UsageError(
            f"the job {job} takes no parameters, not {', '.join(unknown)}",
            hint="declare them in the job's XML, or run the job once by hand when its Jenkinsfile declares them",
        )
    raise UsageError(
        f"the job {job} does not take {', '.join(unknown)}; it takes {', '.join(sorted(takes))}",
        hint="declare it in the Jenkinsfile, `parameters { string(name: ...) }`, and run the job once by hand",
    )


def not_taken(job: str, refusal: RefusedError) -> Exception:
    """Why a request for a build was refused; Jenkins tells it in words only."""
    if refusal.status == 404:
        return NotFoundError(f"there is no job {job}", hint=NO_JOB)
    if refusal.status == 409:
        return ConflictError(f"the job {job} is disabled")
    if "not parameterized" in refusal.said:
        return UsageError(f"the job {job} takes no parameters")
    if "choice for parameter" in refusal.said:
        return UsageError(f"the job {job} does not take that: {refusal.words}")
    return refusal
