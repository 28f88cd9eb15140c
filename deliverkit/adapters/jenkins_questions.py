"""Answers to `input` steps, for which python-jenkins has no method (Jenkins, pipeline-input-step)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from deliverkit.adapters import jenkins_values
from deliverkit.adapters.jenkins_answers import RefusedError
from deliverkit.adapters.jenkins_connection import Connection
from deliverkit.domain.build import Question
from deliverkit.errors import ConflictError, NotEntitledError, UsageError

_RESERVED = re.compile(r"You need to be (.{1,200}?) to submit this")
"""What the page of a refusal says (pipeline-input-step, `InputStepExecution.preSubmissionCheck`)."""


def answer(
    connection: Connection,
    build: str,
    question: Question,
    pending: Iterable[Mapping[str, Any]],
    *,
    is_approved: bool,
    parameters: Mapping[str, str],
) -> None:
    """Answer a question of a build.

    Who may answer is Jenkins' business: administrators are bound by no `submitter`, and whoever may cancel builds may
    refuse.

    Args:
        connection: The way to the controller.
        build: The build's address.
        question: As it was read.
        pending: What the build asks now, as Jenkins says it.
        is_approved: Whether the build may go on.
        parameters: What the question wants to know; what is not given has its default value.

    Raises:
        ConflictError: If it was answered before.
        NotEntitledError: If the server does not let this user answer.
        UsageError: If the question does not take one of the parameters.
    """
    asked = next((each for each in pending if each.get("id") == question.id), None)
    if asked is None:
        raise _settled(question)
    place = f"{build}input/{quote(question.id, safe='')}/"
    if not is_approved:
        _refuse_parameters(question, parameters, ())
        action, form = "abort", None
    else:
        action, form = _approval(question, asked, parameters)
    try:
        connection.post(place + action, form)
    except RefusedError as refusal:
        raise _not_taken(question, connection.user, refusal) from refusal


def _approval(
    question: Question, asked: Mapping[str, Any], parameters: Mapping[str, str]
) -> tuple[str, dict[str, str] | None]:
    """Where and with which form to approve.

    `proceedEmpty` would give the step null for all its parameters, so it is for steps without any.
    """
    defined = {str(each["name"]): each for each in jenkins_values.inputs(asked)}
    _refuse_parameters(question, parameters, defined)
    if not defined:
        return "proceedEmpty", None
    values = {**jenkins_values.question(question.job, question.build, asked).parameters, **parameters}
    given = [{"name": name, "value": _typed(each, values[name])} for name, each in defined.items()]
    proceed = str(asked.get("proceedText") or question.proceed_text)
    return "submit", {"proceed": proceed, "json": json.dumps({"parameter": given})}


def _typed(definition: Mapping[str, Any], value: str) -> str | bool:
    """The value as the form has it: a tick is a truth value.

    Raises:
        UsageError: If it is none of the values that the parameter takes.
    """
    name = definition["name"]
    if str(definition.get("type", "")).startswith("Boolean"):
        if value not in {"true", "false"}:
            raise UsageError(f"{name} is true or false, not {value}", hint=f"-p {name}=true")
        return value == "true"
    choices = [str(each) for each in (definition.get("definition") or {}).get("choices") or ()]
    if choices and value not in choices:
        raise UsageError(f"{name} is one of {', '.join(choices)}, not {value}", hint=f"-p {name}={choices[0]}")
    return value


def _refuse_parameters(question: Question, parameters: Mapping[str, str], taken: Iterable[str]) -> None:
    known = list(taken)
    unknown = [name for name in parameters if name not in known]
    if unknown:
        raise UsageError(
            f"the question {question.id} does not take {', '.join(unknown)}; it takes {', '.join(known) or 'nothing'}",
            hint=f"deliverkit jenkins input list {question.job} {question.build}",
        )


def _settled(question: Question) -> ConflictError:
    return ConflictError(
        f"{question.job} #{question.build} does not wait for an answer to {question.id}: somebody was quicker, or the "
        "build went on or ended",
        hint=f"deliverkit jenkins status {question.job} {question.build}",
    )


def _not_taken(question: Question, user: str, refusal: RefusedError) -> Exception:
    reserved = _RESERVED.search(refusal.said)
    if reserved:
        return NotEntitledError(
            f"{user} may not answer {question.id} of {question.job} #{question.build}: it is for {reserved[1]}",
            hint="let one of them answer, with JENKINS_USER_ID and JENKINS_API_TOKEN of their own",
        )
    if refusal.status == 404:
        return _settled(question)
    return refusal
