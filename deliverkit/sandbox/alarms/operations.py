"""CloudWatch's operations on alarms, over moto's store: what moto answers wrongly or not at all.

Source: CloudWatch API reference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from deliverkit.sandbox.alarms import composite_rule
from deliverkit.sandbox.alarms.book import AlarmBook, Entry, Suppression, book_of, note
from deliverkit.sandbox.alarms.changes import change
from deliverkit.sandbox.alarms.checks import check_metric_alarm, check_reason_data, invalid
from deliverkit.sandbox.alarms.evaluation import State
from deliverkit.sandbox.alarms.messages import described
from deliverkit.sandbox.alarms.moto_alarms import AlarmView, Operation, add_composite, alarms_of
from deliverkit.sandbox.alarms.query import get_metric_data, get_metric_statistics
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.world import World

Params = Mapping[str, Any]
MOST_RECORDS = 100


def operations(world: World) -> dict[str, Operation]:
    """The operations by name, with moto's own at hand."""
    return {
        "PutMetricAlarm": partial(put_metric_alarm, world),
        "PutCompositeAlarm": partial(put_composite_alarm, world),
        "DescribeAlarms": partial(describe_alarms, world),
        "DescribeAlarmHistory": partial(describe_alarm_history, world),
        "DeleteAlarms": partial(delete_alarms, world),
        "DescribeAlarmsForMetric": partial(describe_alarms_for_metric, world),
        "EnableAlarmActions": partial(switch_actions, world, True),
        "DisableAlarmActions": partial(switch_actions, world, False),
        "SetAlarmState": partial(set_alarm_state, world),
        "GetMetricData": partial(get_metric_data, world),
        "GetMetricStatistics": partial(get_metric_statistics, world),
    }


def put_metric_alarm(world: World, params: Params, account: str, region: str, by_moto: Callable[..., None]) -> None:
    """Make or change a metric alarm; a changed one keeps its state until the next evaluation.

    Raises:
        ApiError: `ValidationError` for what AWS or the sandbox does not take.
    """
    check_metric_alarm(params)
    before = _find(account, region, params["AlarmName"])
    stat = params.get("ExtendedStatistic")
    # moto takes percentiles alone.
    by_moto(**({"ExtendedStatistic": "p50"} if stat else {}))
    view = _require(account, region, params["AlarmName"])
    view.inner.extended_statistic = stat
    _begin_or_keep_state(before, view)
    _note_configuration(world, view, before)


def put_composite_alarm(world: World, params: Params, account: str, region: str, _by_moto: Any) -> None:
    """Make or change a composite alarm.

    Raises:
        ApiError: `ValidationError` for a rule that is none, for alarms that do not exist, and for periods without
            a suppressor.
    """
    rule = _rule(params)
    known = {key for view in alarms_of(account, region) for key in (view.name, view.arn)}
    suppressor = params.get("ActionsSuppressor", "")
    needed = [*composite_rule.alarms_in(rule), *([suppressor] if suppressor else [])]
    missing = [alarm for alarm in needed if alarm not in known]
    if missing:
        # That they must exist is documented, the words are not.
        raise invalid(f"The alarms {', '.join(missing)} do not exist")
    periods = [params.get(f"ActionsSuppressor{name}Period") for name in ("Wait", "Extension")]
    if bool(suppressor) != any(each is not None for each in periods) or (suppressor and None in periods):
        raise invalid("ActionsSuppressor, its WaitPeriod and its ExtensionPeriod are given together")
    before = _find(account, region, params["AlarmName"])
    view = add_composite(account, region, params)
    suppressions = book_of(world, account, region).suppressions
    kept = suppressions.get(view.name, Suppression()) if before is not None else Suppression()
    kept.suppressor = suppressor
    kept.wait, kept.extension = (timedelta(seconds=int(each or 0)) for each in periods)
    suppressions[view.name] = kept
    _begin_or_keep_state(before, view)
    _note_configuration(world, view, before)


