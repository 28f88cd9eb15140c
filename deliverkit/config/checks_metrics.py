"""What checks of alarms, metrics and logs are told."""

from __future__ import annotations

from typing import Any

from deliverkit.config import metric_texts, texts
from deliverkit.config.common_shapes import REGION, SOME_TIME, TIME
from deliverkit.config.shapes import Boolean, Choice, Field, Integer, ListOf, MapOf, Record, Text
from deliverkit.config.value_shapes import NUMBER_LIMITS as BOUNDS
from deliverkit.config.value_shapes import Limited, Number

METRIC_EVERY = "30s"
"""Metrics come once a minute, and each question for one costs: the usual 5 s would be waste."""
COMPARE_DEADLINE = "10m"
"""Data of the last period come late, and the last look waits for them."""
_VERDICTS = ("inconclusive", "passed", "failed")
_MISSING = ("error", *_VERDICTS, "zero")

_METRIC = Text("a metric such as AWS/ApplicationELB RequestCount", metric_texts.metric)
_METRIC_BESIDE = Text("a metric, or the name of one in the same namespace", metric_texts.metric_beside)
_AMOUNT = Text("a share such as 0.5%, or a number", metric_texts.amount)
_PERIOD = Text("a period of CloudWatch such as 60s or 5m", metric_texts.period, texts.DURATION)
_STATISTIC = Text("a statistic such as Sum, Average or p99", metric_texts.statistic, metric_texts.STATISTIC)
_DIMENSIONS = MapOf(
    Text("a dimension's name"),
    Text("a value; placeholders may be part of it", metric_texts.for_a_leg),
    "dimensions by name, such as {LoadBalancer: app/shop/50dc6c495c0c9188}",
)
_NO_EVENTS = Field(
    "missing_data",
    Choice(("error", "zero")),
    "What it comes to when the errors never had data although there were requests: `zero` says that they are reported "
    "only when there are some.",
    default="error; zero for the counts that Application Load Balancers report so",
)
_REGION = Field("region", REGION, "Where it is asked for.", default="the regions deployed to")
_DELAY = Field("delay", TIME, "What data are given to arrive: younger ones are not looked at.", default="60s")

ALARM = Record(
    "an alarm check: {names: [...]}",
    (
        Field(
            "names",
            ListOf(Text("the name of an alarm"), "a list of CloudWatch alarms"),
            "CloudWatch alarms, metric or composite; OK passes, ALARM fails.",
            is_required=True,
        ),
        Field(
            "insufficient_data",
            Choice(_VERDICTS),
            "What an alarm comes to that is INSUFFICIENT_DATA.",
            default="inconclusive",
        ),
        Field("region", REGION, "Where they are.", default="the regions deployed to"),
    ),
)

METRIC = Limited(
    "a metric's check: {metric: ..., below: 5}",
    (
        Field("metric", _METRIC, "Namespace and name."),
        Field("math", Text("an expression such as 100 * errors / requests", metric_texts.expression), "Metric math."),
        Field("dimensions", _DIMENSIONS, "Dimensions of the metric.", default="the metric without any"),
        Field("statistic", _STATISTIC, "What is made of the data of a period.", default="Sum"),
        Field(
            "metrics",
            MapOf(
                Text(
                    "a name for the expression, a small letter first",
                    texts.matching(metric_texts.IDENTIFIER, "a name in an expression: a small letter first"),
                    metric_texts.IDENTIFIER,
                ),
                Record(
                    "a metric: {metric: ...}",
                    (
                        Field("metric", _METRIC, "Namespace and name.", is_required=True),
                        Field("dimensions", _DIMENSIONS, "Its dimensions.", default="the metric without any"),
                        Field("statistic", _STATISTIC, "What is made of a period's data.", default="Sum"),
                    ),
                ),
                "metrics by the names that the expression uses",
            ),
            "What `math` is about.",
        ),
        *BOUNDS,
        Field("period", _PERIOD, "What one value stands for.", default="60s"),
        Field(
            "window",
            SOME_TIME,
            "What is looked back at; every complete period of it has to keep the limits.",
            default="one period",
        ),
        Field(
            "missing_data",
            Choice(_MISSING),
            "What a period without data comes to; `zero` judges it as 0, as is right for counts that only come when "
            "there is something to count.",
            default="error",
        ),
        _DELAY,
        _REGION,
    ),
    choices=("metric", "math"),
)

BURN_RATE = Record(
    "a burn rate's check: {objective: 99.9%, errors: ..., requests: ...}",
    (
        Field(
            "objective",
            Text("a share such as 99.9%", metric_texts.objective),
            "The share of requests that has to be good.",
            is_required=True,
        ),
        Field("errors", _METRIC_BESIDE, "Counts bad requests."),
        _NO_EVENTS,
        Field("good", _METRIC_BESIDE, "Counts good requests, in place of `errors`."),
        Field("requests", _METRIC, "Counts all requests.", is_required=True, mistaken_for=("total",)),
        Field("dimensions", _DIMENSIONS, "Dimensions of both metrics.", default="the metrics without any"),
        Field(
            "windows",
            ListOf(
                Record(
                    "{long: 1h, short: 5m, burns: 14.4}",
                    (
                        Field("long", SOME_TIME, "The long window, which says that it matters.", is_required=True),
                        Field("short", SOME_TIME, "The short one, which says that it goes on.", is_required=True),
                        Field("burns", Number(), "Fails when both burn faster than so often.", is_required=True),
                    ),
                ),
                "a list of pairs of windows",
            ),
            "Pairs of windows, and how fast the error budget may burn in both of them.",
            default="the SRE workbook's: 14.4 in 1h and 5m, 6 in 6h and 30m, 1 in 3d and 6h",
        ),
        Field(
            "scale_to_bake", Boolean(), "Shortens all windows so that the longest is the bake time.", default="false"
        ),
        Field(
            "requests_needed",
            Integer(1, 1_000_000_000),
            "Windows with fewer requests are not judged: inconclusive.",
            default="1",
        ),
        Field("period", _PERIOD, "What one value stands for.", default="60s"),
        _DELAY,
        _REGION,
    ),
    choices=("errors", "good"),
)

