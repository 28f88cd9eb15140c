"""What a deliverkit.yml means: defaults, paths, the example, and the laws that hold for every file."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from ruamel.yaml import YAML

from deliverkit.config import (
    BundleSettings,
    EncryptionSettings,
    JenkinsSettings,
    LedgerLocation,
    PipelineSettings,
    ReleaseSettings,
    RetentionSettings,
    S3Location,
    Settings,
    VersionSource,
    load,
)
from deliverkit.config.problem import SHOWN
from deliverkit.config.scaffold import EXAMPLE
from deliverkit.domain.duration import format_duration
from deliverkit.domain.environment import ApprovalPolicy, Environment, OnFailure, Serves, Strategy, StrategyKind
from deliverkit.domain.gate import Check, CheckKind, Gate, Policy, checks_of
from deliverkit.domain.release import BundleFormat
from deliverkit.errors import UsageError

ROOT = Path(__file__).resolve().parents[2]
MINIMAL = """\
application: shop
release:
  bundle: {path: build}
  store: s3://shop-releases
environments:
  dev:
    deploy: {codedeploy: {group: shop-dev}}
"""


def loaded(folder: Path, text: str) -> Settings:
    path = folder / "deliverkit.yml"
    path.write_text(text, encoding="utf-8")
    return load(path)


def test_what_the_least_file_means(tmp_path: Path) -> None:
    assert loaded(tmp_path, MINIMAL) == Settings(
        path=tmp_path / "deliverkit.yml",
        application="shop",
        release=ReleaseSettings(
            VersionSource("git"),
            BundleSettings(tmp_path / "build", BundleFormat.ZIP, None),
            S3Location("shop-releases", ""),
        ),
        pipeline=None,
        gates={},
        environments=(Environment("dev", (), "shop", "shop-dev"),),
        ledger=LedgerLocation("s3", "shop-releases", "ledger"),
    )


def test_the_example_says_what_it_seems_to_say(tmp_path: Path) -> None:
    read = loaded(tmp_path, EXAMPLE)
    dev, staging, production = read.environments
    assert [each.predecessor for each in read.environments] == [None, "dev", "staging"]
    assert (dev.strategy.kind, staging.strategy.kind) == (StrategyKind.ALL_AT_ONCE, StrategyKind.HALF_AT_A_TIME)
    assert production == Environment(
        name="production",
        waves=(("us-east-1",), ("eu-west-1", "ap-southeast-1")),
        application="storefront",
        group="storefront-production",
        strategy=Strategy(StrategyKind.ROLLING, min_healthy="75%"),
        predecessor="staging",
        before=("smoke",),
        during=("up", "errors"),
        after=("up", "machines"),
        bake_time=timedelta(minutes=30),
        on_failure=OnFailure.ROLLBACK,
        approvals=ApprovalPolicy(2, ("release-managers",), not_requester=True, expires=timedelta(hours=24)),
        window="Mon-Thu 09:00-16:00 Europe/London",
        endpoint="http://${target.address}:8080",
        serves=Serves("${endpoint}/version", "${release.version}"),
    )
    assert read.gates["up"] == Gate.of(
        "up",
        CheckKind.HTTP,
        {"url": "${endpoint}/healthz", "status": 200, "method": "GET", "timeout": 5.0, "p95": 0.3},
        Policy(passes=5, failure_limit=2),
    )
    assert read.gates["errors"].checks[0].spec == {"names": ["storefront-5xx"]}
    assert read.gates["machines"] == Gate.of("machines", CheckKind.TARGETS, {})
    assert read.ledger == LedgerLocation("s3", "storefront-releases", "storefront/ledger")


def test_the_example_names_its_defaults_truthfully(tmp_path: Path) -> None:
    explicit, implicit = loaded(tmp_path, EXAMPLE), EXAMPLE
    for line in ("version: git", "format: zip", "deadline: 5m", "on_failure: rollback"):
        implicit = "".join(each for each in implicit.splitlines(keepends=True) if not each.lstrip().startswith(line))
    for words in (", status: 200", ", timeout: 5s", ", timeout: 60s", ', expect: "${release.version}"'):
        implicit = implicit.replace(words, "")
    implicit = implicit.replace(", not_requester: true, expires: 24h", "").partition("\nledger:")[0]
    assert len(implicit.splitlines()) < len(EXAMPLE.splitlines()) - 4
    assert loaded(tmp_path, implicit + "\n") == explicit


def test_the_sample_application_loads() -> None:
    read = load(ROOT / "examples/storefront/deliverkit.yml")
    assert [each.name for each in read.environments] == ["dev", "staging", "production"]
    assert read.release.version == VersionSource("file", "build/storefront/VERSION")
    assert read.pipeline is not None
    assert read.pipeline.file is not None
    assert read.pipeline.file.resolve() == ROOT / "pipelines/delivery.yml"


def test_paths_are_relative_to_the_file_wherever_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shop").mkdir()
    text = MINIMAL.replace("path: build", "path: ../out, appspec: /srv/appspec.yml") + "ledger: sqlite:///state.db\n"
    (tmp_path / "shop/deliverkit.yml").write_text(text)
    monkeypatch.chdir(tmp_path)
    read = load(Path("shop/deliverkit.yml"))
    assert read.path == tmp_path / "shop/deliverkit.yml"
    assert read.release.bundle.path == tmp_path / "shop/../out"
    assert read.release.bundle.appspec == Path("/srv/appspec.yml")
    assert read.ledger == LedgerLocation("sqlite", path=tmp_path / "shop/state.db")
    absolute = text.replace("sqlite:///state.db", "sqlite:////srv/state.db")
    assert loaded(tmp_path, absolute).ledger.path == Path("/srv/state.db")


def test_texts_stay_as_they_are_written(tmp_path: Path) -> None:
    text = MINIMAL.replace("application: shop", "application: 007").replace(
        "  bundle", "  version: {literal: 1.10}\n  bundle"
    )
    read = loaded(tmp_path, text)
    assert (read.application, read.release.version) == ("007", VersionSource("literal", "1.10"))


def test_anchors_and_merged_keys(tmp_path: Path) -> None:
    text = MINIMAL.replace("  dev:\n", "  dev: &base\n    on_failure: pause\n    bake_time: 5m\n")
    read = loaded(tmp_path, f"{text}  prod:\n    <<: *base\n    from: dev\n    bake_time: 1h\n")
    production = read.environments[1]
    assert (production.group, production.on_failure) == ("shop-dev", OnFailure.PAUSE)
    assert (production.predecessor, production.bake_time) == ("dev", timedelta(hours=1))


@pytest.mark.parametrize("value", ["targets: {}", "targets:", "{targets: null}"])
def test_target_gates_have_no_settings(value: str, tmp_path: Path) -> None:
    gate = f"  up: {value}\n" if value.startswith("{") else f"  up:\n    {value}\n"
    assert loaded(tmp_path, MINIMAL + "gates:\n" + gate).gates["up"] == Gate.of("up", CheckKind.TARGETS, {})


@pytest.mark.parametrize(
    ("written", "strategy"),
    [
        ("all-at-once", Strategy(StrategyKind.ALL_AT_ONCE)),
        ("half-at-a-time", Strategy(StrategyKind.HALF_AT_A_TIME)),
        ("one-at-a-time", Strategy(StrategyKind.ONE_AT_A_TIME)),
        ("{rolling: {min_healthy: 75%}}", Strategy(StrategyKind.ROLLING, min_healthy="75%")),
        ("{rolling: {min_healthy: 2}}", Strategy(StrategyKind.ROLLING, min_healthy="2")),
        ("{config: Custom.Ten}", Strategy(StrategyKind.NAMED, config="Custom.Ten")),
    ],
)
def test_strategies(written: str, strategy: Strategy, tmp_path: Path) -> None:
    text = MINIMAL.replace("shop-dev}", f"shop-dev}}, strategy: {written}")
    assert loaded(tmp_path, text).environments[0].strategy == strategy


def test_importing_the_room_is_cheap() -> None:
    script = "import sys, deliverkit.config; print(*({'ruamel.yaml', 'difflib'} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == []


# --- every valid file ------------------------------------------------------------------------------

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True)
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=20).filter(
    lambda text: "$" not in text
)
TIMES = st.integers(1, 10**9).map(lambda milliseconds: timedelta(milliseconds=milliseconds))
REGIONS = st.sampled_from(["us-east-1", "eu-west-1", "ap-southeast-1", "us-gov-west-1"])
URLS = st.sampled_from(["http://${target.address}:80", "https://shop.example/${environment}"])
PLACES = st.builds(
    S3Location,
    st.from_regex(r"[a-z0-9][a-z0-9-]{1,20}[a-z0-9]", fullmatch=True),
    st.lists(st.from_regex(r"[A-Za-z0-9_-]{1,8}", fullmatch=True), max_size=3).map("/".join),
)
FILES = TEXTS.map(lambda text: Path("/srv") / text.replace("/", "-").replace(".", "-"))
POLICIES = st.builds(
    Policy,
    every=TIMES,
    passes=st.integers(1, 1000),
    failure_limit=st.integers(0, 1000),
    error_limit=st.integers(0, 1000),
    inconclusive_limit=st.integers(0, 1000),
    deadline=TIMES,
    initial_delay=TIMES,
    count=st.integers(0, 1000),
    observe_only=st.booleans(),
).filter(lambda policy: not policy.count or policy.passes <= policy.count)
SPECS: dict[CheckKind, st.SearchStrategy[dict[str, Any]]] = {
    CheckKind.HTTP: st.fixed_dictionaries(
        {
            "url": st.sampled_from(["${endpoint}/x", "http://${target.id}/", "https://shop.example"]),
            "method": st.sampled_from(["GET", "HEAD", "POST"]),
            "status": st.integers(100, 599),
            "timeout": TIMES.map(timedelta.total_seconds),
        },
        optional={"contains": TEXTS},
    ),
    CheckKind.ALARM: st.fixed_dictionaries(
        {"names": st.lists(TEXTS, min_size=1, unique=True)}, optional={"region": REGIONS}
    ),
    CheckKind.COMMAND: st.fixed_dictionaries({"run": TEXTS, "timeout": TIMES.map(timedelta.total_seconds)}),
    CheckKind.TARGETS: st.just({}),
    CheckKind.JENKINS: st.fixed_dictionaries(
        {"job": TEXTS.filter(lambda text: not {"", ".", ".."} & set(text.split("/")))},
        optional={"parameters": st.dictionaries(st.from_regex(r"[A-Z_]{1,9}", fullmatch=True), TEXTS, min_size=1)},
    ),
}


def checks(gate: str, name: str) -> st.SearchStrategy[Check]:
    return st.sampled_from(list(SPECS)).flatmap(
        lambda kind: st.builds(Check, st.just(gate), st.just(name), st.just(kind), SPECS[kind], POLICIES)
    )


def gates_named(name: str) -> st.SearchStrategy[Gate]:
    several = st.lists(NAMES, min_size=1, max_size=3, unique=True).flatmap(
        lambda names: st.tuples(*(checks(name, each) for each in names))
    )
    one = checks(name, "").map(lambda check: (check,))
    gates = st.builds(Gate, st.just(name), one | several, st.none() | st.sampled_from(OnFailure))
    return gates.filter(lambda gate: bool(gate.counting))


GATES = NAMES.flatmap(gates_named)
STRATEGIES = st.one_of(
    st.sampled_from([StrategyKind.ALL_AT_ONCE, StrategyKind.HALF_AT_A_TIME, StrategyKind.ONE_AT_A_TIME]).map(Strategy),
    st.integers(0, 99).map(lambda share: Strategy(StrategyKind.ROLLING, min_healthy=f"{share}%")),
    st.integers(0, 500).map(lambda hosts: Strategy(StrategyKind.ROLLING, min_healthy=str(hosts))),
    TEXTS.map(lambda name: Strategy(StrategyKind.NAMED, config=name)),
)
APPROVALS = st.builds(
    ApprovalPolicy,
    needed=st.integers(1, 20),
    groups=st.lists(TEXTS, unique=True, max_size=3).map(tuple),
    bridges=st.lists(TEXTS, unique=True, max_size=2).map(tuple),
    not_requester=st.booleans(),
    expires=TIMES,
)
WAVES = st.lists(REGIONS, unique=True).flatmap(
    lambda regions: st.integers(0, len(regions)).map(
        lambda cut: tuple(wave for wave in (tuple(regions[:cut]), tuple(regions[cut:])) if wave)
    )
)


@st.composite
def any_settings(draw: st.DrawFn) -> Settings:
    gates = {gate.name: gate for gate in draw(st.lists(GATES, max_size=4, unique_by=lambda gate: gate.name))}
    some = st.lists(st.sampled_from(list(gates)), unique=True).map(tuple) if gates else st.just(())
    environments: list[Environment] = []
    for name in draw(st.lists(NAMES, min_size=1, max_size=4, unique=True)):
        before = st.sampled_from([None, *(each.name for each in environments)])
        environments.append(
            Environment(
                name=name,
                waves=draw(WAVES),
                application=draw(TEXTS),
                group=draw(TEXTS),
                strategy=draw(STRATEGIES),
                predecessor=draw(before),
                before=draw(some),
                during=draw(some),
                after=draw(some),
                bake_time=draw(st.just(timedelta(0)) | TIMES),
                on_failure=draw(st.sampled_from(OnFailure)),
                approvals=draw(st.none() | APPROVALS),
                window=draw(st.sampled_from(["", "Mon-Thu 09:00-16:00 Europe/London", "Sat,Sun 22:00-04:00 UTC"])),
                endpoint=draw(URLS),
                serves=draw(st.none() | st.builds(Serves, url=st.just("${endpoint}/v"), expect=TEXTS)),
                stage=draw(st.just("") | TEXTS),
            )
        )
    sqlite = FILES.map(lambda path: LedgerLocation("sqlite", path=path))
    s3 = PLACES.map(lambda place: LedgerLocation("s3", place.bucket, place.prefix))
    version = st.one_of(
        st.just(VersionSource("git")),
        TEXTS.map(lambda text: VersionSource("literal", text)),
        TEXTS.map(lambda text: VersionSource("file", text)),
        st.just(VersionSource("env", "BUILD_TAG")),
    )
    bundle = st.builds(BundleSettings, FILES, st.sampled_from(BundleFormat), st.none() | FILES)
    return Settings(
        path=Path("/srv/deliverkit.yml"),
        application=draw(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._+=,@-]{0,20}", fullmatch=True)),
        release=draw(st.builds(ReleaseSettings, version, bundle, PLACES)),
        pipeline=draw(st.none() | st.builds(PipelineSettings, NAMES, st.none() | FILES)),
        gates=gates,
        environments=tuple(environments),
        ledger=draw(s3 | sqlite),
        jenkins=JenkinsSettings(draw(st.sampled_from(["", "https://ci.example/", "http://ci:8080/jenkins/"]))),
    )


def place_text(place: S3Location | LedgerLocation) -> str:
    return f"s3://{place.bucket}/{place.prefix}"


def gate_document(gate: Gate) -> dict[str, Any]:
    document = {"on_failure": gate.on_failure.value} if gate.on_failure else {}
    if not gate.checks[0].name:
        return {**check_document(gate.checks[0]), **document}
    return {"checks": {check.name: check_document(check) for check in gate.checks}, **document}


def check_document(check: Check) -> dict[str, Any]:
    spec, policy = dict(check.spec), check.policy
    if "timeout" in spec:
        spec["timeout"] = format_duration(timedelta(seconds=spec["timeout"]))
    return {
        check.kind: spec,
        "every": format_duration(policy.every),
        "passes": policy.passes,
        "failures": policy.failure_limit,
        "errors": policy.error_limit,
        "inconclusive": policy.inconclusive_limit,
        "deadline": format_duration(policy.deadline),
        "initial_delay": format_duration(policy.initial_delay),
        "observe_only": policy.observe_only,
        **({"count": policy.count} if policy.count else {}),
    }


def strategy_document(strategy: Strategy) -> Any:
    match strategy.kind:
        case StrategyKind.NAMED:
            return {"config": strategy.config}
        case StrategyKind.ROLLING:
            return {"rolling": {"min_healthy": strategy.min_healthy}}
        case kind:
            return kind.value


def approvals_document(approvals: ApprovalPolicy) -> dict[str, Any]:
    return {
        "needed": approvals.needed,
        **({"from": list(approvals.groups)} if approvals.groups else {}),
        **({"bridges": list(approvals.bridges)} if approvals.bridges else {}),
        "not_requester": approvals.not_requester,
        "expires": format_duration(approvals.expires),
    }


def environment_document(environment: Environment) -> dict[str, Any]:
    gates = {phase: list(getattr(environment, phase)) for phase in ("before", "during", "after")}
    deploy = {"group": environment.group, "application": environment.application}
    optional = {
        "from": environment.predecessor,
        "waves": [list(wave) for wave in environment.waves],
        "gates": {phase: names for phase, names in gates.items() if names},
        "approvals": approvals_document(environment.approvals) if environment.approvals else None,
        "window": environment.window,
        "serves": vars_of(environment.serves),
        "stage": environment.stage,
    }
    if len(environment.waves) == 1:
        optional["regions"] = optional.pop("waves")[0]
    return {
        "deploy": {"codedeploy": deploy, "strategy": strategy_document(environment.strategy)},
        "bake_time": format_duration(environment.bake_time),
        "on_failure": environment.on_failure.value,
        "endpoint": environment.endpoint,
        **{key: value for key, value in optional.items() if value},
    }


def vars_of(serves: Serves | None) -> dict[str, str] | None:
    return {"url": serves.url, "expect": serves.expect} if serves else None


def document(read: Settings) -> dict[str, Any]:
    version, bundle, pipeline = read.release.version, read.release.bundle, read.pipeline
    packed = {"path": str(bundle.path), "format": bundle.format.value}
    written: dict[str, Any] = {
        "application": read.application,
        "release": {
            "version": "git" if version.kind == "git" else {version.kind: version.value},
            "bundle": {**packed, "appspec": str(bundle.appspec)} if bundle.appspec else packed,
            "store": place_text(read.release.store),
        },
        "environments": {each.name: environment_document(each) for each in read.environments},
        "ledger": f"sqlite:///{read.ledger.path}" if read.ledger.scheme == "sqlite" else place_text(read.ledger),
    }
    if read.jenkins.url:
        written["jenkins"] = {"url": read.jenkins.url}
    if read.gates:
        written["gates"] = {name: gate_document(gate) for name, gate in read.gates.items()}
    if pipeline:
        written["pipeline"] = {"name": pipeline.name, **({"file": str(pipeline.file)} if pipeline.file else {})}
    return written


def as_yaml(value: Any, indent: str = "") -> str:
    """Block style, in the order given; texts are quoted, for what they look like is not the matter here."""
    if not isinstance(value, dict | list) or not value:
        return f" {json.dumps(value, ensure_ascii=False)}\n"
    if isinstance(value, list):
        entries = [("-", item) for item in value]
    else:
        entries = [(f"{json.dumps(key)}:", item) for key, item in value.items()]
    return ("\n" if indent else "") + "".join(f"{indent}{key}{as_yaml(item, indent + '  ')}" for key, item in entries)


UNHURRIED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(max_examples=40, deadline=None, suppress_health_check=UNHURRIED)
@given(read=any_settings())
def test_every_valid_file_says_what_was_meant(read: Settings, tmp_path: Path) -> None:
    expected, written = replace(read, path=tmp_path / "deliverkit.yml"), document(read)
    assert loaded(tmp_path, as_yaml(written)) == expected
    assert loaded(tmp_path, json.dumps(written, ensure_ascii=False)) == expected
    json.dumps([check.spec for check in checks_of(expected.gates.values())])


# --- every file whatever ---------------------------------------------------------------------------


def survives(folder: Path, data: bytes) -> None:
    path = folder / "deliverkit.yml"
    path.write_bytes(data)
    message = refusal_of(path)
    assert len(message.splitlines()) <= SHOWN + 2
    assert not message or str(path) in message


def refusal_of(path: Path) -> str:
    try:
        load(path)
    except UsageError as error:
        return error.message
    return ""


LOAD_LAW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@LOAD_LAW
@given(
    st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
)
def test_noise_is_refused_and_never_a_crash(tmp_path: Path, data: bytes) -> None:
    survives(tmp_path, data)


@LOAD_LAW
@given(st.text(alphabet="ab:-[]{}&*!|>'\"%@`?,# \n\t~<", max_size=40))
def test_yaml_like_noise_is_refused_and_never_a_crash(tmp_path: Path, text: str) -> None:
    survives(tmp_path, text.encode())


@settings(LOAD_LAW, max_examples=60)
@given(st.integers(0, len(EXAMPLE) - 1), st.integers(0, 40), st.text(alphabet="ab:-[]{}&*!'\" \n\t#0${}", max_size=8))
def test_a_damaged_example_is_read_or_refused(tmp_path: Path, start: int, length: int, text: str) -> None:
    survives(tmp_path, (EXAMPLE[:start] + text + EXAMPLE[start + length :]).encode())


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(LOAD_LAW, max_examples=60)
@given(st.data())
def test_any_value_anywhere_is_read_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    whole = YAML(typ="safe", pure=True).load(EXAMPLE)
    spot: Any = whole
    key = data.draw(st.sampled_from(list(spot)))
    while isinstance(spot[key], dict | list) and spot[key] and data.draw(st.booleans()):
        spot = spot[key]
        key = data.draw(st.sampled_from(list(spot) if isinstance(spot, dict) else range(len(spot))))
    spot[key] = data.draw(JUNK)
    survives(tmp_path, json.dumps(whole).encode())


@pytest.mark.parametrize(
    ("text", "algorithm", "key"),
    [
        ("aes256", "AES256", ""),
        ("kms", "aws:kms", ""),
        ("kms://alias/releases", "aws:kms", "alias/releases"),
        ("dsse", "aws:kms:dsse", ""),
        (
            "dsse://arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555",
            "aws:kms:dsse",
            "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555",
        ),
    ],
)
def test_how_releases_are_kept(tmp_path: Path, text: str, algorithm: str, key: str) -> None:
    lines = f"""\
  encryption: {text}
  bucket_owner: "012345678901"
  retention: {{mode: compliance, for: 365d}}
  tags: {{team: shop}}
"""
    release = loaded(tmp_path, MINIMAL.replace("environments:", f"{lines}environments:")).release
    assert release.encryption == EncryptionSettings(algorithm, key)
    assert (release.bucket_owner, release.tags) == ("012345678901", {"team": "shop"})
    assert release.retention == RetentionSettings("compliance", timedelta(days=365))
