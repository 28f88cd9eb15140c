"""What S3 tells of an object's lock, where moto is silent (S3 API reference, GetObjectRetention, GetObjectLegalHold).

moto answers the question for the retention with the object's content, and tells of a legal hold where there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from deliverkit.sandbox.moto_hooks import replace

_NO_LOCK_IN_BUCKET = "Bucket is missing Object Lock Configuration"
_NO_LOCK_ON_OBJECT = (
    "<Error><Code>NoSuchObjectLockConfiguration</Code>"
    "<Message>The specified object does not have a ObjectLock configuration</Message></Error>"
)


def tell_locks(responses: Any) -> None:
    """Answer what is asked of the lock of one object version."""
    replace(responses.S3Response, "_key_response_get", lambda original: _telling(responses, original))


def _telling(responses: Any, original: Any) -> Callable[..., Any]:
    def mended(request: Any, query: Mapping[str, Any], key_name: str) -> Any:
        if "retention" in query:
            return _answer(responses, request, "lock_mode", lambda key: _retention(responses, request, key))
        if "legal-hold" in query:
            return _answer(responses, request, "lock_legal_status", lambda _: original(request, query, key_name))
        return original(request, query, key_name)

    return mended


def _retention(responses: Any, request: Any, key: Any) -> Any:
    told = {"Mode": key.lock_mode, "RetainUntilDate": key.lock_until}
    request.data["Action"] = "GetObjectRetention"
    return request.serialized(responses.ActionResult({"Retention": told}))


def _answer(responses: Any, request: Any, member: str, tell: Callable[[Any], Any]) -> Any:
    key, _ = request._get_key(validate_storage_class=False)  # noqa: SLF001  (refuses what is not there)
    if not request.backend.get_bucket(request.bucket_name).object_lock_enabled:
        raise responses.S3ClientError("InvalidRequest", _NO_LOCK_IN_BUCKET)
    return tell(key) if getattr(key, member) else (404, {"content-type": "application/xml"}, _NO_LOCK_ON_OBJECT)
