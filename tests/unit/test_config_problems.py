"""Everything that can be wrong with a deliverkit.yml: each problem with its line, column, key path and advice."""

from __future__ import annotations

from pathlib import Path

import pytest

from deliverkit.config import find, gate_declaration, load, load_mapping
from deliverkit.config.problem import SHOWN
from deliverkit.config.scaffold import EXAMPLE
from deliverkit.errors import ExitCode, UsageError

HEAD = """\
application: shop
release:
  bundle: {path: build}
  store: s3://shop-releases/shop
"""
DEV = """\
environments:
  dev:
    deploy: {codedeploy: {group: shop-dev}}
"""
GATE = """\
gates:
  up: {http: {url: "${endpoint}/"}}
"""
VALID = HEAD + GATE + DEV


def problems_of(folder: Path, text: str | bytes) -> list[str]:
    """The problems of a file, each without the file's name."""
    path = folder / "deliverkit.yml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UsageError) as refused:
        load(path)
    assert refused.value.exit_code is ExitCode.USAGE
    head, *lines = refused.value.message.splitlines()
    assert head == f"deliverkit.yml has {'a problem' if len(lines) == 1 else f'{len(lines)} problems'}:"
    assert all(line.startswith(f"  {path}:") for line in lines), lines
    return [line.removeprefix(f"  {path}:") for line in lines]


def test_the_base_of_these_tests_is_valid(tmp_path: Path) -> None:
    path = tmp_path / "deliverkit.yml"
    path.write_text(VALID)
    assert load(path).application == "shop"