def _rule(params: Params) -> composite_rule.Rule:
    text = params["AlarmRule"]
    if len(text) > composite_rule.LONGEST:
        raise invalid(f"AlarmRule must not be longer than {composite_rule.LONGEST} characters")
    try:
        return composite_rule.parse(text)
    except composite_rule.RuleError as error:
        raise invalid(f"AlarmRule is not valid: {error}") from error


def describe_alarms(world: World, params: Params, account: str, region: str, _by_moto: Any) -> dict[str, Any]:
    """Alarms by name, prefix, state, action; metric alarms alone unless composite ones are asked for."""
    kinds = params.get("AlarmTypes") or ["MetricAlarm"]
    found = [view for view in _related(params, account, region) if _is_wanted(view, params)]
    found = [view for view in found if ("CompositeAlarm" if view.is_composite else "MetricAlarm") in kinds]
    shown, token = _page(found, params)
    suppressions = book_of(world, account, region).suppressions
    told: dict[str, Any] = {"MetricAlarms": [], "CompositeAlarms": []}
    for view in shown:
        kind = "CompositeAlarms" if view.is_composite else "MetricAlarms"
        told[kind].append(described(view, suppressions.get(view.name)))
    return told | token


def _related(params: Params, account: str, region: str) -> list[AlarmView]:
    views = list(alarms_of(account, region))
    of, parents = params.get("ChildrenOfAlarmName"), params.get("ParentsOfAlarmName")
    if of:
        named = {key for view in views if view.name == of and view.is_composite for key in _children(view)}
        return [view for view in views if view.name in named or view.arn in named]
    if parents:
        keys = {key for view in views if view.name == parents for key in (view.name, view.arn)}
        return [view for view in views if view.is_composite and keys & set(_children(view))]
    return views


def _children(view: AlarmView) -> list[str]:
    return composite_rule.alarms_in(composite_rule.parse(view.inner.rule))


def _is_wanted(view: AlarmView, params: Params) -> bool:
    names, prefix = params.get("AlarmNames"), params.get("AlarmNamePrefix")
    state, action = params.get("StateValue"), params.get("ActionPrefix")
    inner = view.inner
    actions = [*(inner.alarm_actions or ()), *(inner.ok_actions or ()), *(inner.insufficient_data_actions or ())]
    return (
        (not names or view.name in names)
        and (not prefix or view.name.startswith(prefix))
        and (not state or view.state == state)
        and (not action or any(arn.startswith(action) for arn in actions))
    )


def describe_alarms_for_metric(
    _world: World, params: Params, account: str, region: str, _by_moto: Any
) -> dict[str, Any]:
    """The metric alarms on one metric; those on expressions are not found (API reference)."""
    wanted = {name: params.get(name) for name in ("Namespace", "MetricName")}
    optional = {name: params[name] for name in ("Statistic", "ExtendedStatistic", "Period", "Unit") if name in params}
    dimensions = _sorted(params.get("Dimensions", ()))
    told = [described(view) for view in alarms_of(account, region) if not view.is_composite]
    found = [
        alarm
        for alarm in told
        if all(alarm.get(name) == value for name, value in (wanted | optional).items())
        and _sorted(alarm["Dimensions"]) == dimensions
    ]
    return {"MetricAlarms": found}


def _sorted(dimensions: Iterable[Mapping[str, str]]) -> list[tuple[str, str]]:
    return sorted((each["Name"], each["Value"]) for each in dimensions)


def switch_actions(world: World, enabled: bool, params: Params, account: str, region: str, _by_moto: Any) -> None:
    """Let alarms carry out their actions, or not; a change of the configuration that their history has."""
    for view in alarms_of(account, region):
        if view.name in params["AlarmNames"] and view.inner.actions_enabled is not enabled:
            view.inner.actions_enabled = enabled
            _note_configuration(world, view, view)


