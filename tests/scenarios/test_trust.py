"""Trust from end to end: real commands, a real git repository, the sandbox's S3 and KMS, and everybody who tampers."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey
from shop import DIRECT, Ran, Shop

BUCKET = "storefront-releases"
REPOSITORY = "https://git.example.com/team/storefront.git"
RELEASE = """release:
  version: {file: build/storefront/VERSION}
"""
SIGNED = DIRECT.replace(
    RELEASE,
    RELEASE
    + f"""  build: ./build.sh "$DELIVERKIT_VERSION"
  sign: file:keys/release.pem
  trust:
    keys: [file:keys/release.pem.pub]
    source: {{branches: [main], repository: "{REPOSITORY}"}}
""",
)


def git(shop: Shop, *words: str) -> str:
    who = ("-c", "user.name=Dev", "-c", "user.email=dev@example.com", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *who, *words], cwd=shop.directory, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A signed release 1.0.0 of a clean commit on main."""
    opened = Shop.open(Path(tmp_path_factory.mktemp("shop")), configuration=SIGNED)
    (opened.directory / ".gitignore").write_text("build/\n.deliverkit/\n*.pem\n", encoding="utf-8")
    (opened.directory / "keys").mkdir()
    opened.must("release", "key", "keys/release.pem")
    opened.must("release", "key", "keys/other.pem")
    git(opened, "init", "--quiet", "-b", "main")
    git(opened, "remote", "add", "origin", "https://robot:hunter2@git.example.com/team/storefront.git")
    git(opened, "add", ".")
    git(opened, "commit", "--quiet", "-m", "storefront")
    opened.start()
    opened.build("1.0.0")
    opened.environ |= {
        "JENKINS_URL": "https://robot:hunter2@ci.example.com/",
        "BUILD_URL": "https://ci.example.com/job/shop/7/",
        "JOB_NAME": "team/shop",
        "BUILD_NUMBER": "7",
        "NODE_NAME": "agent-\udcff3",  # no UTF-8: environment variables are bytes
        "DELIVERKIT_CAUSE": "Started by Ümit\x1b[2J",
    }
    opened.must("package")
    yield opened
    opened.stop()


@pytest.fixture
def configured(shop: Shop) -> Iterator[Path]:
    """The configuration's file, to change it for one test; the checkout is on main and clean again afterwards."""
    path = shop.directory / "deliverkit.yml"
    before = path.read_text(encoding="utf-8")
    yield path
    path.write_text(before, encoding="utf-8")
    git(shop, "checkout", "--quiet", "--force", "main")
    git(shop, "clean", "--quiet", "-fd")


def change(path: Path, before: str, after: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), encoding="utf-8")


def client(shop: Shop, service: str) -> Any:
    """A client of its own, of somebody who may do everything."""
    return boto3.client(
        service,
        endpoint_url=shop.environ["AWS_ENDPOINT_URL"],
        region_name=shop.environ["AWS_DEFAULT_REGION"],
        aws_access_key_id="sandbox",
        aws_secret_access_key="sandbox",
    )


def fetch(shop: Shop, key: str, to: Path) -> Path:
    to.write_bytes(client(shop, "s3").get_object(Bucket=BUCKET, Key=key)["Body"].read())
    return to


def store(shop: Shop, key: str, file: Path) -> Any:
    return client(shop, "s3").put_object(Bucket=BUCKET, Key=key, Body=file.read_bytes())


def delete(shop: Shop, key: str) -> None:
    client(shop, "s3").delete_object(Bucket=BUCKET, Key=key)


def keys(shop: Shop, prefix: str = "") -> list[str]:
    listed = client(shop, "s3").list_objects_v2(Bucket=BUCKET, Prefix=f"storefront/{prefix}")
    return sorted(each["Key"] for each in listed.get("Contents", []))


def record(shop: Shop, version: str) -> dict[str, Any]:
    found: dict[str, Any] = shop.must("release", "show", version, "--output", "json").document
    return found


def verdicts(ran: Ran) -> dict[str, str]:
    return {each["check"]: each["verdict"] for each in ran.document}