KINDS = [field.key for field in gate_declaration.KINDS]
GATES = {
    "{}": f"6:3 gates.up: expected one of {', '.join(KINDS)}, checks",
    "{checks: {}}": "6:16 gates.up.checks: expected checks by name, found none",
    "{checks: {a: {targets: {}}}, every: 5s}": "6:36 gates.up.every: belongs to each of the checks",
    "{checks: {a: {targets: {}}}, http: {url: http://x}}": (
        "6:36 gates.up.http: checks is given already, and only one can be"
    ),
    "{checks: {a: {targets: {}, on_failure: pause}}}": (
        "6:34 gates.up.checks.a.on_failure: unknown key; did you mean 'failures'?"
    ),
    "{targets: {}, observe_only: true}": (
        "6:7 gates.up: every check is only observed, so the gate could never pass; let one of them count"
    ),
    "": "6:3 gates.up: expected a gate such as {http: {url: ...}, every: 5s}, found nothing",
    "[a]": "6:7 gates.up: expected a gate such as {http: {url: ...}, every: 5s}, found a list",
    "{http: {}}": "6:8 gates.up.http: expected one of url, urls",
    "{http: {url: ftp://x}}": (
        "6:20 gates.up.http.url: 'ftp://x' is not an address: write http://..., https://... or ${endpoint}/..."
    ),
    '{http: {url: "http://a b"}}': (
        "6:20 gates.up.http.url: 'http://a b' is not an address: write http://..., https://... or ${endpoint}/..."
    ),
    '{http: {url: "http://${tagret.id}"}}': (
        "6:20 gates.up.http.url: ${tagret.id} is no placeholder: did you mean ${target.id}?"
    ),
    '{http: {url: "http://${target.id"}}': "6:20 gates.up.http.url: '${target.id' lacks its closing brace",
    "{http: {url: http://x, status: 99}}": (
        "6:38 gates.up.http.status: expected a status such as 200, 2xx or 200-299, found '99'"
    ),
    '{http: {url: http://x, status: "200"}}': (
        "6:38 gates.up.http.status: expected a status such as 200, 2xx or 200-299, found '200'"
    ),
    "{http: {url: http://x, method: get}}": (
        "6:38 gates.up.http.method: expected GET | HEAD | POST, found 'get'; did you mean 'GET'?"
    ),
    "{http: {url: http://x, body: ok}}": "6:30 gates.up.http.body: unknown key; did you mean 'contains'?",
    '{http: {url: http://x, contains: "${versoin}"}}': (
        "6:40 gates.up.http.contains: ${versoin} is no placeholder: did you mean ${release.version}?"
    ),
    "{http: {url: http://x, p95: 300}}": "6:35 gates.up.http.p95: 300 has no unit: write 300ms, 300s, 300m or 300h",
    "{http: {url: http://x}, every: 5 s}": (
        "6:38 gates.up.every: '5 s' is not a time: write whole numbers with a unit, such as 500ms, 90s, 1h30m or 2d"
    ),
    "{http: {url: http://x}, every: 0s}": "6:38 gates.up.every: '0s' is no time at all: write more than 0",
    "{http: {url: http://x}, passes: 0}": ("6:39 gates.up.passes: expected a whole number from 1 to 1000, found '0'"),
    "{http: {url: http://x}, failures: -1}": (
        "6:41 gates.up.failures: expected a whole number from 0 to 1000, found '-1'"
    ),
    "{http: {url: http://x}, failure_limit: 1}": "6:31 gates.up.failure_limit: unknown key; did you mean 'failures'?",
    "{http: {url: http://x}, targets: {}}": "6:31 gates.up.targets: http is given already, and only one can be",
    "{targets: {all: true}}": "6:18 gates.up.targets.all: unknown key",
    "{alarm: {names: []}}": (
        "6:23 gates.up.alarm.names: expected a list of CloudWatch alarms, found an empty list; leave the key out"
    ),
    "{alarm: {names: [a, a]}}": "6:27 gates.up.alarm.names[1]: 'a' stands in this list already",
    "{alarm: {names: a}}": "6:23 gates.up.alarm.names: expected a list of CloudWatch alarms, found 'a'",
    "{alarm: {names: [a], region: mars}}": (
        "6:36 gates.up.alarm.region: 'mars' is not an AWS region such as us-east-1"
    ),
    '{command: {run: ""}}': "6:23 gates.up.command.run: expected a shell command, found ''",
    '{command: {run: "x ${target.id}"}}': (
        "6:23 gates.up.command.run: a command runs once, not for each instance: "
        "${target.address} and ${target.id} have no value here"
    ),
    '{command: {run: "x ${release.verison}"}}': (
        "6:23 gates.up.command.run: ${release.verison} is no placeholder: did you mean ${release.version}?"
    ),
    "{command: {run: x, timeout: {}}}": (
        "6:35 gates.up.command.timeout: expected a time such as 500ms, 90s or 1h30m, found a mapping"
    ),
    "{compare: {metric: x}}": (
        "6:26 gates.up.compare.metric: 'x' names no metric: write NAMESPACE NAME, such as AWS/ApplicationELB "
        "RequestCount"
    ),
    "{compare: {metric: N x, baseline: {A: b}}, harm: 1%}": (
        "6:17 gates.up.compare: give both `baseline` and `candidate`, or none of them to compare with the time before"
    ),
    "{compare: {metric: N x, kind: errors}, harm: 1%}": (
        "6:37 gates.up.compare.kind: errors need `per`, which counts the requests"
    ),
    "{compare: {metric: N x, kind: latency}, harm: 1%}": (
        "6:37 gates.up.compare.kind: `slower_than` and `kind: latency` need each other"
    ),
    "{compare: {metric: N x}, alpha: 100%}": (
        "6:39 gates.up.alpha: '100%' is out of range: write more than 0% and less than 100%, such as 1%"
    ),
    "{http: {url: http://x/}, harm: 1%}": "6:32 gates.up.harm: belongs to `compare`, and this is another check",
    "{metric: {metric: N x}}": "6:8 gates.up.metric: expected a limit: above, below, at_least, at_most",
    "{metric: {metric: N x, below: nan}}": (
        "6:37 gates.up.metric.below: expected a number such as 5, 0.25 or 1.5%, found 'nan'"
    ),
    "{metric: {metric: N x, above: 5, below: 4}}": "6:8 gates.up.metric: no number is within these limits: from 5 to 4",
    "{metric: {metric: N x, below: 1, window: 90s}}": (
        "6:48 gates.up.metric.window: is no whole number of periods; a window is made of complete periods"
    ),
    "{metric: {metric: N x, below: 1, period: 45s}}": (
        "6:48 gates.up.metric.period: '45s' is no period of CloudWatch: write 1s, 5s, 10s, 20s, 30s or whole "
        "minutes up to 1d"
    ),
    "{metric: {math: a / b, below: 1, metrics: {a: {metric: N a}}}}": (
        "6:23 gates.up.metric.math: there is no metric 'b' under `metrics`; known are a"
    ),
    '{metric: {math: "SUM(METRICS())", below: 1, metrics: {a: {metric: N a}}}}': (
        "6:23 gates.up.metric.math: METRICS may give several series, and one is judged: name the metrics "
        "under `metrics`"
    ),
    "{metric: {metric: N x, below: 1, statistic: Summ}}": (
        "6:51 gates.up.metric.statistic: 'Summ' is no statistic: write Sum, Average, Minimum, Maximum, SampleCount, a "
        "percentile such as p99, or a range such as TM(10%:90%)"
    ),
    "{burn_rate: {objective: 100%, errors: e, requests: N r}}": (
        "6:31 gates.up.burn_rate.objective: '100%' is out of range: write more than 0% and less than 100%, such as 1%"
    ),
    "{burn_rate: {objective: 93%, errors: N e, requests: N r}}": (
        "6:31 gates.up.burn_rate.objective: burns 14.4 never fires: at 0.93 no more than 14.29 is possible; "
        "write `windows` with lower ones"
    ),
    "{burn_rate: {objective: 90%, errors: N e, requests: N r, windows: [{long: 1h, short: 5m, burns: 10}]}}": (
        "6:73 gates.up.burn_rate.windows: burns 10 never fires: at 0.9 no more than 10 is possible; write a lower one"
    ),
    "{burn_rate: {objective: 99%, errors: N e, requests: N r, windows: [{long: 1h, short: 5m, burns: 0}]}}": (
        "6:73 gates.up.burn_rate.windows: burns 0: a budget burns more than 0 times when it burns at all"
    ),
    "{logs: {groups: [/a], query: fields x, below: 1, missing_data: zero}}": (
        "6:70 gates.up.logs.missing_data: belongs to `field`: records that match can always be counted"
    ),
    f"{{logs: {{query: fields x, below: 1, groups: [{', '.join(f'/g{number}' for number in range(51))}]}}}}": (
        "6:50 gates.up.logs.groups: 51 groups, and a query takes 50 at most"
    ),
    "{prometheus: {url: http://p/, query: up, below: 1, reduce: last}}": (
        "6:66 gates.up.prometheus.reduce: belongs to `range`: without it the query is asked for one moment"
    ),
    "{jenkins: {}}": "6:8 gates.up.jenkins.job: missing; expected the full name of a job, with its folders: shop/smoke",
    "{jenkins: {job: /shop//x}}": (
        "6:23 gates.up.jenkins.job: '/shop//x' is no full name of a job: write FOLDER/JOB, without a slash at its ends"
    ),
    "{jenkins: {job: x, parameters: {1X: y}}}": ("6:39 gates.up.jenkins.parameters.1X: '1X' is not a parameter's name"),
    "{jenkins: {job: x, parameters: {X: '${target.id}'}}}": (
        "6:42 gates.up.jenkins.parameters.X: "
        "it is used once, not for each instance: ${target.address} and ${target.id} have no value"
    ),
}


