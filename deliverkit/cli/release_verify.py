"""`deliverkit release verify` and `deliverkit release key`: what is proved of a release, and keys to prove it with."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deliverkit.cli.options import Console, Options, sandbox_state_dir
from deliverkit.errors import DeliverkitError, ExitCode, UsageError

# Every `release` command passes here to describe its arguments.
if TYPE_CHECKING:
    from collections.abc import Iterator

    from deliverkit.domain.trust import Finding

_MARKS = {"holds": "ok", "broken": "BROKEN", "skipped": "skipped"}


def configure(verbs: Any, shared: ArgumentParser) -> None:
    """Add both verbs."""
    verify = verbs.add_parser(
        "verify", parents=[shared], help="check a release's bundle, content, signature, source and SBOM"
    )
    verify.add_argument("version", nargs="?", help="the release; or give --bundle, --statement and --key")
    verify.add_argument("--rebuild", action="store_true", help="build its commit again and compare, too")
    verify.add_argument("--bundle", metavar="FILE", type=Path, help="a bundle in a file; no AWS, no configuration")
    verify.add_argument("--statement", metavar="FILE", type=Path, help="the envelope with its signed provenance")
    verify.add_argument(
        "--key", metavar="FILE", type=Path, action="append", default=[], help="a trusted public key, in PEM; repeatable"
    )
    verify.set_defaults(run=_verify)
    key = verbs.add_parser("key", parents=[shared], help="make a key pair that signs releases; no AWS")
    key.add_argument("file", metavar="FILE", help="where the private key goes; FILE.pub is the public one")
    key.set_defaults(run=_make_key)


def _verify(arguments: Namespace, options: Options, console: Console) -> int:
    from deliverkit.domain.trust import Verdict  # noqa: PLC0415

    findings: list[Finding] = []
    try:
        for finding in _findings(arguments, options, console):
            findings.append(finding)
            if not options.is_json:
                console.say(f"{_MARKS[finding.verdict]:9}{finding.check:11}{_indented(finding.said)}")
    except DeliverkitError as error:
        # What was found broken is no better for what could not be looked at.
        if not _is_broken(findings):
            raise
        console.tell(f"not everything could be checked: {error.message}")
        if error.hint:
            console.tell(f"  next: {error.hint}")
    finally:
        if options.is_json and findings:
            _say_json(findings, console)
    if _is_broken(findings):
        console.tell("the release does not verify: do not deploy it")
        return ExitCode.INTEGRITY
    skipped = [finding.check for finding in findings if finding.verdict is Verdict.SKIPPED]
    console.tell(f"what was checked holds; not checked: {', '.join(skipped)}" if skipped else "everything holds")
    return ExitCode.DONE


def _is_broken(findings: list[Finding]) -> bool:
    return any(finding.verdict.value == "broken" for finding in findings)


def _findings(arguments: Namespace, options: Options, console: Console) -> Iterator[Finding]:
    files = (arguments.bundle, arguments.statement, arguments.key)
    if not any(files):
        if not arguments.version:
            raise UsageError("no release was named", hint="deliverkit release verify VERSION")
        return _stored(arguments, options, console)
    if arguments.version or arguments.rebuild or not all(files):
        raise UsageError(
            "--bundle, --statement and --key go together, and with neither a VERSION nor --rebuild",
            hint="deliverkit release verify --bundle FILE --statement FILE --key FILE",
        )
    from deliverkit.release_assembly import verify_files  # noqa: PLC0415  (parsing needs no packaging)

    return verify_files(arguments.bundle, arguments.statement, arguments.key)


def _stored(arguments: Namespace, options: Options, console: Console) -> Iterator[Finding]:
    from deliverkit.app import verify_release  # noqa: PLC0415  (parsing needs no AWS)

    return verify_release(
        arguments.version,
        options.config,
        is_rebuilt=arguments.rebuild,
        profile=options.profile,
        region=options.region,
        endpoint_url=options.endpoint_url,
        sandbox_state_dir=sandbox_state_dir(console) if options.is_sandboxed else None,
    )


def _make_key(arguments: Namespace, options: Options, console: Console) -> int:
    from deliverkit.release_assembly import make_key  # noqa: PLC0415

    path = _place_for_keys(arguments.file, console)
    private, public, key_id = make_key(path, console.environ)
    if options.is_json:
        _say_json({"private": str(private), "public": str(public), "id": key_id}, console)
    else:
        console.say(f"private   {private}\npublic    {public}\nid        {key_id}")
    console.tell("keep the private key out of the repository and the build; commit the public one, and write:")
    named = [_for_configuration(path, options.config) for path in (private, public)]
    console.tell(f"  release: {{sign: file:{named[0]}, trust: {{keys: [file:{named[1]}]}}}}")
    return ExitCode.DONE


def _place_for_keys(file: str, console: Console) -> Path:
    """Where the private key goes.

    Raises:
        UsageError: If that cannot be meant, or the passphrase cannot.
    """
    from deliverkit.release_assembly import PASSPHRASE  # noqa: PLC0415

    if file == "-":
        raise UsageError("a key pair goes to two files, not to stdout", hint="deliverkit release key FILE")
    if console.environ.get(PASSPHRASE) == "":
        # A secret that a build server does not have is an empty variable; the key would lie there unencrypted.
        raise UsageError(
            f"{PASSPHRASE} is set, but empty",
            hint=f"export {PASSPHRASE}=..., or for a key without a passphrase: unset {PASSPHRASE}",
        )
    folder = Path(file).parent
    if not folder.exists():
        raise UsageError(f"{file} cannot be written: there is no directory {folder}", hint=f"mkdir -p {folder}")
    return Path(file)


def _for_configuration(path: Path, config: Path | None) -> str:
    """A path as deliverkit.yml has to write it: relative to its own folder, wherever the command was typed."""
    from deliverkit.app import configuration_folder  # noqa: PLC0415

    folder, path = configuration_folder(config), path.resolve()
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)


def _say_json(value: object, console: Console) -> None:
    import msgspec  # noqa: PLC0415

    console.say(msgspec.json.format(msgspec.json.encode(value)).decode())


def _indented(text: str) -> str:
    return text.replace("\n", "\n" + " " * 20)