def envelope_key(release: dict[str, Any]) -> str:
    bundle, envelope = (release[each].removeprefix("sha256:") for each in ("digest", "provenance"))
    return f"storefront/attestations/{bundle}/{envelope}.provenance.dsse.json"


def assert_refused(shop: Shop, version: str, *words: str) -> None:
    """Not promoted, with exit code 9, a next command, and nothing in the ledger."""
    before = keys(shop, "ledger")
    ran = shop.run("promote", version, "--to", "dev")
    assert ran.code == 9, ran
    assert f"error: {version} may not be deployed" in ran.err
    for word in words:
        assert word in ran.err, (word, ran.err)
    assert "next:" in ran.err
    assert keys(shop, "ledger") == before


def assert_broken(ran: Ran, *checks: str) -> None:
    assert ran.code == 9, ran
    assert {check for check, verdict in verdicts(ran).items() if verdict == "broken"} == set(checks), ran.out


# --- what is kept ----------------------------------------------------------------------------------


def test_a_release_names_its_provenance_and_its_sbom(shop: Shop, tmp_path: Path) -> None:
    release = record(shop, "1.0.0")
    envelope = json.loads(fetch(shop, envelope_key(release), tmp_path / "envelope").read_text())
    public = load_pem_public_key((shop.directory / "keys/release.pem.pub").read_bytes())
    key = SSlibKey.from_crypto(public)
    assert Envelope.from_dict(envelope | {}).verify([key], 1)
    document = json.loads(Envelope.from_dict(json.loads((tmp_path / "envelope").read_text())).payload)
    assert document["subject"] == [
        {"name": "storefront-1.0.0.zip", "digest": {"sha256": release["digest"].removeprefix("sha256:")}}
    ]
    definition, run = document["predicate"]["buildDefinition"], document["predicate"]["runDetails"]
    (source,) = definition["resolvedDependencies"]
    assert source["uri"] == f"git+{REPOSITORY}"
    assert source["digest"] == {"gitCommit": git(shop, "rev-parse", "HEAD")}
    assert source["annotations"] == {"branch": "main", "dirty": False}
    assert definition["externalParameters"]["path"] == "build"
    assert run["builder"]["id"] == "https://ci.example.com/"
    assert run["metadata"]["invocationId"] == "https://ci.example.com/job/shop/7/"
    who = client(shop, "sts").get_caller_identity()["Arn"]
    assert run["metadata"]["deliverkit_build"] == {
        "job": "team/shop",
        "number": "7",
        "agent": "agent- 3",
        "cause": "Started by Ümit [2J",
        "packagedBy": who,
    }
    shown = shop.must("release", "show", "1.0.0").out
    assert "build     team/shop #7 https://ci.example.com/job/shop/7/\n" in shown
    assert "cause     Started by Ümit [2J\n" in shown
    assert "agent     agent- 3\n" in shown
    assert release["origin"]["claims"]["packaged_by"] == who
    assert "hunter2" not in json.dumps(document)
    bundle, sbom = (release[each].removeprefix("sha256:") for each in ("digest", "sbom"))
    listed = json.loads(
        fetch(shop, f"storefront/attestations/{bundle}/{sbom}.sbom.cdx.json", tmp_path / "sbom").read_text()
    )
    assert (listed["bomFormat"], listed["metadata"]["component"]["version"]) == ("CycloneDX", "1.0.0")


def test_everything_holds(shop: Shop) -> None:
    ran = shop.must("release", "verify", "1.0.0", "--output", "json")
    names = ("bundle", "content", "signature", "statement", "source", "sbom")
    assert verdicts(ran) == dict.fromkeys(names, "holds")
    text = shop.must("release", "verify", "1.0.0")
    assert [line.split()[:2] for line in text.out.splitlines()] == [["ok", name] for name in names]


def test_packaging_again_keeps_nothing_more(shop: Shop) -> None:
    before = keys(shop)
    shop.must("package")
    assert keys(shop) == before