@pytest.mark.parametrize(("gate", "problem"), GATES.items())
def test_gates(gate: str, problem: str, tmp_path: Path) -> None:
    assert problems_of(tmp_path, f"{HEAD}gates:\n  up: {gate}\n{DEV}") == [problem]


def test_shell_variables_of_commands_are_the_shells_own(tmp_path: Path) -> None:
    path = tmp_path / "deliverkit.yml"
    run = 'x "${HOME}" "${FILE%.txt}" ${environment} ${release.version}'
    path.write_text(f"{HEAD}gates:\n  up: {{command: {{run: '{run}'}}}}\n{DEV}")
    assert load(path).gates["up"].checks[0].spec["run"] == run


ENVIRONMENT = {
    "from: prod": "10:11 environments.dev.from: there is no environment 'prod'",
    "from: dev": "10:11 environments.dev.from: the promotion order goes in a circle: dev from dev",
    "from: []": "10:11 environments.dev.from: expected the name of another environment, found a list",
    "regions: []": (
        "10:14 environments.dev.regions: expected a list of AWS regions such as [us-east-1], "
        "found an empty list; leave the key out"
    ),
    "regions: us-east-1": (
        "10:14 environments.dev.regions: expected a list of AWS regions such as [us-east-1], found 'us-east-1'"
    ),
    "regions: [useast1]": "10:15 environments.dev.regions[0]: 'useast1' is not an AWS region such as us-east-1",
    "waves: [us-east-1]": (
        "10:13 environments.dev.waves[0]: expected a list of AWS regions such as [us-east-1], found 'us-east-1'"
    ),
    "waves: [[us-east-1], [us-east-1]]": "10:27 environments.dev.waves[1][0]: us-east-1 is in an earlier wave already",
    "waves: [[us-east-1], [eu-west-1, us-east-1]]": (
        "10:38 environments.dev.waves[1][1]: us-east-1 is in an earlier wave already"
    ),
    "endpoint: shop.example": (
        "10:15 environments.dev.endpoint: 'shop.example' is not an address: "
        "write http://..., https://... or ${endpoint}/..."
    ),
    'endpoint: "http://${endpoint}"': (
        "10:15 environments.dev.endpoint: ${endpoint} is what this key says, it cannot be part of it"
    ),
    "serves: {expect: x}": "10:5 environments.dev.serves.url: missing; expected an address such as ${endpoint}/healthz",
    "gates: {after: [upp]}": "10:21 environments.dev.gates.after[0]: there is no gate 'upp'; did you mean 'up'?",
    "gates: {after: [qqqq]}": "10:21 environments.dev.gates.after[0]: there is no gate 'qqqq'; known are up",
    "gates: {after: []}": (
        "10:20 environments.dev.gates.after: expected a list of names from `gates`, "
        "found an empty list; leave the key out"
    ),
    "gates: {afetr: [up]}": "10:13 environments.dev.gates.afetr: unknown key; did you mean 'after'?",
    "bake_time: 30": "10:16 environments.dev.bake_time: 30 has no unit: write 30ms, 30s, 30m or 30h",
    "bake-time: 30m": "10:5 environments.dev.bake-time: unknown key; did you mean 'bake_time'?",
    "on_failure: roll_back": (
        "10:17 environments.dev.on_failure: expected rollback | pause | observe, found 'roll_back'; "
        "did you mean 'rollback'?"
    ),
    "on_failure: explode": ("10:17 environments.dev.on_failure: expected rollback | pause | observe, found 'explode'"),
    "approvals: {needed: two}": (
        "10:25 environments.dev.approvals.needed: expected a whole number from 1 to 20, found 'two'"
    ),
    "approvals: {not_requester: yes}": (
        "10:32 environments.dev.approvals.not_requester: expected true or false, found 'yes'"
    ),
    "window: Mon 9-17 UTC": (
        "10:13 environments.dev.window: '9-17' are not hours: write HH:MM-HH:MM, as in 09:00-16:00"
    ),
    "window: Mon 09:00-17:00 Europe/Lodnon": (
        "10:13 environments.dev.window: 'Europe/Lodnon' is not a time zone: did you mean Europe/London"
    ),
    "stage: {}": "10:12 environments.dev.stage: expected a stage of the pipeline, found a mapping",
    "predecessor: x": "10:5 environments.dev.predecessor: unknown key; did you mean 'from'?",
}


