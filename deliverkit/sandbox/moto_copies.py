"""Copies within S3 as Amazon's API reference tells them, where moto is silent.

moto copies over what lies there although the request forbids it, whatever the original's tag is, and knows no checksums
of parts that are copied.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deliverkit.sandbox.moto_hooks import replace


def mend_copies(responses: Any) -> None:
    """What copying is held against, and what it answers."""
    requests = responses.S3Response
    replace(requests, "copy_object", lambda original: _conditional(responses, original))
    replace(requests, "upload_part_copy", lambda original: _keeping_checksum(responses, original))


def _conditional(responses: Any, original: Any) -> Callable[..., Any]:
    """S3 API reference, CopyObject: `If-None-Match: *`, and `x-amz-copy-source-if-match`."""

    def mended(request: Any) -> Any:
        _hold_to_source(responses, request)
        present = request.backend.get_object(request.bucket_name, request.parse_key_name())
        if request.headers.get("If-None-Match") == "*" and present is not None:
            raise responses.PreconditionFailed("If-None-Match")
        return original(request)

    return mended


def _hold_to_source(responses: Any, request: Any) -> None:
    wanted = request.headers.get("x-amz-copy-source-if-match")
    source = _source_of(responses, request)
    if wanted and source is not None and source.etag.strip('"') != wanted.strip('"'):
        raise responses.PreconditionFailed("x-amz-copy-source-If-Match")


def _source_of(responses: Any, request: Any) -> Any:
    place = responses.urlparse(request.headers["x-amz-copy-source"])
    bucket, key = responses.unquote(place.path).lstrip("/").split("/", 1)
    version = responses.parse_qs(place.query).get("versionId", [None])[0]
    return request.backend.get_object(bucket, key, version_id=version)


def _keeping_checksum(responses: Any, original: Any) -> Callable[..., Any]:
    """S3 API reference, UploadPartCopy: the part has the checksum of the upload's algorithm, told in the answer."""

    def mended(request: Any) -> Any:
        _hold_to_source(responses, request)
        status, headers, body = original(request)
        upload_id = request._get_param("uploadId")  # noqa: SLF001
        upload = request.backend.get_bucket(request.bucket_name).multiparts[upload_id]
        algorithm = upload.metadata.get("x-amz-checksum-algorithm")
        if status != 200 or not algorithm:
            return status, headers, body
        part = upload.parts[request._get_int_param("partNumber")]  # noqa: SLF001
        part.checksum_algorithm = algorithm
        part.checksum_value = responses.compute_checksum(part.value, algorithm=algorithm).decode()
        result = {"ETag": part.etag, "LastModified": part.last_modified_ISO8601}
        request.data["Action"] = "UploadPartCopy"
        told = {"CopyPartResult": {**result, f"Checksum{algorithm}": part.checksum_value}}
        status, answer, body = request.serialized(responses.ActionResult(told))
        return status, {**headers, **answer, "content-length": str(len(body))}, body

    return mended
