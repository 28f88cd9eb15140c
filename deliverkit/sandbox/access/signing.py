"""Requests that nobody signed, or not wholly: which of them AWS takes, and what it says to the others.

Sources: IAM API reference, "Common Error Types"; Amazon S3 API reference, "Error responses"; IAM user guide,
"Troubleshoot Signature Version 4 signing for AWS API requests".
"""

from __future__ import annotations

from dataclasses import dataclass

from deliverkit.sandbox.access.request import Request, Wire
from deliverkit.sandbox.kernel.wsgi import Environ, credential_scope, query_of

_PARAMETERS = ("Credential", "Signature", "SignedHeaders")
_ALGORITHM = "AWS4-HMAC-SHA256"
_VERSION_2 = "AWS "
"""How S3's older signatures begin; S3 alone still takes them."""
_UNSIGNED_TARGETS = ("AWSCognitoIdentityService.", "AWSCognitoIdentityProviderService.")
_UNSIGNED_ACTIONS = frozenset({"AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"})


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a request is told that cannot be taken as it is."""

    code: str
    message: str
    status: int


def refuse_unsigned(environ: Environ, request: Request) -> Refusal | None:
    """Why a request cannot be taken by its signature's form alone; None when it can.

    Args:
        environ: Of WSGI.
        request: The same request; the one that signed it may be nobody.
    """
    header = str(environ.get("HTTP_AUTHORIZATION", "")).strip()
    if header:
        return _refuse_header(header, environ, request)
    if request.wire is Wire.S3 and request.method == "POST" and request.path == "/" and not _is_upload(environ):
        return Refusal("MethodNotAllowed", "The specified method is not allowed against this resource.", 405)
    if credential_scope(environ) is not None or _may_be_anonymous(environ, request):
        return None
    if request.wire is Wire.S3:
        text = (
            "Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; "
            'expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".'
        )
        return Refusal("AuthorizationQueryParametersError", text, 400)
    return Refusal(_worded("MissingAuthenticationToken", request), "Missing Authentication Token", 403)


def _may_be_anonymous(environ: Environ, request: Request) -> bool:
    """True for what AWS answers to anybody: S3, whose policies decide, and where credentials are fetched first."""
    if request.wire is Wire.S3:
        return "X-Amz-Credential" not in query_of(environ)
    target = str(environ.get("HTTP_X_AMZ_TARGET", ""))
    return target.startswith(_UNSIGNED_TARGETS) or (not target and request.operation in _UNSIGNED_ACTIONS)


def _is_upload(environ: Environ) -> bool:
    """True for a browser's form, which S3 takes at the bucket's own host."""
    return str(environ.get("CONTENT_TYPE", "")).startswith("multipart/form-data")


def _refuse_header(header: str, environ: Environ, request: Request) -> Refusal | None:
    is_s3 = request.wire is Wire.S3
    if is_s3 and header.startswith(_VERSION_2):
        return None
    if is_s3 and not header.startswith(_ALGORITHM):
        return Refusal("InvalidArgument", "Unsupported Authorization Type", 400)
    missing = [name for name in _PARAMETERS if f"{name}=" not in header]
    told = [f"Authorization header requires '{name}' parameter." for name in missing]
    if not missing and credential_scope(environ) is None:
        told = ["Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term."]
    if not told:
        return None
    if is_s3:
        return Refusal("AuthorizationHeaderMalformed", f"The authorization header is malformed; {' '.join(told)}", 400)
    return Refusal(_worded("IncompleteSignature", request), " ".join(told), 400)


def _worded(code: str, request: Request) -> str:
    """Services that speak JSON give the names of exceptions."""
    return f"{code}Exception" if request.wire in {Wire.JSON, Wire.REST_JSON} else code
