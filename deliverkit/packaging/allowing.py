"""Findings that somebody decided to live with, and decisions that decide nothing (any more).

A comment `# deliverkit: allow RULE REASON` allows a rule's findings in its own line and, standing alone, in the next
line that is more than a comment. The configuration allows a rule for the whole build. Both need a reason, and neither
can allow what certainly fails.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from deliverkit.domain.linting import AllowedRule
from deliverkit.packaging import rules
from deliverkit.packaging.appspec import nearest
from deliverkit.packaging.finding import Allowance, Finding
from deliverkit.yaml_tree import Place

_COMMENT = re.compile(r"(?:^|(?<=\s))#[ \t]*deliverkit:[ \t]*allow\b[ \t]*(\S*)[ \t]*(.*)")
_BY_ID = {rule.id: rule for rule in rules.RULES}


@dataclass(frozen=True, slots=True)
class _Scope:
    """An allowance and the lines in which it holds; none for the whole build."""

    allowance: Allowance
    lines: frozenset[int] = frozenset()

    def covers(self, finding: Finding) -> bool:
        if finding.rule != self.allowance.rule:
            return False
        place = self.allowance.place
        return not self.allowance.is_in_source or (
            finding.place.file == place.file and finding.place.line in self.lines
        )


def allow(
    findings: Sequence[Finding], texts: Mapping[str, str], allowed: Sequence[AllowedRule], *, is_complete: bool
) -> Iterator[Finding]:
    """The findings, those that are allowed marked as such, and what is wrong with the allowances themselves.

    Args:
        findings: What was found.
        texts: Files that comments are read from, by their name in findings.
        allowed: What the configuration allows.
        is_complete: False when the appspec could not be read, so that nothing can be said of unused allowances.
    """
    scopes = [scope for file, text in texts.items() for scope in _comments(text, file)]
    scopes += [_Scope(_configured(each)) for each in allowed]
    valid = []
    for scope in scopes:
        fault = _fault(scope.allowance)
        if fault is None:
            valid.append(scope)
        else:
            yield fault
    used: set[_Scope | None] = set()
    for finding in findings:
        by = next((each for each in valid if each.covers(finding)), None)
        used.add(by)
        yield finding if by is None else replace(finding, allowance=by.allowance)
    for scope in valid:
        if is_complete and scope not in used:
            message = f"allows {scope.allowance.rule}, which is not found here"
            yield rules.ALLOW_UNUSED.at(scope.allowance.place, message)


def _configured(allowed: AllowedRule) -> Allowance:
    place = Place(allowed.line, allowed.column, allowed.file)
    return Allowance(allowed.rule, allowed.reason, place, is_in_source=False)


def _comments(text: str, file: str) -> Iterator[_Scope]:
    if "deliverkit:" not in text:
        return
    lines = text.split("\n")
    for number, line in enumerate(lines, start=1):
        found = _COMMENT.search(line)
        if found is None:
            continue
        covered = {number}
        if not line[: found.start()].strip():
            covered.add(
                next((at for at in range(number + 1, len(lines) + 1) if _says_something(lines[at - 1])), number)
            )
        place = Place(number, found.start() + 1, file)
        yield _Scope(Allowance(found[1], found[2].strip(), place, is_in_source=True), frozenset(covered))


def _says_something(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _fault(allowance: Allowance) -> Finding | None:
    rule = _BY_ID.get(allowance.rule)
    if rule is None:
        message = f"there is no rule {allowance.rule!r}{nearest(allowance.rule, _BY_ID)}"
        return rules.ALLOW_UNKNOWN.at(allowance.place, message)
    if not rule.is_allowable:
        return rules.ALLOW_REFUSED.at(allowance.place, f"{rule.id} cannot be allowed")
    if not allowance.reason:
        return rules.ALLOW_REASON.at(allowance.place, f"{rule.id} is allowed without a reason")
    return None
