"""Shapes that many keys share."""

from __future__ import annotations

from deliverkit.config import texts
from deliverkit.config.shapes import Text
from deliverkit.domain.duration import parse_duration

TIME = Text("a time such as 500ms, 90s or 1h30m", parse_duration, texts.DURATION)
SOME_TIME = Text(TIME.expected, texts.positive_duration, texts.DURATION)
TEXT = Text("a text", texts.with_placeholders)
URL = Text("an address such as ${endpoint}/healthz", texts.url)
NAME = Text(
    "a name",
    texts.matching(texts.NAME, "a name: letters, digits, '.', '_' and '-', 63 at most, a letter or digit first"),
    texts.NAME,
)
REGION = Text(
    "an AWS region such as us-east-1", texts.matching(texts.REGION, "an AWS region such as us-east-1"), texts.REGION
)