@pytest.mark.parametrize(("line", "problem"), ENVIRONMENT.items())
def test_environments(line: str, problem: str, tmp_path: Path) -> None:
    assert problems_of(tmp_path, f"{VALID}    {line}\n") == [problem]


STRATEGIES = {
    "rolling": (
        "expected all-at-once | half-at-a-time | one-at-a-time | {rolling: ...} | {config: ...}, found 'rolling'"
    ),
    "all_at_once": (
        "expected all-at-once | half-at-a-time | one-at-a-time, found 'all_at_once'; did you mean 'all-at-once'?"
    ),
    "[]": "expected all-at-once | half-at-a-time | one-at-a-time | {rolling: ...} | {config: ...}, found a list",
}


@pytest.mark.parametrize(("strategy", "problem"), STRATEGIES.items())
def test_strategies(strategy: str, problem: str, tmp_path: Path) -> None:
    text = VALID.replace("shop-dev}", f"shop-dev}}, strategy: {strategy}")
    assert problems_of(tmp_path, text) == [f"9:55 environments.dev.deploy.strategy: {problem}"]


@pytest.mark.parametrize(
    ("minimum", "problem"),
    [
        ("100%", "'100%' leaves no host to deploy to: 99% is the most"),
        ("75 %", "'75 %' is not a minimum: write a share such as 75% or a number of hosts such as 2"),
        ("-1", "'-1' is not a minimum: write a share such as 75% or a number of hosts such as 2"),
        ("0.75", "'0.75' is not a minimum: write a share such as 75% or a number of hosts such as 2"),
    ],
)
def test_rolling_minimum(minimum: str, problem: str, tmp_path: Path) -> None:
    text = VALID.replace("shop-dev}", f"shop-dev}}, strategy: {{rolling: {{min_healthy: {minimum}}}}}")
    assert problems_of(tmp_path, text) == [f"9:79 environments.dev.deploy.strategy.rolling.min_healthy: {problem}"]