def describe_alarm_history(world: World, params: Params, account: str, region: str, _by_moto: Any) -> dict[str, Any]:
    """The history of alarms, the newest entry first; metric alarms alone unless composite ones are asked for."""
    # The API defaults to metric alarms; for a named alarm its kind is clear.
    kinds = params.get("AlarmTypes") or (None if params.get("AlarmName") else ["MetricAlarm"])
    start, end = _moment(params.get("StartDate")), _moment(params.get("EndDate"))
    book: AlarmBook = book_of(world, account, region)
    found = [
        entry
        for entry in book.history
        if params.get("AlarmName") in (None, entry.alarm)
        and params.get("HistoryItemType") in (None, entry.item)
        and (kinds is None or entry.kind in kinds)
        and (start is None or entry.at >= start)
        and (end is None or entry.at <= end)
    ]
    if params.get("ScanBy") != "TimestampAscending":
        found.reverse()
    shown, token = _page(found, params)
    return {"AlarmHistoryItems": [_history_item(entry) for entry in shown]} | token


def _history_item(entry: Entry) -> dict[str, Any]:
    return {
        "AlarmName": entry.alarm,
        "AlarmType": entry.kind,
        "Timestamp": entry.at,
        "HistoryItemType": entry.item,
        "HistorySummary": entry.summary,
        "HistoryData": entry.data,
    }


def delete_alarms(world: World, params: Params, account: str, region: str, by_moto: Callable[..., None]) -> None:
    """Delete alarms; their history stays.

    Raises:
        ApiError: `ResourceNotFound` when one does not exist; then none is deleted.
    """
    views = [_require(account, region, name) for name in params["AlarmNames"]]
    by_moto()
    for view in views:
        book_of(world, account, region).suppressions.pop(view.name, None)
        data = {"type": "Delete", "deletedAlarm": {"alarmName": view.name, "alarmArn": view.arn}}
        note(world, view, "ConfigurationUpdate", f'Alarm "{view.name}" deleted', data)


def set_alarm_state(world: World, params: Params, account: str, region: str, _by_moto: Any) -> None:
    """Put an alarm into a state until its next evaluation; its actions follow.

    Raises:
        ApiError: `ResourceNotFound`; `InvalidFormat` for data that are not JSON.
    """
    view = _require(account, region, params["AlarmName"])
    data = params.get("StateReasonData") or ""
    check_reason_data(data)
    change(world, view, State(params["StateValue"]), params["StateReason"], data)


# --- shared -----------------------------------------------------------------------------------------


def _find(account: str, region: str, name: str) -> AlarmView | None:
    return next((view for view in alarms_of(account, region) if view.name == name), None)


def _require(account: str, region: str, name: str) -> AlarmView:
    found = _find(account, region, name)
    if found is None:
        raise ApiError("ResourceNotFound", f"The alarm {name} does not exist", status=404)
    return found


def _begin_or_keep_state(before: AlarmView | None, view: AlarmView) -> None:
    if before is None:
        view.inner.state_value, view.inner.state_reason_data = State.INSUFFICIENT_DATA.value, None
        return
    names = ("state_value", "state_reason", "state_reason_data", "state_updated_timestamp")
    for name in (*names, "state_transitioned_timestamp"):
        if hasattr(before.inner, name):
            setattr(view.inner, name, getattr(before.inner, name))


def _note_configuration(world: World, view: AlarmView, before: AlarmView | None) -> None:
    kind = "Create" if before is None else "Update"
    word = "created" if before is None else "updated"
    shown = {name: value for name, value in described(view).items() if not isinstance(value, datetime)}
    note(world, view, "ConfigurationUpdate", f'Alarm "{view.name}" {word}', {"type": kind, f"{word}Alarm": shown})


def _page(found: list[Any], params: Params) -> tuple[list[Any], dict[str, str]]:
    token = params.get("NextToken") or "0"
    if not str(token).isdigit():
        raise ApiError("InvalidNextToken", "The next token specified is invalid.")
    begin, size = int(token), int(params.get("MaxRecords") or MOST_RECORDS)
    following = begin + size
    return found[begin:following], ({"NextToken": str(following)} if following < len(found) else {})


def _moment(moment: datetime | None) -> datetime | None:
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)
