"""What deliverkit.yml says of checks of AWS resources: what is meant, what is refused, and where."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from cloud_bench import declared

from deliverkit.config import load
from deliverkit.errors import UsageError

MEANT: dict[str, tuple[str, dict[str, Any]]] = {
    "load_balancer: {}": ("load_balancer", {"healthy": "100%", "tolerate": ["initial", "draining"]}),
    "load_balancer: {target_group: web, healthy: 2, tolerate: [initial]}": (
        "load_balancer",
        {"target_group": "web", "healthy": "2", "tolerate": ["initial"]},
    ),
    "lambda: {function: smoke, payload: {n: 3, f: 1.5, yes: true, no: null, text: '3', list: [a, {b: c}]}}": (
        "lambda",
        {
            "function": "smoke",
            "timeout": 60.0,
            "payload": {"n": 3, "f": 1.5, "yes": True, "no": None, "text": "3", "list": ["a", {"b": "c"}]},
        },
    ),
    "drift: {stacks: [a, b], ignore: [Fleet/Size], unchecked: failed}": (
        "drift",
        {"stacks": ["a", "b"], "ignore": ["Fleet/Size"], "unchecked": "failed"},
    ),
    "vulnerabilities: {}": ("vulnerabilities", {"limits": {"critical": 0, "high": 0}}),
    "vulnerabilities: {image: {repository: shop, tag: '${release.version}'}, limits: {low: 3}, fixable_only: true}": (
        "vulnerabilities",
        {"image": {"repository": "shop", "tag": "${release.version}"}, "limits": {"low": 3}, "fixable_only": True},
    ),
    "signature:": ("signature", {}),
    "certificate: {domain: shop.example.com}": (
        "certificate",
        {"domain": "shop.example.com", "days": 30, "in_use": True},
    ),
}
REFUSED = {
    "load_balancer: {healthy: 101%}": "'101%' is more than there can be: 100% is the most",
    "load_balancer: {healthy: 0}": "'0' is not a minimum: write a share such as 75% or a number such as 2",
    "load_balancer: {tolerate: [unhealthy]}": "expected initial | draining | unavailable, found 'unhealthy'",
    "lambda: {}": "missing; expected the name or ARN of a function",
    "lambda: {function: smoke, passes_if: 'a ='}": "is not a JMESPath expression",
    "lambda: {function: smoke, payload: {a: '${target.id}'}}": "it is used once, not for each instance",
    "lambda: {function: smoke, payload: {a: ['${nothing}']}}": "${nothing} is no placeholder",
    "drift: {}": "expected one of stack, stacks",
    "drift: {stack: a, unchecked: error}": "expected inconclusive | passed | failed, found 'error'",
    "vulnerabilities: {limits: {}}": "expected limits by severity, such as {critical: 0}, found none",
    "vulnerabilities: {limits: {grave: 0}}": "'grave' is not one of critical, high",
    "vulnerabilities: {ignore: [{id: CVE-1}]}": "missing; expected why it is tolerated",
    "vulnerabilities: {ignore: [{id: CVE-1, reason: x, until: 2026-02-30}]}": "'2026-02-30' is not a date",
    "vulnerabilities: {ignore: [{id: CVE-1, reason: x, until: soon}]}": "'soon' is not a date",
    "vulnerabilities: {image: {repository: shop}}": "expected one of tag, digest",
    "vulnerabilities: {image: {repository: a, tag: b}, function: f}": "only one of image and function may be given",
    "acme-budget: {left: 1}": "no installed package offers the kind acme-budget",
    "certificate: {}": "expected one of arn, domain, address",
    "certificate: {domain: a, days: -1}": "expected a whole number from 0 to 3650, found '-1'",
}


@pytest.mark.parametrize("text", MEANT)
def test_what_is_written_is_what_is_meant(tmp_path: Path, text: str) -> None:
    check = declared(tmp_path, text)
    assert (check.kind, dict(check.spec)) == MEANT[text]
    assert json.loads(json.dumps(check.spec)) == check.spec


@pytest.mark.parametrize("text", REFUSED)
def test_what_cannot_be_meant_is_refused_at_its_place(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError) as refusal:
        declared(tmp_path, text)
    assert REFUSED[text] in str(refusal.value)
    assert ":6:" in str(refusal.value)
    assert "has a problem" in str(refusal.value)
    assert refusal.value.hint.startswith("mend ")


@pytest.mark.parametrize("gate", ["{COMMAND}", "{checks: {a: {COMMAND}}}"])
def test_more_passes_than_measurements_are_refused(tmp_path: Path, gate: str) -> None:
    file = tmp_path / "deliverkit.yml"
    own = gate.replace("COMMAND", "command: {run: 'true'}, passes: 5, count: 3")
    file.write_text(
        "application: shop\nrelease: {bundle: {path: build}, store: s3://releases-of-shop/shop}\n"
        f"gates: {{up: {own}}}\n"
        "environments: {dev: {deploy: {codedeploy: {group: shop-dev}}, gates: {after: [up]}}}\n"
    )
    with pytest.raises(UsageError, match=r"passes: 5 passes never come of 3 measurements.*let `count` be 5"):
        load(file)
    file.write_text(file.read_text().replace("count: 3", "count: 5"))
    load(file)


def test_the_endpoint_of_each_instance_is_no_text_for_what_is_asked_once(tmp_path: Path) -> None:
    file = tmp_path / "deliverkit.yml"
    file.write_text(
        "application: shop\nrelease: {bundle: {path: build}, store: s3://releases-of-shop/shop}\n"
        "gates: {up: {lambda: {function: smoke, payload: {at: ['${endpoint}']}}}}\n"
        "environments: {dev: {deploy: {codedeploy: {group: shop-dev}}, gates: {after: [up]}}}\n"
    )
    with pytest.raises(UsageError) as refusal:
        load(file)
    assert "gate 'up' names ${endpoint}, which stands for each instance here, and is asked once" in str(refusal.value)


def test_what_takes_long_is_asked_for_seldom(tmp_path: Path) -> None:
    every = {kind: declared(tmp_path, text).policy.every.total_seconds() for text, (kind, _) in MEANT.items()}
    assert every == {
        "load_balancer": 5,
        "lambda": 60,
        "drift": 600,
        "vulnerabilities": 600,
        "signature": 600,
        "certificate": 600,
    }


def test_the_page_about_these_checks_loads(tmp_path: Path) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "how-to" / "gates-on-aws.md").read_text(encoding="utf-8")
    (gates,) = re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL)
    head = "application: shop\nrelease: {bundle: {path: build}, store: s3://releases-of-shop/shop}\n"
    file = tmp_path / "deliverkit.yml"
    file.write_text(f"{head}environments: {{dev: {{deploy: {{codedeploy: {{group: shop-dev}}}}}}}}\n{gates}")
    kinds = {check.kind for gate in load(file).gates.values() for check in gate.checks}
    told = set(re.findall(r"^\| `(\w+)` \|", page, flags=re.MULTILINE))
    assert kinds == told - {"targets", "jenkins"}