def test_a_killed_run_repeats_cleanly(shop: Shop, configured: Path) -> None:
    """Killed between the statements and the record: bundle and statements are there, the record is not."""
    shop.build("1.0.1")
    shop.must("package")
    first = record(shop, "1.0.1")
    delete(shop, "storefront/releases/1.0.1.json")
    shop.must("package")
    again = record(shop, "1.0.1")
    assert (again["bundle"], again["sbom"]) == (first["bundle"], first["sbom"])
    assert again["provenance"] != first["provenance"]  # another time of another run
    shop.must("release", "verify", "1.0.1")
    shop.build("1.0.0")


# --- offline ---------------------------------------------------------------------------------------


@pytest.fixture
def files(shop: Shop, tmp_path: Path) -> dict[str, Path]:
    release = record(shop, "1.0.0")
    public = shutil.copy(shop.directory / "keys/release.pem.pub", tmp_path / "release.pub")
    return {
        "bundle": fetch(shop, release["bundle"]["key"], tmp_path / "bundle.zip"),
        "statement": fetch(shop, envelope_key(release), tmp_path / "envelope.json"),
        "key": Path(public),
    }


def offline(files: dict[str, Path], place: Path | None = None) -> Ran:
    """In an empty directory, without any AWS."""
    directory = (place or files["bundle"].parent) / "elsewhere"
    directory.mkdir(exist_ok=True)
    words = [word for name, path in files.items() for word in (f"--{name}", str(path))]
    return Shop(directory, {"PATH": "/usr/bin:/bin", "PYTHONPATH": _python_path()}).run(
        "release", "verify", *words, "--output", "json"
    )


def _python_path() -> str:
    return str(Path(__file__).resolve().parents[2])


def test_files_verify_without_aws_and_configuration(files: dict[str, Path]) -> None:
    ran = offline(files)
    assert ran.code == 0, ran
    assert verdicts(ran) == dict.fromkeys(("signature", "bundle", "content"), "holds")


def test_a_bundle_verifies_that_comes_through_a_pipe(files: dict[str, Path]) -> None:
    content = files["bundle"].read_bytes()
    files["bundle"].unlink()
    os.mkfifo(files["bundle"])
    writer = threading.Thread(target=files["bundle"].write_bytes, args=(content,))
    writer.start()
    ran = offline(files)
    writer.join()
    assert ran.code == 0, ran


def test_another_key_does_not_verify(shop: Shop, files: dict[str, Path]) -> None:
    files["key"] = shop.directory / "keys/other.pem.pub"
    assert_broken(offline(files), "signature")


