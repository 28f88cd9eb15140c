"""Fault files: what they mean, and what is told about those that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from deliverkit.errors import UsageError
from deliverkit.rehearsing.fault_file import FaultScript, built_in_names, find_script, read_script, read_words
from deliverkit.rehearsing.reference import PAGE, page
from deliverkit.sandbox.faults.kinds import KINDS
from deliverkit.sandbox.faults.settings import checked

ROOT = Path(__file__).resolve().parents[2]


def script(tmp_path: Path, text: str) -> FaultScript:
    path = tmp_path / "storm.yml"
    path.write_text(text, encoding="utf-8")
    return read_script(path)


def test_a_file_is_read_into_what_the_sandbox_takes(tmp_path: Path) -> None:
    text = """
        seed: 7
        faults:
          - throttling: {service: codedeploy, operation: Get*, probability: 0.3, after: 1m30s}
          - latency: {delay: 200ms}
          - connection-reset:
          - lost-region: {region: "${region}", how: unavailable, count: 3}
          - connection-reset: {executed: true}
    """
    found = script(tmp_path, text).in_region("eu-west-1")
    assert found.seed == 7
    assert found.faults == [
        {"kind": "throttling", "service": "codedeploy", "operation": "Get*", "probability": 0.3, "after": 90.0},
        {"kind": "latency", "delay": 0.2},
        {"kind": "connection-reset"},
        {"kind": "lost-region", "region": "eu-west-1", "how": "unavailable", "count": 3},
        {"kind": "connection-reset", "executed": True},
    ]
    for each in found.faults:
        checked(KINDS[str(each["kind"])].settings, {name: value for name, value in each.items() if name != "kind"})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("faults:\n  - flood: {}", "storm.yml:2:5 faults[0].flood: unknown key"),
        ("faults:\n  - throtling: {}", "did you mean 'throttling'?"),
        ("faults:\n  - throttling: {probabilty: 1}", "storm.yml:2:18 faults[0].throttling.probabilty"),
        ("faults:\n  - throttling: {probability: 2}", "'2' is not a share"),
        ("faults:\n  - latency: {delay: 5}", "5 has no unit"),
        ("faults:\n  - latency: {}", "storm.yml:2:5 faults[0].latency.delay: missing"),
        ("faults:\n  - latency:", "expected settings of latency, found nothing"),
        ("faults:\n  - {throttling: {}, latency: {delay: 1s}}", "only one can be"),
        ("faults: []", "an empty list"),
        ("seed: 1", "faults: missing"),
        ("", "the file is empty"),
    ],
)
def test_what_is_wrong_is_told_with_line_and_key(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        script(tmp_path, text)
    assert told in caught.value.message


def test_words_of_a_command_are_read_as_a_file_is() -> None:
    words = ["service=codedeploy", "probability=0.5", "count=3", "for=1m"]
    wanted = {"kind": "throttling", "service": "codedeploy", "probability": 0.5, "count": 3, "for": 60.0}
    assert read_words("throttling", words) == wanted
    assert read_words("connection-reset", []) == {"kind": "connection-reset"}
    for kind, wrong in (("flood", []), ("latency", []), ("throttling", ["count=many"]), ("throttling", ["count"])):
        with pytest.raises(UsageError):
            read_words(kind, wrong)


def test_the_files_that_come_along_can_be_read_and_found() -> None:
    assert {"throttling", "flaky-network", "lost-region", "bad-host"} <= set(built_in_names())
    for name in built_in_names():
        assert find_script(name).in_region("us-east-1").faults
    with pytest.raises(UsageError, match="there is no fault file moon") as caught:
        find_script("moon")
    assert "throttling" in caught.value.hint


def test_the_page_is_up_to_date_and_tells_every_kind_and_setting() -> None:
    assert (ROOT / PAGE).read_text(encoding="utf-8") == page(), "python -m deliverkit.rehearsing.reference"
    for kind in KINDS.values():
        assert f"### {kind.name}" in page()
