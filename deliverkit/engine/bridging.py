"""Answering, with a decision that was made here, the questions of builds that ask people the same."""

from __future__ import annotations

from collections.abc import Iterator

from deliverkit.build_ports import BuildServer
from deliverkit.domain.rollout import Offer, Rollout, answer_to
from deliverkit.errors import ConflictError, DeliverkitError

RECORDED_BY = "RECORDED_BY"
"""The parameter of an `input` that says: the decision is on record, by this person; read it there."""


def pass_on(rollout: Rollout, server: BuildServer) -> Iterator[str]:
    """Let every build go on that asks what has been answered, and tell what became of each.

    A no is passed on the same way: the build reads what was decided in the ledger, like a yes, and ends by itself. What
    cannot be told to the server does no harm: the decision stands, and whoever answers there adds nothing to it.
    """
    if answer_to(rollout) is None:
        return
    decision = rollout.decisions[-1] if rollout.decisions else None
    who = (decision.person or decision.by) if decision else "deliverkit"
    for offer in rollout.offers:
        label = f"{offer.job} #{offer.build}"
        try:
            is_told = _answer(offer, server, who)
        except ConflictError:
            is_told = False
        except DeliverkitError as error:
            yield f"warning: {label} still asks, although this is decided: {error.message}"
            continue
        yield f"{label} goes on" if is_told else f"{label} does not ask any more"


def _answer(offer: Offer, server: BuildServer, who: str) -> bool:
    shown = offer.input[:1].upper() + offer.input[1:]  # as Jenkins spells it
    question = next((each for each in server.questions(offer.job, offer.build) if each.id == shown), None)
    if question is None:
        return False
    server.answer(question, is_approved=True, parameters={RECORDED_BY: who})
    return True
