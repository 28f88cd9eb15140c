"""The part of the declaration about keys and trust; `declaration.py` puts it in its place."""

from __future__ import annotations

from deliverkit.config import texts
from deliverkit.config.shapes import Choice, Field, ListOf, Record, Text
from deliverkit.domain.trust import DirtyTree

_SIGNER = Text("kms://alias/NAME, kms://ARN or file:PATH of a private key", texts.key, texts.KEY)
_TRUSTED = Text("kms://alias/NAME, kms://ARN or file:PATH of a public key", texts.key, texts.KEY)

SIGN = Field(
    "sign",
    _SIGNER,
    "The key that signs releases: an asymmetric KMS key, or a private key in a PEM file (`deliverkit release key FILE` "
    "makes one; DELIVERKIT_KEY_PASSPHRASE opens it).",
    default="provenance is kept unsigned",
    mistaken_for=("key", "signing", "signer"),
)

BUILD = Field(
    "build",
    Text("a shell command", texts.command),
    "Builds a clean checkout, in this file's folder, for `release verify --rebuild`. It finds the version in "
    "DELIVERKIT_VERSION and the commit's time in SOURCE_DATE_EPOCH.",
    default="the checkout is taken as it is",
)

_SOURCE = Record(
    "which sources may be deployed: {branches: [main]}",
    (
        Field(
            "branches",
            ListOf(Text("a branch such as main or release/*"), "a list of branches"),
            "Branches that releases may come from; `*` stands for any text.",
            default="all",
            mistaken_for=("branch",),
        ),
        Field(
            "repository",
            Text("the address of a repository", texts.repository),
            "The repository that they must come from; https, ssh and scp spellings of one are the same. "
            "A folder is written with its whole path.",
            default="all",
            mistaken_for=("repo", "url"),
        ),
        Field(
            "dirty",
            Choice(tuple(each.value for each in DirtyTree)),
            "Whether the working tree may have differed from the commit.",
            default=DirtyTree.REFUSE.value,
        ),
        Field(
            "builders",
            ListOf(Text("a builder such as https://jenkins.example.com/"), "a list of builders"),
            "Builders that they may come from: the JENKINS_URL of the controller.",
            default="all",
            mistaken_for=("builder",),
        ),
    ),
)

TRUST = Field(
    "trust",
    Record(
        "what releases must prove: {keys: [...]}",
        (
            Field(
                "keys",
                ListOf(_TRUSTED, "a list of keys"),
                "Keys of which one must have signed a release before it is promoted.",
                is_required=True,
                mistaken_for=("key",),
            ),
            Field("source", _SOURCE, "Sources that it may come from.", default="any clean commit"),
        ),
    ),
    "What a release must prove before it is promoted, and again before it is deployed; refused with exit code 9.",
    default="nothing is asked for",
)
