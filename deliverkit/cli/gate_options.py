"""Arguments of the verbs that compare: shares, factors, splits of traffic, and lengths of time."""

from __future__ import annotations

import math
import re
from argparse import ArgumentTypeError
from typing import TYPE_CHECKING, NamedTuple

from deliverkit.domain.duration import parse_duration

if TYPE_CHECKING:
    from argparse import ArgumentParser

KINDS = ("errors", "count", "latency")
HALVES = (0.5, 0.5)
"""The candidate's share of the traffic, lowest and highest, where nobody says otherwise."""
_SPLIT = re.compile(r"(\d+(?:\.\d+)?):(\d+(?:\.\d+)?)", re.ASCII)
_RATE = re.compile(r"([\d.,e]+)\s*(?:/|per|p)\s*(s|sec|m|min|h|hour)", re.ASCII | re.IGNORECASE)
_NUMBER = re.compile(r"\d+(?:\.\d*)?(?:e-?\d+)?|\.\d+", re.ASCII | re.IGNORECASE)


def add_margin(command: ArgumentParser) -> None:
    """The arguments about harm and certainty, which judging and planning share."""
    command.add_argument(
        "--harm",
        type=margin,
        metavar="SHARE",
        help="the smallest rise that must not pass, such as 0.5%% or 0.005 of all requests (default: 0.5%%), or for "
        "--kind count 20%% of the baseline (default) or a number of events in each tick; 0 forbids a pass",
    )
    command.add_argument(
        "--alpha",
        type=certainty,
        metavar="SHARE",
        help="how often a harmless candidate may fail, over all looks together, and a harmful one pass (default: 5%%)",
    )
    command.add_argument(
        "--split",
        type=split,
        metavar="CANDIDATE:BASELINE",
        help="how the traffic is divided (default: 50:50); a band such as 8:92-12:88 where that is not exactly known",
    )
    command.add_argument(
        "--dispersion",
        type=factor,
        metavar="FACTOR",
        help="how bursty errors are known to be: variance from tick to tick over that of independent requests, 1 for "
        "no bursts (default: learned from the series, which makes the first looks careful)",
    )


class Margin(NamedTuple):
    """A rise, as it was typed.

    Attributes:
        value: As a share or number.
        is_percent: Whether it was written with a percent sign.
    """

    value: float
    is_percent: bool


DEFAULT_HARM, DEFAULT_HARM_OF_COUNTS, DEFAULT_ALPHA = Margin(0.005, is_percent=True), Margin(0.2, is_percent=True), 0.05


def margin(text: str) -> Margin:
    """A rise: `0.5%`, `0.005`, or for events without requests `150%` or `3`.

    Raises:
        ArgumentTypeError: If it is none.
    """
    digits = text.strip().removesuffix("%").strip()
    if not _NUMBER.fullmatch(digits) or float(digits) > 1e9:
        raise ArgumentTypeError(f"{text!r} is no rise: write 0.5% or 0.005")
    return Margin(float(digits) / (100 if "%" in text else 1), "%" in text)


def share(text: str) -> float:
    """A share: `0.5%` or `0.005`.

    Raises:
        ArgumentTypeError: If it is none.
    """
    digits = text.strip().removesuffix("%").strip()
    value = float(digits) / (100 if "%" in text else 1) if _NUMBER.fullmatch(digits) else math.nan
    if not 0 <= value <= 1:
        raise ArgumentTypeError(f"{text!r} is no share of all requests: write 0.5% or 0.005")
    return value


def certainty(text: str) -> float:
    """A share between nothing and everything.

    Raises:
        ArgumentTypeError: If it is none.
    """
    value = share(text)
    if not 0 < value < 1:
        raise ArgumentTypeError(f"{text!r} is no chance of being wrong: write 1% or 0.01")
    return value


def factor(text: str) -> float:
    """A factor: `1.2`, or `120%`.

    Raises:
        ArgumentTypeError: If it is none, or below 1.
    """
    digits = text.strip().removesuffix("%")
    value = float(digits) / (100 if "%" in text else 1) if _NUMBER.fullmatch(digits) else math.nan
    if not 1 <= value <= 1000:
        raise ArgumentTypeError(f"{text!r} is no factor from 1 to 1000: write 1.2 for 20 % more")
    return value


def rate(text: str) -> float:
    """Requests per second: `100/s`, `6000/min`, `1e6/h`.

    Raises:
        ArgumentTypeError: If it is none.
    """
    found = _RATE.fullmatch(text.strip())
    number = found[1].replace(",", "") if found else ""
    value = float(number) if _NUMBER.fullmatch(number) else math.nan
    if not found or not 0 < value <= 1e12:
        raise ArgumentTypeError(f"{text!r} is no traffic: write 100/s, 6000/min or 1000000/h")
    return value / {"s": 1, "m": 60, "h": 3600}[found[2][:1].lower()]


def split(text: str) -> tuple[float, float]:
    """The candidate's share of the traffic, lowest and highest: `10:90`, or `8:92-12:88`.

    Raises:
        ArgumentTypeError: If it is none.
    """
    found = [_SPLIT.fullmatch(each.strip()) for each in text.split("-")]
    parts = [(float(each[1]), float(each[2])) for each in found if each]
    if len(parts) != len(found) or len(parts) > 2 or not all(new > 0 and old > 0 for new, old in parts):
        raise ArgumentTypeError(f"{text!r} is no split of traffic: write 10:90 for 10 % to the candidate")
    shares = sorted(new / (new + old) for new, old in parts)
    return shares[0], shares[-1]


def seconds(text: str) -> float:
    """A length of time in seconds, more than none: `5s`, `300ms`, `1h30m`.

    Raises:
        ArgumentTypeError: If it is none.
    """
    try:
        value = parse_duration(text).total_seconds()
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error
    if not value:
        raise ArgumentTypeError(f"{text!r} is no time at all")
    return value
