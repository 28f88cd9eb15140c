"""Secrets are known by what files hold: never packed unless allowed, whatever is remembered of an earlier packaging."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from build_trees import APPSPEC, MIB, Node, Tree, make
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from deliverkit.domain.release import BundleFormat
from deliverkit.errors import UsageError
from deliverkit.packaging.allowed import Allowed
from deliverkit.packaging.package import Packing, PackingRules, check, look_at
from deliverkit.packaging.remembered import Remembered
from deliverkit.packaging.secret_content import secret_in_content

AT_ONCE = -(10**12)
"""A margin in nanoseconds with which files count as settled that are about to change: tests need not wait."""
AWS_KEY = b"aB3/" * 9 + b"xY+9"
EC_KEY = ec.generate_private_key(ec.SECP256R1())
OPENSSH = serialization.PrivateFormat.OpenSSH
PEM = serialization.Encoding.PEM


def pem(form: serialization.PrivateFormat, password: bytes = b"") -> bytes:
    how = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return EC_KEY.private_bytes(PEM, form, how)


PKCS8 = pem(serialization.PrivateFormat.PKCS8)
SECRETS = {
    "pkcs8": PKCS8,
    "ec": pem(serialization.PrivateFormat.TraditionalOpenSSL),
    "encrypted": pem(serialization.PrivateFormat.PKCS8, b"x"),
    "old encrypted": pem(serialization.PrivateFormat.TraditionalOpenSSL, b"x"),
    "openssh": ed25519.Ed25519PrivateKey.generate().private_bytes(PEM, OPENSSH, serialization.NoEncryption()),
    "pgp": b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQOYBGJ\n-----END PGP PRIVATE KEY BLOCK-----\n",
    "pgp with a field": b"-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: 1\n\nlQOYBGJ\n",
    "windows": PKCS8.replace(b"\n", b"\r\n"),
    "in yaml": b"tls:\n  key: |\n    " + PKCS8.replace(b"\n", b"\n    "),
    "in json": b'{"key": "' + PKCS8.replace(b"\n", b"\\n") + b'"}',
    "in a program": b'KEY = (b"' + PKCS8.strip().replace(b"\n", b'\\n"\n    b"') + b'")\n',
    "among notes": b"see:\n\n" + PKCS8 + b"bye\n",
    "putty": b"PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nPublic-Lines: 2\nAA\nAA\nPrivate-Lines: 1\nAA\n",
    "aws": b"[default]\naws_access_key_id = AKIAXXXXXXXXXXXXXXXX\naws_secret_access_key = " + AWS_KEY + b"\n",
    "aws variables": b"export AWS_SECRET_ACCESS_KEY='" + AWS_KEY + b"'\n",
    "aws in json": b'{"aws_secret_access_key": "' + AWS_KEY + b'"}',
    "aws in a Dockerfile": b"FROM scratch\nENV AWS_SECRET_ACCESS_KEY " + AWS_KEY + b"\n",
    "aws in XML": b"<aws_secret_access_key>" + AWS_KEY + b"</aws_secret_access_key>",
    "behind much": b" " * (MIB - len(PKCS8) - 1) + b"\n" + PKCS8,
}
HARMLESS = {
    "public": EC_KEY.public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
    "public of ssh": EC_KEY.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    ),
    "certificate": PKCS8.replace(b"PRIVATE KEY", b"CERTIFICATE"),
    "pgp public": b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQENBGJ\n",
    "a program": b'START = "-----BEGIN RSA PRIVATE KEY-----"\nif text.startswith(b"-----BEGIN PRIVATE KEY-----\\n"):\n',
    "a text": b"It begins with -----BEGIN RSA PRIVATE KEY----- and\nends with -----END RSA PRIVATE KEY-----\n",
    "a placeholder": b"-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----\n",
    "aws name": b"aws_secret_access_key = ${SECRET}\naws_secret_access_key=os.environ['AWS_SECRET_ACCESS_KEY']\n",
    "aws too long": b"aws_secret_access_key = " + AWS_KEY + b"a\n",
    "in a binary file": b"\0\n" + PKCS8,
    "behind very much": b" " * MIB + b"\n" + PKCS8,
}


def tree_with(root: Path, **files: bytes) -> Path:
    tree: Tree = {"appspec.yml": Node(APPSPEC), "app": Node(), "app/main": Node(b"main")}
    return make(root / "tree", {**tree, **{f"app/{name}": Node(content) for name, content in files.items()}})


def packing(tree: Path, *allow: str, memory: Path | None = None, kind: BundleFormat = BundleFormat.ZIP) -> Packing:
    return look_at(tree, PackingRules(kind, allow=allow), Remembered(memory, margin_ns=AT_ONCE))


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_a_file_that_holds_a_secret_is_refused_whatever_its_name(tmp_path: Path, secret: bytes) -> None:
    tree = tree_with(tmp_path, notes=secret)
    out = tmp_path / "out"
    for pack in (lambda it: it.write(out), lambda it: it.prepare(), lambda it: it.read()):
        with pytest.raises(UsageError, match=r"app/notes looks like (a private|an AWS secret access) key") as caught:
            pack(packing(tree))
        assert "allow a file that only looks like a secret" in caught.value.hint
    assert [path.name for path in tmp_path.iterdir()] == ["tree"]
    assert [each.rule for each in check(tree, PackingRules()).findings if each.is_error] == ["secret"]
    assert check(tree, PackingRules(allow=("notes",))).failure is None
    assert packing(tree, "notes").write(out).size


@pytest.mark.parametrize("content", HARMLESS.values(), ids=HARMLESS)
def test_what_is_public_or_only_speaks_of_keys_is_packed(tmp_path: Path, content: bytes) -> None:
    tree = tree_with(tmp_path, notes=content)
    assert packing(tree).write(tmp_path / "out").size
    assert check(tree, PackingRules()).failure is None


@pytest.mark.parametrize("kind", list(BundleFormat))
def test_the_beginning_of_a_large_file_is_looked_at_and_all_are_told_at_once(
    tmp_path: Path, kind: BundleFormat
) -> None:
    tree = tree_with(tmp_path, sliced=PKCS8 + os.urandom(9 * MIB), whole=PKCS8 + os.urandom(2 * MIB), small=PKCS8)
    for look in (lambda: packing(tree, kind=kind).write(tmp_path / "out"), lambda: packing(tree, kind=kind).prepare()):
        with pytest.raises(UsageError) as caught:
            look()
        assert re.findall(r"app/(\w+) looks", caught.value.message) == ["sliced", "small", "whole"]
    failure = check(tree, PackingRules(kind)).failure
    assert failure is not None
    assert failure.message == caught.value.message


@pytest.mark.parametrize("name", ["ID_RSA", "Id_Ed25519", ".ENV", "Credentials.JSON", "Terraform.TFSTATE"])
def test_a_name_is_as_telling_in_capitals(tmp_path: Path, name: str) -> None:
    tree = tree_with(tmp_path, **{name: b"x"})
    with pytest.raises(UsageError, match=re.escape(f"app/{name} looks like")):
        packing(tree)
    assert packing(tree, name)


# --- what is allowed ---------------------------------------------------------------------------------

DEEP = "node_modules/a/node_modules/b/test"


@pytest.mark.parametrize(
    ("entry", "covers"),
    [
        ("key.pem", True),
        ("*.pem", True),
        ("k?y.pem", True),
        ("[a-k]ey.[!x]em", True),
        (f"{DEEP}/key.pem", True),
        (f"{DEEP}/*.pem", True),
        ("node_modules/**/*.pem", True),
        ("node_modules/**/test/key.pem", True),
        ("**/test/*", True),
        ("**/key.pem", True),
        ("node_modules/**", True),
        (f"{DEEP}/**/key.pem", True),
        ("*.key", False),
        ("node_modules/*/key.pem", False),
        ("node_modules/*", False),
        ("test/*.pem", False),
        ("node_modules", False),
        ("[!k]ey.pem", False),
        ("KEY.pem", False),
        ("[", False),
        ("[z-a]*", False),
    ],
)
@pytest.mark.parametrize("content", [PKCS8, b"\n" + PKCS8])
def test_names_paths_and_patterns_are_allowed(tmp_path: Path, entry: str, covers: bool, content: bytes) -> None:
    tree = tree_with(tmp_path)
    (tree / DEEP).mkdir(parents=True)
    (tree / DEEP / "key.pem").write_bytes(content)
    report = check(tree, PackingRules(allow=(entry,)))
    assert (report.failure is None) is covers
    assert list(Allowed((entry,)).unused([f"{DEEP}/key.pem"])) == ([] if covers else [entry])


def test_a_name_with_special_characters_is_allowed_as_it_stands(tmp_path: Path) -> None:
    tree = tree_with(tmp_path, **{"[id].env": b"x", "*.pem": PKCS8})
    assert packing(tree, "[id].env", "*.pem").write(tmp_path / "out").size


# --- what is remembered ------------------------------------------------------------------------------


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    return tmp_path / "memory" / "digests"


def test_a_refused_file_is_refused_again(tmp_path: Path, memory: Path) -> None:
    tree = tree_with(tmp_path, notes=PKCS8)
    for _ in range(2):
        for pack in (lambda it: it.write(tmp_path / "out"), lambda it: it.prepare()):
            with pytest.raises(UsageError, match="app/notes"):
                pack(packing(tree, memory=memory))


@pytest.mark.parametrize("is_written", [True, False])
def test_what_is_not_allowed_any_more_is_refused_although_nothing_changed(
    tmp_path: Path, memory: Path, *, is_written: bool
) -> None:
    tree = tree_with(tmp_path, notes=PKCS8)

    def pack(*allow: str) -> object:
        made = packing(tree, *allow, memory=memory)
        return made.write(tmp_path / "out") if is_written else made.prepare().manifest_digest

    first = pack("notes")
    assert pack("notes") == first  # remembered as what may be packed
    assert pack("app/no*") == first
    with pytest.raises(UsageError, match="app/notes"):
        pack()
    assert pack("notes") == first


def test_what_comes_to_another_name_with_its_folder_is_judged_by_that(tmp_path: Path, memory: Path) -> None:
    tree = tree_with(tmp_path)
    (tree / "fixtures").mkdir()
    (tree / "fixtures" / "notes").write_bytes(PKCS8)
    packing(tree, "fixtures/notes", memory=memory).prepare()
    (tree / "fixtures").rename(tree / "conf")  # neither content nor status of the file changes
    with pytest.raises(UsageError, match="conf/notes"):
        packing(tree, "fixtures/notes", memory=memory).prepare()


def test_an_allowed_secret_costs_no_reading_when_nothing_changed(tmp_path: Path, memory: Path) -> None:
    tree = tree_with(tmp_path, notes=PKCS8)
    out = tmp_path / "out"
    packing(tree, "notes", memory=memory).write(out)
    when = out.stat().st_mtime_ns
    packing(tree, "notes", memory=memory).write(out)
    assert out.stat().st_mtime_ns == when


def test_nothing_is_found_in_what_lies_in_every_python() -> None:
    told = [path for path in Path(re.__file__).parent.parent.glob("*.py") if secret_in_content(path.read_bytes())]
    assert told == []
