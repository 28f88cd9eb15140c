"""What docs/how-to/judge-a-canary.md shows can be loaded as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from deliverkit.config.loader import load
from deliverkit.errors import UsageError

PAGE = (Path(__file__).resolve().parents[2] / "docs/how-to/judge-a-canary.md").read_text(encoding="utf-8")
HEAD = """application: storefront
release: {version: {literal: "1.0"}, bundle: {path: build}, store: "s3://releases/storefront"}
environments:
  dev: {regions: [us-east-1], deploy: {codedeploy: {group: storefront-dev}}}
"""
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_configuration_on_the_page_loads(example: str, tmp_path: Path) -> None:
    path = tmp_path / "deliverkit.yml"
    path.write_text(HEAD + example, encoding="utf-8")
    gates = load(path).gates
    assert any(check.kind == "compare" for gate in gates.values() for check in gate.checks)


def test_comparisons_are_told_their_margin_and_how_many_share_their_chance(tmp_path: Path) -> None:
    compare = "{metric: Shop errors, per: requests}"
    checks = f"a: {{compare: {compare}, harm: 0.5%, alpha: 1%}}, b: {{compare: {compare}, harm: 0%}}"
    observed = f"c: {{compare: {compare}, observe_only: true}}"
    path = tmp_path / "deliverkit.yml"
    path.write_text(f"{HEAD}gates:\n  canary: {{checks: {{{checks}, {observed}}}}}\n", encoding="utf-8")
    first, second, third = load(path).gates["canary"].checks
    assert (first.spec["kind"], first.spec["harm"], first.spec["alpha"]) == ("errors", 0.005, 0.01)
    assert (second.spec["harm"], second.spec["alpha"]) == (0.0, 0.05)
    assert [each.spec["metrics"] for each in (first, second, third)] == [2, 2, 1]


@pytest.mark.parametrize(
    ("gate", "problem"),
    [
        ("{compare: {metric: Shop e, per: r}, harm: 5}", "harm: 5 is more than all requests: write a share of them"),
        ("{compare: {metric: Shop e, per: r, tolerate: 2}, harm: 1%}", "compare.tolerate: 2 is more than all requests"),
        ("{compare: {metric: Shop e, per: r}}", "harm: is needed: without the rise that must not pass, such as 0.5%"),
        ("{checks: {a: {compare: {metric: Shop e}}}}", "checks.a.harm: is needed"),
        ("{compare: {metric: Shop e}, harm: 5}", ""),
        ("{compare: {metric: Shop e, per: r}, harm: 0%}", ""),
        ("{compare: {metric: Shop e, per: r, ratio: 1.2}}", ""),
    ],
)
def test_a_margin_that_is_missing_or_beyond_all_requests_is_refused(gate: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "deliverkit.yml"
    path.write_text(f"{HEAD}gates:\n  up: {gate}\n", encoding="utf-8")
    if problem:
        with pytest.raises(UsageError, match=re.escape(f"gates.up.{problem}")):
            load(path)
    else:
        assert load(path).gates["up"].checks[0].kind == "compare"
