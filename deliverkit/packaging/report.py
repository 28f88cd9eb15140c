"""Everything the lint has to say about one build, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deliverkit.errors import DeliverkitError, UsageError
from deliverkit.packaging import tree_rules
from deliverkit.packaging.bundle import written_to
from deliverkit.packaging.finding import Finding, Severity
from deliverkit.packaging.parts import Part, part_of
from deliverkit.packaging.refusal import FileChangedError, RefusedError
from deliverkit.packaging.tree import one_screen, shown
from deliverkit.yaml_tree import Place


@dataclass(frozen=True, slots=True)
class Report:
    """The findings of one check.

    Attributes:
        tree: The build directory.
        findings: In the order of the files, those that were allowed included.
        failure: Why the build cannot be packed, whatever its appspec says; the same is among the findings.
    """

    tree: Path
    findings: tuple[Finding, ...]
    failure: DeliverkitError | None = None

    @property
    def has_errors(self) -> bool:
        """Whether the build cannot be packaged."""
        return any(finding.is_error for finding in self.findings)

    @property
    def counted(self) -> tuple[Finding, ...]:
        """Without what was allowed."""
        return tuple(finding for finding in self.findings if finding.allowance is None)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """Warnings that count; neither errors nor notes."""
        return tuple(finding for finding in self.counted if finding.severity is Severity.WARNING)

    def refuse_errors(self) -> None:
        """Raise when there are errors.

        Raises:
            UsageError: With every error on one screen.
        """
        errors = [finding for finding in self.findings if finding.is_error]
        if not errors:
            return
        lines = [f"{error}\n    {error.why} {error.fix}." for error in errors]
        count = "1 error" if len(errors) == 1 else f"{len(errors)} errors"
        raise UsageError(
            f"The appspec has {count}; nothing was packed:\n{one_screen(lines, limit=10)}",
            hint="Correct the appspec, then look again with: deliverkit package --check",
        )

    def count(self, severity: Severity) -> int:
        """How many findings of one severity count."""
        return sum(finding.severity is severity for finding in self.counted)

    @property
    def summary(self) -> str:
        """The counts in words: `2 errors, 1 warning, 1 allowed`; `nothing found` for none at all."""
        counts = [(self.count(severity), severity.value, "s") for severity in Severity]
        counts.append((len(self.findings) - len(self.counted), "allowed", ""))
        return ", ".join(f"{n} {word}{s if n != 1 else ''}" for n, word, s in counts if n) or "nothing found"

    def to_text(self) -> str:
        """The findings as compilers tell theirs, each with its reason and the way out; empty when there are none."""
        return "\n".join(line for finding in self.counted for line in _lines(finding))

    def to_sarif(self) -> str:
        """The findings as SARIF 2.1.0, with paths relative to the checkout that the build lies in."""
        from deliverkit.packaging.sarif import to_sarif  # noqa: PLC0415  (for those who want it)

        return json.dumps(to_sarif(self.findings, base=_checkout(self.tree)), ensure_ascii=False, indent=2)

    def write_sarif(self, destination: Path) -> None:
        """Write what `to_sarif` gives to a file, whole or not at all; into a pipe or a device as it comes.

        Raises:
            UsageError: If nothing can be created there.
            DeliverkitError: If the disk is full or fails; what lay there before is still there.
        """
        content = f"{self.to_sarif()}\n".encode()
        try:
            if destination.exists() and not destination.is_file():
                destination.write_bytes(content)
                return
            with part_of(written_to(destination)) as part:
                _fill(part, content, destination)
        except OSError as error:
            raise UsageError(
                f"{shown(str(destination))} cannot be written: {error.strerror}",
                hint="Name a file in a directory that exists",
            ) from error

    def to_document(self) -> dict[str, Any]:
        """The findings as data; what was allowed is in it, with the reason."""
        counts = {f"{severity.value}s": self.count(severity) for severity in Severity}
        allowed = len(self.findings) - len(self.counted)
        return {**counts, "allowed": allowed, "findings": [_document(finding) for finding in self.findings]}


def _fill(part: Part, content: bytes, destination: Path) -> None:
    try:
        with open(part.descriptor, "wb", closefd=False) as file:
            file.write(content)
        part.take_place()
    except OSError as error:
        raise DeliverkitError(
            f"{shown(str(destination))} cannot be written: {error.strerror}",
            hint="free some space on that disk, or write the file elsewhere",
        ) from error


def failed(tree: Path, failure: DeliverkitError, findings: tuple[Finding, ...] = ()) -> Report:
    """The report about a build that cannot be packed at all.

    Args:
        tree: The build directory.
        failure: What packing it would say.
        findings: What was found before.
    """
    return Report(tree, (*findings, *_found_in(failure, tree)), failure)


def _found_in(failure: DeliverkitError, tree: Path) -> Iterator[Finding]:
    if isinstance(failure, RefusedError):
        for each in failure.refusals:
            yield each.rule.at(Place(file=str(tree / each.path)), str(each))
    elif isinstance(failure, FileChangedError):
        yield tree_rules.CHANGED.at(Place(file=str(tree / failure.path)), failure.message)
    else:
        yield tree_rules.BUILD.at(Place(file=str(tree)), failure.message)


def _checkout(tree: Path) -> Path:
    """The repository around a directory; outside of any, the working directory or what is next to the directory."""
    folder = tree.absolute()
    repository = next((each for each in (folder, *folder.parents) if (each / ".git").exists()), None)
    return repository or (Path.cwd() if folder.is_relative_to(Path.cwd()) else folder.parent)


def _lines(finding: Finding) -> Iterator[str]:
    yield str(finding)
    yield f"    {finding.why}"
    yield f"    fix: {finding.fix}"


def _document(finding: Finding) -> dict[str, Any]:
    place, allowance = finding.place, finding.allowance
    document: dict[str, Any] = {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "file": place.file,
        "line": place.line,
        "column": place.column,
        "message": finding.message,
        "why": finding.why,
        "fix": finding.fix,
    }
    if allowance is not None:
        document["allowed"] = {"reason": allowance.reason, "at": str(allowance.place)}
    return document
