"""Texts of the configuration that have a grammar: each function gives the value or raises ValueError with a clause."""

from __future__ import annotations

import re
from datetime import date, timedelta
from urllib.parse import urlsplit

from deliverkit.config.settings import EncryptionSettings, RepositoryLocation, S3Location
from deliverkit.domain import placeholders
from deliverkit.domain.duration import parse_duration
from deliverkit.domain.window import parse_window

APPLICATION = r"^[A-Za-z0-9][A-Za-z0-9._+=,@-]{0,99}$"
"""CodeDeploy API reference, CreateApplication: 1 to 100 characters; a slash would split the store's keys."""
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"
"""Names of gates and environments become words of command lines, S3 keys and JUnit reports."""
PIPELINE = r"^[A-Za-z0-9.@_-]{1,100}$"
"""CodePipeline API reference, PipelineDeclaration.name."""
REGION = r"^[a-z]{2}(-[a-z]+)+-[0-9]$"
DURATION = r"^([0-9]+(ms|[dhms]))+$"
S3 = r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?$"
SIZE = r"^[0-9]+ ?(MiB|GiB|TiB)$"
MIN_HEALTHY = r"^[0-9]+%?$"
_KMS_ARN = r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:"
_ALIAS = r"alias/[A-Za-z0-9/_-]{1,250}"
_KMS_ID = r"[0-9a-f]{8}-[0-9a-f-]{27}|mrk-[0-9a-f]{32}"
KEY = rf"^(kms://({_ALIAS}|{_KMS_ID})|(kms://)?{_KMS_ARN}({_ALIAS}|key/[A-Za-z0-9-]+)|file:.+)$"
"""KMS developer guide, "Key identifiers (KeyId)"."""
ENCRYPTION = r"^(aes256|(kms|dsse)(://.+)?)$"
ACCOUNT = r"^[0-9]{12}$"
STATUSES = r"^(github://[A-Za-z0-9._-]{1,100}/[A-Za-z0-9._-]{1,100}|codecommit://[A-Za-z0-9._-]{1,100})$"
TAG_KEY = r"^(?![aA][wW][sS]:)[A-Za-z0-9 _.:/=+@-]{1,128}$"
"""Amazon S3 user guide, "Categorizing your storage using tags": characters that are safe in every service."""
DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"

_KMS_KEY = re.compile(
    r"(arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:)?(alias/[A-Za-z0-9/_-]+|(key/)?[A-Za-z0-9-]+)", re.ASCII
)
_TAG_VALUE = re.compile(r"[A-Za-z0-9 _.:/=+@-]{0,256}", re.ASCII)
_SIZE = re.compile(r"([0-9]{1,9}) ?(MiB|GiB|TiB)", re.ASCII)
_SIZE_UNITS = {"MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+", re.ASCII)
_SEGMENT = re.compile(r"[A-Za-z0-9!_.*'()+=,@-]+", re.ASCII)
_PASSWORD = re.compile(r"://[^/@\s]*:[^/@\s]*@")
_CREDENTIALS = re.compile(r"://[^/\s]*@")
_URL = re.compile(r"https?://[^\s/]\S*")
_DOTTED = re.compile(r"\$\{([A-Za-z_]+\.[A-Za-z_.-]+)\}")


def matching(pattern: str, what: str) -> _Matching:
    """A function that accepts texts of a pattern."""
    return _Matching(pattern, what)


class _Matching:
    """Accepts texts of a pattern; equal when its pattern is."""

    def __init__(self, pattern: str, what: str) -> None:
        self._pattern = re.compile(pattern, re.ASCII)
        self._what = what

    def __call__(self, text: str) -> str:
        if not self._pattern.fullmatch(text):
            raise ValueError(f"{text!r} is not {self._what}")
        return text


def positive_duration(text: str) -> timedelta:
    """A time that is longer than none."""
    duration = parse_duration(text)
    if not duration:
        raise ValueError(f"{text!r} is no time at all: write more than 0")
    return duration


def size(text: str) -> int:
    """Bytes, from a number with its unit."""
    found = _SIZE.fullmatch(text.strip())
    if found is None or not int(found[1]):
        raise ValueError(f"{text!r} is not a size: write a whole number with MiB, GiB or TiB, such as 20 GiB")
    return int(found[1]) * _SIZE_UNITS[found[2]]


def window(text: str) -> str:
    """A window, as written."""
    parse_window(text)
    return " ".join(text.split())


