"""botocore's errors in our words, told apart by code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from deliverkit.errors import ConflictError, DeliverkitError, DeniedError, NotFoundError, UnreachableError, UsageError

_CREDENTIAL_HINT = "export AWS_PROFILE=..., use --profile, or `deliverkit sandbox up` for an AWS on this machine"
_SANDBOX_HINT = "see whether AWS, or the sandbox, is up: deliverkit sandbox status"
RACED = "ConditionalRequestConflict"
"""S3 decided nothing because two conditional requests met, and wants to be asked again (S3 user guide, "Conditional
writes"): that something lies there is not said."""
_MISSING = frozenset(
    {
        "404",
        "NoSuchKey",
        "NoSuchBucket",
        "NoSuchVersion",
        "NoSuchUpload",
        "NoSuchEntity",
        "PipelineNotFoundException",
        "PipelineExecutionNotFoundException",
        "StageNotFoundException",
        "ActionNotFoundException",
        "ActionTypeNotFoundException",
        "JobNotFoundException",
        "ApplicationDoesNotExistException",
        "DeploymentGroupDoesNotExistException",
        "DeploymentDoesNotExistException",
        "DeploymentConfigDoesNotExistException",
        "RevisionDoesNotExistException",
        "NotFoundException",  # KMS
        "RepositoryDoesNotExistException",
        "CommitDoesNotExistException",
        "CommitIdDoesNotExistException",
        "ResourceNotFoundException",  # Lambda, ACM, Inspector
        "TargetGroupNotFound",
        "RepositoryNotFoundException",
        "ImageNotFoundException",
        "ScanNotFoundException",
    }
)
_CONFLICTS = frozenset(
    {
        "409",
        "412",
        "PreconditionFailed",
        RACED,
        "ConflictException",
        "ConcurrentPipelineExecutionsLimitExceededException",
        "PipelineExecutionNotStoppableException",
        "DuplicatedStopRequestException",
        "InvalidApprovalTokenException",
        "ApprovalAlreadyCompletedException",
        "UnableToRollbackStageException",
        "PipelineExecutionOutdatedException",
        "StageNotRetryableException",
        "NotLatestPipelineExecutionException",
        "InvalidJobStateException",
        "PipelineNameInUseException",
        "DeploymentLimitExceededException",
        "DeploymentAlreadyCompletedException",
        "DeploymentConfigAlreadyExistsException",
        "BucketAlreadyExists",
        "BucketAlreadyOwnedByYou",
        "EntityAlreadyExists",
        "InstanceNameAlreadyRegisteredException",
        "DisabledException",
        "KMSInvalidStateException",
    }
)
_TRANSIENT = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "SlowDown",
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "RequestTimeout",
        "KMSInternalException",
        "DependencyTimeoutException",
        "KeyUnavailableException",
        "500",
        "503",
    }
)
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException"})
_DENIED = frozenset(
    {
        "403",
        "AccessDenied",
        "AccessDeniedException",
        "UnauthorizedOperation",
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "SignatureDoesNotMatch",
        "InvalidSignatureException",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        *_EXPIRED,
        "InvalidAccessKeyId",
        "AuthFailure",
    }
)
_ELSEWHERE = frozenset(
    {
        "301",
        "PermanentRedirect",
        "TemporaryRedirect",
        "AuthorizationHeaderMalformed",
        "IllegalLocationConstraintException",
    }
)
_OUT_OF_TIME = frozenset({"RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"})
_SIGNATURES = frozenset({"SignatureDoesNotMatch", "InvalidSignatureException"})
_TOLD_OF_TIME = ("Signature expired", "Signature not yet current")
"""How all services but S3 tell of a clock that is wrong: under the code of a wrong secret key (IAM user guide,
"Troubleshoot Signature Version 4")."""


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn what botocore raises inside into our errors.

    Args:
        doing: What we were doing, for the message: `starting pipeline storefront-delivery`.

    Raises:
        UnreachableError: If AWS does not answer, throttles, or a clock is wrong; `DeniedError` when it denies, or there
            are no credentials.
        NotFoundError: If the named thing does not exist.
        ConflictError: If its state forbids the request.
        UsageError: If AWS finds the request wrong, or the AWS configuration is.
    """
    # Everything that raises botocore's errors has imported botocore already; this import costs nothing.
    import botocore.exceptions as vendor  # noqa: PLC0415

    try:
        yield
    except vendor.ClientError as error:
        raise _from_code(doing, error.response) from error
    except (vendor.NoCredentialsError, vendor.PartialCredentialsError) as error:
        raise DeniedError(f"{doing}: there are no AWS credentials ({error})", hint=_CREDENTIAL_HINT) from error
    except vendor.CredentialRetrievalError as error:
        raise UnreachableError(f"{doing}: there are no AWS credentials ({error})", hint=_CREDENTIAL_HINT) from error
    except vendor.ProfileNotFound as error:
        raise UsageError(f"{doing}: {error}", hint="aws configure list-profiles names those there are") from error
    except (vendor.NoRegionError, vendor.InvalidRegionError) as error:
        raise UsageError(f"{doing}: {error}", hint="--region REGION, or export AWS_DEFAULT_REGION=REGION") from error
    except (vendor.HTTPClientError, vendor.ConnectionError) as error:
        raise UnreachableError(f"{doing}: no answer: {error}", hint=_SANDBOX_HINT) from error
    except (vendor.ParamValidationError, vendor.ConfigParseError, vendor.ConfigNotFound) as error:
        raise UsageError(f"{doing}: {error}") from error
    except ValueError as error:
        # botocore raises a bare ValueError for an endpoint that is not an URL.
        if "endpoint" not in str(error):
            raise
        raise UsageError(f"{doing}: {error}", hint="--endpoint-url http://HOST:PORT") from error
    except vendor.BotoCoreError as error:
        raise UnreachableError(f"{doing}: {error}") from error


@contextmanager
def renewing(doing: str) -> Iterator[None]:
    """As `translated`, for who goes on for hours: credentials that have expired are no refusal.

    Until when they hold nobody tells, and the next ones are fresh.
    """
    try:
        with translated(doing):
            yield
    except DeniedError as error:
        if code_of(error) not in _EXPIRED:
            raise
        raise UnreachableError(error.message, hint="new credentials are asked for") from error.__cause__


def was_refused(error: BaseException | None) -> bool:
    """True when AWS itself answered that it did not do what was asked for, or no connection came about.

    Other errors leave open whether the request was done.
    """
    from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ProxyConnectionError  # noqa: PLC0415

    cause = getattr(error, "__cause__", None)
    response: Mapping[str, Any] = getattr(cause, "response", None) or {}
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    return 400 <= status < 500 or isinstance(
        cause, ConnectTimeoutError | EndpointConnectionError | ProxyConnectionError
    )


def code_of(error: BaseException | None) -> str:
    """The AWS error code behind one of our errors; empty when it did not come from AWS."""
    response: Mapping[str, Any] = getattr(getattr(error, "__cause__", None), "response", None) or {}
    return str(response.get("Error", {}).get("Code", ""))


def _from_code(doing: str, response: Mapping[str, Any]) -> DeliverkitError:
    told = response.get("Error", {})
    code, message = str(told.get("Code", "unknown")), str(told.get("Message", ""))
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    text = f"{doing}: {message or 'no message'} ({code})"
    if code in _MISSING:
        return NotFoundError(text)
    if code in _CONFLICTS:
        return ConflictError(text)
    if _is_out_of_time(code, message) or (code in _ELSEWHERE and _region_of(response)):
        return _misplaced(text, _is_out_of_time(code, message), response)
    if code in _DENIED:
        return DeniedError(text, hint="deliverkit needs that permission; see the credentials and the role in use")
    if code in _TRANSIENT or status >= 500:
        return UnreachableError(text, hint="AWS asks for patience: type the command again in a minute")
    return UsageError(text)


def _is_out_of_time(code: str, message: str) -> bool:
    return code in _OUT_OF_TIME or (code in _SIGNATURES and message.startswith(_TOLD_OF_TIME))


def _misplaced(text: str, is_late: bool, response: Mapping[str, Any]) -> DeliverkitError:
    """We asked at another time than AWS's, or in another region than the bucket's."""
    if is_late:
        hint = "set this machine's clock: timedatectl set-ntp true"
        return UnreachableError(f"{text}; {_clocks(response)}", hint=hint)
    region = _region_of(response)
    hint = f"--region {region}, or export AWS_DEFAULT_REGION={region}"
    return UsageError(f"{text}; the bucket is in {region}", hint=hint)


def _region_of(response: Mapping[str, Any]) -> str:
    """Where S3 says that the bucket is (S3 user guide, "Request redirection and the REST API")."""
    headers = response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    return str(response.get("Error", {}).get("Region") or headers.get("x-amz-bucket-region", ""))


def _clocks(response: Mapping[str, Any]) -> str:
    told, headers = response.get("Error", {}), response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    theirs, ours = told.get("ServerTime") or headers.get("date", ""), told.get("RequestTime", "")
    return f"this machine says it is {ours or 'another time'}, AWS says {theirs or 'another'}"