LOGS = Limited(
    "a query of logs: {groups: [...], query: ..., below: 1}",
    (
        Field(
            "groups",
            ListOf(Text("the name of a log group", metric_texts.for_a_leg), "a list of log groups"),
            "Log groups, 50 at most.",
            is_required=True,
        ),
        Field(
            "query",
            Text("a query such as filter @message like /ERROR/", metric_texts.for_a_leg),
            "In the language of CloudWatch Logs Insights.",
            is_required=True,
        ),
        Field(
            "field",
            Text("a field of the result"),
            "The number that is judged, in every row.",
            default="records matched",
        ),
        *BOUNDS,
        Field("window", SOME_TIME, "What is looked back at.", default="5m"),
        Field("missing_data", Choice(_MISSING), "What a result without the field comes to.", default="error"),
        Field("timeout", SOME_TIME, "For one query; stopped after it, which is an error.", default="2m"),
        _DELAY,
        _REGION,
    ),
)

COMPARE = Record(
    "a comparison: {metric: ..., per: ...}",
    (
        Field("metric", _METRIC, "What is compared: counts of errors or events, or response times.", is_required=True),
        Field("per", _METRIC_BESIDE, "Counts the requests that the events are part of."),
        _NO_EVENTS,
        Field(
            "kind",
            Choice(("errors", "count", "latency")),
            "What the metric is.",
            default="errors with `per`, else count",
        ),
        Field("slower_than", SOME_TIME, "For `latency`: requests that take longer are counted as slow."),
        Field("dimensions", _DIMENSIONS, "Dimensions of both arms.", default="the metrics without any"),
        Field("baseline", _DIMENSIONS, "Dimensions of the old release.", default="the time before the release arrived"),
        Field("candidate", _DIMENSIONS, "Dimensions of the new one."),
        Field(
            "candidate_share",
            Text("a share such as 10%, or a band such as 5%-20%", metric_texts.shares),
            "The candidate's share of the traffic, where requests are not counted.",
            default="50%",
        ),
        Field(
            "ratio",
            Text("a factor such as 1.2", metric_texts.factor),
            "Times the baseline's share that belong to the margin of `harm`.",
            default="1",
        ),
        Field("tolerate", _AMOUNT, "A rise that is never a failure.", default="0: any proven rise fails"),
        Field(
            "dispersion",
            Text("a factor of at least 1", metric_texts.factor),
            "How many times more than chance errors of a tick vary, where that is known from the past.",
            default="learned from the ticks, which makes the first ones careful",
        ),
        Field("period", _PERIOD, "Length of a tick.", default="60s"),
        Field("warm_up", TIME, "Time after the release's arrival that is not compared.", default="0s"),
        Field("for", SOME_TIME, "How long is compared.", default="until the bake time ends"),
        Field(
            "gap",
            TIME,
            "Time before the arrival that belongs to neither arm, when the past is the baseline.",
            default="10m",
        ),
        Field("late", SOME_TIME, "How long a tick's data are waited for.", default="3m"),
        _DELAY,
        _REGION,
    ),
)

FIELDS = (
    Field("alarm", ALARM, "Asks CloudWatch alarms."),
    Field("metric", METRIC, f"Holds a metric of CloudWatch against limits. By default `every` is {METRIC_EVERY}."),
    Field("burn_rate", BURN_RATE, f"Asks how fast an error budget burns. By default `every` is {METRIC_EVERY}."),
    Field("logs", LOGS, f"Queries logs. By default `every` is {METRIC_EVERY}."),
    Field(
        "compare",
        COMPARE,
        "Compares the release with its predecessor; `harm` and `alpha` say how. "
        f"By default `every` is {METRIC_EVERY} and `deadline` {COMPARE_DEADLINE}.",
    ),
)
"""The kinds, as keys of a check."""
JUDGING = (
    Field(
        "harm",
        _AMOUNT,
        "For `compare`: the rise that must not pass, in points of the share. Needed unless there is a `ratio` or the "
        "check is only observed; with 0% nothing passes, and the gate fails or leaves it to a human.",
    ),
    Field(
        "alpha",
        Text("a share such as 1%", metric_texts.chance),
        "For `compare`: the chance of a wrong failure, however often is looked, and of a wrong pass. "
        "All comparisons of a gate share it.",
        default="5%",
    ),
)
"""Keys of a check that stand beside `compare`."""
DEFAULTS: dict[str, dict[str, Any]] = {}
"""Settings that hold where the file does not give them, by kind; times as they are written."""
LIMITS = {
    **{kind: {"every": METRIC_EVERY} for kind in ("metric", "burn_rate", "logs")},
    "compare": {"every": METRIC_EVERY, "deadline": COMPARE_DEADLINE},
}
"""Limits of the policy that hold where the file does not give them, by kind."""