def test_a_changed_byte_does_not_verify(files: dict[str, Path]) -> None:
    content = bytearray(files["bundle"].read_bytes())
    content[len(content) // 2] ^= 1
    files["bundle"].write_bytes(content)
    ran = offline(files)
    assert ran.code == 9
    assert verdicts(ran)["bundle"] == "broken"
    assert verdicts(ran)["signature"] == "holds"


def test_another_bundle_does_not_verify(shop: Shop, files: dict[str, Path], configured: Path) -> None:
    shop.build("0.9.0")
    shop.must("package", "--to-file", str(files["bundle"]))
    shop.build("1.0.0")
    assert_broken(offline(files), "bundle", "content")


def test_a_changed_statement_does_not_verify(files: dict[str, Path]) -> None:
    envelope = json.loads(files["statement"].read_text())
    payload = base64.b64decode(envelope["payload"]).replace(b'"dirty":false', b'"dirty":true')
    envelope["payload"] = base64.b64encode(payload).decode()
    files["statement"].write_text(json.dumps(envelope))
    assert_broken(offline(files), "signature")


@pytest.mark.parametrize("missing", ["bundle", "statement", "key"])
def test_half_of_the_files_is_a_mistake(files: dict[str, Path], missing: str) -> None:
    place = files["bundle"].parent
    del files[missing]
    ran = offline(files, place)
    assert (ran.code, "go together" in ran.err) == (2, True), ran


def test_files_that_are_not_there_are_named(files: dict[str, Path]) -> None:
    for name in files:
        ran = offline({**files, name: Path("/no/such/file")}, files["bundle"].parent)
        assert (ran.code, "/no/such/file" in ran.err) == (2, True), ran


STATEMENTS = {
    "empty": (b"", "it is empty"),
    "no text": (b"\xff\xfe\x00PK", "it is no text"),
    "no json": (b"rubbish", "it is no JSON"),
    "cut off": (b'{"payload":"abc', "it breaks off"),
    "a list": (b"[]", "it is JSON, but no object"),
    "another document": (b'{"a":1}', "it has no payload, payloadType, signatures"),
    "no base64": (
        b'{"payload":"e30","payloadType":"application/vnd.in-toto+json","signatures":[]}',
        "its payload is damaged",
    ),
    "half a signature": (
        b'{"payload":"e30=","payloadType":"application/vnd.in-toto+json","signatures":[{"keyid":"x"}]}',
        "its signatures are damaged",
    ),
    "a foreign payload": (
        b'{"payload":"e30=","payloadType":"text/plain","signatures":[]}',
        "its payload is 'text/plain', not 'application/vnd.in-toto+json'",
    ),
    "a foreign statement": (
        b'{"payload":"eyJfdHlwZSI6ImxpbmsifQ==","payloadType":"application/vnd.in-toto+json","signatures":[]}',
        "found 'link' where 'https://in-toto.io/Statement/v1' was expected",
    ),
}


@pytest.mark.parametrize("content", STATEMENTS.values(), ids=STATEMENTS)
def test_what_is_no_statement_is_told_with_its_cause_place_and_next_command(
    files: dict[str, Path], content: tuple[bytes, str]
) -> None:
    files["statement"].write_bytes(content[0])
    ran = offline(files)
    assert_broken(ran, "signature")
    said = ran.document[0]["said"]
    assert (content[1] in said, str(files["statement"]) in said, "next: give the" in said) == (True, True, True), said
    for words in ("char ", "codec", "padding", "indices", "Expecting"):
        assert words not in said


KEYS = {
    "empty": ("", "it is empty", "release key FILE"),
    "rubbish": ("rubbish\n", "it holds no line -----BEGIN PUBLIC KEY-----", "release key FILE"),
    "ssh": ("ssh-ed25519 AAAAC3Nza\n", "it is a key of SSH", "ssh-keygen"),
    "certificate": ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "a certificate", "openssl x509"),
    "cut off": ("-----BEGIN PUBLIC KEY-----\nMCow", "it breaks off", "release key FILE"),
    "damaged": ("-----BEGIN PUBLIC KEY-----\nMCowBQ\n-----END PUBLIC KEY-----\n", "is damaged", "release key FILE"),
}


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_what_is_no_public_key_is_a_mistake_with_its_place(files: dict[str, Path], key: tuple[str, str, str]) -> None:
    files["key"].write_text(key[0])
    ran = offline(files)
    assert ran.code == 2, ran
    told = (key[1] in ran.err, str(files["key"]) in ran.err, key[2] in ran.err.partition("next:")[2])
    assert told == (True, True, True), ran.err
    assert "ASN.1" not in ran.err


def test_a_trusted_key_that_is_none_is_named(shop: Shop, configured: Path) -> None:
    (shop.directory / "keys" / "broken.pub").write_text("rubbish")
    change(configured, "[file:keys/release.pem.pub]", "[file:keys/broken.pub]")
    for words in (("release", "verify", "1.0.0"), ("promote", "1.0.0", "--to", "dev")):
        ran = shop.run(*words)
        assert (ran.code, "file:keys/broken.pub is not a public key" in ran.err) == (2, True), ran


@pytest.mark.usefixtures("configured")
def test_a_key_made_in_a_subfolder_is_named_as_the_configuration_has_to_name_it(shop: Shop) -> None:
    inner = shop.directory / "keys" / "inner"
    inner.mkdir()
    ran = Shop(inner, shop.environ).must("release", "key", "release.pem")
    assert "sign: file:keys/inner/release.pem, trust: {keys: [file:keys/inner/release.pem.pub]}" in ran.err, ran
    outside = shop.directory.parent / "outside.pem"
    assert f"sign: file:{outside.resolve()}," in shop.must("release", "key", str(outside)).err