def with_placeholders(text: str) -> str:
    """A text whose placeholders all exist."""
    placeholders.check(text)
    return text


def with_secrets(text: str) -> str:
    """A text whose placeholders exist, or are `${env.NAME}`: a variable of the environment, whose value is a secret."""
    for name in placeholders.names_in(text):
        variable = name.removeprefix("env.")
        if variable == name:
            placeholders.check(f"${{{name}}}")
        elif not re.fullmatch(VARIABLE, variable, re.ASCII):
            raise ValueError(f"{variable!r} is not the name of an environment variable")
    return text


def with_secrets_for_a_whole_leg(text: str) -> str:
    """The same, and none of its placeholders differs from instance to instance."""
    with_secrets(text)
    if placeholders.needs_target(text):
        raise ValueError("it is used once, not for each instance: ${target.address} and ${target.id} have no value")
    return text


def job(text: str) -> str:
    """The full name of a job: folders and job, separated by slashes."""
    if not text.isprintable() or any(part.strip() in {"", ".", ".."} for part in text.split("/")):
        raise ValueError(f"{text!r} is no full name of a job: write FOLDER/JOB, without a slash at its ends")
    return text


def for_a_whole_leg(text: str) -> str:
    """A text whose placeholders all have a value that does not differ from instance to instance."""
    placeholders.check(text)
    if placeholders.needs_target(text):
        raise ValueError("it is used once, not for each instance: ${target.address} and ${target.id} have no value")
    return text


def url(text: str) -> str:
    """An http or https address, or one below the environment's endpoint; placeholders allowed."""
    placeholders.check(text)
    if not (_URL.fullmatch(text) or text.startswith("${endpoint}")) or any(letter.isspace() for letter in text):
        raise ValueError(f"{text!r} is not an address: write http://..., https://... or ${{endpoint}}/...")
    return text


def server(text: str) -> str:
    """The address of a server, with a slash at its end; who we are to it has no place in a file."""
    if _CREDENTIALS.search(text):  # first: what is wrong besides must not show them
        raise ValueError("an address with a user or password: leave them out")
    if not _URL.fullmatch(text) or "?" in text or "#" in text or not _has_host(text):
        raise ValueError(f"{text!r} is not the address of a server: write https://...")
    return text.rstrip("/") + "/"


def _has_host(url: str) -> bool:
    """True when there is a host in it, and its port, if there is one, is a port."""
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def endpoint(text: str) -> str:
    """The environment's own base address."""
    if "endpoint" in placeholders.names_in(text):
        raise ValueError("${endpoint} is what this key says, it cannot be part of it")
    return url(text).rstrip("/")


def command(text: str) -> str:
    """A shell command: `${NAME}` is the shell's own, but dotted names can only be placeholders."""
    for name in _DOTTED.findall(text):
        placeholders.check(f"${{{name}}}")
    if placeholders.needs_target(text):
        raise ValueError(
            "a command runs once, not for each instance: ${target.address} and ${target.id} have no value here"
        )
    return text


def s3_location(text: str) -> S3Location:
    """A folder of a bucket (S3 user guide, "General purpose bucket naming rules", "Naming Amazon S3 objects")."""
    if not text.startswith("s3://"):
        raise ValueError(f"{text!r} is not a place in S3: write s3://BUCKET/PREFIX")
    bucket, _, prefix = text.removeprefix("s3://").partition("/")
    if not _BUCKET.fullmatch(bucket) or ".." in bucket or _ADDRESS.fullmatch(bucket):
        rule = "3 to 63 lower case letters, digits, dots and hyphens, a letter or digit at both ends"
        raise ValueError(f"{bucket!r} is not a bucket name: {rule}")
    segments = prefix.removesuffix("/").split("/") if prefix.removesuffix("/") else []
    for segment in segments:
        if segment in {".", ".."} or not _SEGMENT.fullmatch(segment):
            raise ValueError(f"{segment!r} cannot be part of an S3 prefix: letters, digits and !_.*'()+=,@- are safe")
    return S3Location(bucket, "/".join(segments))


def commit_statuses(text: str) -> RepositoryLocation:
    """A repository whose commits are told how they fare."""
    scheme, separator, name = text.partition("://")
    if not separator or not re.fullmatch(STATUSES, text) or {".", ".."} & set(name.split("/")):
        raise ValueError(f"{text!r} is no such repository: write github://OWNER/NAME or codecommit://NAME")
    return RepositoryLocation(scheme, name)


