"""Multipart uploads, checksums and bucket owners of S3 as Amazon's API reference tells them, where moto is silent.

moto takes any checksum for true, forgets those of parts, lists uploads without their times, counts markers by position,
and looks neither at the expected owner of a bucket nor at the Object Lock that an upload in parts asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from deliverkit.sandbox.moto_hooks import replace

_ALGORITHMS = ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256")
_MOST_TAGS = 10
_NO_PART = "One or more of the specified parts could not be found."
_LOCK_MODE, _LOCK_UNTIL = "x-amz-object-lock-mode", "x-amz-object-lock-retain-until-date"
_LOCK_HOLD = "x-amz-object-lock-legal-hold"
Parts = Mapping[int, Mapping[str, str]]


# --- what moto keeps -------------------------------------------------------------------------------


def mend_models(models: Any) -> None:
    """What an upload remembers, and what completing it does."""
    upload, backend = models.FakeMultipart, models.S3Backend
    replace(upload, "__init__", _remember_begin)
    replace(upload, "list_parts", lambda _: _parts_after)
    replace(backend, "is_truncated", lambda _: _has_parts_after)
    replace(backend, "complete_multipart_upload", _completing)


def _remember_begin(original: Any) -> Callable[..., None]:
    def mended(upload: Any, *args: Any, **kwargs: Any) -> None:
        from moto.core.utils import utcnow  # noqa: PLC0415
        from moto.moto_api._internal import mock_random  # noqa: PLC0415

        original(upload, *args, **kwargs)
        upload.begun_at = utcnow()
        upload.lock = {}
        # From the seed, as all ids are: requests that are repeated after a crash name it.
        upload.id = mock_random.get_random_hex(64)

    return mended


def _parts_after(upload: Any, part_number_marker: int, max_parts: int) -> Iterator[Any]:
    numbers = [number for number in upload.partlist if number > part_number_marker]
    return (upload.parts[number] for number in numbers[:max_parts])


def _has_parts_after(backend: Any, bucket: str, upload_id: str, marker: int) -> bool:
    return any(number > marker for number in backend.get_bucket(bucket).multiparts[upload_id].partlist)


def _completing(original: Any) -> Callable[..., Any]:
    def mended(backend: Any, bucket_name: str, multipart_id: str, body: Any) -> Any:
        upload = backend.get_bucket(bucket_name).multiparts.get(multipart_id)
        if upload is None:
            raise _no_such_upload(multipart_id)
        key = original(backend, bucket_name, multipart_id, body)
        if key is not None and upload.lock:
            key.lock_mode, key.lock_until = upload.lock.get(_LOCK_MODE), upload.lock.get(_LOCK_UNTIL)
            key.lock_legal_status = upload.lock.get(_LOCK_HOLD)
        return key

    return mended


# --- what moto answers -----------------------------------------------------------------------------


def mend_responses(responses: Any) -> None:
    """What requests are held against, and what answers tell."""
    requests = responses.S3Response
    replace(requests, "_authenticate_and_authorize_s3_action", lambda original: _knowing_owner(responses, original))
    replace(requests, "put_object", lambda original: _holding_to_checksum(responses, original))
    replace(requests, "upload_part", lambda original: _keeping_checksum(responses, original))
    replace(requests, "_key_response_post", lambda original: _beginning_and_completing(responses, original))
    replace(requests, "head_object", _qualifying)
    replace(requests, "list_parts", lambda _: lambda request: _list_parts(responses, request))
    replace(requests, "list_multipart_uploads", lambda _: lambda request: _list_uploads(responses, request))


def _refusal(responses: Any, code: str, message: str) -> Exception:
    error: Exception = responses.S3ClientError(code, message)
    return error


def _no_such_upload(upload_id: str) -> Exception:
    from moto.s3.exceptions import NoSuchUpload  # noqa: PLC0415

    error: Exception = NoSuchUpload(upload_id=upload_id)
    return error


def _knowing_owner(responses: Any, original: Any) -> Callable[..., None]:
    """S3 API reference, `x-amz-expected-bucket-owner`: another owner is answered with 403 Access Denied."""

    def mended(request: Any, **place: Any) -> None:
        original(request, **place)
        expected = request.headers.get("x-amz-expected-bucket-owner")
        bucket = place.get("bucket_name")
        if expected and bucket and request.backend.get_bucket(bucket).account_id != expected:
            raise _refusal(responses, "AccessDenied", "Access Denied")

    return mended


def _holding_to_checksum(responses: Any, original: Any) -> Callable[..., Any]:
    def mended(request: Any) -> Any:
        _check_tags(responses, request)
        _hold_to_checksum(responses, request)
        return original(request)

    return mended


def _hold_to_checksum(responses: Any, request: Any) -> None:
    """S3 user guide, "Checking object integrity": what was sent must have the checksum that was told."""
    for algorithm in _ALGORITHMS:
        told = request.headers.get(f"x-amz-checksum-{algorithm.lower()}")
        if told and told != responses.compute_checksum(request.body or b"", algorithm=algorithm).decode():
            message = f"The {algorithm} you specified did not match the calculated checksum."
            raise _refusal(responses, "BadDigest", message)


def _check_tags(responses: Any, request: Any) -> None:
    if len(request._tagging_from_headers(request.headers)) > _MOST_TAGS:  # noqa: SLF001
        raise _refusal(responses, "BadRequest", f"Object tags cannot be greater than {_MOST_TAGS}")


def _keeping_checksum(responses: Any, original: Any) -> Callable[..., Any]:
    def mended(request: Any) -> Any:
        upload = _upload_of(responses, request)
        algorithm = upload.metadata.get("x-amz-checksum-algorithm", "")
        name = f"x-amz-checksum-{algorithm.lower()}"
        is_trailing = "x-amz-trailer" in request.headers
        if algorithm.startswith("SHA") and name not in request.headers and not is_trailing:
            message = f"Checksum Type mismatch occurred, expected checksum Type: {algorithm.lower()}"
            raise _refusal(responses, "InvalidRequest", f"{message}, actual checksum Type: null")
        _hold_to_checksum(responses, request)
        status, headers, body = original(request)
        part = upload.parts[request._get_int_param("partNumber")]  # noqa: SLF001
        if algorithm:
            part.checksum_algorithm = algorithm
            part.checksum_value = responses.compute_checksum(request.body or b"", algorithm=algorithm).decode()
            headers[name] = part.checksum_value
        return status, headers, body

    return mended


def _upload_of(responses: Any, request: Any) -> Any:
    upload_id = request._get_param("uploadId")  # noqa: SLF001
    upload = request.backend.get_bucket(request.bucket_name).multiparts.get(upload_id)
    if upload is None:
        raise _no_such_upload(upload_id)
    return upload


def _beginning_and_completing(responses: Any, original: Any) -> Callable[..., Any]:
    def mended(request: Any, asked: Any, body: bytes, bucket_name: str, query: Mapping[str, Any], key: str) -> Any:
        lock = {name: asked.headers[name] for name in (_LOCK_MODE, _LOCK_UNTIL, _LOCK_HOLD) if name in asked.headers}
        if "uploads" in query:
            _check_tags(responses, request)
            if lock and not request.backend.get_bucket(bucket_name).object_lock_enabled:
                raise responses.LockNotEnabled
        elif query.get("uploadId"):
            _hold_to_parts(responses, request, bucket_name, query["uploadId"][0], body)
        known = set(request.backend.get_bucket(bucket_name).multiparts)
        answer = original(request, asked, body, bucket_name, query, key)
        uploads = request.backend.get_bucket(bucket_name).multiparts
        for upload_id in set(uploads) - known:
            uploads[upload_id].lock = lock
        return answer

    return mended


def _hold_to_parts(responses: Any, request: Any, bucket_name: str, upload_id: str, body: bytes) -> None:
    """S3 API reference, CompleteMultipartUpload: each part's checksum is told again when it is a composite one."""
    upload = request.backend.get_bucket(bucket_name).multiparts.get(upload_id)
    algorithm = upload.metadata.get("x-amz-checksum-algorithm", "") if upload else ""
    if not algorithm.startswith("SHA"):
        return
    for number, told in _told_parts(responses, body).items():
        checksum = told.get(f"Checksum{algorithm}")
        if checksum is None:
            message = f"The upload was created using a {algorithm.lower()} checksum. The complete request must include"
            detail = f"the checksum for each part. It was missing for part {number} in the request."
            raise _refusal(responses, "InvalidRequest", f"{message} {detail}")
        if number not in upload.parts or upload.parts[number].checksum_value != checksum:
            raise _refusal(responses, "InvalidPart", _NO_PART)