# --- promotions ------------------------------------------------------------------------------------


def test_a_release_that_proves_itself_is_promoted_and_the_ledger_says_by_what(shop: Shop) -> None:
    shop.must("promote", "1.0.0", "--to", "dev")
    opened = [event for event in events(shop) if event.get("kind") == "promotion.opened"]
    evidence = opened[-1]["payload"]["plan"]["evidence"]
    assert evidence["statement"] == record(shop, "1.0.0")["provenance"]
    assert evidence["key_names"] == ["file:keys/release.pem.pub"]
    assert len(evidence["keys"][0]) == 64


def events(shop: Shop) -> list[dict[str, Any]]:
    scratch = shop.directory.parent / "event.json"
    return [json.loads(fetch(shop, key, scratch).read_text()) for key in keys(shop, "ledger") if key.endswith(".json")]


def packaged(shop: Shop, version: str, *, sign: str | None = "file:keys/release.pem", config: Path) -> None:
    line = "  sign: file:keys/release.pem\n"
    change(config, line, f"  sign: {sign}\n" if sign else "")
    shop.build(version)
    shop.must("package")
    change(config, f"  sign: {sign}\n" if sign else "  trust:\n", line if sign else f"{line}  trust:\n")


def test_an_unsigned_release_is_refused(shop: Shop, configured: Path) -> None:
    git(shop, "stash", "--quiet", "--include-untracked", "--keep-index")
    packaged(shop, "2.0.0", sign=None, config=configured)
    assert_refused(shop, "2.0.0", "not signed", "file:keys/release.pem.pub")
    assert_broken(shop.run("release", "verify", "2.0.0", "--output", "json"), "signature")


def test_a_release_recorded_unsigned_is_signed_when_it_is_packaged_again(shop: Shop, configured: Path) -> None:
    packaged(shop, "2.0.2", sign=None, config=configured)
    before = record(shop, "2.0.2")
    listed = shop.must("release", "list", "--output", "json").document
    assert {each["version"]: each["signing"] for each in listed}["2.0.2"] == "unsigned"
    assert_refused(shop, "2.0.2", "not signed")
    again = shop.must("package", "--output", "json")
    assert "a signed statement was added" in again.err
    assert again.document["statement_added"] not in {"", before["provenance"]}
    assert (
        shop.must("release", "show", "2.0.2", "--record", "--output", "json").document["provenance"]
        == (before["provenance"])
    )
    verified = shop.must("release", "verify", "2.0.2", "--output", "json")
    assert verdicts(verified)["signature"] == verdicts(verified)["statement"] == "holds"
    assert "added later" in verified.document[2]["said"]
    kept = keys(shop)
    signings = {each["version"]: each["signing"] for each in shop.must("release", "list", "--output", "json").document}
    assert (signings["1.0.0"], signings["2.0.2"]) == ("signed", "signed")
    third = shop.must("package", "--output", "json")
    assert (third.document["statement_added"], keys(shop)) == ("", kept)
    shop.must("promote", "2.0.2", "--to", "dev")
    opened = [event for event in events(shop) if event.get("kind") == "promotion.opened"]
    assert again.document["statement_added"] in {each["payload"]["plan"]["evidence"]["statement"] for each in opened}


def test_a_release_recorded_unsigned_from_another_commit_cannot_be_signed(shop: Shop, configured: Path) -> None:
    """The same bytes, but the record says that they came from somewhere else."""
    packaged(shop, "2.0.3", sign=None, config=configured)
    git(shop, "commit", "--quiet", "--allow-empty", "-m", "another")
    kept = keys(shop)
    ran = shop.run("package")
    git(shop, "reset", "--quiet", "--soft", "HEAD~1")
    assert ran.code == 1, ran
    for words in ("2.0.3 is on record without a signature of file:keys/release.pem", "its commit is", "new version"):
        assert words in ran.err, ran
    assert keys(shop) == kept


