"""CloudWatch's alarms, which moto's CloudFormation leaves out."""

from __future__ import annotations

from typing import Any

from deliverkit.sandbox.stacks.kind import Attributes, Kind, Made, Place, Properties, without


def _make_alarm(place: Place, name: str, properties: Properties) -> Made:
    put = place.shape("cloudwatch", "PutMetricAlarm", {**properties, "AlarmName": name})
    place.ask("cloudwatch", "PutMetricAlarm", put)
    return Made(name, {"Arn": place.arn("cloudwatch", f"alarm:{name}")})


def _change_alarm(place: Place, name: str, _old: Properties, new: Properties) -> Attributes:
    # PutMetricAlarm refuses tags for an alarm that is there already.
    return _make_alarm(place, name, without(new, "Tags")).attributes


def _remove_alarm(place: Place, name: str, _properties: Any) -> None:
    if place.ask("cloudwatch", "DescribeAlarms", {"AlarmNames": [name]})["MetricAlarms"]:
        place.ask("cloudwatch", "DeleteAlarms", {"AlarmNames": [name]})


ALARM = Kind(
    "AWS::CloudWatch::Alarm",
    "cloudwatch",
    "AlarmName",
    frozenset({"AlarmName"}),
    ("Arn",),
    _make_alarm,
    _change_alarm,
    _remove_alarm,
)
