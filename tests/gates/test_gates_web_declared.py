"""What the configuration says of checks that ask over the network: read into JSON-able settings, or refused."""

from __future__ import annotations

import json
from itertools import takewhile
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from deliverkit.config import load
from deliverkit.config.reference import json_schema
from deliverkit.config.scaffold import EXAMPLE
from deliverkit.domain.checks.prometheus import DEFAULT_REDUCER, MISSING, REDUCERS
from deliverkit.errors import UsageError

HEAD = """application: shop
release: {bundle: {path: build/}, store: s3://releases/shop}
environments: {dev: {deploy: {codedeploy: {group: dev}}, gates: {after: [g]}}}
gates:
  g:
"""
VALIDATOR = jsonschema.Draft7Validator(json.loads(json_schema()))
HTTP = {"method": "GET", "status": 200, "timeout": 5.0}


def text_of(gate: str) -> str:
    return HEAD.rstrip("\n") + f"\n    {gate}\n"


def spec_of(gate: str, tmp_path: Path) -> Any:
    file = tmp_path / "deliverkit.yml"
    file.write_text(text_of(gate))
    (check,) = load(file).gates["g"].checks
    return check.spec


@pytest.mark.parametrize(
    ("gate", "spec"),
    [
        ("{http: {url: http://x}}", {**HTTP, "url": "http://x"}),
        ("{http: {urls: [http://x, http://y], p95: 1s}}", {**HTTP, "urls": ["http://x", "http://y"], "p95": 1.0}),
        ("{http: {url: http://x, status: 2XX}}", {**HTTP, "url": "http://x", "status": "2xx"}),
        ("{http: {url: http://x, status: [200, 300-399]}}", {**HTTP, "url": "http://x", "status": [200, "300-399"]}),
        (
            "{http: {url: http://x, json: {a.b: ok, c: {below: 5%, at_least: 0}, d: null, e: '1', f: 1}}}",
            {
                **HTTP,
                "url": "http://x",
                "json": {"a.b": "ok", "c": {"below": 0.05, "at_least": 0.0}, "d": None} | {"e": "1", "f": 1},
            },
        ),
        (
            "{http: {url: http://x, headers: {X-A: 'v ${env.T} ${region}'}, redirects: 3, requests: 9, window: 50}}",
            {**HTTP, "url": "http://x", "headers": {"X-A": "v ${env.T} ${region}"}, "redirects": 3}
            | {"requests": 9, "window": 50},
        ),
        ("{tcp: {address: 'h:1', tls: true, p50: 5ms}}", {"address": "h:1", "tls": True, "p50": 0.005, "timeout": 5.0}),
        (
            "{prometheus: {url: http://p, query: up, above: 0, range: 10m, missing_data: passed}}",
            {"url": "http://p", "query": "up", "above": 0.0, "range": 600.0, "missing_data": "passed", "timeout": 10.0},
        ),
    ],
)
def test_settings_are_read(gate: str, spec: dict[str, Any], tmp_path: Path) -> None:
    assert spec_of(gate, tmp_path) == spec
    json.dumps(spec)
    assert list(VALIDATOR.iter_errors(YAML(typ="safe").load(text_of(gate)))) == []


