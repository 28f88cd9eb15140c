"""The declaration of `release`: how a build becomes a release, and where releases are kept."""

from __future__ import annotations

from deliverkit.config import texts
from deliverkit.config.keeping_keys import KEEPING
from deliverkit.config.lint_keys import LINT
from deliverkit.config.release_keys import COMMIT_STATUS, KEEP, REPLICAS, TICKET
from deliverkit.config.shapes import Choice, Field, ListOf, PlacedText, Record, Text, WordOr
from deliverkit.config.trust_declaration import BUILD, SIGN, TRUST
from deliverkit.domain.release import BundleFormat, Compression

PATH = Text("a path, relative to this file")

VERSION = WordOr(
    Choice(("git",)),
    Record(
        "where the version comes from",
        (
            Field("file", PATH, "A file whose only line is the version."),
            Field(
                "env",
                Text(
                    "the name of an environment variable",
                    texts.matching(texts.VARIABLE, "a variable's name"),
                    texts.VARIABLE,
                ),
                "An environment variable that holds the version.",
            ),
            Field("literal", Text("a version"), "The version itself."),
        ),
        choices=("file", "env", "literal"),
    ),
)

BUNDLE = Record(
    "what is packed: {path: ...}",
    (
        Field("path", PATH, "The build directory; its `.deliverignore` applies.", is_required=True),
        Field(
            "format",
            Choice(tuple(each.value for each in BundleFormat)),
            "Archive type. CodePipeline's S3 source passes on zip only.",
            default=BundleFormat.ZIP.value,
        ),
        Field("appspec", PATH, "The appspec, when it does not lie at the root of the build directory."),
        Field(
            "compression",
            Choice(tuple(each.value for each in Compression)),
            "What compressing aims at: little time, or few bytes.",
            default=Compression.FAST.value,
        ),
        Field(
            "links",
            Choice(("keep", "refuse")),
            "Symbolic links are kept as links, or refused. Those that leave the build are refused in any case.",
            default="keep",
        ),
        Field(
            "allow",
            ListOf(PlacedText("a file's name or its path in the build"), "a list of files"),
            "Files that are packed although they look like secrets: names, or paths in the build when there is a `/`."
            " `*`, `?` and `[...]` stand for characters of a name, the folder `**` for any folders.",
        ),
    ),
)

RELEASE = Record(
    "how a release is made: {bundle: ..., store: ...}",
    (
        Field(
            "version",
            VERSION,
            "`git` asks git describe; otherwise a file, an environment variable or a literal.",
            default="git",
        ),
        Field("bundle", BUNDLE, "What is packed.", is_required=True),
        Field(
            "store",
            Text("a place in S3 such as s3://BUCKET/PREFIX", texts.s3_location, texts.S3),
            "Where releases are kept, by digest. The bucket must be versioned.",
            is_required=True,
        ),
        Field(
            "replicas",
            REPLICAS,
            "Versioned buckets of other regions: each release is copied there, and deployed from there. CodeDeploy "
            "takes bundles only from a bucket of its own region.",
        ),
        Field(
            "keep",
            KEEP,
            "What `release prune` leaves although nothing needs it. What serves, what can be gone back to, what is "
            "under way and what is under quarantine stays in any case.",
            default="`release prune` removes nothing",
            mistaken_for=("retain",),
        ),
        Field("tickets", TICKET, "How commit messages name tickets, for `release diff`."),
        COMMIT_STATUS,
        *KEEPING,
        BUILD,
        SIGN,
        TRUST,
        Field("lint", LINT, "What the lint of the appspec is told."),
    ),
)
