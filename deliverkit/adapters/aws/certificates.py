"""Certificates of AWS Certificate Manager as a check (ACM API reference, DescribeCertificate)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Protocol

from deliverkit.adapters.aws.errors import translated
from deliverkit.adapters.aws.observing import filled, observed, regions_of
from deliverkit.adapters.aws.session import Aws
from deliverkit.check_ports import CheckContext
from deliverkit.domain.gate import Check, Measurement
from deliverkit.errors import NotFoundError
from deliverkit.ports import Clock

KEY_TYPES = [*(f"RSA_{bits}" for bits in (1024, 2048, 3072, 4096)), "EC_prime256v1", "EC_secp384r1", "EC_secp521r1"]
"""ListCertificates names those with RSA keys up to 2048 bits alone, unless it is asked for others."""


class Served(Protocol):
    """What looks at the certificates that addresses serve."""

    def look(self, check: Check, context: CheckContext) -> Mapping[str, Any]:
        """What is seen of them."""
        ...

    def interrupt(self) -> None:
        """End the looks that are under way."""
        ...


class CertificateCheck:
    """Measures checks of kind `certificate`."""

    def __init__(self, aws: Aws, clock: Clock, *, served: Served) -> None:
        """Take the session, the clock that tells how long certificates still hold, and what asks addresses."""
        self._aws = aws
        self._clock = clock
        self._served = served

    def measure(self, check: Check, context: CheckContext) -> Measurement:
        """Look at the certificates once."""
        return observed(check, self._clock, lambda: self._look(check, context), query=_query)

    def interrupt(self) -> None:
        """End the looks at addresses that are under way; AWS answers soon, or is given up soon."""
        self._served.interrupt()

    def _look(self, check: Check, context: CheckContext) -> Mapping[str, Any]:
        seen = {"at": self._clock.now().isoformat(), "certificates": [], "served": []}
        if "address" in check.spec:
            return {**seen, **self._served.look(check, context)}
        return {**seen, "certificates": list(self._kept(check, context))}

    def _kept(self, check: Check, context: CheckContext) -> Iterator[Mapping[str, Any]]:
        if "arn" in check.spec:
            arn = filled(check.spec["arn"], context, context.regions[0])
            for region in regions_of(check, context, arn):
                yield _told(self._described(region, arn), region)
            return
        for region in regions_of(check, context):
            yield from self._of_domain(region, filled(check.spec["domain"], context, region).lower())

    def _described(self, region: str, arn: str) -> Mapping[str, Any]:
        with translated(f"reading certificate {arn}"):
            found: Mapping[str, Any] = self._aws.client("acm", region).describe_certificate(CertificateArn=arn)
            certificate: Mapping[str, Any] = found["Certificate"]
            return certificate

    def _of_domain(self, region: str, domain: str) -> Iterator[Mapping[str, Any]]:
        """The certificates of a domain that something uses; else the one that ends last."""
        with translated(f"listing the certificates of {domain} in {region}"):
            pages = self._aws.client("acm", region).get_paginator("list_certificates")
            listed = [
                each
                for page in pages.paginate(Includes={"keyTypes": KEY_TYPES})
                for each in page["CertificateSummaryList"]
                if _names(each, domain)
            ]
        found = [_told(self._described(region, each["CertificateArn"]), region) for each in listed]
        if not found:
            raise NotFoundError(f"there is no certificate of {domain} in {region}")
        used = [each for each in found if each["in_use"]]
        yield from used or [max(found, key=lambda each: (each["status"] == "ISSUED", each["not_after"] or ""))]


def _names(summary: Mapping[str, Any], domain: str) -> bool:
    names = (summary.get("DomainName", ""), *summary.get("SubjectAlternativeNameSummaries", []))
    # A list of more than a hundred names is cut off, which ACM tells; the first of them is the certificate's own.
    return domain in {str(name).lower() for name in names}


def _told(certificate: Mapping[str, Any], region: str) -> Mapping[str, Any]:
    end: datetime | None = certificate.get("NotAfter")
    renewal = certificate.get("RenewalSummary", {}).get("RenewalStatus")
    is_renewed = renewal or certificate.get("RenewalEligibility")
    return {
        "name": str(certificate.get("DomainName") or certificate["CertificateArn"]),
        "arn": str(certificate["CertificateArn"]),
        "region": region,
        "status": str(certificate.get("Status", "")),
        "not_after": end.isoformat() if end else None,
        "in_use": len(certificate.get("InUseBy", [])),
        "renewal": str(is_renewed or ""),
    }


def _query(seen: Mapping[str, Any]) -> str:
    asking = "aws acm describe-certificate --region {region} --certificate-arn {arn}"
    handshake = "openssl s_client -connect {address} -servername {host}"
    kept = [asking.format(**each) for each in seen["certificates"]]
    return "; ".join([*kept, *(handshake.format(**each) for each in seen["served"])])