KEEPING = {
    "encryption: rot13": "release.encryption: 'rot13' is no encryption: write aes256, kms, kms://alias/NAME",
    "encryption: kms://": "release.encryption: 'kms://' is no encryption",
    "encryption: aes256://key": "release.encryption: 'aes256://key' is no encryption",
    "bucket_owner: acme": "release.bucket_owner: 'acme' is not an account id: twelve digits, in quotes",
    "retention: {mode: forever, for: 1d}": "release.retention.mode: expected governance | compliance, found 'forever'",
    "retention: {mode: governance}": "release.retention.for: missing; expected a time",
    "retention: {mode: governance, for: 0d}": "release.retention.for: '0d' is no time at all",
    "tags: {}": "release.tags: expected up to ten tags, found none",
    "tags: {'aws:x': y}": "release.tags.aws:x: 'aws:x' is not a tag's key",
    'tags: {a: "b;c"}': "release.tags.a: 'b;c' cannot be a tag's value",
    f"tags: {{{', '.join(f't{number}: v' for number in range(11))}}}": "release.tags: 11 tags are more than S3 takes",
}


@pytest.mark.parametrize(("line", "problem"), KEEPING.items())
def test_how_releases_are_kept(line: str, problem: str, tmp_path: Path) -> None:
    (found,) = problems_of(tmp_path, VALID.replace("  store: ", f"  {line}\n  store: "))
    assert problem in found


@pytest.mark.parametrize(
    ("store", "problem"),
    [
        ("shop-releases/shop", "'shop-releases/shop' is not a place in S3: write s3://BUCKET/PREFIX"),
        ("s3://", "'' is not a bucket name: 3 to 63 lower case letters, digits"),
        ("s3://Shop", "'Shop' is not a bucket name"),
        ("s3://ab", "'ab' is not a bucket name"),
        ("s3://shop_releases", "'shop_releases' is not a bucket name"),
        ("s3://shop..releases", "'shop..releases' is not a bucket name"),
        ("s3://192.168.1.1/x", "'192.168.1.1' is not a bucket name"),
        ("s3://shop-releases//x", "'' cannot be part of an S3 prefix"),
        ("s3://shop-releases/a/../b", "'..' cannot be part of an S3 prefix"),
        ("s3://shop-releases/a b", "'a b' cannot be part of an S3 prefix"),
    ],
)
def test_stores(store: str, problem: str, tmp_path: Path) -> None:
    (line,) = problems_of(tmp_path, VALID.replace("s3://shop-releases/shop", store))
    assert line.startswith(f"4:10 release.store: {problem}")


@pytest.mark.parametrize(
    ("ledger", "problem"),
    [
        ("dynamodb://table", "a ledger in DynamoDB: not available in this release; write s3://BUCKET/PREFIX"),
        ("s3://B/x", "'B' is not a bucket name"),
        ("sqlite://x.db", "'sqlite://x.db' is not a place for the ledger: write s3://BUCKET/PREFIX or sqlite:///PATH"),
        ("sqlite:///", "'sqlite:///' is not a place for the ledger"),
        ("postgres://x/y", "'postgres://x/y' is not a place for the ledger"),
    ],
)
def test_ledgers(ledger: str, problem: str, tmp_path: Path) -> None:
    (line,) = problems_of(tmp_path, f"{VALID}ledger: {ledger}\n")
    assert line.startswith(f"10:9 ledger: {problem}")


