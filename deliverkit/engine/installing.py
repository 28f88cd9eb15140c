"""Jobs and folders of a continuous integration server made as files define them: compared first, and never removed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from deliverkit.domain.job_definition import JobDefinition, kind
from deliverkit.domain.job_diff import difference
from deliverkit.domain.job_xml import merged, parse, write
from deliverkit.errors import ConflictError, DeliverkitError, DeniedError, NotFoundError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deliverkit.build_ports import JobShelf

_PATIENCE = 2
"""Calls in a row that a server may leave unanswered before the remaining ones are not made."""


class Fate(StrEnum):
    """What becomes of a job, or became of it."""

    CREATE = "create"
    CHANGE = "change"
    UNCHANGED = "unchanged"
    CREATED = "created"
    CHANGED = "changed"
    FAILED = "failed"

    @property
    def is_ahead(self) -> bool:
        """True when something is still to be done."""
        return self in {Fate.CREATE, Fate.CHANGE}


@dataclass(frozen=True, slots=True)
class Step:
    """One job or folder on its way onto the server.

    Attributes:
        definition: What its file defines.
        fate: What becomes of it, or became of it.
        difference: What changes on the server, as lines of a unified diff without what is secret.
        seen: The server's definition when they were compared; None for none.
        reason: Why it failed, or what else there is to know.
        error: What it failed of.
    """

    definition: JobDefinition
    fate: Fate
    difference: tuple[str, ...] = ()
    seen: str | None = None
    reason: str = ""
    error: DeliverkitError | None = None

    @property
    def name(self) -> str:
        """Full name of the job or folder."""
        return self.definition.name

    def failed(self, error: DeliverkitError) -> Step:
        """The same, after it failed."""
        reason = f"{error.message}; {error.hint}" if error.hint else error.message
        return replace(self, fate=Fate.FAILED, reason=reason, error=error)


class Installer:
    """Brings definitions onto a server."""

    def __init__(self, shelf: JobShelf) -> None:
        """Take the server's jobs.

        Args:
            shelf: The server's jobs.
        """
        self._shelf = shelf

    def plan(self, definitions: Sequence[JobDefinition]) -> tuple[Step, ...]:
        """What would be done for each definition; only reads.

        Raises:
            UnreachableError: If the server cannot be asked.
        """
        steps: dict[str, Step] = {}
        for definition in definitions:
            steps[definition.name] = self._planned(definition, steps)
        return tuple(steps.values())

    def carry_out(self, steps: Sequence[Step]) -> Iterator[Step]:
        """Do it, folders before what lies in them; gives each step with its fate as soon as it is known.

        A job that fails does not keep the others from being made, except those inside a folder that is missing now, and
        the remaining ones when the server does not answer any more.
        """
        unanswered = 0
        missing: set[str] = set()
        for step in sorted(steps, key=lambda each: each.name.split("/")):
            done = step
            if step.fate.is_ahead and unanswered >= _PATIENCE:
                done = step.failed(UnreachableError("not tried: the server does not answer"))
            elif step.definition.folder in missing:
                done = step.failed(ConflictError(f"not tried: its folder {step.definition.folder} is not there"))
            elif step.fate.is_ahead:
                done = self._done(step)
                unanswered = unanswered + 1 if _is_unanswered(done) else 0
            if done.fate is Fate.FAILED and done.seen is None:
                missing.add(done.name)
            yield done

    def _planned(self, definition: JobDefinition, earlier: dict[str, Step]) -> Step:
        step = Step(definition, Fate.CREATE)
        try:
            seen = self._shelf.definition(definition.name)
            step = replace(step, seen=seen)
            if seen is None:
                self._require_folder(definition, earlier)
                return replace(step, difference=difference(definition.name, definition.root, None))
            return self._compared(step, seen)
        except UnreachableError:
            raise
        except DeliverkitError as error:
            return step.failed(error)

    def _require_folder(self, definition: JobDefinition, earlier: dict[str, Step]) -> None:
        folder = definition.folder
        if not folder:
            return
        if folder in earlier:
            if earlier[folder].fate is Fate.FAILED:
                raise ConflictError(f"its folder {folder} cannot be made")
        elif self._shelf.definition(folder) is None:
            raise NotFoundError(f"there is no folder {folder} on the server", hint=f"define it, in {folder}.xml")

    def _compared(self, step: Step, seen: str) -> Step:
        server = parse(seen, f"the server's definition of {step.name}")
        if server.name != step.definition.root.name:
            raise ConflictError(
                f"on the server it is a {kind(server)}, and {step.definition.file} defines a {step.definition.kind}",
                hint="rename one of them: Jenkins cannot turn one into the other, and nothing is ever removed",
            )
        lines = difference(step.name, step.definition.root, server)
        return replace(step, fate=Fate.CHANGE if lines else Fate.UNCHANGED, difference=lines)

    def _done(self, step: Step) -> Step:
        try:
            if step.seen is None:
                self._created(step)
                return self._looked_at_again(replace(step, fate=Fate.CREATED))
            self._shelf.replace(step.name, self._wanted(step, step.seen))
            return self._looked_at_again(replace(step, fate=Fate.CHANGED))
        except DeliverkitError as error:
            return step.failed(error)

    def _created(self, step: Step) -> None:
        try:
            self._shelf.create(step.name, step.definition.xml)
        except ConflictError as error:
            # Jenkins says that there is no job when a user may not see it.
            hint = "somebody has made it meanwhile, or this user may not see it (the permission Job/Discover or Read)"
            raise ConflictError(error.message, hint=hint) from error

    def _wanted(self, step: Step, seen: str) -> str:
        now = self._shelf.definition(step.name)
        if now is None:
            raise NotFoundError("it was removed from the server meanwhile", hint="deliverkit jenkins install again")
        where = f"the server's definition of {step.name}"
        server = parse(now, where)
        if difference(step.name, parse(seen, where), server):
            raise ConflictError(
                "somebody changed it on the server meanwhile", hint="look at the differences again before you go on"
            )
        wanted = merged(step.definition.root, server)
        return step.definition.xml if wanted == step.definition.root else write(wanted)

    def _looked_at_again(self, done: Step) -> Step:
        """Whether the server has what it was given: what it drops or adds would come up at every installation."""
        try:
            text = self._shelf.definition(done.name)
        except UnreachableError as error:
            return replace(done, reason=f"it was not read back: {error.message}")
        if text is None:
            return done.failed(NotFoundError("the server took it and does not have it"))
        server = parse(text, f"the server's definition of {done.name}")
        left = difference(done.name, done.definition.root, server)
        if not left:
            return done
        changed = [line.strip() for line in left if line[:1] in "+-" and line[:3] not in {"+++", "---"}]
        told = ", ".join(changed[:3]) + (f" and {len(changed) - 3} lines more" if len(changed) > 3 else "")
        until = f"until {done.definition.file} says the same, each installation changes it again"
        return replace(done, reason=f"the server keeps it differently: {told}; {until}")


def _is_unanswered(step: Step) -> bool:
    """Whether the server may be gone; one that denies a job answers."""
    return isinstance(step.error, UnreachableError) and not isinstance(step.error, DeniedError)