def _told_parts(responses: Any, body: bytes) -> Parts:
    told = responses.xmltodict.parse(body, force_list=("Part",)).get("CompleteMultipartUpload") or {}
    return {int(part["PartNumber"]): part for part in told.get("Part", ())}


def _qualifying(original: Any) -> Callable[..., Any]:
    """A composite checksum is told with the number of its parts and its type; so is the key of two layers of KMS."""

    def mended(request: Any, bucket_name: str, query: Mapping[str, Any], key_name: str, headers: Any) -> Any:
        status, told, body = original(request, bucket_name, query, key_name, headers)
        if status not in {200, 206}:
            return status, told, body
        key = request.backend.get_object(bucket_name, key_name, version_id=query.get("versionId", [None])[0])
        if key.encryption == "aws:kms:dsse" and key.kms_key_id:
            told["x-amz-server-side-encryption-aws-kms-key-id"] = key.kms_key_id
        name = f"x-amz-checksum-{(key.checksum_algorithm or '').lower()}"
        if name in told:
            told["x-amz-checksum-type"] = key.checksum_type or "FULL_OBJECT"
            if key.checksum_type == "COMPOSITE":
                told[name] = f"{key.checksum_value}-{key.checksum_parts}"
        return status, told, body

    return mended


# --- listings --------------------------------------------------------------------------------------


