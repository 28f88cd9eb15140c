"""Keys of `release` about what becomes of releases once they are made: copies, keeping, tickets."""

from __future__ import annotations

from deliverkit.config import texts
from deliverkit.config.shapes import Field, Integer, MapOf, Record, Text
from deliverkit.domain.duration import format_duration
from deliverkit.domain.release_rules import TICKETS, KeepRules

_RULES = KeepRules()

KEEP = Record(
    "what stays although nothing needs it: {last: 20, for: 90d}",
    (
        Field("last", Integer(1, 100_000), "So many of the newest.", default=str(_RULES.last)),
        Field(
            "for",
            Text("a time such as 90d", texts.positive_duration, texts.DURATION),
            "Everything younger than this.",
            default=format_duration(_RULES.younger_than),
            mistaken_for=("days", "younger_than", "age"),
        ),
    ),
    may_be_empty=True,
)

REPLICAS = MapOf(
    Text("an AWS region", texts.matching(texts.REGION, "an AWS region such as eu-west-1"), texts.REGION),
    Text("a place in S3 such as s3://BUCKET/PREFIX", texts.s3_location, texts.S3),
    "places in S3 by region: {eu-west-1: s3://BUCKET/PREFIX}",
)

TICKET = Record(
    "how commits name tickets: {pattern: ..., url: ...}",
    (
        Field(
            "pattern",
            Text("a regular expression", texts.regular_expression),
            "What a ticket looks like; the first group, or all of it, is its name.",
            default=f"`SHOP-123` and `#123`: `{TICKETS}`".replace("|", "\\|"),
        ),
        Field(
            "url",
            Text("an address with {} in it, such as https://jira.example.com/browse/{}", texts.ticket_url),
            "Where a ticket is; `{}` stands for its name.",
        ),
    ),
)

COMMIT_STATUS = Field(
    "commit_status",
    Text("github://OWNER/NAME or codecommit://NAME", texts.commit_statuses, texts.STATUSES),
    "Where a promotion's commit is told how it fares: a commit status on GitHub (GITHUB_TOKEN, and GITHUB_API_URL for "
    "a server of your own), or a comment in CodeCommit once the promotion has ended. It never fails a delivery.",
    default="nowhere",
    mistaken_for=("status", "commit_statuses", "statuses"),
)
