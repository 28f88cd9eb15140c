"""The sandbox's own endpoints for vulnerabilities: how a test or a rehearsal puts them in.

`POST findings` puts one in, `GET findings` lists them, `POST findings/close` closes those that are meant, and
`POST findings/scans` lets the scans of a repository's images end otherwise than well.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from deliverkit.sandbox.control.endpoints import Endpoint, Handler
from deliverkit.sandbox.findings.book import SEVERITIES, Finding, FindingBook, Resource
from deliverkit.sandbox.findings.resources import functions, image_resource, instances
from deliverkit.sandbox.kernel import chance
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.world import World
from deliverkit.sandbox.moto_images import find_image

Params = Mapping[str, Any]
_SCORES = {"CRITICAL": 9.8, "HIGH": 8.0, "MEDIUM": 5.5, "LOW": 2.5, "INFORMATIONAL": 0.5, "UNTRIAGED": 0.0}
_KINDS = ("image", "instance", "function")
_SETTINGS = frozenset(
    {"account", "region", "vulnerability", "severity", "title", "package", "version", "fixed_in", "score", "exploit"}
)
_ENDINGS = ("COMPLETE", "FAILED", "UNSUPPORTED_IMAGE", "SCAN_ELIGIBILITY_EXPIRED", "FINDINGS_UNAVAILABLE")


def finding_endpoints(world: World) -> Mapping[Endpoint, Handler]:
    """What answers below `findings`."""
    return {
        ("GET", "findings"): partial(_show, world),
        ("POST", "findings"): partial(_put, world),
        ("POST", "findings/close"): partial(_close, world),
        ("POST", "findings/scans"): partial(_set_scans, world),
    }


def _put(world: World, params: Params) -> Params:
    _check(params, {*_SETTINGS, *_KINDS})
    account, region = _place(world, params)
    severity = str(params.get("severity", "HIGH")).upper()
    if severity not in SEVERITIES:
        raise _refusal(f"severity must be one of {', '.join(SEVERITIES)}, not {severity}")
    package, vulnerability = str(params.get("package", "openssl")), str(params.get("vulnerability", "CVE-2026-0001"))
    with world.lock:
        now = world.clock.now()
        finding = Finding(
            arn=f"arn:aws:inspector2:{region}:{account}:finding/{chance.text(32, '0123456789abcdef')}",
            account=account,
            resource=_resource(world, account, region, params),
            vulnerability=vulnerability,
            severity=severity,
            title=str(params.get("title", f"{vulnerability} - {package}")),
            package=package,
            version=str(params.get("version", "1.0.0")),
            fixed_in=str(params.get("fixed_in", "")),
            score=float(params.get("score", _SCORES[severity])),
            exploit="YES" if params.get("exploit") else "NO",
            observed_at=now,
            updated_at=now,
        )
        world.store(FindingBook, account, region).findings.append(finding)
    return _told(finding)


def _resource(world: World, account: str, region: str, params: Params) -> Resource:
    named = [kind for kind in _KINDS if kind in params]
    if len(named) != 1:
        raise _refusal(f"exactly one of {', '.join(_KINDS)} says what has the vulnerability")
    reference = str(params[named[0]])
    if named[0] == "image":
        return image_resource(_image(account, region, reference))
    listed = instances if named[0] == "instance" else functions
    for each in listed(world, account, region):
        if reference in {each.id, each.id.removesuffix(":$LATEST").rpartition(":")[2]}:
            return each
    raise _refusal(f"there is no {named[0]} {reference} in {region} of {account}")


def _image(account: str, region: str, reference: str) -> Any:
    repository, is_digest, digest = reference.partition("@")
    if is_digest:
        return find_image(account, region, repository, {"imageDigest": digest})
    repository, _, tag = reference.partition(":")
    return find_image(account, region, repository, {"imageTag": tag or "latest"})


def _show(world: World, params: Params) -> Params:
    account, region = _place(world, params)
    return {"findings": [_told(each) for each in world.store(FindingBook, account, region).findings]}


def _close(world: World, params: Params) -> Params:
    """Close the findings with this ARN or vulnerability; all of them without either."""
    _check(params, {"account", "region", "arn", "vulnerability"})
    account, region = _place(world, params)
    closed = []
    with world.lock:
        for each in world.store(FindingBook, account, region).findings:
            is_meant = params.get("arn", each.arn) == each.arn
            if is_meant and params.get("vulnerability", each.vulnerability) == each.vulnerability:
                each.status, each.updated_at = "CLOSED", world.clock.now()
                closed.append(_told(each))
    return {"findings": closed}


def _set_scans(world: World, params: Params) -> Params:
    _check(params, {"account", "region", "repository", "status"})
    account, region = _place(world, params)
    status = str(params.get("status", "FAILED"))
    if status not in _ENDINGS or "repository" not in params:
        raise _refusal(f"expected a repository and a status, one of {', '.join(_ENDINGS)}")
    with world.lock:
        outcomes = world.store(FindingBook, account, region).outcomes
        outcomes.pop(str(params["repository"]), None)
        if status != "COMPLETE":
            outcomes[str(params["repository"])] = status
    return {"repository": params["repository"], "status": status}


def _place(world: World, params: Params) -> tuple[str, str]:
    return str(params.get("account", world.moto.account_of(""))), str(params.get("region", "us-east-1"))


def _told(finding: Finding) -> dict[str, Any]:
    return {
        "arn": finding.arn,
        "resource": finding.resource.id,
        "vulnerability": finding.vulnerability,
        "severity": finding.severity,
        "status": finding.status,
        "observed_at": finding.observed_at.isoformat(),
    }


def _check(params: Params, known: set[str]) -> None:
    unknown = sorted(set(params) - known)
    if unknown:
        raise _refusal(f"unknown: {', '.join(unknown)}; known are {', '.join(sorted(known))}")


def _refusal(message: str) -> ApiError:
    return ApiError("ValidationException", message)