def test_a_clean_release_is_not_signed_from_a_changed_working_tree(shop: Shop, configured: Path) -> None:
    """One such statement would be enough to keep the release from every environment for good."""
    text = configured.read_text(encoding="utf-8")
    change(configured, "  sign: file:keys/release.pem\n", "")
    git(shop, "commit", "--quiet", "--all", "-m", "unsigned for now")
    shop.build("2.0.5")
    shop.must("package")
    configured.write_text(text, encoding="utf-8")
    kept = keys(shop)
    ran = shop.run("package")
    git(shop, "reset", "--quiet", "--hard", "HEAD~1")
    assert ran.code == 1, ran
    assert "its working tree is changed, and the record says as committed" in ran.err, ran
    assert keys(shop) == kept


def test_packaging_tells_what_no_environment_will_take(shop: Shop, configured: Path) -> None:
    (shop.directory / "app" / "forgotten.py").write_text("x", encoding="utf-8")
    shop.build("2.0.6")
    packaged = shop.must("package")
    assert "no environment will take it: " in packaged.err, packaged
    assert "its working tree differed" in packaged.err, packaged


def test_a_statement_that_somebody_else_added_counts_for_nothing(shop: Shop, configured: Path, tmp_path: Path) -> None:
    """Whoever may write to the bucket adds the good release's signed statement, one by another key, and rubbish."""
    packaged(shop, "2.0.4", sign=None, config=configured)
    release, good = record(shop, "2.0.4"), record(shop, "1.0.0")
    (tmp_path / "empty").write_bytes(b"{}")
    bundle, statement = (each.removeprefix("sha256:") for each in (release["digest"], good["provenance"]))
    original = fetch(shop, envelope_key(good), tmp_path / "envelope")
    store(shop, f"storefront/attestations/{bundle}/{statement}.provenance.dsse.json", original)
    for name in (statement, "0" * 64, "rubbish"):
        store(shop, f"storefront/supplements/2.0.4/{name}.json", tmp_path / "empty")
    assert_refused(shop, "2.0.4", "not signed")


def test_a_release_signed_by_somebody_else_is_refused(shop: Shop, configured: Path) -> None:
    packaged(shop, "2.0.1", sign="file:keys/other.pem", config=configured)
    assert_refused(shop, "2.0.1", "no signature of a trusted key holds")


def test_a_release_from_another_branch_is_refused(shop: Shop, configured: Path) -> None:
    git(shop, "checkout", "--quiet", "-B", "feature")
    shop.build("2.1.0")
    shop.must("package")
    assert_refused(shop, "2.1.0", "branch feature, not main", "release verify 2.1.0")
    assert_broken(shop.run("release", "verify", "2.1.0", "--output", "json"), "source")


def test_the_branch_that_jenkins_tells_counts_on_a_detached_head(shop: Shop, configured: Path) -> None:
    git(shop, "checkout", "--quiet", "--detach", "main")
    shop.build("2.1.1")
    assert shop.run("package", BRANCH_NAME="main").code == 0
    shop.must("release", "verify", "2.1.1")


def test_a_release_of_uncommitted_work_is_refused(shop: Shop, configured: Path) -> None:
    (shop.directory / "app" / "forgotten.py").write_text("x", encoding="utf-8")
    shop.build("2.2.0")
    shop.must("package")
    assert_refused(shop, "2.2.0", "working tree differed from commit")


