"""Texts of checks of metrics that have a grammar: each function gives the value or raises ValueError with a clause."""

from __future__ import annotations

import math
import re
from datetime import timedelta

from deliverkit.config import texts
from deliverkit.domain.duration import parse_duration

NUMBER = r"^[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?$"
AMOUNT = r"^([0-9]+([.][0-9]*)?|[.][0-9]+)%?$"
STATISTIC = (
    r"^(SampleCount|Sum|Average|Minimum|Maximum|IQM|(p|tm|wm|tc|ts)[0-9]{1,2}([.][0-9]{1,10})?|(p|tm|wm|tc|ts)100"
    r"|(TM|WM|TC|TS|PR)[(][^():]*:[^():]*[)])$"
)
"""CloudWatch user guide, "CloudWatch statistics definitions"."""
IDENTIFIER = r"^[a-z][A-Za-z0-9_]{0,254}$"
"""CloudWatch API reference, MetricDataQuery.Id: a small letter first."""
SHARES = r"^[0-9]{1,2}([.][0-9]+)?%(-[0-9]{1,2}([.][0-9]+)?%)?$"

_SHORT_PERIODS = (1, 5, 10, 20, 30)
"""CloudWatch API reference, MetricStat.Period: these, or a multiple of 60."""
_SEVERAL = re.compile(r"\b(METRICS|SEARCH|SELECT|SERVICE_QUOTA|ANOMALY_DETECTION_BAND)\b", re.IGNORECASE)


def metric(text: str) -> str:
    """A metric with its namespace."""
    from deliverkit.domain.metrics import parse_metric  # noqa: PLC0415  (only files that name metrics need it)

    parse_metric(text)
    return " ".join(text.split())


def metric_beside(text: str) -> str:
    """A metric whose namespace may be that of another one."""
    from deliverkit.domain.metrics import parse_metric  # noqa: PLC0415

    parse_metric(text, "Namespace")
    return " ".join(text.split())


def _number(text: str) -> float:
    """A finite number."""
    if not re.fullmatch(NUMBER, text.strip(), re.ASCII) or not math.isfinite(float(text)):
        raise ValueError(f"{text!r} is not a number: write one such as 5, 0.25 or -1")
    return float(text)


def amount(text: str) -> float:
    """A number of at least 0; with a % a share: `0.5%` is 0.005."""
    if not re.fullmatch(AMOUNT, text.strip(), re.ASCII):
        raise ValueError(f"{text!r} is no amount: write a share such as 0.5%, or a number such as 2")
    plain = text.strip().removesuffix("%")
    value = float(plain)
    return value if plain == text.strip() else _share(plain)


def chance(text: str) -> float:
    """A share above 0 and below 100 %."""
    value = amount(text)
    if not 0 < value < 1:
        raise ValueError(f"{text!r} is out of range: write more than 0% and less than 100%, such as 1%")
    return value


def factor(text: str) -> float:
    """A factor of at least 1."""
    value = _number(text)
    if value < 1:
        raise ValueError(f"{text!r} is less than 1: write a factor such as 1.2, which is 20% more")
    return value


def objective(text: str) -> float:
    """The share of requests that has to be good."""
    value = chance(text)
    if value < 0.5:
        raise ValueError(f"{text!r} is a low objective: write the share of good requests, such as 99.9%")
    return value


def shares(text: str) -> tuple[float, float]:
    """A share, or the lowest and the highest: `10%` or `5%-20%`."""
    if not re.fullmatch(SHARES, text.strip(), re.ASCII):
        raise ValueError(f"{text!r} is no share: write one such as 10%, or a band such as 5%-20%")
    low, _, high = text.strip().partition("-")
    found = (_share(low.rstrip("%")), _share((high or low).rstrip("%")))
    if not 0 < found[0] <= found[1] < 1:
        raise ValueError(f"{text!r} is out of range: the lower one first, more than 0%")
    return found


def period(text: str) -> timedelta:
    """A period that CloudWatch has."""
    length = parse_duration(text)
    seconds = length.total_seconds()
    if seconds not in _SHORT_PERIODS and (seconds <= 0 or seconds % 60 or seconds > 86_400):
        raise ValueError(f"{text!r} is no period of CloudWatch: write 1s, 5s, 10s, 20s, 30s or whole minutes up to 1d")
    return length


def statistic(text: str) -> str:
    """A statistic that CloudWatch knows."""
    if not re.fullmatch(STATISTIC, text, re.ASCII):
        raise ValueError(
            f"{text!r} is no statistic: write Sum, Average, Minimum, Maximum, SampleCount, a percentile such as p99, "
            "or a range such as TM(10%:90%)"
        )
    return text


def expression(text: str) -> str:
    """Metric math that gives one series."""
    several = _SEVERAL.search(text)
    if several:
        raise ValueError(f"{several[0]} may give several series, and one is judged: name the metrics under `metrics`")
    return text.strip()


def for_a_leg(text: str) -> str:
    """A text that is used once, with placeholders."""
    return texts.for_a_whole_leg(text)


def _share(percent: str) -> float:
    # 0.5 / 100 is not the double nearest to 0.005 for every number; through the text it is.
    return float(f"{percent}e-2")
