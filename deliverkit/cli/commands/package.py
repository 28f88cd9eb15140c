"""`deliverkit package`: bundle a build and store it as a release."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deliverkit.cli import render
from deliverkit.cli.options import Console, Options, open_delivery
from deliverkit.cli.uploading import telling
from deliverkit.domain.release import BundleFormat, Compression
from deliverkit.errors import DeliverkitError, ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from deliverkit.delivery import PackagedRelease, PackagingChoices
    from deliverkit.ports import UploadListener

STDOUT = "-"


def configure(parser: ArgumentParser, _shared: ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument("path", nargs="?", type=Path, help="build directory (default: release.bundle.path)")
    parser.add_argument("--to-file", metavar="FILE", help="only write the bundle, `-` to stdout; no AWS")
    parser.add_argument("--check", action="store_true", help="only check the tree and its appspec; no AWS")
    parser.add_argument(
        "--sarif", metavar="FILE", help="with --check: write the findings as SARIF 2.1.0 too, `-` to stdout instead"
    )
    parser.add_argument(
        "--format",
        choices=[each.value for each in BundleFormat],
        help="instead of the configured one, or of the one that FILE's suffix tells",
    )
    parser.add_argument(
        "--compression", choices=[each.value for each in Compression], help="instead of the configured one"
    )
    parser.add_argument(
        "--fresh", action="store_true", help="read every file, whatever is remembered of the last packaging"
    )
    parser.set_defaults(run=run)


def run(arguments: Namespace, options: Options, console: Console) -> int:
    """Package, or only bundle, or only check.

    Raises:
        UsageError: If options do not go together.
    """
    if arguments.sarif and not arguments.check:
        raise UsageError("--sarif belongs to --check", hint="deliverkit package --check --sarif FILE")
    if arguments.sarif == STDOUT and options.is_json:
        raise UsageError(
            "stdout takes either SARIF (--sarif -) or a document (--output json)",
            hint="deliverkit package --check --sarif FILE --output json",
        )
    if arguments.check and arguments.to_file:
        raise UsageError(
            "--check writes no bundle, so --to-file does not go with it",
            hint=f"deliverkit package --check, and then deliverkit package --to-file {arguments.to_file}",
        )
    if arguments.check:
        return _check(arguments, options, console)
    if arguments.to_file == STDOUT:
        return _pour(arguments, options, console)
    if arguments.to_file:
        return _write(arguments, options, console)
    return _store(arguments, options, console)


def _store(arguments: Namespace, options: Options, console: Console) -> int:
    from deliverkit.app import require_build  # noqa: PLC0415  (commands that need no AWS do not pay for it)

    require_build(arguments.path, environ=console.environ, config=options.config)
    delivery = open_delivery(options, console)
    with telling(console, delivery.now) as progress:
        packaged = delivery.package(arguments.path, _choices(arguments, progress))
    for warning in packaged.warnings:
        console.tell(warning)
    console.tell(_sent(packaged))
    for copy in packaged.copies:
        console.tell(f"copied to {copy.region}, proven by {copy.proof.value}: {copy.bundle.uri}")
    if packaged.statement_added:
        console.tell(f"{packaged.release.version} was on record without this signature: a signed statement was added")
    render.data(packaged, options, console, text=lambda it: render.release(it.release), as_json=_document)
    return ExitCode.DONE


def _sent(packaged: PackagedRelease) -> str:
    if not packaged.was_sent:
        return "the same bytes are in the store already: nothing uploaded"
    kept = packaged.kept
    if kept is None:
        return "uploaded"
    told = f"{kept.parts} of {kept.total} parts ({kept.size} bytes) were there already and not sent again"
    return f"uploaded: an earlier upload was resumed; {told}"


def _document(packaged: PackagedRelease) -> Any:
    """The release as JSON, with what became of its upload."""
    kept = packaged.kept
    upload = {
        "sent": packaged.was_sent,
        "resumed": kept is not None,
        "parts_not_sent_again": kept.parts if kept else 0,
        "bytes_not_sent_again": kept.size if kept else 0,
    }
    return {**render.plain(packaged.release), "upload": upload, "statement_added": packaged.statement_added}


def _choices(arguments: Namespace, listener: UploadListener | None = None) -> PackagingChoices:
    from deliverkit.delivery import PackagingChoices  # noqa: PLC0415

    return PackagingChoices(
        format=BundleFormat(arguments.format) if arguments.format else None,
        compression=Compression(arguments.compression) if arguments.compression else None,
        is_fresh=arguments.fresh,
        listener=listener,
    )


def _check(arguments: Namespace, options: Options, console: Console) -> int:
    """The findings are the data; whether the build can be packaged is the talk, and the exit code."""
    from deliverkit.app import check_build  # noqa: PLC0415  (the packaging room is not needed to parse)

    report = check_build(arguments.path, choices=_choices(arguments), config=options.config)
    if arguments.sarif == STDOUT:
        console.say(report.to_sarif())
    elif arguments.sarif:
        report.write_sarif(Path(arguments.sarif))
    if arguments.sarif != STDOUT and (options.is_json or report.counted):
        render.data(report, options, console, text=lambda it: it.to_text(), as_json=lambda it: it.to_document())
    if report.failure and (options.is_json or arguments.sarif == STDOUT):
        raise report.failure
    if report.failure or report.has_errors:
        raise _refusal(report.failure, report.summary) from report.failure
    console.tell(f"the build can be packaged: {report.summary}")
    return ExitCode.DONE


def _refusal(failure: DeliverkitError | None, summary: str) -> DeliverkitError:
    """Why there will be no bundle; what is in the way was told on stdout, and is not told again."""
    hint = failure.hint if failure else "correct what is named above, then look again with: deliverkit package --check"
    refusal = DeliverkitError(f"the build cannot be packaged: {summary}", hint=hint)
    refusal.exit_code = failure.exit_code if failure else ExitCode.USAGE
    return refusal


def _write(arguments: Namespace, options: Options, console: Console) -> int:
    from deliverkit.app import write_bundle  # noqa: PLC0415  (the packaging room is not needed to parse)

    bundle = write_bundle(
        arguments.path, destination=Path(arguments.to_file), choices=_choices(arguments), config=options.config
    )
    _warn(bundle.findings, console)
    render.data(bundle, options, console, text=lambda made: f"{made.digest}  {made.path}")
    return ExitCode.DONE


def _pour(arguments: Namespace, options: Options, console: Console) -> int:
    """The bundle itself is the data."""
    from deliverkit.app import pour_bundle  # noqa: PLC0415  (the packaging room is not needed to parse)

    if options.is_json:
        raise UsageError(
            "stdout takes either the bundle (--to-file -) or a document (--output json)",
            hint="deliverkit package --to-file FILE --output json",
        )
    if not console.has_stdout:
        raise UsageError(
            "stdout is closed: there is nowhere for a bundle to go", hint="deliverkit package --to-file FILE"
        )
    if console.out.isatty():
        raise UsageError(
            "a bundle is nothing to read: stdout is a terminal",
            hint="deliverkit package --to-file FILE, or pipe it: deliverkit package --to-file - | ...",
        )
    bundle = pour_bundle(
        arguments.path, write=_writer(console.out.fileno()), choices=_choices(arguments), config=options.config
    )
    _warn(bundle.findings, console)
    console.tell(f"{bundle.digest}  -")
    return ExitCode.DONE


def _writer(descriptor: int) -> Callable[[bytes], None]:
    """Writes all bytes; nothing is left in a buffer that Python would try to write when it ends."""

    def write(chunk: bytes) -> None:
        rest = memoryview(chunk)
        try:
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        except BrokenPipeError as error:
            # Unlike with words, what the reader did not take is missing from the bundle.
            raise DeliverkitError("whoever read the bundle from stdout went away before its end") from error

    return write


def _warn(findings: Iterable[object], console: Console) -> None:
    for finding in findings:
        console.tell(str(finding))
