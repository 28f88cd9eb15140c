"""A promotion in one line, for the description that people see beside a build."""

from __future__ import annotations

from collections.abc import Iterator

from deliverkit.domain.build_claims import claim
from deliverkit.reporting.colours import outcome
from deliverkit.reporting.markup import joined, link, tag
from deliverkit.reporting.report import Report

LINE_LIMIT = 250
"""Characters of the line; Jenkins shows it in a narrow column beside every build."""
_PART_LIMIT = 60
_LINK_LIMIT = 4
"""Links to deployments; a promotion through many regions has more than a line holds."""


def description(report: Report) -> str:
    """As plain text, at most 250 characters: release, environment, outcome, and the build that made the release.

    Jenkins shows texts as they are unless it is configured otherwise (Manage Jenkins, Security, Markup Formatter).
    """
    words = f"{_head(report)}: {_outcome(report)} ({_short(report.history.rollout.id)})"
    url = report.build_url
    with_url = f"{words} {url}" if url else words
    return with_url if len(with_url) <= LINE_LIMIT else words


def description_html(report: Report) -> str:
    """As HTML of the kind that Jenkins' formatter "Safe HTML" lets through: bold words and links, nothing else."""
    words = joined(tag("b", _head(report)), ": ", _outcome(report), " (", _short(report.history.rollout.id), ")")
    return joined(words, *_links(report), by=" \N{MIDDLE DOT} ")


def _links(report: Report) -> Iterator[str]:
    if report.build_url:
        yield link(report.build_url, _short(report.build or "build"))
    if report.commit_url:
        source = report.history.rollout.plan.release.source
        yield link(report.commit_url, source.commit[:10] if source else "commit")
    urls = ((report.deployment_url(each.report), each.report) for each in report.history.deployments)
    linked = [(url, seen) for url, seen in urls if url]
    yield from (link(url, f"{seen.deployment_id} ({seen.region})") for url, seen in linked[:_LINK_LIMIT])
    tickets = [each for each in report.tickets if each.url and len(each.url) < LINE_LIMIT]
    yield from (link(each.url, _short(each.name)) for each in tickets[:_LINK_LIMIT])


def _head(report: Report) -> str:
    plan = report.history.rollout.plan
    return f"{_short(plan.release.version)} to {_short(plan.environment)}"


def _outcome(report: Report) -> str:
    rollout = report.history.rollout
    _, _, words = outcome(rollout)
    return words if rollout.outcome is not None else f"{words}, {rollout.phase.value} {_short(rollout.leg.label)}"


def _short(value: str) -> str:
    return claim(value, limit=_PART_LIMIT)
