"""Files that look like secrets: a bundle is copied to S3 and to every host, where they do not belong."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase, translate

# Keys and token files are small; what is larger than this is looked at in its first part only.
_HEAD_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class Telltale:
    """One way to recognise a secret.

    Attributes:
        pattern: Glob for the file's name, or, with a `/`, for the end of its path.
        what: What it is, for the message.
        content: What the file must hold to count; None when the name says enough.
    """

    pattern: str
    what: str
    content: re.Pattern[bytes] | None = None


_PRIVATE_KEY = re.compile(rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|PuTTY-User-Key-File")
_NPM_TOKEN = re.compile(rb"_(?:authToken|auth|password)\s*=")
_CLOUD_KEY = re.compile(rb'"private_key"\s*:\s*"-----BEGIN')
# Examples are written to be shipped.
_HARMLESS = ("*.example", "*.sample", "*.template", "*.dist", "*.pub")

_KEYS = ("id_rsa", "id_dsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk")
_KEYS_OR_CERTIFICATES = ("*.pem", "*.key", "*.crt", "*.cer", "*.asc", "*.ppk")
_KEY_STORES = ("*.p12", "*.pfx", "*.pkcs12", "*.jks", "*.keystore", "*.kdbx")
_ENVIRONMENTS = (".env", ".env.*", "*.env", ".envrc")
_TERRAFORM = ("*.tfstate", "*.tfstate.backup", "*.tfvars", "*.tfvars.json")
# Never `credentials.*`: half of the world's client libraries hold a credentials.py.
_CREDENTIALS = (
    *(".aws/credentials", ".docker/config.json", ".kube/config", "kubeconfig", "credentials", ".credentials"),
    *(
        "credentials.json",
        "credentials.yml",
        "credentials.yaml",
        "credentials.ini",
        "credentials.csv",
        "credentials.xml",
    ),
    *(".git-credentials", ".netrc", "_netrc", ".pgpass", ".my.cnf", ".pypirc", ".dockercfg"),
)
_PASSWORDS = (".htpasswd", ".vault-token", ".vault_pass", "secrets.yml", "secrets.yaml", "secrets.json")

TELLTALES = (
    *(Telltale(name, "a private key") for name in _KEYS),
    *(Telltale(name, "a private key", _PRIVATE_KEY) for name in _KEYS_OR_CERTIFICATES),
    *(Telltale(name, "a key store") for name in _KEY_STORES),
    *(Telltale(name, "an environment file") for name in _ENVIRONMENTS),
    *(Telltale(name, "a file of credentials") for name in _CREDENTIALS),
    *(Telltale(name, "a file of passwords") for name in _PASSWORDS),
    *(Telltale(name, "Terraform state or variables, which hold secrets in clear") for name in _TERRAFORM),
    Telltale(".npmrc", "a file with a registry token", _NPM_TOKEN),
    Telltale("*.json", "a cloud account's key", _CLOUD_KEY),
)

# A tree has many thousands of names: one look tells whether any telltale can apply.
_SUSPICIOUS = re.compile("|".join(translate(each.pattern.rpartition("/")[2]) for each in TELLTALES)).match


def secret_in(path: str, read_head: Callable[[int], bytes]) -> str:
    """Say what secret a file looks like.

    Args:
        path: The file's path in the tree.
        read_head: Gives up to so many of the file's first bytes; asked only when the name alone does not decide.

    Returns:
        A few words such as `a private key`; empty when the file looks harmless.
    """
    path = path.lower()  # ID_RSA is as private as id_rsa
    name = path.rpartition("/")[2]
    if not _SUSPICIOUS(name) or any(fnmatchcase(name, pattern) for pattern in _HARMLESS):
        return ""
    for telltale in TELLTALES:
        if _matches(telltale.pattern, path, name) and (
            telltale.content is None or telltale.content.search(read_head(_HEAD_BYTES))
        ):
            return telltale.what
    return ""


def _matches(pattern: str, path: str, name: str) -> bool:
    if "/" in pattern:
        return path == pattern or path.endswith(f"/{pattern}")
    return fnmatchcase(name, pattern)
