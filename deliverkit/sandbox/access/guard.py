"""Refuses what the caller's policies do not allow, in each service's words; only when that is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from deliverkit.sandbox.access.answers import HttpAnswer, error_answer
from deliverkit.sandbox.access.bucket_policies import with_bucket
from deliverkit.sandbox.access.callers import Caller, find_caller, role_trust
from deliverkit.sandbox.access.enforcement import is_enforced
from deliverkit.sandbox.access.needs import Need, needs_of
from deliverkit.sandbox.access.policy import Decision, decide, trusts
from deliverkit.sandbox.access.request import Request, Wire, read_request
from deliverkit.sandbox.access.service_roles import authorise
from deliverkit.sandbox.access.signatures import EXPIRED, MISMATCH, MISMATCHES, is_signed_with, token_of
from deliverkit.sandbox.access.wording import IDENTITY, refusal_text
from deliverkit.sandbox.kernel.world import World
from deliverkit.sandbox.kernel.wsgi import CONTROL_PREFIX, Application, Environ, StartResponse

_DENIED = {Wire.JSON: ("AccessDeniedException", 400), Wire.REST_JSON: ("AccessDeniedException", 403)}
_UNKNOWN_KEY = {
    Wire.QUERY: ("InvalidClientTokenId", "The security token included in the request is invalid.", 403),
    Wire.EC2: ("AuthFailure", "AWS was not able to validate the provided access credentials", 401),
    Wire.S3: ("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.", 403),
}
_ASSUME = "sts:AssumeRole"


class Guard:
    """A WSGI application around the front; it hands everything on unless policies are enforced."""

    def __init__(self, world: World, application: Application) -> None:
        """Take the sandbox's state and what answers to those who may."""
        self._world = world
        self._application = application
        world.authorise = authorise

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        if is_enforced(self._world) and not environ["PATH_INFO"].startswith(CONTROL_PREFIX):
            request = read_request(environ, self._world.moto.account_of)
            refusal = self._refusal(request, environ) if request is not None else None
            if refusal is not None:
                return refusal.send(start_response)
        return self._application(environ, start_response)

    def _refusal(self, request: Request, environ: Environ) -> HttpAnswer | None:
        with self._world.lock:
            caller = find_caller(self._world.moto, request.access_key)
            refusal = _refuse_key(caller, request, environ)
            if refusal is not None or caller.is_root:
                return refusal
            for need in needs_of(self._world, request):
                decision, kind = self._decide(caller, need, request, environ)
                if decision is not Decision.ALLOWED:
                    return _denied(request, caller, need, decision, kind)
        return None

    def _decide(self, caller: Caller, need: Need, request: Request, environ: Environ) -> tuple[Decision, str]:
        keys = {**self._keys(caller, request, environ), **need.keys}
        own = decide(caller.policies, need.action, need.resource, keys)
        for limit in caller.limits:
            limited = decide(limit, need.action, need.resource, keys)
            own = own if limited is Decision.ALLOWED or own is Decision.DENIED else limited
        if need.action == _ASSUME:
            return self._with_trust(caller, need, own, keys), IDENTITY
        return with_bucket(self._world.moto, caller, need, own, keys)

    def _with_trust(self, caller: Caller, need: Need, own: Decision, keys: Mapping[str, list[str]]) -> Decision:
        """A role is assumed by whom it trusts; one of another account needs its own account's permission as well.

        IAM user guide, "Methods to assume a role": within an account a trust policy that names the identity itself
        is enough.
        """
        trust = role_trust(self._world.moto, need.resource) if need.resource.count(":") >= 5 else None
        if trust is None or own is Decision.DENIED:
            return Decision.SILENT if own is not Decision.DENIED else own
        by_name = trusts(trust, (caller.arn, caller.role_arn), _ASSUME, keys)
        is_same_account = need.resource.split(":")[4] == caller.account
        if by_name is Decision.ALLOWED and is_same_account:
            return Decision.ALLOWED
        by_account = trusts(trust, caller.names, _ASSUME, keys)
        return own if by_account is Decision.ALLOWED else by_account

    def _keys(self, caller: Caller, request: Request, environ: Environ) -> Mapping[str, list[str]]:
        keys = {
            "aws:requestedregion": [request.region],
            "aws:principalarn": [caller.role_arn or caller.arn],
            "aws:principalaccount": [caller.account],
            "aws:principaltype": ["AssumedRole" if caller.role_arn else "User"],
            "aws:sourceip": [str(environ.get("REMOTE_ADDR", "127.0.0.1"))],
            # The sandbox's endpoint stands in the place of one that is served by HTTPS alone.
            "aws:securetransport": ["true"],
            "aws:currenttime": [self._world.clock.now().isoformat()],
            "aws:epochtime": [str(int(self._world.clock.now().timestamp()))],
            "aws:useragent": [str(environ.get("HTTP_USER_AGENT", ""))],
        }
        if caller.user_name:
            keys["aws:username"] = [caller.user_name]
        external = request.params.get("ExternalId")
        return {**keys, "sts:externalid": [str(external)]} if external else keys


def _refuse_key(caller: Caller, request: Request, environ: Environ) -> HttpAnswer | None:
    secret = caller.secret
    if not caller.arn or (secret is not None and secret.token != token_of(environ)):
        return _unknown_key(request)
    if secret is None:
        return None
    if secret.has_expired:
        return error_answer(request, *EXPIRED[request.wire])
    if not is_signed_with(secret.key, environ, request):
        return error_answer(request, *MISMATCHES.get(request.wire, MISMATCH))
    return None


def _unknown_key(request: Request) -> HttpAnswer:
    default = ("UnrecognizedClientException", "The security token included in the request is invalid.", 400)
    code, message, status = _UNKNOWN_KEY.get(request.wire, default)
    return error_answer(request, code, message, status)


def _denied(request: Request, caller: Caller, need: Need, decision: Decision, kind: str) -> HttpAnswer:
    message = refusal_text(caller.arn, need, decision, is_quoted=request.wire is Wire.S3, kind=kind)
    if request.wire is Wire.EC2:
        return error_answer(
            request, "UnauthorizedOperation", f"You are not authorized to perform this operation. {message}", 403
        )
    code, status = _DENIED.get(request.wire, ("AccessDenied", 403))
    return error_answer(request, code, message, status)
