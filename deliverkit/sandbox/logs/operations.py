"""CloudWatch Logs' operations on queries.

Source: CloudWatch Logs API reference, StartQuery, GetQueryResults, StopQuery, DescribeQueries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from deliverkit.sandbox.kernel import chance
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.operations import Context
from deliverkit.sandbox.logs.errors import QueryError
from deliverkit.sandbox.logs.queries import Query, QueryBook
from deliverkit.sandbox.logs.run import run
from deliverkit.sandbox.logs.syntax import parse_query
from deliverkit.sandbox.moto_logs import LogGroup, events_of, find_group

Params = Mapping[str, Any]
_CHOICES = ("logGroupName", "logGroupNames", "logGroupIdentifiers")
MOST_GROUPS = 50
MOST_AT_ONCE = 100
MOST_RESULTS = 10_000
MOST_DESCRIBED = 1000
_DAY = 86_400_000


def start_query(params: Params, context: Context) -> dict[str, Any]:
    """Start a query over one to fifty log groups.

    Raises:
        ApiError: `MalformedQueryException` for a query that is not understood, or whose time range lies before its log
            groups; `ResourceNotFoundException`; `InvalidParameterException`; `LimitExceededException`.
    """
    if params.get("queryLanguage", "CWLI") != "CWLI":
        raise _invalid("The sandbox knows Logs Insights QL alone")
    groups = _groups(params, context)
    start, end = int(params["startTime"]), int(params["endTime"])
    if start > end:
        raise _invalid("End time should not be less than start time")
    _check_range(groups, (start, end), context.now)
    commands = _commands(params["queryString"])
    book = _book(context)
    if sum(each.is_under_way(context.now) for each in book.queries.values()) >= MOST_AT_ONCE:
        raise ApiError("LimitExceededException", f"There are {MOST_AT_ONCE} queries under way already")
    events = [event for group in groups for event in _events(group, start, end, context)]
    names = tuple(group.name for group in groups)
    found = run(commands, events, params.get("limit"))
    query = Query(chance.uuid4(), params["queryString"], names, context.now, context.principal_arn, found)
    book.add(query)
    return {"queryId": query.id}


def get_query_results(params: Params, context: Context) -> dict[str, Any]:
    """The results so far: none before the query is complete.

    Raises:
        ApiError: `ResourceNotFoundException`, `InvalidParameterException`.
    """
    query = _require(params, context)
    status = query.status(context.now)
    found = query.found
    results = found.results if status == "Complete" else []
    share = 1 if status == "Complete" else 0
    statistics = {
        "recordsMatched": float(found.matched * share),
        "recordsScanned": float(found.scanned * share),
        "bytesScanned": float(found.bytes_scanned * share),
        "logGroupsScanned": float(len(query.groups) * share),
        "resultCount": float(len(results)),
        "estimatedRecordsSkipped": 0.0,
        "estimatedBytesSkipped": 0.0,
    }
    page, token = _page(results, params.get("nextToken"), int(params.get("maxItems") or MOST_RESULTS))
    return {"queryLanguage": "CWLI", "status": status, "results": page, "statistics": statistics, **token}


def stop_query(params: Params, context: Context) -> dict[str, Any]:
    """Stop a query that is under way.

    Raises:
        ApiError: `ResourceNotFoundException`; `InvalidParameterException` when it has ended.
    """
    query = _require(params, context)
    if not query.is_under_way(context.now):
        raise _invalid(f"Query {query.id} is not running: its status is {query.status(context.now)}")
    query.stopped_at = context.now
    return {"success": True}


def describe_queries(params: Params, context: Context) -> dict[str, Any]:
    """The queries of an account, the newest first."""
    told = [
        _described(query, group, context)
        for query in reversed(_book(context).queries.values())
        for group in query.groups
        if params.get("logGroupName") in (None, group) and params.get("status") in (None, query.status(context.now))
    ]
    told = told if params.get("queryLanguage", "CWLI") == "CWLI" else []
    page, token = _page(told, params.get("nextToken"), int(params.get("maxResults") or MOST_DESCRIBED))
    return {"queries": page, **token}


def _described(query: Query, group: str, context: Context) -> dict[str, Any]:
    is_complete = query.status(context.now) == "Complete"
    return {
        "queryLanguage": "CWLI",
        "queryId": query.id,
        "queryString": query.text,
        "status": query.status(context.now),
        "createTime": int(query.started_at.timestamp() * 1000),
        "logGroupName": group,
        "queryDuration": int(query.duration(context.now).total_seconds() * 1000),
        "bytesScanned": float(query.found.bytes_scanned if is_complete else 0),
        "userIdentity": query.user,
    }


# --- what a query is about --------------------------------------------------------------------------


def _groups(params: Params, context: Context) -> list[LogGroup]:
    given = [name for name in _CHOICES if name in params]
    if len(given) != 1:
        raise _invalid(f"Exactly one of {', '.join(_CHOICES)} must be given")
    asked = params[given[0]]
    names = [asked] if isinstance(asked, str) else list(asked)
    if not 1 <= len(names) <= MOST_GROUPS:
        raise _invalid(f"A query is over 1 to {MOST_GROUPS} log groups")
    return [_group(name, context, is_name=given[0] != "logGroupIdentifiers") for name in names]


def _group(asked: str, context: Context, *, is_name: bool) -> LogGroup:
    name = asked
    if asked.startswith("arn:") and not is_name:
        account, name = asked.split(":")[4], asked.partition(":log-group:")[2]
        if account != context.account:
            raise _invalid(f"The sandbox has no monitoring accounts: {asked} belongs to another account")
        if name.endswith("*"):
            raise _invalid(f"The ARN of a log group must not end with an asterisk: {asked}")
    found = find_group(context.account, context.region, name)
    if found is None:
        message = f"Log group '{name}' does not exist for account ID '{context.account}'"
        raise ApiError("ResourceNotFoundException", message)
    return found


def _check_range(groups: Sequence[LogGroup], asked: tuple[int, int], now: datetime) -> None:
    """A range that ends before there can be events is refused; this was observed and is not documented."""
    oldest = min(_oldest(group, now) for group in groups)
    if asked[1] * 1000 < oldest // 1000 * 1000:
        raise _malformed(
            "Query's end date and time is either before the log groups creation time or exceeds the log groups log "
            f"retention settings ([{asked[0]}, {asked[1]}])",
            (0, 0),
        )


def _oldest(group: LogGroup, now: datetime) -> int:
    kept = int(now.timestamp() * 1000) - group.retention_days * _DAY if group.retention_days else 0
    return max(group.created_at, kept)


def _events(group: LogGroup, start: int, end: int, context: Context) -> list[Any]:
    """Both ends of the range are included, whole seconds of them."""
    kept = int(context.now.timestamp() * 1000) - group.retention_days * _DAY if group.retention_days else 0
    return list(events_of(context.account, context.region, group.name, max(start * 1000, kept), end * 1000 + 999))


def _commands(text: str) -> Any:
    try:
        return parse_query(text)
    except QueryError as error:
        raise _malformed(error.message, (error.start, error.end)) from error
    except RecursionError as error:
        raise _malformed("the query is nested too deeply", (0, len(text))) from error


# --- shared -----------------------------------------------------------------------------------------


def _book(context: Context) -> QueryBook:
    return context.world.store(QueryBook, context.account, context.region)


def _require(params: Params, context: Context) -> Query:
    found = _book(context).queries.get(params["queryId"])
    if found is None:
        raise ApiError("ResourceNotFoundException", f"Query {params['queryId']} does not exist")
    return found


def _page(found: Sequence[Any], token: str | None, size: int) -> tuple[list[Any], dict[str, str]]:
    if token is not None and not token.isdigit():
        raise _invalid("The specified nextToken is invalid.")
    begin = int(token or 0)
    following = begin + size
    return list(found[begin:following]), ({"nextToken": str(following)} if following < len(found) else {})


def _invalid(message: str) -> ApiError:
    return ApiError("InvalidParameterException", message)


def _malformed(message: str, place: tuple[int, int]) -> ApiError:
    location = {"startCharOffset": place[0], "endCharOffset": place[1]}
    members = {"queryCompileError": {"location": location, "message": message}}
    return ApiError("MalformedQueryException", message, members=members)
