"""Where a bundle comes from, as an in-toto Statement v1 with a SLSA Provenance v1 predicate, written and read back.

The build type that fixes the meaning of the parameters is described in docs/reference/provenance.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from deliverkit.domain.trust import BuildClaims, Origin, Provenance
from deliverkit.errors import IntegrityError
from deliverkit.packaging.signing_faults import json_fault

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://slsa.dev/provenance/v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
BUILD_TYPE = "urn:deliverkit:build:bundle:v1"
OWN_BUILDER = "urn:deliverkit:builder:unattested"
"""Builder of bundles that were made outside Jenkins: some machine, of which nothing more is known."""

_MANIFEST, _SBOM = "manifest.json", "sbom.cdx.json"


def make_statement(provenance: Provenance) -> bytes:
    """The statement in canonical form: UTF-8, keys sorted, no spaces, one newline at the end.

    Raises:
        ValueError: If the library finds that it is no valid statement.
    """
    from google.protobuf.json_format import MessageToDict  # noqa: PLC0415  (only what makes statements pays for it)
    from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor  # noqa: PLC0415
    from in_toto_attestation.v1.statement import Statement  # noqa: PLC0415

    name = f"{provenance.application}-{provenance.version}.{provenance.format}"
    subject = ResourceDescriptor(name=name, digest={"sha256": _digits(provenance.bundle)})
    statement = Statement([subject.pb], PREDICATE_TYPE, _predicate(provenance))
    statement.validate()
    document = MessageToDict(statement.pb)
    return f"{json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(',', ':'))}\n".encode()


def read_statement(content: bytes, *, name: str = "this") -> Provenance:
    """What a statement says, whoever signed it.

    Args:
        content: The statement.
        name: Where it came from, for the refusal.

    Raises:
        IntegrityError: If it is not an in-toto statement with the provenance of one of our bundles.
    """
    try:
        document = json.loads(content)
        _expect(document["_type"], STATEMENT_TYPE)
        _expect(document["predicateType"], PREDICATE_TYPE)
        _expect(document["predicate"]["buildDefinition"]["buildType"], BUILD_TYPE)
        return _read(document)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise IntegrityError(
            f"{name} is not the provenance of a bundle: {json_fault(content) or _fault(error)}",
            hint="give the statement that lies beside the bundle in the release store (attestations/)",
        ) from error


def _fault(error: Exception) -> str:
    """What is wrong with a document that is JSON."""
    if isinstance(error, KeyError):
        return f"{error} is missing"
    return str(error) if isinstance(error, _ForeignError) else "a member of it is not of the kind that it has to be"


class _ForeignError(ValueError):
    """What is stated is not what we state, told in words for people."""


def _expect(found: object, wanted: str) -> None:
    if found != wanted:
        raise _ForeignError(f"found {found!r} where {wanted!r} was expected")


# --- writing ---------------------------------------------------------------------------------------


def _predicate(provenance: Provenance) -> dict[str, Any]:
    definition: dict[str, Any] = {
        "buildType": BUILD_TYPE,
        "externalParameters": {
            "application": provenance.application,
            "version": provenance.version,
            "format": provenance.format,
            "path": provenance.path,
        },
        "internalParameters": {"manifest": provenance.manifest},
    }
    if provenance.origin is not None:
        definition["resolvedDependencies"] = [_source(provenance.origin)]
    metadata = {
        "invocationId": provenance.invocation,
        "startedOn": _moment(provenance.started_at),
        "finishedOn": _moment(provenance.finished_at),
        "deliverkit_buildTag": provenance.build,
        "deliverkit_build": _claims(provenance.claims),
    }
    return {
        "buildDefinition": definition,
        "runDetails": {
            "builder": {"id": provenance.builder, "version": {"deliverkit": provenance.builder_version}},
            "metadata": {key: value for key, value in metadata.items() if value},
            "byproducts": [
                {"name": _MANIFEST, "digest": {"sha256": _digits(provenance.manifest)}},
                {"name": _SBOM, "digest": {"sha256": _digits(provenance.sbom)}},
            ],
        },
    }


_CLAIMS = {
    "job": "job",
    "number": "number",
    "cause": "cause",
    "agent": "agent",
    "change": "change",
    "commit": "gitCommit",
    "packaged_by": "packagedBy",
}
"""How the members of `BuildClaims` are called in a statement."""


def _claims(claims: BuildClaims) -> dict[str, str]:
    stated = {name: getattr(claims, member) for member, name in _CLAIMS.items()}
    return {name: text for name, text in stated.items() if text}


def _source(origin: Origin) -> dict[str, Any]:
    annotations: dict[str, Any] = {"dirty": origin.is_dirty}
    if origin.branch:
        annotations["branch"] = origin.branch
    if origin.tag:
        annotations["tag"] = origin.tag
    described = {"digest": {"gitCommit": origin.commit}, "annotations": annotations}
    return {"uri": f"git+{origin.repository}", **described} if origin.repository else {"name": "source", **described}


def _digits(digest: str) -> str:
    return digest.removeprefix("sha256:")


def _moment(moment: datetime) -> str:
    """RFC 3339 in UTC, to the second (SLSA provenance v1, Timestamp)."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# --- reading ---------------------------------------------------------------------------------------


def _read(document: Mapping[str, Any]) -> Provenance:
    (subject,) = document["subject"]
    definition, run = document["predicate"]["buildDefinition"], document["predicate"]["runDetails"]
    external, metadata = definition["externalParameters"], run["metadata"]
    byproducts = {each["name"]: _digest(each) for each in run["byproducts"]}
    return Provenance(
        application=_text(external["application"]),
        version=_text(external["version"]),
        bundle=_digest(subject),
        format=_text(external["format"]),
        path=_text(external["path"]),
        manifest=byproducts[_MANIFEST],
        sbom=byproducts[_SBOM],
        builder=_text(run["builder"]["id"]),
        builder_version=_text(run["builder"]["version"]["deliverkit"]),
        started_at=_time(metadata["startedOn"]),
        finished_at=_time(metadata["finishedOn"]),
        invocation=_text(metadata.get("invocationId", "")),
        build=_text(metadata.get("deliverkit_buildTag", "")),
        origin=_origin(definition.get("resolvedDependencies", [])),
        claims=_read_claims(metadata.get("deliverkit_build", {})),
    )


def _read_claims(document: Mapping[str, Any]) -> BuildClaims:
    return BuildClaims(**{member: _text(document.get(name, "")) for member, name in _CLAIMS.items()})


def _origin(dependencies: list[Any]) -> Origin | None:
    if not dependencies:
        return None
    (source,) = dependencies
    annotations = source["annotations"]
    if not isinstance(annotations["dirty"], bool):
        raise TypeError("dirty is neither true nor false")
    return Origin(
        repository=_text(source.get("uri", "")).removeprefix("git+"),
        commit=_text(source["digest"]["gitCommit"]),
        branch=_text(annotations.get("branch", "")),
        tag=_text(annotations.get("tag", "")),
        is_dirty=annotations["dirty"],
    )


def _digest(descriptor: Mapping[str, Any]) -> str:
    digits = _text(descriptor["digest"]["sha256"])
    if len(digits) != 64 or set(digits) - set("0123456789abcdef"):
        raise _ForeignError(f"{digits!r} is not a SHA-256")
    return f"sha256:{digits}"


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    return value


def _time(text: Any) -> datetime:
    return datetime.strptime(_text(text), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