def test_a_changed_record_is_refused(shop: Shop, tmp_path: Path) -> None:
    """Somebody who may write to the bucket makes 3.0.0 point at the good release's statement, and at another bundle."""
    evil = tmp_path / "evil.zip"
    evil.write_bytes(b"PK evil")
    placed = store(shop, "storefront/bundles/evil.zip", evil)
    forged = record(shop, "1.0.0")
    forged["bundle"] |= {
        "key": "storefront/bundles/evil.zip",
        "version_id": placed["VersionId"],
        "e_tag": placed["ETag"].strip('"'),
    }
    (tmp_path / "record").write_text(json.dumps(forged))
    original = fetch(shop, "storefront/releases/1.0.0.json", tmp_path / "original")
    store(shop, "storefront/releases/1.0.0.json", tmp_path / "record")
    try:
        assert_refused(shop, "1.0.0", "its bundle has the digest", "was signed")
        assert_broken(shop.run("release", "verify", "1.0.0", "--output", "json"), "bundle")
        forged["version"] = "3.0.0"
        (tmp_path / "record").write_text(json.dumps(forged))
        store(shop, "storefront/releases/3.0.0.json", tmp_path / "record")
        assert_refused(shop, "3.0.0", "its signed version is 1.0.0, and the record says 3.0.0")
        forged["provenance"] = ""
        (tmp_path / "record").write_text(json.dumps(forged))
        store(shop, "storefront/releases/3.0.0.json", tmp_path / "record")
        assert_refused(shop, "3.0.0", "has no provenance")
    finally:
        store(shop, "storefront/releases/1.0.0.json", original)
        delete(shop, "storefront/releases/3.0.0.json")
    shop.must("release", "verify", "1.0.0")


def test_a_changed_envelope_and_a_lost_sbom_are_told(shop: Shop, tmp_path: Path) -> None:
    release = record(shop, "1.0.0")
    key = envelope_key(release)
    original = fetch(shop, key, tmp_path / "original")
    (tmp_path / "changed").write_bytes(original.read_bytes() + b" ")
    store(shop, key, tmp_path / "changed")
    try:
        assert_refused(shop, "1.0.0", "not what its name says")
        assert_broken(shop.run("release", "verify", "1.0.0", "--output", "json"), "signature")
    finally:
        store(shop, key, original)
    bundle, sbom = (release[each].removeprefix("sha256:") for each in ("digest", "sbom"))
    where = f"storefront/attestations/{bundle}/{sbom}.sbom.cdx.json"
    kept = fetch(shop, where, tmp_path / "sbom")
    delete(shop, where)
    assert_broken(shop.run("release", "verify", "1.0.0", "--output", "json"), "sbom")
    store(shop, where, kept)


def test_an_unknown_release_is_no_verdict(shop: Shop) -> None:
    ran = shop.run("release", "verify", "9.9.9")
    assert ran.code == 1, ran


def test_without_trust_nothing_is_asked_for_and_what_is_not_checked_is_said(shop: Shop, configured: Path) -> None:
    text = configured.read_text(encoding="utf-8")
    start, end = text.index("  build: ./build.sh"), text.index("  bundle:")
    configured.write_text(text[:start] + text[end:], encoding="utf-8")
    git(shop, "commit", "--quiet", "-am", "no trust")
    git(shop, "branch", "--quiet", "-f", "untrusting")
    git(shop, "reset", "--quiet", "--hard", "HEAD~1")
    git(shop, "checkout", "--quiet", "untrusting")
    shop.build("6.0.0")
    shop.must("package")
    ran = shop.must("release", "verify", "6.0.0", "--output", "json")
    assert verdicts(ran) == {
        "bundle": "holds",
        "content": "holds",
        "signature": "skipped",
        "statement": "holds",
        "source": "skipped",
        "sbom": "holds",
    }
    assert "not checked: signature, source" in ran.err
    assert "branch" not in shop.run("plan", "6.0.0", "--to", "dev").err


def test_seeding_makes_the_keys_that_the_configuration_names(shop: Shop, configured: Path) -> None:
    change(configured, "sign: file:keys/release.pem", "sign: kms://alias/made-by-seeding")
    first = shop.must("sandbox", "seed", "--instances", "1")
    assert "signing key alias/made-by-seeding" in first.out + first.err
    again = shop.must("sandbox", "seed", "--instances", "1")
    assert "signing key" not in again.out + again.err
    change(configured, "[file:keys/release.pem.pub]", "[kms://alias/made-by-seeding]")
    shop.build("7.0.0")
    shop.must("package")
    ran = shop.run("release", "verify", "7.0.0", "--output", "json")
    assert verdicts(ran)["signature"] == "holds"


# --- KMS -------------------------------------------------------------------------------------------