def test_what_this_release_cannot_do_is_refused(tmp_path: Path) -> None:
    text = VALID + "notify: [sns:arn]\n"
    assert problems_of(tmp_path, text) == [
        "10:1 notify: notifications: not available in this release; leave the key out"
    ]


@pytest.mark.parametrize(
    ("version", "problem"),
    [
        ("gti", "3:12 release.version: expected git, found 'gti'; did you mean 'git'?"),
        ("1.4.0", "3:12 release.version: expected git | {file: ...} | {env: ...} | {literal: ...}, found '1.4.0'"),
        ("{}", "3:3 release.version: expected one of file, env, literal"),
        ("{env: A-B}", "3:18 release.version.env: 'A-B' is not a variable's name"),
        ("{file: V, env: A}", "3:22 release.version.env: file is given already, and only one can be"),
    ],
)
def test_versions(version: str, problem: str, tmp_path: Path) -> None:
    text = VALID.replace("  bundle", f"  version: {version}\n  bundle")
    assert problems_of(tmp_path, text) == [problem]


WHOLE_FILES = {
    "": ["1:1: the file is empty"],
    "# only a comment\n": ["1:1: the file is empty"],
    "[]": ["1:1: expected a mapping, found a list"],
    "hello": ["1:1: expected a mapping, found 'hello'"],
    "null": ["1:1: expected a mapping, found nothing"],
    "{}": [
        "1:1 application: missing; expected the application's name",
        "1:1 release: missing; expected how a release is made: {bundle: ..., store: ...}",
        "1:1 environments: missing; expected environments by name",
    ],
    "application: [": ["1:15: not YAML: expected the node content, but found '<stream end>'"],
    "application: shop\n\trelease: x\n": ["2:1: a tab; YAML is indented with spaces"],
    "application: a\n---\napplication: b\n": ["2:1: not YAML: but found another document"],
    "application: *shop\n": ["1:14: not YAML: found undefined alias 'shop'"],
    "a: b\x01": ["1:5: a control character, which YAML forbids"],
}


@pytest.mark.parametrize(("text", "problems"), WHOLE_FILES.items())
def test_whole_files(text: str, problems: list[str], tmp_path: Path) -> None:
    assert problems_of(tmp_path, text) == problems


def test_bytes_that_are_not_utf8(tmp_path: Path) -> None:
    assert problems_of(tmp_path, VALID.encode() + b"x: \xff\xfe\n") == ["10:4: not UTF-8 text"]
    assert problems_of(tmp_path, VALID.encode("utf-16")) == ["1:1: not UTF-8 text"]


def test_a_byte_order_mark_is_no_problem(tmp_path: Path) -> None:
    path = tmp_path / "deliverkit.yml"
    path.write_bytes(b"\xef\xbb\xbf" + VALID.replace("\n", "\r\n").encode())
    assert load(path).application == "shop"


def test_deep_nesting(tmp_path: Path) -> None:
    assert problems_of(tmp_path, "[" * 5000) == ["1:1: nested too deeply"]


def test_large_files(tmp_path: Path) -> None:
    text = VALID + "#" * 1024 * 1024
    assert problems_of(tmp_path, text) == ["1:1: larger than 1024 KiB, which no configuration is"]


TOO_MANY = "1:1: more than 60000 values, those that anchors repeat included"


def test_huge_lists_are_given_up_early(tmp_path: Path) -> None:
    assert problems_of(tmp_path, f"a: [{'b, ' * 300_000}]") == [TOO_MANY]


def test_anchors_that_explode(tmp_path: Path) -> None:
    layers = "".join(f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 10)}]\n" for n in range(8))
    assert problems_of(tmp_path, f"a0: &a0 x\n{layers}") == [TOO_MANY]


def test_an_anchor_within_itself(tmp_path: Path) -> None:
    assert problems_of(tmp_path, VALID + "ledger: &l [*l]\n") == [
        "10:9 ledger[0]: an anchor that contains itself",
        "10:9 ledger: expected s3://BUCKET/PREFIX or sqlite:///PATH, found a list",
    ]


