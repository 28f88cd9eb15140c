"""A report as SARIF 2.1.0, which code scanning services and Jenkins' warnings plugins read.

Source: OASIS, "Static Analysis Results Interchange Format (SARIF) Version 2.1.0"; GitHub, "SARIF support for code
scanning", for what is shown of it: relative URIs below a base, help for each rule, fingerprints that outlive moved
lines.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from deliverkit._version import __version__
from deliverkit.packaging.finding import Allowance, Finding, Rule, Severity
from deliverkit.packaging.rules import RULES

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_BASE = "%SRCROOT%"
_INDEX = {rule.id: index for index, rule in enumerate(RULES)}
# What GitHub sorts by; a note is a recommendation there.
_PROBLEM = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "recommendation"}


def to_sarif(findings: Sequence[Finding], *, base: Path) -> dict[str, Any]:
    """Findings as a SARIF log with one run.

    Args:
        findings: What was found, and what of it is allowed.
        base: The directory that paths are told relative to, such as the repository's; its own path is not told.
    """
    run = {
        "tool": {"driver": _driver()},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {_BASE: {"description": {"text": "The root of the checkout."}}},
        "invocations": [{"executionSuccessful": True}],
        "results": list(_results(findings, base)),
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _driver() -> dict[str, Any]:
    return {
        "name": "deliverkit",
        "fullName": "deliverkit package --check",
        "version": __version__,
        "rules": [_rule(rule) for rule in RULES],
    }


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "name": "".join(word.capitalize() for word in rule.id.split("-")),
        "shortDescription": {"text": rule.why},
        "fullDescription": {"text": f"{rule.why} {rule.fix}."},
        "help": {"text": f"{rule.why}\n\nFix: {rule.fix}.", "markdown": f"{rule.why}\n\n**Fix:** {rule.fix}."},
        "defaultConfiguration": {"level": rule.severity.value},
        "properties": {
            "tags": ["codedeploy", "deployment"],
            "precision": "high",
            "problem.severity": _PROBLEM[rule.severity],
        },
    }


def _results(findings: Sequence[Finding], base: Path) -> Iterator[dict[str, Any]]:
    seen: Counter[str] = Counter()
    for finding in findings:
        location = _artifact(finding.place.file, base)
        text = f"{finding.rule}\0{location['uri']}\0{finding.message}"
        fingerprint = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        seen[fingerprint] += 1
        result = {
            "ruleId": finding.rule,
            "ruleIndex": _INDEX[finding.rule],
            "level": finding.severity.value,
            "message": {"text": _printable(f"{finding.message}. {finding.why} Fix: {finding.fix}.")},
            "locations": [_location(finding, location)],
            "partialFingerprints": {"primaryLocationLineHash": f"{fingerprint}:{seen[fingerprint]}"},
        }
        if finding.allowance is not None:
            result["suppressions"] = [_suppression(finding.allowance, base)]
        yield result


def _location(finding: Finding, location: dict[str, Any]) -> dict[str, Any]:
    region = {"startLine": finding.place.line, "startColumn": finding.place.column}
    return {"physicalLocation": {"artifactLocation": location, "region": region}}


def _suppression(allowance: Allowance, base: Path) -> dict[str, Any]:
    place = allowance.place
    region = {"startLine": place.line, "startColumn": place.column}
    return {
        "kind": "inSource" if allowance.is_in_source else "external",
        "status": "accepted",
        "justification": _printable(allowance.reason),
        "location": {"physicalLocation": {"artifactLocation": _artifact(place.file, base), "region": region}},
    }


def _artifact(file: str, base: Path) -> dict[str, Any]:
    """A path below the base as a relative URI; whatever lies elsewhere is told whole."""
    path = Path(os.path.abspath(file))  # noqa: PTH100 - links are part of the name that people look for
    try:
        relative = path.relative_to(os.path.abspath(base))  # noqa: PTH100
    except ValueError:
        return {"uri": f"file://{quote(os.fsencode(path))}"}
    return {"uri": quote(os.fsencode(relative)), "uriBaseId": _BASE}


def _printable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
