"""ACM's certificates: how long they are good for, what uses them, and what is known before they are issued.

Source: ACM user guide, "AWS Certificate Manager concepts" and "Managed certificate renewal"; API reference,
CertificateDetail. Certificates are not renewed here: one that AWS would renew comes near its end on the sandbox's
clock, and passes it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from deliverkit.sandbox.moto_hooks import replace
from deliverkit.sandbox.moto_loading import is_loaded

VALIDITY = timedelta(days=395)
"""Of a certificate that ACM issues."""
MOST_NAMES = 100
"""Of a certificate in a list (API reference, CertificateSummary)."""
_BY_DEFAULT = ("RSA_1024", "RSA_2048")
_ONLY_ISSUED = ("IssuedAt", "NotBefore", "NotAfter", "Serial", "Issuer", "SignatureAlgorithm", "Subject")
"""What a certificate has once it was issued (API reference, CertificateDetail)."""


def tell_certificates(models: Any) -> None:
    """Mend `moto.acm.models`; repeating it changes nothing."""
    replace(models.CertBundle, "generate_cert", _made)
    replace(models.CertBundle, "describe", _described)
    replace(models.AWSCertificateManagerBackend, "list_certificates", _listed)


def _made(generate: Any) -> Callable[..., Any]:
    def mended(*which: Any, **named: Any) -> Any:
        bundle = generate(*which, **named)
        _lengthen(bundle)
        return bundle

    return mended


def _lengthen(bundle: Any) -> None:
    """Moto gives them a year."""
    from cryptography import x509  # noqa: PLC0415  (loaded by now: moto's ACM needs it)
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415

    old, key = bundle._cert, bundle._key  # noqa: SLF001
    begin = old.not_valid_before_utc
    builder = x509.CertificateBuilder(
        old.issuer, old.subject, key.public_key(), old.serial_number, begin, begin + VALIDITY, list(old.extensions)
    )
    bundle._cert = builder.sign(key, hashes.SHA256())  # noqa: SLF001
    bundle.cert = bundle._cert.public_bytes(serialization.Encoding.PEM)  # noqa: SLF001


def _described(describe: Any) -> Callable[[Any], dict[str, Any]]:
    def mended(bundle: Any) -> dict[str, Any]:
        answer: dict[str, Any] = describe(bundle)
        found = answer["Certificate"]
        found["InUseBy"] = _users(bundle.arn)
        # Of a certificate's summary; a description has no such members, and they are left out of it.
        found["SubjectAlternativeNameSummaries"] = bundle.sans[:MOST_NAMES]
        found["HasAdditionalSubjectAlternativeNames"] = len(bundle.sans) > MOST_NAMES
        can_renew = bundle.type != "IMPORTED" and bundle.status == "ISSUED" and bool(found["InUseBy"])
        found["RenewalEligibility"] = "ELIGIBLE" if can_renew else "INELIGIBLE"
        if bundle.status == "PENDING_VALIDATION":
            for name in _ONLY_ISSUED:
                found.pop(name, None)
        return answer

    return mended


def _listed(of_moto: Any) -> Callable[..., Any]:
    def mended(backend: Any, statuses: Any, includes: Any) -> Any:
        # Who does not ask for other keys is not told of their certificates (API reference, Filters).
        return of_moto(backend, statuses, {"keyTypes": list(_BY_DEFAULT), **(includes or {})})

    return mended


def _users(certificate: str) -> list[str]:
    """ARNs of the load balancers whose listeners have the certificate at this moment."""
    from moto.backends import get_backend  # noqa: PLC0415

    region, account = certificate.split(":")[3:5]
    if not is_loaded("moto.elbv2.models"):
        return []
    backends: Any = get_backend("elbv2")
    balancers = backends[account][region].load_balancers
    return [
        str(arn)
        for arn, balancer in balancers.items()
        if any(certificate in (listener.certificates or ()) for listener in balancer.listeners.values())
    ]
