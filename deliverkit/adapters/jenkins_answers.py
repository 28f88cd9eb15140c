"""What an answer from a Jenkins, or from what stands in front of it, means: one line each, never the page itself."""

from __future__ import annotations

import html
import re
from urllib.parse import urlsplit

from deliverkit.adapters.http_exchange import Reply
from deliverkit.errors import DeniedError, UnreachableError

_READ = 64 * 1024
"""Bytes of a page that are looked at for its words."""
_QUOTED = 160
_CRUMB = "No valid crumb was included in the request"
"""Jenkins, `hudson.security.csrf.CrumbFilter`; there is no header that tells it from other 403s."""
_INVISIBLE = re.compile(r"(?is)<(script|style|head|header|footer|noscript)\b.*?</\1\s*>|<!--.*?-->")
_MESSAGES = (
    # Jenkins' pages of refusals (jenkins.model, `hudson.model.Failure` and `HttpResponses.error`), then Jetty's.
    re.compile(r"(?is)<div[^>]*\bid=[\"']error-description[\"'][^>]*>(.*?)</div>"),
    re.compile(r"(?is)<h1[^>]*>\s*(?:Error|Oops!)\s*</h1>\s*<(?:p|h2)[^>]*>(.*?)</(?:p|h2)>"),
    re.compile(r"(?is)<th>MESSAGE:</th>\s*<td>(.*?)</td>"),
    re.compile(r"(?is)<title[^>]*>(.*?)</title>"),
)
_LOGIN = re.compile(
    r"(?is)<input[^>]*\btype=[\"']?password\b|\bname=[\"']?j_password\b|<title[^>]*>[^<]*(sign|log) ?in"
)
_QUEUE_ITEM = re.compile(r"/queue/item/\d+/?$")
_LOGIN_PATH = re.compile(r"/(login|securityRealm/commenceLogin|oauth2?|saml2?|sso|signin)\b", re.IGNORECASE)