def test_tags(tmp_path: Path) -> None:
    assert problems_of(tmp_path, VALID.replace("shop\nrel", "!Ref shop\nrel")) == [
        "1:14 application: the tag !Ref means nothing here"
    ]


def test_keys_that_are_no_words(tmp_path: Path) -> None:
    assert problems_of(tmp_path, VALID + "? [a, b]\n: c\n") == ["10:3: a key must be a plain word"]


def test_duplicate_keys_at_any_depth(tmp_path: Path) -> None:
    text = VALID.replace("path: build}", "path: build, path: dist}") + "application: other\n"
    assert problems_of(tmp_path, text) == [
        "3:25 release.bundle.path: written for the second time, first in line 3",
        "10:1 application: written for the second time, first in line 1",
    ]


def test_duplicate_environments(tmp_path: Path) -> None:
    text = f"{VALID}  dev:\n    deploy: {{codedeploy: {{group: x}}}}\n"
    assert problems_of(tmp_path, text) == ["10:3 environments.dev: written for the second time, first in line 8"]


def test_bad_names(tmp_path: Path) -> None:
    text = VALID.replace("  dev:", "  dev/1:").replace("application: shop", "application: a/b")
    first, second = problems_of(tmp_path, text)
    assert first.startswith("1:14 application: 'a/b' is not an application's name: letters, digits and . _ + = , @ -")
    assert second.startswith("8:3 environments.dev/1: 'dev/1' is not a name: letters, digits, '.', '_' and '-', 63 at")


def test_regions_and_waves_exclude_each_other(tmp_path: Path) -> None:
    text = f"{VALID}    waves: [[us-east-1]]\n    regions: [us-east-1]\n"
    assert problems_of(tmp_path, text) == ["11:5 environments.dev.regions: only one of regions and waves may be given"]


def test_circles_are_told_once(tmp_path: Path) -> None:
    names = {"a": "c", "b": "a", "c": "b", "d": "a", "e": "f", "f": "e"}
    body = "".join(
        f"  {name}: {{from: {before}, deploy: {{codedeploy: {{group: g}}}}}}\n" for name, before in names.items()
    )
    assert problems_of(tmp_path, f"{HEAD}environments:\n{body}") == [
        "6:13 environments.a.from: the promotion order goes in a circle: a from c from b from a",
        "10:13 environments.e.from: the promotion order goes in a circle: e from f from e",
    ]


@pytest.mark.parametrize(
    "check", ["command: {run: 'x ${endpoint}'}", "jenkins: {job: x, parameters: {A: '${endpoint}'}}"]
)
def test_what_asks_the_endpoint_once_needs_one_that_is_one_address(check: str, tmp_path: Path) -> None:
    gates = f"gates:\n  smoke: {{{check}}}\n"
    text = f"{HEAD}{gates}{DEV}    gates: {{after: [smoke]}}\n"
    (problem,) = problems_of(tmp_path, text)
    assert problem.startswith("10:21 environments.dev.gates.after[0]: gate 'smoke' names ${endpoint}, which")
    assert problem.endswith("; give the environment an `endpoint` without a target")
    path = tmp_path / "deliverkit.yml"
    path.write_text(text + "    endpoint: https://shop.example\n")
    assert load(path).environments[0].endpoint == "https://shop.example"


def test_gates_without_a_list_of_gates(tmp_path: Path) -> None:
    assert problems_of(tmp_path, f"{HEAD}{DEV}    gates: {{before: [up]}}\n") == [
        "8:22 environments.dev.gates.before[0]: there is no gate 'up'; the file has no `gates`"
    ]


def test_all_problems_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = """\
aplication: shop
release:
  bundle: {path: build, fromat: zip}
  store: s3://X/x
gates:
  up: {http: {url: "${endpiont}/x"}, every: 5}
environments:
  dev: {from: prod, deploy: {codedeploy: {group: a}}, gates: {after: [upp], befor: []}}
  prod: {from: dev, window: always}
"""
    places = [line.partition(": ")[0] for line in problems_of(tmp_path, text)]
    assert places == [
        "1:1 aplication",
        "3:25 release.bundle.fromat",
        "4:10 release.store",
        "6:20 gates.up.http.url",
        "6:45 gates.up.every",
        "8:15 environments.dev.from",
        "8:71 environments.dev.gates.after[0]",
        "8:77 environments.dev.gates.befor",
        "9:3 environments.prod.deploy",
        "9:29 environments.prod.window",
    ]


