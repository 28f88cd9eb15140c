"""Logs Insights: the query language, the course of a query, and what is refused (CloudWatch Logs User Guide)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from sandbox_processes import client_at

from deliverkit.sandbox.logs.errors import QueryError
from deliverkit.sandbox.logs.run import Found, run
from deliverkit.sandbox.logs.syntax import parse_query
from deliverkit.sandbox.moto_logs import LogEvent
from deliverkit.sandbox.server import Sandbox

MINUTE = 60_000
LINES: list[Any] = [
    {"status": 200, "path": "/", "ms": 10.5, "user": {"name": "ada", "roles": ["admin", "dev"]}},
    {"status": 500, "path": "/buy", "ms": 30, "ok": False},
    "ERROR [db] user=bob, latency := 12",
    {"status": 200, "path": "/buy", "ms": 20, "ok": True, "note": None},
    {"status": "404", "path": "/a10", "ms": "n/a"},
    {"status": 302, "path": "/a9", "trace-id": "1-67"},
]


def events(lines: list[Any], group: str = "shop") -> list[LogEvent]:
    """One event a minute, the first at 0."""
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    return [
        LogEvent("123456789012", group, "web", number, number * MINUTE, number * MINUTE + 7, text)
        for number, text in enumerate(texts)
    ]


def ask(query: str, lines: list[Any] = LINES, **more: Any) -> Found:
    return run(parse_query(query), events(lines, **more), None)


def rows(query: str, lines: list[Any] = LINES, **more: Any) -> list[dict[str, str]]:
    """The results as mappings, without the pointers."""
    return [
        {each["field"]: each["value"] for each in row if each["field"] != "@ptr"}
        for row in ask(query, lines, **more).results
    ]


def column(query: str, lines: list[Any] = LINES) -> list[str | None]:
    """The one column that is displayed."""
    return [next(iter(row.values()), None) for row in rows(query, lines)]


# --- what is shown ----------------------------------------------------------------------------------


def test_events_come_newest_first_with_time_message_and_pointer() -> None:
    found = ask("filter status = 302")
    message = '{"status": 302, "path": "/a9", "trace-id": "1-67"}'
    shown = [(each["field"], each["value"]) for each in found.results[0]]
    assert shown[:2] == [("@timestamp", "1970-01-01 00:05:00.000"), ("@message", message)]
    assert [name for name, _ in shown] == ["@timestamp", "@message", "@ptr"]
    assert (found.matched, found.scanned) == (1, 6)
    assert found.bytes_scanned == sum(len(event.message) for event in events(LINES))
    assert column("display @timestamp | limit 2") == ["1970-01-01 00:05:00.000", "1970-01-01 00:04:00.000"]


def test_fields_of_json_are_found_by_their_paths() -> None:
    query = "fields user.name, user.roles.1, `trace-id`, ms, ok, note, nothing | sort @timestamp asc"
    found = rows(query)
    assert found[0] == {"user.name": "ada", "user.roles.1": "dev", "ms": "10.5"}
    assert found[1] == {"ms": "30", "ok": "0"}
    assert found[2] == {}
    assert found[3] == {"ms": "20", "ok": "1"}
    assert found[5] == {"trace-id": "1-67"}


def test_system_fields() -> None:
    (found,) = rows("fields @log, @logStream, @ingestionTime | sort @timestamp asc | limit 1")
    assert found == {
        "@log": "123456789012:shop",
        "@logStream": "web",
        "@ingestionTime": "1970-01-01 00:00:00.007",
    }


def test_fields_of_lambda_reports() -> None:
    report = (
        "REPORT RequestId: 3604-11\tDuration: 12.34 ms\tBilled Duration: 13 ms\t"
        "Memory Size: 128 MB\tMax Memory Used: 60 MB\tInit Duration: 90.1 ms\t"
    )
    query = 'filter @type = "REPORT" | stats avg(@duration), max(@maxMemoryUsed), max(@initDuration) by @requestId'
    assert rows(query, ["START RequestId: 3604-11 Version: 1", report], group="/aws/lambda/shop") == [
        {
            "@requestId": "3604-11",
            "avg(@duration)": "12.34",
            "max(@maxMemoryUsed)": "60000000",
            "max(@initDuration)": "90.1",
        }
    ]
    assert rows(query, [report]) == []


def test_several_fields_commands_add_up_and_the_last_display_counts() -> None:
    assert list(rows("fields ms | fields status as s, path | limit 2")[1]) == ["ms", "s", "path"]
    assert list(rows("fields ms | display path | display status | limit 1")[0]) == ["status"]


# --- filter -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "paths"),
    [
        ("status = 500", ["/buy"]),
        ('status = "500"', ["/buy"]),
        ("status >= 400", ["/buy", "/a10"]),
        ("status < 300 and ms > 15", ["/buy"]),
        ("status = 302 or (ms = 30 and not ok = true)", ["/buy", "/a9"]),
        ("status in [302, 404]", ["/a10", "/a9"]),
        ("status not in [200, 500] and ispresent(path)", ["/a10", "/a9"]),
        ("ms < 15", ["/"]),  # n/a is no number
        ("path like /^.a\\d+$/", ["/a10", "/a9"]),
        ("path like 'uy'", ["/buy", "/buy"]),
        ('path =~ "a1"', ["/a10"]),
        ("path not like /(?i)BUY/ and ispresent(path)", ["/", "/a10", "/a9"]),
        ("ok = false", ["/buy"]),
        ("ok = 1", ["/buy"]),
        ("ispresent(ms) and ms != 10.5 and ms != 20 # what is no number is not 20 either", ["/buy", "/a10"]),
        ("strcontains(path, 'a') and status * 2 > 700", ["/a10"]),
        ("@timestamp > 240000", ["/a9"]),
        ("`trace-id` = '1-67'", ["/a9"]),
        ("STATUS = 500", []),
    ],
)
def test_filters(condition: str, paths: list[str]) -> None:
    query = f"filter {condition}\n| display path | sort @timestamp asc"
    assert column(query) == paths
    assert column(query.replace("filter", "where", 1)) == paths


def test_what_is_missing_is_equal_to_nothing() -> None:
    assert ask("filter status = 200").matched + ask("filter status != 200").matched == len(LINES)
    assert ask("filter status > 0").matched == 5
    assert ask("filter nothing = other").matched == 0


texts = st.one_of(st.integers(-999, 999).map(str), st.sampled_from(["", "a", "b10", "b9", "1.0", "true"]))
lines = st.lists(st.fixed_dictionaries({}, optional={"a": texts, "b": texts}), max_size=6)


@given(lines)
def test_a_condition_or_its_opposite_holds(given_lines: list[dict[str, str]]) -> None:
    for condition in ("a = b", "a < b", "a like 'b'", "a in [b, 1]"):
        holds = ask(f"filter {condition}", given_lines).matched
        assert holds + ask(f"filter not ({condition})", given_lines).matched == len(given_lines)


# --- functions and parse ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("2 ^ 3 + 10 % 3 - -1", "10"),
        ("7 / 2", "3.5"),
        ("1 / 0", None),
        ("missing + 1", None),
        ("abs(0 - 2.5)", "2.5"),
        ("ceil(1.2) + floor(1.8)", "3"),
        ("greatest(1, 3, 2) - least(4, 2)", "1"),
        ("sqrt(16)", "4"),
        ("coalesce(missing, status)", "200"),
        ("if(status = 200, 'fine', 'bad')", "fine"),
        ("isempty(path)", "0"),
        ("isblank('  ')", "1"),
        ("concat(path, 'x', status)", "/x200"),
        ("toupper(trim('  ab '))", "AB"),
        ("ltrim('xxab', 'x')", "ab"),
        ("strlen(path)", "1"),
        ("substr('xyZfooxyZ', 3, 3)", "foo"),
        ("replace('foo.com', 'com', 'org')", "foo.org"),
        ("isIpv4InSubnet('10.0.0.7', '10.0.0.0/24')", "1"),
        ("datefloor(90000, 1m)", "1970-01-01 00:01:00.000"),
        ("dateceil(90000, 1hour)", "1970-01-01 01:00:00.000"),
        ("tomillis(fromMillis(1500)) + 1", "1501"),
        ("@timestamp", "1970-01-01 00:00:00.000"),
    ],
)
def test_functions(expression: str, expected: str | None) -> None:
    assert column(f"fields {expression} as found | filter path = '/'") == [expected]


def test_parse_takes_fields_out_of_a_text_by_a_pattern_of_stars() -> None:
    query = 'parse @message "[*] user=*, latency := *" as part, who, latency | filter ispresent(who)'
    (found,) = rows(query)
    assert list(found) == ["@timestamp", "@message", "part", "who", "latency"]
    assert (found["part"], found["who"], found["latency"]) == ("db", "bob", "12")
    assert column(f"{query} | filter latency * 2 = 24 | display who") == ["bob"]


def test_parse_takes_named_groups_of_a_regular_expression() -> None:
    assert column(r"parse path /\/(?<letters>[a-z]+)(?<digits>\d*)/ | display letters | sort @timestamp asc") == [
        None,
        "buy",
        None,
        "buy",
        "a",
        "a",
    ]
    assert column("parse /user=(?<who>\\w+)/ | stats count(who)") == ["1"]


# --- stats, sort, limit, dedup ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("count(*)", "6"),
        ("count()", "6"),
        ("count(ms)", "4"),
        ("count_distinct(status)", "4"),
        ("sum(ms)", "60.5"),
        ("avg(ms)", "20.166666666666668"),
        ("min(ms)", "n/a"),  # not all are numbers: the least in the order of sort
        ("max(status)", "500"),
        ("pct(ms, 50)", "20"),
        ("pct(ms, 100)", "30"),
        ("earliest(path)", "/"),
        ("latest(path)", "/a9"),
        ("sortsFirst(path)", "/"),
        ("sortsLast(path)", "/buy"),
        ("sum(status >= 400)", "2"),
        ("sum(strcontains(path, 'buy')) / count(*)", "0.3333333333333333"),
        ("avg(nothing)", None),
    ],
)
def test_functions_of_many_rows(function: str, expected: str | None) -> None:
    assert rows(f"stats {function}") == ([{function: expected}] if expected else [{}])


def test_stats_by_time_and_field() -> None:
    assert rows("stats count(*) as n, max(ms) as worst by bin(2m) as t, path | sort t asc, n desc, path asc") == [
        {"t": "1970-01-01 00:00:00.000", "path": "/", "n": "1", "worst": "10.5"},
        {"t": "1970-01-01 00:00:00.000", "path": "/buy", "n": "1", "worst": "30"},
        {"t": "1970-01-01 00:02:00.000", "n": "1"},
        {"t": "1970-01-01 00:02:00.000", "path": "/buy", "n": "1", "worst": "20"},
        {"t": "1970-01-01 00:04:00.000", "path": "/a9", "n": "1"},
        {"t": "1970-01-01 00:04:00.000", "path": "/a10", "n": "1", "worst": "n/a"},
    ]


def test_stats_can_use_what_it_named_before() -> None:
    assert rows("stats max(ms / 10) as high, min(ms / 10) as low, high - low as span") == [
        {"high": "3", "low": "1.05", "span": "1.95"}
    ]


def test_stats_of_stats() -> None:
    found = ask("filter ispresent(path) | stats count(*) as n by path | filter n > 1 | stats count(*) as busy, max(n)")
    assert [[(each["field"], each["value"]) for each in row] for row in found.results] == [
        [("busy", "1"), ("max(n)", "2")]
    ]
    assert found.matched == 5  # filters behind stats leave no events out


def test_without_events_there_are_no_rows() -> None:
    assert ask("filter nothing = 1 | stats count(*)").results == []


def test_sort_puts_words_before_numbers_and_counts_digits() -> None:
    paths = ["/a10", "/a9", "7", "10", "x", "-1"]
    assert column("display p | sort p asc", [{"p": each} for each in paths]) == ["/a9", "/a10", "x", "-1", "7", "10"]
    assert column("display p | sort p desc | limit 2", [{"p": each} for each in paths]) == ["10", "7"]


def test_dedup_keeps_the_first_of_each_and_all_without_a_value() -> None:
    query = "display path, status | filter path != '/' or not ispresent(path) | sort status asc | dedup path"
    assert [row.get("path") for row in rows(query)] == [None, "/buy", "/a9", "/a10"]
    assert [row.get("path") for row in rows("display path | dedup path")] == ["/a9", "/a10", "/buy", None, "/"]


def test_ten_thousand_rows_are_what_comes_without_a_limit() -> None:
    many = [LogEvent("1", "g", "s", number, number, number, "x") for number in range(10_001)]
    assert len(run(parse_query("fields @message"), many, None).results) == 10_000
    assert len(run(parse_query("fields @message | limit 10001"), many, None).results) == 10_001
    assert len(run(parse_query("fields @message | limit 9"), many, 3).results) == 3


# --- what is refused --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "place", "message"),
    [
        ("", (0, 1), "expected a command"),
        ("fields a |", (10, 11), "expected a command"),
        ("pattern @message", (0, 7), "does not know the command pattern"),
        ("fields a | diff", (11, 15), "does not know the command diff"),
        ("fields jsonParse(a)", (7, 16), "does not know the function jsonParse"),
        ("fields a b", (9, 10), "unexpected b: expected |"),
        ('fields "a', (7, 8), "unexpected symbol found"),
        ("filter a like /(/", (14, 17), "invalid regular expression"),
        ("filter count(*) > 1", (7, 12), "only be used with stats"),
        ("filter a in 1", (12, 13), "expected ["),
        ("fields strlen()", (7, 15), "does not take 0 arguments"),
        ("stats a by b", (6, 7), "stats needs a function"),
        ("stats count(*), a by b", (6, 11), "a is neither grouped by nor counted"),
        ("stats pct(a, 101)", (6, 17), "does not take these arguments"),
        ("stats stddev(a)", (6, 12), "does not know the function stddev"),
        ("stats count(*) by bin(90s)", (22, 25), "1 to 60 s"),
        ("stats count(*) by bin(1mo)", (22, 25), "does not know periods in mo"),
        ("stats count(*) as n by a | filter b = 1", (27, 33), "Unknown symbols found in or after stats: b"),
        ("stats count(*) by a | sort a | stats count(*)", (31, 36), "come after the second stats"),
        ("stats count(*) by a | stats count(*) by a | stats count(*)", (44, 49), "at most 2"),
        ("fields a as c | parse @message '*' as c", (16, 21), "Ephemeral field is already defined: c"),
        ("dedup a | sort a", (10, 14), "only limit can be used after dedup"),
        ("parse @message '* *' as a", (6, 14), "a name for each *"),
        ("parse @message /x/", (6, 14), "a named group"),
        ("limit 0", (6, 7), "a number from 1 to 100000"),
    ],
)
def test_what_is_not_understood_is_refused_with_its_place(query: str, place: tuple[int, int], message: str) -> None:
    with pytest.raises(QueryError) as refused:
        parse_query(query)
    assert message in refused.value.message
    assert (refused.value.start, refused.value.end) == place


@given(st.text(alphabet="abf @|()[]\"'/\\`.,*=<>!~#-1m\n", max_size=40))
def test_any_text_is_a_query_or_is_refused_within_itself(text: str) -> None:
    query, place = f"fields a | filter {text}", (0, 1)
    try:
        parse_query(query)
    except QueryError as error:
        place = error.start, error.end
    assert 0 <= place[0] < place[1] <= len(query) + 1


# --- over HTTP --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def logs(sandbox: Sandbox) -> Iterator[Any]:
    """A client; `shop` holds the lines, one a minute until the present minute of a frozen clock."""
    found = client_at(sandbox.endpoint, "logs")
    sandbox.world.clock.set_speed(0)
    for group in ("shop", "quiet", "described"):
        found.create_log_group(logGroupName=group)
        found.create_log_stream(logGroupName=group, logStreamName="web")
    advance(sandbox, 600)  # a range that ends before its log groups were made is refused
    texts = [line if isinstance(line, str) else json.dumps(line) for line in LINES]
    now = seconds(sandbox)
    put = [{"timestamp": (now - 60 * (5 - index)) * 1000, "message": text} for index, text in enumerate(texts)]
    found.put_log_events(logGroupName="shop", logStreamName="web", logEvents=put)
    yield found
    sandbox.world.clock.set_speed(1)


def seconds(sandbox: Sandbox) -> int:
    return int(sandbox.world.clock.now().timestamp())


def start(sandbox: Sandbox, logs: Any, query: str = "stats count(*) as n", **more: Any) -> str:
    asked = {"logGroupName": "shop", "startTime": seconds(sandbox) - 600, "endTime": seconds(sandbox), **more}
    given_members = {name: value for name, value in asked.items() if value is not None}
    return str(logs.start_query(queryString=query, **given_members)["queryId"])


def advance(sandbox: Sandbox, by: float) -> None:
    sandbox.control.answer("POST", "clock", {"advance_seconds": by})


def test_a_query_is_scheduled_runs_and_is_complete(sandbox: Sandbox, logs: Any) -> None:
    query = start(sandbox, logs, "stats count(*) as n by path | sort n desc | limit 1")
    assert logs.get_query_results(queryId=query)["status"] == "Scheduled"
    advance(sandbox, 0.2)
    running = logs.get_query_results(queryId=query)
    assert (running["status"], running["results"], running["statistics"]["recordsScanned"]) == ("Running", [], 0)
    advance(sandbox, 0.5)
    found = logs.get_query_results(queryId=query)
    assert (found["status"], found["queryLanguage"]) == ("Complete", "CWLI")
    assert found["results"] == [[{"field": "path", "value": "/buy"}, {"field": "n", "value": "2"}]]
    size = float(sum(len(line if isinstance(line, str) else json.dumps(line)) for line in LINES))
    assert found["statistics"] == {
        "recordsMatched": 6.0,
        "recordsScanned": 6.0,
        "bytesScanned": size,
        "logGroupsScanned": 1.0,
        "resultCount": 1.0,
        "estimatedRecordsSkipped": 0.0,
        "estimatedBytesSkipped": 0.0,
    }


@pytest.mark.parametrize(("begin", "end", "count"), [(-60, 0, "2"), (-59, 0, "1"), (-120, -60, "2"), (-300, -300, "1")])
def test_both_ends_of_the_range_are_included(sandbox: Sandbox, logs: Any, begin: int, end: int, count: str) -> None:
    moment = logs.describe_log_streams(logGroupName="shop")["logStreams"][0]["lastEventTimestamp"] // 1000
    query = start(sandbox, logs, startTime=moment + begin, endTime=moment + end)
    advance(sandbox, 1)
    assert logs.get_query_results(queryId=query)["results"] == [[{"field": "n", "value": count}]]


def test_results_come_in_pages(sandbox: Sandbox, logs: Any) -> None:
    query = start(sandbox, logs, "fields @timestamp", limit=3)
    advance(sandbox, 1)
    first = logs.get_query_results(queryId=query, maxItems=2)
    rest = logs.get_query_results(queryId=query, maxItems=2, nextToken=first["nextToken"])
    assert (len(first["results"]), len(rest["results"]), rest.get("nextToken")) == (2, 1, None)


def test_several_groups_by_name_and_arn(sandbox: Sandbox, logs: Any) -> None:
    arn = "arn:aws:logs:us-east-1:123456789012:log-group:shop"
    for name, groups in (("logGroupNames", ["quiet", "shop"]), ("logGroupIdentifiers", [arn, "quiet"])):
        more: dict[str, Any] = {name: groups, "logGroupName": None}
        query = start(sandbox, logs, **more)
        advance(sandbox, 1)
        found = logs.get_query_results(queryId=query)
        assert (found["results"][0][0]["value"], found["statistics"]["logGroupsScanned"]) == ("6", 2)


def test_a_query_that_is_under_way_can_be_stopped(sandbox: Sandbox, logs: Any) -> None:
    query = start(sandbox, logs)
    assert logs.stop_query(queryId=query)["success"] is True
    assert logs.get_query_results(queryId=query)["status"] == "Cancelled"
    with pytest.raises(ClientError, match=r"InvalidParameterException.*not running"):
        logs.stop_query(queryId=query)


def test_queries_are_described_the_newest_first(sandbox: Sandbox, logs: Any) -> None:
    stopped = start(sandbox, logs, logGroupName="described")
    logs.stop_query(queryId=stopped)
    complete = start(sandbox, logs, "stats count(*) as last", logGroupName="described")
    advance(sandbox, 1)
    told = logs.describe_queries(logGroupName="described")["queries"]
    assert [(each["queryId"], each["status"]) for each in told] == [(complete, "Complete"), (stopped, "Cancelled")]
    assert told[0]["queryString"] == "stats count(*) as last"
    cancelled = logs.describe_queries(logGroupName="described", status="Cancelled")["queries"]
    assert [each["queryId"] for each in cancelled] == [stopped]
    assert len(logs.describe_queries(maxResults=1)["queries"]) == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"logGroupName": "nowhere"}, "ResourceNotFoundException"),
        ({"logGroupName": None}, "InvalidParameterException"),
        ({"logGroupNames": ["shop"]}, "InvalidParameterException"),
        ({"logGroupName": None, "logGroupNames": []}, "InvalidParameterException"),
        ({"endTime": 1}, "InvalidParameterException"),
        ({"startTime": 0, "endTime": 1}, "MalformedQueryException"),
        ({"queryLanguage": "SQL"}, "InvalidParameterException"),
        ({"limit": 100_001}, "InvalidParameterException"),
    ],
)
def test_requests_that_cannot_be_are_refused(sandbox: Sandbox, logs: Any, changes: dict[str, Any], code: str) -> None:
    with pytest.raises(ClientError) as refused:
        start(sandbox, logs, **changes)
    assert refused.value.response["Error"]["Code"] == code


def test_a_malformed_query_is_told_with_its_place(sandbox: Sandbox, logs: Any) -> None:
    with pytest.raises(logs.exceptions.MalformedQueryException) as refused:
        start(sandbox, logs, "fields @message | unmask @message")
    assert refused.value.response["queryCompileError"] == {
        "location": {"startCharOffset": 18, "endCharOffset": 24},
        "message": "the sandbox does not know the command unmask",
    }


def test_unknown_queries_are_refused(logs: Any) -> None:
    for operation in (logs.get_query_results, logs.stop_query):
        with pytest.raises(logs.exceptions.ResourceNotFoundException):
            operation(queryId="none")
