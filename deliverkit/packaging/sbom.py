"""The bill of materials: CycloneDX 1.6 of what lies in a bundle, a function of the build and the release's name.

It has no timestamp, and its serial number comes from the manifest, so that the same build gives the same bytes.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deliverkit.packaging.components import Component, Inventory, merged, take_inventory
from deliverkit.packaging.contents import Contents

if TYPE_CHECKING:
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component as Listed

_HEAD = {
    "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
    "bomFormat": "CycloneDX",
    "specVersion": "1.6",
}
_NAMESPACE = uuid.UUID("9d9ad7f5-3b7c-5c7e-8a3f-6f1c9b2d4e50")
"""Serial numbers are version 5 UUIDs in this namespace, of the manifest's digest and the release's name."""


@dataclass(frozen=True, slots=True)
class Sbom:
    """A bill of materials.

    Attributes:
        content: CycloneDX JSON.
        count: Components in it.
        gaps: What could not be looked into, and why; the document names it too.
    """

    content: bytes
    count: int
    gaps: tuple[str, ...]


def make_sbom(contents: Contents, *, manifest: str, application: str, version: str, tool_version: str) -> Sbom:
    """List what lies in a build.

    Args:
        contents: What lies in the bundle.
        manifest: `sha256:...` of its manifest.
        application: Name of the application.
        version: The release's version.
        tool_version: Version of deliverkit.

    Raises:
        DeliverkitError: If a file changed or vanished since it was collected.
        UsageError: If one cannot be read.
    """
    inventory = take_inventory(contents)
    components = list(merged(inventory.components))
    bom = _bom(components, inventory, manifest, application, version, tool_version)
    return Sbom(_written(bom), len(components), tuple(inventory.gaps))


def _bom(
    components: list[Component],
    inventory: Inventory,
    manifest: str,
    application: str,
    version: str,
    tool_version: str,
) -> Bom:
    from cyclonedx.model import Property  # noqa: PLC0415  (0.15 s that only what makes bills of materials pays)
    from cyclonedx.model.bom import Bom, BomMetaData  # noqa: PLC0415
    from cyclonedx.model.component import Component as Listed  # noqa: PLC0415
    from cyclonedx.model.component import ComponentType  # noqa: PLC0415
    from cyclonedx.model.dependency import Dependency  # noqa: PLC0415
    from cyclonedx.model.tool import ToolRepository  # noqa: PLC0415

    release = Listed(type=ComponentType.APPLICATION, name=application, version=version, bom_ref="release")
    tool = Listed(type=ComponentType.APPLICATION, name="deliverkit", version=tool_version, bom_ref="deliverkit")
    properties = [Property(name="deliverkit:manifest", value=manifest)]
    properties += [Property(name="deliverkit:incomplete", value=gap) for gap in sorted(inventory.gaps)]
    metadata = BomMetaData(tools=ToolRepository(components=[tool]), component=release, properties=properties)
    metadata.timestamp = None  # type: ignore[assignment]  # optional in the schema; the library insists only here
    serial_number = uuid.uuid5(_NAMESPACE, f"{manifest} {application} {version}")
    listed = list(_listed(components))
    parts = Dependency(release.bom_ref, [Dependency(each.bom_ref) for each in listed])
    return Bom(components=listed, serial_number=serial_number, metadata=metadata, dependencies=[parts])


def _listed(components: list[Component]) -> Iterator[Listed]:
    seen: set[str] = set()
    for component in components:
        reference = name = str(_purl(component))
        number = 1
        while reference in seen:
            number += 1
            reference = f"{name}#{number}"
        seen.add(reference)
        yield _entry(component, reference)


def _entry(component: Component, reference: str) -> Listed:
    from cyclonedx.model import HashAlgorithm, HashType  # noqa: PLC0415
    from cyclonedx.model.component import Component as Listed  # noqa: PLC0415
    from cyclonedx.model.component import ComponentType  # noqa: PLC0415
    from cyclonedx.model.component_evidence import ComponentEvidence, Occurrence  # noqa: PLC0415

    hashes = [HashType(alg=HashAlgorithm.SHA_256, content=component.sha256)] if component.sha256 else []
    places = [Occurrence(location=place) for place in component.places]
    return Listed(
        type=ComponentType.LIBRARY,
        name=component.name,
        group=component.group or None,
        version=component.version or None,
        purl=_purl(component),
        bom_ref=reference,
        hashes=hashes,
        external_references=_references(component),
        evidence=ComponentEvidence(occurrences=places),
    )


def _references(component: Component) -> list[Any]:
    from cyclonedx.model import (  # noqa: PLC0415
        ExternalReference,
        ExternalReferenceType,
        HashAlgorithm,
        HashType,
        XsUri,
    )

    if not component.url:
        return []
    hashes = [HashType(alg=HashAlgorithm.SHA_512, content=component.integrity)] if component.integrity else []
    return [ExternalReference(type=ExternalReferenceType.DISTRIBUTION, url=XsUri(component.url), hashes=hashes)]


def _purl(component: Component) -> Any:
    from packageurl import PackageURL  # noqa: PLC0415

    return PackageURL(component.ecosystem, component.group or None, component.name, component.version or None)


def _written(bom: Bom) -> bytes:
    """The document without the library's outputter, whose checks take time with the square of the components."""
    from cyclonedx.schema.schema import SchemaVersion1Dot6  # noqa: PLC0415

    document = json.loads(bom.as_json(view_=SchemaVersion1Dot6))  # type: ignore[attr-defined]
    text = json.dumps({**_HEAD, **document}, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return f"{text}\n".encode()