def test_at_most_a_screen_is_told(tmp_path: Path) -> None:
    path = tmp_path / "deliverkit.yml"
    path.write_text(VALID + "".join(f"x{number}: 1\n" for number in range(100)))
    with pytest.raises(UsageError) as refused:
        load(path)
    lines = refused.value.message.splitlines()
    assert lines[0] == "deliverkit.yml has 100 problems:"
    assert lines[-1] == "  ... and 80 more"
    assert len(lines) == SHOWN + 2


def test_long_and_unprintable_texts_do_not_spoil_the_screen(tmp_path: Path) -> None:
    (line,) = problems_of(tmp_path, f'{VALID}ledger: "\\e[31m{"x" * 5000}\\n"\n')
    assert len(line) < 400
    assert line.isprintable()


TYPOS = [
    ("application:", "aplication"),
    ("release:", "relase"),
    ("version:", "verison"),
    ("bundle:", "bundel"),
    ("format:", "fromat"),
    ("appspec:", "appsec"),
    ("store:", "stroe"),
    ("gates:", "gate"),
    ("environments:", "enviroments"),
    ("regions:", "region"),
    ("waves:", "wave"),
    ("deploy:", "depoly"),
    ("endpoint:", "end_point"),
    ("serves:", "server"),
    ("bake_time:", "baketime"),
    ("on_failure:", "onfailure"),
    ("approvals:", "aprovals"),
    ("window:", "windows"),
    ("ledger:", "leger"),
    ("every:", "evry"),
    ("passes:", "pases"),
    ("failures:", "failurs"),
    ("deadline:", "dead_line"),
]


@pytest.mark.parametrize(("key", "typo"), TYPOS)
def test_typos_are_found_and_put_right(key: str, typo: str, tmp_path: Path) -> None:
    lines = EXAMPLE.splitlines(keepends=True)
    number = next(number for number, line in enumerate(lines) if line.lstrip().startswith(key))
    column = lines[number].index(key) + 1
    lines[number] = lines[number].replace(key, f"{typo}:", 1)
    found = problems_of(tmp_path, "".join(lines))
    here = [line for line in found if line.startswith(f"{number + 1}:{column} ")]
    assert len(here) == 1
    assert here[0].endswith(f"{typo}: unknown key; did you mean '{key[:-1]}'?")


def test_finding_looks_upwards(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/deliverkit.yml").mkdir()
    (tmp_path / "deliverkit.yml").write_text(VALID)
    assert find(tmp_path / "a/b") == tmp_path / "deliverkit.yml"
    (tmp_path / "a/deliverkit.yml").write_text(VALID)
    assert find(tmp_path / "a/b") == tmp_path / "a/deliverkit.yml"


def test_finding_nothing_names_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no deliverkit\.yml in .* or above it") as refused:
        find(tmp_path)
    assert refused.value.hint == "deliverkit init"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no file") as refused:
        load(tmp_path / "deliverkit.yml")
    assert refused.value.hint == "deliverkit init"
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        load(tmp_path)
    with pytest.raises(UsageError, match="cannot be read"):
        load(Path("a\0b"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", r":1:1: expected a mapping"),
        ("", r":1:1: the file is empty"),
        ("a: 1\na: 2\n", r":2:1 a: written for the second time"),
        ("a: !X 1\n", r":1:4 a: the tag !X means nothing here"),
        ("a: 2026-02-30\n", r":1:1: a value cannot be read"),
    ],
)
def test_other_mappings_are_read_with_the_same_care(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "delivery.yml"
    path.write_text(text)
    with pytest.raises(UsageError, match=message):
        load_mapping(path)


def test_other_mappings_become_plain_values(tmp_path: Path) -> None:
    path = tmp_path / "delivery.yml"
    path.write_text('a: {b: [1, 1.5, true, null, "1", text]}\nc: &x {d: 1}\ne: *x\n')
    assert load_mapping(path) == {"a": {"b": [1, 1.5, True, None, "1", "text"]}, "c": {"d": 1}, "e": {"d": 1}}