@pytest.mark.parametrize(
    ("gate", "said"),
    [
        ("{http: {url: http://x, urls: [http://y]}}", "url is given already, and only one can be"),
        ("{http: {url: http://x, status: 600}}", "expected a status such as 200, 2xx or 200-299, found '600'"),
        ("{http: {url: http://x, status: []}}", "expected a list of statuses such as [200, 204], found an empty list"),
        ("{http: {url: http://x, json: {'a[': 1}}}", "'a[' is not a JMESPath expression"),
        ("{http: {url: http://x, json: {a: [1]}}}", "expected a value such as ok, or limits such as {below: 100}"),
        ("{http: {url: http://x, json: {a: {}}}}", "expected a limit: above, below, at_least, at_most"),
        ("{http: {url: http://x, json: {a: {below: x}}}}", "expected a number such as 5, 0.25 or 1.5%, found 'x'"),
        ("{http: {url: http://x, json: {a: {below: .nan}}}}", "expected a number such as 5, 0.25 or 1.5%"),
        ("{http: {url: http://x, json: {a: {below: 1e999}}}}", "1e999 is too large a number"),
        ("{http: {url: http://x, json: {a: {below: 1, above: 2}}}}", "no number is within these limits: from 2 to 1"),
        ("{http: {url: http://x, json: {a: {below: 1, at_least: 1}}}}", "no number is within these limits"),
        ("{http: {url: http://x, json: {a: {max: 1}}}}", "unknown key; did you mean 'below'?"),
        ("{http: {url: http://x, headers: {'a b': x}}}", "'a b' is not the name of a header"),
        ("{http: {url: http://x, headers: {Content-Length: x}}}", "the header Content-Length is written by deliverkit"),
        ("{http: {url: http://x, headers: {A: '${env.1}'}}}", "'1' is not the name of an environment variable"),
        ("{http: {url: http://x, headers: {A: '${nope}'}}}", "${nope} is no placeholder"),
        ("{http: {url: 'http://x/${env.T}'}}", "${env.T} is no placeholder"),
        ("{http: {url: http://x, redirects: 11}}", "expected a whole number from 0 to 10, found '11'"),
        ("{tcp: {address: host}}", "'host' is not an address: write HOST:PORT"),
        ("{tcp: {address: 'host:70000'}}", "is not an address: write HOST:PORT"),
        ("{tcp: {host: h}}", "unknown key; did you mean 'address'?"),
        ("{prometheus: {url: http://p, query: up}}", "gates.g.prometheus: expected a limit: above, below, at_least"),
        ("{prometheus: {url: http://p, query: up, threshold: 1}}", "unknown key; did you mean 'below'?"),
        ("{prometheus: {url: http://p, below: 1}}", "gates.g.prometheus.query: missing; expected a PromQL query"),
    ],
)
def test_what_is_wrong_is_told(gate: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refusal:
        spec_of(gate, tmp_path)
    assert said in refusal.value.message


@pytest.mark.parametrize(
    ("gate", "is_valid"),
    [
        ("{acme-budget: {url: http://x}, every: 5s}", True),
        ("{acme-budget: null}", True),
        ("{checks: {a: {acme-budget: {}}, b: {targets: {}}}}", True),
        ("{every: 5s}", False),
        ("{}", False),
        ("{acmebudget: {}}", False),
        ("{acme-budget: {}, http: {url: http://x}}", False),
        ("{prometheus: {url: http://x, query: up}}", False),
        ("{http: {url: http://x, status: 600}}", False),
    ],
)
def test_editors_take_what_may_be_a_plug_in_s(gate: str, is_valid: bool) -> None:
    assert VALIDATOR.is_valid(YAML(typ="safe").load(text_of(gate))) is is_valid


def test_the_words_of_the_configuration_are_those_that_are_judged_by() -> None:
    found = json.dumps(json.loads(json_schema()))
    assert json.dumps(list(MISSING)) in found
    assert json.dumps(list(REDUCERS)) in found
    assert f"Default: {DEFAULT_REDUCER}." in found


def test_what_the_example_shows_in_comments_is_a_configuration(tmp_path: Path) -> None:
    lines = EXAMPLE.splitlines()
    shown = takewhile(
        lambda line: line.startswith("  # "), lines[next(n for n, each in enumerate(lines) if "# api:" in each) :]
    )
    file = tmp_path / "deliverkit.yml"
    gates_of = HEAD.replace("[g]", "[api]").removesuffix("  g:\n")
    file.write_text(gates_of + "\n".join(line.replace("  # ", "  ", 1) for line in shown) + "\n")
    gates = load(file).gates
    assert {name: gate.checks[0].kind for name, gate in gates.items()} == {
        "api": "http",
        "database": "tcp",
        "rate": "prometheus",
    }
    assert gates["rate"].checks[0].spec["below"] == 0.005