class RefusedError(UnreachableError):
    """An answer that means something only to those who know what was asked.

    Attributes:
        status: HTTP status code.
        words: What the server says of it, on one line; empty where it says nothing.
        said: All that its page shows, to look for words in it; not to be shown.
        may_pass: False when it is the request that is wrong.
    """

    def __init__(self, message: str, *, status: int, words: str, said: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.words = words
        self.said = said
        self.may_pass = status >= 500 or status == 408  # Request Timeout


def is_page(reply: Reply) -> bool:
    """True for a page that people look at."""
    kind = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in {"", "application/octet-stream"}:
        return bool(re.match(rb"(?i)\s*<(!doctype html|html)\b", reply.content))
    return kind in {"text/html", "application/xhtml+xml"}  # a log is plain text that may show a page


def is_foreign(root: Reply) -> bool:
    """True when what answers at a controller's `api/json` is no Jenkins; False also where nobody can tell.

    What Jenkins says there has the header X-Jenkins (`hudson.model.Api`), which some of its other answers lack. A proxy
    may take it away; then the class in the JSON tells. Who refuses or is about to start says neither.
    """
    if "x-jenkins" in root.headers or root.status in _WORDS or 300 <= root.status < 400:
        return False
    return not (root.status == 200 and re.search(rb'"_class"\s*:\s*"(hudson|jenkins)\.', root.content[:_READ]))


def wants_crumb(reply: Reply) -> bool:
    """True when it was refused for want of a valid crumb."""
    return reply.status == 403 and _CRUMB in _text(reply)


def leads_to_login(reply: Reply) -> bool:
    """True for the way to a log-in page; at its end is nothing that was asked for."""
    path = urlsplit(reply.headers.get("location", "")).path
    is_job = "/job/" in path  # which may be called `login`
    return 300 <= reply.status < 400 and not is_job and bool(_LOGIN_PATH.search(path))


def words_of(reply: Reply) -> str:
    """What the server says, on one line of at most 160 characters: a text without markup."""
    told = reply.headers.get("x-error", "")
    if not told:
        text = _text(reply)
        told = _from_page(text) if "<" in text else text
    line = " ".join(told.split()).removesuffix(" [Jenkins]")
    return line if len(line) <= _QUOTED else f"{line[: _QUOTED - 3]}..."


def says(reply: Reply) -> str:
    """All that a page shows, on one line, to look for words in it; not to be shown."""
    return f"{reply.headers.get('x-error', '')} {_plain(_INVISIBLE.sub(' ', _text(reply)))}"


def checked(reply: Reply, *, asked: str, base: str, user: str, is_data: bool) -> Reply:
    """The answer, when it is one from Jenkins to what was asked.

    Args:
        reply: What came.
        asked: Method and address, without anything secret.
        base: Address of the controller, with a slash at its end.
        user: Whose credentials were sent.
        is_data: Whether a page for people cannot be the answer.

    Raises:
        DeniedError: If the credentials or permissions do not suffice, or something else than Jenkins wants a log-in.
        RefusedError: If only the caller can tell what it means.
        UnreachableError: If Jenkins starts, or whatever stands in front of it does not reach it.
    """
    if reply.status in _WORDS:
        raise _WORDS[reply.status](reply, asked, base, user)
    if 200 <= reply.status < 300:
        is_jenkins = (
            "x-jenkins" in reply.headers
        )  # whose pages follow changes, and may have a job `login` in their title
        if is_page(reply) and (is_data or (not is_jenkins and _LOGIN.search(_text(reply)))):
            raise _page(reply, asked, base)
        return reply
    if 300 <= reply.status < 400:
        return _redirected(reply, asked, base, is_data=is_data)
    words = words_of(reply)
    told = f"{asked} answered {reply.status}{f': {words}' if words else ''}"
    hint = f"see the log of the controller at {base}log/all"
    raise RefusedError(told, status=reply.status, words=words, said=says(reply), hint=hint)


def _redirected(reply: Reply, asked: str, base: str, *, is_data: bool) -> Reply:
    """A redirect as an answer: it must lead somewhere on this controller.

    Only the host is compared, not scheme and port: behind a proxy Jenkins often believes in others.
    """
    where = urlsplit(reply.headers.get("location", ""))
    if leads_to_login(reply):
        raise DeniedError(f"{asked} is answered with the way to a log-in page", hint=_NEEDS_API)
    if _QUEUE_ITEM.search(where.path):
        return reply  # it names what was asked for; its host is what Jenkins believes
    if where.hostname and where.hostname != urlsplit(base).hostname:
        message = f"{asked} leads to another host, {where.scheme}://{where.netloc.rpartition('@')[2]}, not followed"
        raise DeniedError(message, hint="set JENKINS_URL or --url to the address that Jenkins itself has")
    # A change that was made leads on to another page; the same page elsewhere is a change that was not even looked at.
    is_elsewhere = where.netloc and where.path == urlsplit(asked.rsplit(maxsplit=1)[-1]).path
    if is_data or is_elsewhere:
        message = f"{asked} leads to {where.scheme}://{where.netloc.rpartition('@')[2]}{where.path}, not followed"
        raise DeniedError(message, hint="set JENKINS_URL or --url to the address where Jenkins is in the end")
    return reply


# --- one line each ---------------------------------------------------------------------------------

_NEEDS_API = "let requests with an API token pass whatever asks for a log-in in front of Jenkins, or go around it"
_WAIT = "wait a minute and type the command again"


def _wrong_token(_reply: Reply, asked: str, base: str, user: str) -> UnreachableError:
    return DeniedError(
        f"{asked}: Jenkins does not accept user {user} with this token (401)",
        hint=f"make an API token at {base}me/security and put it into JENKINS_API_TOKEN, its owner into "
        "JENKINS_USER_ID",
    )


def _not_allowed(reply: Reply, asked: str, base: str, user: str) -> UnreachableError:
    if wants_crumb(reply):
        return DeniedError(
            f"{asked}: Jenkins does not take the crumb that it gave (403)",
            hint=f"use an API token, which needs none: {base}me/security",
        )
    if "x-jenkins" not in reply.headers and "x-you-are-authenticated-as" not in reply.headers:
        said = words_of(reply)
        return DeniedError(f"{asked}: access denied (403){f': {said}' if said else ''}", hint=_NEEDS_API)
    known = reply.headers.get("x-you-are-authenticated-as", user)
    permission = re.search(r"is missing the (\S+ ?/ ?\S+) permission", says(reply))
    needs = reply.headers.get("x-required-permission", "").rpartition(".")[2] or (permission[1] if permission else "")
    lacks = f" without the permission {needs}" if needs else ""
    return DeniedError(
        f"{asked}: {known} may not do this{lacks} (403)",
        hint=f"let an administrator grant it in {base}manage/configureSecurity, or in the folder's properties",
    )


def _starting(reply: Reply, asked: str, _base: str, _user: str) -> UnreachableError:
    said = says(reply)
    is_starting = "getting ready to work" in said or "Starting Jenkins" in said or "restart" in said.lower()
    what = "Jenkins is starting" if is_starting else "Jenkins is starting or stopped"
    return UnreachableError(f"{asked}: {what} (503)", hint=_WAIT)


def _proxy(reply: Reply, asked: str, _base: str, _user: str) -> UnreachableError:
    what = "the proxy in front of Jenkins gets no answer from it"
    return UnreachableError(f"{asked}: {what} ({reply.status})", hint=_WAIT)


def _proxy_login(reply: Reply, asked: str, _base: str, _user: str) -> UnreachableError:
    return DeniedError(f"{asked}: a proxy on the way wants a log-in ({reply.status})", hint="see HTTPS_PROXY, NO_PROXY")


def _too_many(_reply: Reply, asked: str, _base: str, _user: str) -> UnreachableError:
    return UnreachableError(f"{asked}: too many requests (429)", hint=_WAIT)


_WORDS = {
    401: _wrong_token,
    403: _not_allowed,
    407: _proxy_login,
    429: _too_many,
    502: _proxy,
    503: _starting,
    504: _proxy,
    511: _proxy_login,
}


def _page(reply: Reply, asked: str, base: str) -> UnreachableError:
    title = re.search(r"(?is)<title[^>]*>(.*?)</title>", _text(reply))
    called = f" called {_plain(title[1])[:60]!r}" if title else ""
    if _LOGIN.search(_text(reply)):
        return DeniedError(f"{asked} is answered with a log-in page{called}", hint=_NEEDS_API)
    return DeniedError(
        f"{asked} is answered with a web page{called}, not with data",
        hint=f"see in a browser whether {base} is the address of a Jenkins; its path belongs to it, too",
    )


def _from_page(text: str) -> str:
    found = (pattern.search(text) for pattern in _MESSAGES)
    return next((_plain(match[1]) for match in found if match and _plain(match[1])), "")


def _plain(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"(?s)<[^>]*>", " ", markup)).split())


def _text(reply: Reply) -> str:
    return reply.content[:_READ].decode("utf-8", errors="replace")