def _list_parts(responses: Any, request: Any) -> Any:
    upload = _upload_of(responses, request)
    marker, most = (request._get_int_param(name, default) for name, default in _PART_LIMITS)  # noqa: SLF001
    parts = list(upload.list_parts(marker, min(most, 1000)))
    last = parts[-1].name if parts else 0
    result = {
        "Bucket": request.bucket_name,
        "Key": upload.key_name,
        "UploadId": upload.id,
        "StorageClass": upload.storage or "STANDARD",
        "PartNumberMarker": marker,
        "NextPartNumberMarker": last,
        "MaxParts": most,
        "IsTruncated": bool(parts) and any(number > last for number in upload.partlist),
        "Parts": [_told_part(part) for part in parts],
        **_checksum_of(upload),
    }
    request.data["Action"] = "ListParts"
    return request.serialized(responses.ActionResult(result))


_PART_LIMITS = (("part-number-marker", 0), ("max-parts", 1000))


def _told_part(part: Any) -> Mapping[str, Any]:
    told = {
        "PartNumber": part.name,
        "LastModified": part.last_modified_ISO8601,
        "ETag": part.etag,
        "Size": part.size,
    }
    return {**told, f"Checksum{part.checksum_algorithm}": part.checksum_value} if part.checksum_algorithm else told


def _checksum_of(upload: Any) -> Mapping[str, str]:
    algorithm = upload.metadata.get("x-amz-checksum-algorithm")
    usual = "FULL_OBJECT" if algorithm == "CRC64NVME" else "COMPOSITE"
    kind = upload.metadata.get("x-amz-checksum-type") or usual
    return {"ChecksumAlgorithm": algorithm, "ChecksumType": kind} if algorithm else {}


def _list_uploads(responses: Any, request: Any) -> Any:
    """S3 API reference, ListMultipartUploads: by key, and uploads of one key by the time they were begun."""
    told = {name: request.querystring.get(name, [default])[0] for name, default in _UPLOAD_LIMITS.items()}
    after, most = (told["key-marker"], told["upload-id-marker"]), min(int(told["max-uploads"]), 1000)
    uploads = sorted(
        request.backend.list_multipart_uploads(request.bucket_name).values(),
        key=lambda upload: (upload.key_name, upload.begun_at),
    )
    places = [(upload.key_name, upload.id) for upload in uploads]
    begin = places.index(after) + 1 if after in places else sum(key <= after[0] for key, _ in places if after[0])
    found = [upload for upload in uploads[begin:] if upload.key_name.startswith(told["prefix"])]
    shown = found[:most]
    result = {
        "Bucket": request.bucket_name,
        "KeyMarker": told["key-marker"],
        "UploadIdMarker": told["upload-id-marker"],
        "Prefix": told["prefix"],
        "MaxUploads": most,
        "IsTruncated": len(found) > len(shown),
        "Uploads": [_told_upload(upload) for upload in shown],
    }
    if len(found) > len(shown):
        result |= {"NextKeyMarker": shown[-1].key_name, "NextUploadIdMarker": shown[-1].id}
    request.data["Action"] = "ListMultipartUploads"
    return request.serialized(responses.ActionResult(result))


_UPLOAD_LIMITS = {"prefix": "", "key-marker": "", "upload-id-marker": "", "max-uploads": "1000"}


def _told_upload(upload: Any) -> Mapping[str, Any]:
    return {
        "Key": upload.key_name,
        "UploadId": upload.id,
        "Initiated": upload.begun_at,
        "StorageClass": upload.storage or "STANDARD",
        **_checksum_of(upload),
    }