def regular_expression(text: str) -> str:
    """A regular expression as Python reads it, that matches something."""
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is not a regular expression: {error}") from error
    if pattern.fullmatch(""):
        raise ValueError(f"{text!r} matches nothing at all, and so everywhere")
    return text


def ticket_url(text: str) -> str:
    """An address with one place for the ticket."""
    if not _URL.fullmatch(text) or text.count("{}") != 1:
        raise ValueError(f"{text!r} is not the address of tickets: write https://... with one {{}} for the ticket")
    return text


def key(text: str) -> str:
    """Where a key is; a bare ARN gets the scheme of the others."""
    if not re.fullmatch(KEY, text, re.ASCII):
        raise ValueError(f"{text!r} is not a key: write kms://alias/NAME, kms://KEY-ID, kms://ARN or file:PATH")
    return f"kms://{text}" if text.startswith("arn:") else text


def repository(text: str) -> str:
    """A repository's address, which must hold no password: this file is for everybody to read."""
    if _PASSWORD.search(text):
        raise ValueError("an address with a password: leave the user and password out")
    return text


def ledger(text: str) -> str:
    """A place for the ledger, as written."""
    scheme, separator, place = text.partition("://")
    if scheme == "dynamodb" and separator:
        raise ValueError("a ledger in DynamoDB: not available in this release; write s3://BUCKET/PREFIX")
    if scheme == "s3" and separator:
        s3_location(text)
    elif scheme != "sqlite" or not place.startswith("/") or not place.strip("/"):
        raise ValueError(f"{text!r} is not a place for the ledger: write s3://BUCKET/PREFIX or sqlite:///PATH")
    return text


def min_healthy(text: str) -> str:
    """A share of the fleet or a number of hosts (CodeDeploy user guide, limits: hosts from 0, percent 0 to 99)."""
    if not re.fullmatch(MIN_HEALTHY, text, re.ASCII) or len(text) > 6:
        raise ValueError(f"{text!r} is not a minimum: write a share such as 75% or a number of hosts such as 2")
    if text.endswith("%") and int(text[:-1]) > 99:
        raise ValueError(f"{text!r} leaves no host to deploy to: 99% is the most")
    return text


def enough(text: str) -> str:
    """A share of what there is, or a number of it; more than none."""
    if not re.fullmatch(MIN_HEALTHY, text, re.ASCII) or len(text) > 6 or not int(text.rstrip("%")):
        raise ValueError(f"{text!r} is not a minimum: write a share such as 75% or a number such as 2")
    if text.endswith("%") and int(text[:-1]) > 100:
        raise ValueError(f"{text!r} is more than there can be: 100% is the most")
    return text


def day(text: str) -> str:
    """A day, as ISO 8601 writes it."""
    try:
        is_day = bool(re.fullmatch(DATE, text, re.ASCII)) and bool(date.fromisoformat(text))
    except ValueError:
        is_day = False
    if not is_day:
        raise ValueError(f"{text!r} is not a date: write it such as 2026-12-31")
    return text


def jmespath_expression(text: str) -> str:
    """An expression in JMESPath's grammar."""
    import jmespath  # noqa: PLC0415  (only files with one pay for it)

    try:
        jmespath.compile(text)
    except jmespath.exceptions.JMESPathError as error:
        raise ValueError(f"{text!r} is not a JMESPath expression: {' '.join(str(error).split())}") from error
    return text


def encryption(text: str) -> EncryptionSettings:
    """How S3 encrypts what we store (S3 API reference, PutObject: x-amz-server-side-encryption)."""
    scheme, separator, key = text.partition("://")
    if text == "aes256":
        return EncryptionSettings("AES256")
    algorithm = {"kms": "aws:kms", "dsse": "aws:kms:dsse"}.get(scheme)
    if algorithm is None or (separator and not _KMS_KEY.fullmatch(key)):
        raise ValueError(f"{text!r} is no encryption: write aes256, kms, kms://alias/NAME, kms://KEY-ID or dsse://...")
    return EncryptionSettings(algorithm, key)


def tag_value(text: str) -> str:
    """The value of an object's tag."""
    if not _TAG_VALUE.fullmatch(text):
        raise ValueError(f"{text!r} cannot be a tag's value: 256 letters, digits, blanks and _.:/=+@- at most")
    return text