def test_a_kms_key_signs_and_once_disabled_is_trusted_no_more(shop: Shop, configured: Path) -> None:
    kms = client(shop, "kms")
    made = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]
    kms.create_alias(AliasName="alias/release-signing", TargetKeyId=made["KeyId"])
    change(configured, "sign: file:keys/release.pem", "sign: kms://alias/release-signing")
    change(configured, "[file:keys/release.pem.pub]", f"[file:keys/other.pem.pub, '{made['Arn']}']")
    change(configured, "repository:", "dirty: allow, repository:")
    shop.build("4.0.0")
    shop.must("package")
    ran = shop.must("release", "verify", "4.0.0")
    assert f"signed by kms://{made['Arn']}" in ran.out
    kms.disable_key(KeyId=made["KeyId"])
    assert_refused(shop, "4.0.0", "is disabled")
    shop.build("4.0.1")
    ran = shop.run("package")
    assert (ran.code, "is disabled" in ran.err) == (1, True), ran
    assert "4.0.1" not in shop.must("release", "list").out


def test_a_key_that_is_not_there_stops_packaging_before_anything_is_stored(shop: Shop, configured: Path) -> None:
    change(configured, "sign: file:keys/release.pem", "sign: file:keys/missing.pem")
    shop.build("4.1.0")
    before = keys(shop)
    ran = shop.run("package")
    assert (ran.code, "keys/missing.pem" in ran.err) == (2, True), ran
    assert keys(shop) == before


# --- built again -----------------------------------------------------------------------------------


def test_the_commit_gives_the_identical_bundle(shop: Shop) -> None:
    ran = shop.must("release", "verify", "1.0.0", "--rebuild", "--output", "json")
    assert verdicts(ran)["rebuild"] == "holds"
    assert "identical bundle, byte for byte" in ran.document[-1]["said"]
    assert git(shop, "worktree", "list").count("\n") == 0
    assert git(shop, "status", "--porcelain") == ""


def test_what_was_not_committed_shows_when_it_is_built_again(shop: Shop, configured: Path) -> None:
    shop.build("5.0.0", "--faulty-after", "9")
    (shop.directory / "build" / "extra.txt").write_text("by hand", encoding="utf-8")
    (shop.directory / "build" / "storefront" / "storefront.py").unlink()
    shop.must("package")
    ran = shop.run("release", "verify", "5.0.0", "--rebuild", "--output", "json")
    assert_broken(ran, "rebuild")
    said = ran.document[-1]["said"]
    assert "3 entries differ" in said
    assert "removed extra.txt  7 bytes 0644 sha256:" in said
    assert "added   storefront/storefront.py" in said
    assert "changed storefront/settings.json" in said


def test_a_build_that_fails_or_a_commit_that_is_missing_is_told(shop: Shop, configured: Path) -> None:
    change(configured, './build.sh "$DELIVERKIT_VERSION"', "echo no compiler here; exit 3")
    ran = shop.run("release", "verify", "1.0.0", "--rebuild")
    assert (ran.code, "exit code 3" in ran.err, "no compiler here" in ran.err) == (1, True, True), ran


@pytest.mark.parametrize("output", ["text", "json"])
def test_what_is_broken_stays_broken_when_a_later_check_cannot_be_made(
    shop: Shop, configured: Path, output: str
) -> None:
    change(configured, './build.sh "$DELIVERKIT_VERSION"', "exit 3")
    change(configured, "branches: [main]", "branches: [release]")
    ran = shop.run("release", "verify", "1.0.0", "--rebuild", "--output", output)
    assert ran.code == 9, ran
    assert "exit code 3" in ran.err
    assert "next:" in ran.err
    assert ran.err.splitlines()[-1] == "the release does not verify: do not deploy it"
    if output == "json":
        assert_broken(ran, "source")
    else:
        assert "BROKEN   source     it was built from branch main" in ran.out


def test_what_was_found_is_told_when_a_later_check_cannot_be_made(shop: Shop, configured: Path) -> None:
    change(configured, './build.sh "$DELIVERKIT_VERSION"', "exit 3")
    ran = shop.run("release", "verify", "1.0.0", "--rebuild", "--output", "json")
    assert ran.code == 1, ran
    assert set(verdicts(ran).values()) == {"holds"}
