"""DownloadBundle: fetching, the ETag, unpacking three formats, traversal, a full disk, old revisions."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import shutil
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest
from agent_bench import GROUP, Bench, appspec, make_bench, shell, tarred, zipped
from hypothesis import given, settings
from hypothesis import strategies as st

from deliverkit.sandbox.agent.bundle import unpack
from deliverkit.sandbox.agent.errors import AgentError
from deliverkit.sandbox.kernel.errors import ApiError

TREE = {"appspec.yml": appspec(), "bin/run.sh": shell("exit 0"), "data/kept.txt": ("kept", 0o600)}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return make_bench(tmp_path)


def fetch(bench: Bench, body: bytes, bundle_type: str, **changes: object) -> None:
    bench.shelf.put("bundle", body)
    bench.executor.execute("DownloadBundle", bench.spec(bundle_type=bundle_type, **changes))


@pytest.mark.parametrize(
    ("bundle_type", "body"), [("zip", zipped(TREE)), ("tar", tarred(TREE)), ("tgz", tarred(TREE, "w:gz"))]
)
def test_every_bundle_type_gives_the_same_tree_with_its_modes(bench: Bench, bundle_type: str, body: bytes) -> None:
    fetch(bench, body, bundle_type)
    archive = bench.archive()
    assert sorted(str(path.relative_to(archive)) for path in archive.rglob("*") if path.is_file()) == sorted(TREE)
    assert (archive / "data/kept.txt").read_text() == "kept"
    assert stat.S_IMODE((archive / "data/kept.txt").stat().st_mode) == 0o600
    assert stat.S_IMODE((archive / "bin/run.sh").stat().st_mode) == 0o755
    assert (bench.directory() / "bundle.tar").read_bytes() == body


@pytest.mark.parametrize("is_whole", [True, False])
def test_a_restart_takes_the_archive_that_is_there_and_downloads_another_otherwise(
    bench: Bench, *, is_whole: bool
) -> None:
    fetch(bench, zipped(TREE), "zip")
    kept = bench.archive()
    (kept / "data/kept.txt").write_text("of the first")
    if not is_whole:
        (kept / "appspec.yml").unlink()
    bench.shelf.bodies.clear()
    again = bench.spec("d-2", ReuseArchiveFromDeploymentId="d-1")
    if is_whole:
        bench.executor.execute("DownloadBundle", again)
        assert (bench.archive("d-2") / "data/kept.txt").read_text() == "of the first"
        assert stat.S_IMODE((bench.archive("d-2") / "bin/run.sh").stat().st_mode) == 0o755
        return
    with pytest.raises(ApiError, match="has no version"):
        bench.executor.execute("DownloadBundle", again)
    bench.shelf.put("bundle", zipped(TREE))
    bench.executor.execute("DownloadBundle", again)
    assert (bench.archive("d-2") / "data/kept.txt").read_text() == "kept"


def test_the_layout_of_the_agents_root(bench: Bench) -> None:
    bench.download(TREE)
    root = bench.root / "opt/codedeploy-agent/deployment-root"
    assert (root / GROUP / "d-1/deployment-archive/appspec.yml").is_file()
    pointer = root / f"deployment-instructions/{GROUP}_most_recent_install"
    assert pointer.read_text() == f"/opt/codedeploy-agent/deployment-root/{GROUP}/d-1"


@pytest.mark.parametrize("name", ["appspec.yml", "AppSpec.yaml", "my-appspec-old"])
def test_a_lone_top_directory_with_an_appspec_is_stripped(bench: Bench, name: str) -> None:
    bench.download({f"shop-1.0/{name}": appspec(), "shop-1.0/a/b": "x"})
    assert {path.name for path in bench.archive().iterdir()} == {name, "a"}


@pytest.mark.parametrize("tree", [{"shop/a": "x"}, {"shop/appspec.yml": "", "other": ""}, {"a": ""}])
def test_any_other_top_level_stays_as_it_is(bench: Bench, tree: dict[str, str]) -> None:
    bench.download(tree)
    assert all((bench.archive() / name).is_file() for name in tree)


def test_a_traversing_zip_member_lands_inside(bench: Bench, tmp_path: Path) -> None:
    fetch(bench, zipped({"appspec.yml": "", "../../outside": "x", "/etc/absolute": "y", "a/../b": "z"}), "zip")
    archive = bench.archive()
    assert (archive / "outside").read_text() == "x"
    assert (archive / "etc/absolute").read_text() == "y"
    assert (archive / "a/b").read_text() == "z"
    assert list(tmp_path.rglob("outside")) == [archive / "outside"]


@pytest.mark.parametrize("bundle_type", ["tar", "tgz"])
def test_a_traversing_tar_member_fails_the_event(bench: Bench, tmp_path: Path, bundle_type: str) -> None:
    body = tarred({"appspec.yml": "", "../../outside": "x"}, "w:gz" if bundle_type == "tgz" else "w")
    with pytest.raises(AgentError, match=r"Member name contains '\.\.'"):
        fetch(bench, body, bundle_type)
    assert not list(tmp_path.rglob("outside"))


def test_an_absolute_tar_member_loses_its_slash(bench: Bench) -> None:
    fetch(bench, tarred({"/etc/absolute": "y"}), "tar")
    assert (bench.archive() / "etc/absolute").read_text() == "y"


def linked(bundle_type: str, links: dict[str, str], tree: dict[str, str]) -> bytes:
    out = io.BytesIO()
    if bundle_type == "zip":
        with zipfile.ZipFile(out, "w") as archive:
            for name, target in links.items():
                member = zipfile.ZipInfo(name)
                member.external_attr = (stat.S_IFLNK | 0o777) << 16
                archive.writestr(member, target)
            for name, text in tree.items():
                archive.writestr(name, text)
    else:
        with tarfile.open(fileobj=out, mode="w") as archive:
            for name, target in links.items():
                link = tarfile.TarInfo(name)
                link.type, link.linkname = tarfile.SYMTYPE, target
                archive.addfile(link)
            for name, text in tree.items():
                member = tarfile.TarInfo(name)
                member.size = len(text)
                archive.addfile(member, io.BytesIO(text.encode()))
    return out.getvalue()


@pytest.mark.parametrize("bundle_type", ["zip", "tar"])
def test_links_are_kept_and_nothing_is_written_through_them(bench: Bench, tmp_path: Path, bundle_type: str) -> None:
    fetch(bench, linked(bundle_type, {"current": "releases/1"}, {"releases/1": "x"}), bundle_type)
    assert (bench.archive() / "current").readlink() == Path("releases/1")

    trap = tmp_path / "trap"
    trap.mkdir()
    body = linked(bundle_type, {"way": str(trap)}, {"way/out": "x"})
    with pytest.raises(AgentError):
        fetch(bench, body, bundle_type)
    assert list(trap.iterdir()) == []

    with pytest.raises(AgentError, match="File exists"):
        fetch(bench, linked(bundle_type, {"way": str(trap), "way/out": "x"}, {}), bundle_type)
    assert list(trap.iterdir()) == []


def test_a_hard_link_in_a_tar_and_a_member_that_comes_twice(bench: Bench) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for text in ("old", "new"):
            member = tarfile.TarInfo("a")
            member.size = 3
            archive.addfile(member, io.BytesIO(text.encode()))
        link = tarfile.TarInfo("b")
        link.type, link.linkname = tarfile.LNKTYPE, "a"
        archive.addfile(link)
    fetch(bench, out.getvalue(), "tar")
    assert (bench.archive() / "b").read_text() == "new"


@pytest.mark.parametrize("kind", [tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE])
def test_devices_and_pipes_are_refused(bench: Bench, kind: bytes) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        member = tarfile.TarInfo("odd")
        member.type = kind
        archive.addfile(member)
    with pytest.raises(AgentError, match="odd: devices and pipes"):
        fetch(bench, out.getvalue(), "tar")


@pytest.mark.parametrize("bundle_type", ["zip", "tar", "tgz"])
def test_a_broken_bundle_fails_the_event(bench: Bench, bundle_type: str) -> None:
    with pytest.raises(AgentError, match=f"The {bundle_type} bundle cannot be unpacked"):
        fetch(bench, b"certainly not an archive" * 100, bundle_type)


def test_a_read_only_directory_can_be_filled(bench: Bench) -> None:
    fetch(bench, zipped({"appspec.yml": "", "ro/": ("", 0o555), "ro/a": "x"}), "zip")
    assert stat.S_IMODE((bench.archive() / "ro").stat().st_mode) == 0o555
    (bench.archive() / "ro").chmod(0o755)


def test_the_etag_of_the_revision_must_be_the_objects(bench: Bench, tmp_path: Path) -> None:
    bench.shelf.put("bundle", zipped(TREE))
    e_tag = bench.shelf.fetch("releases", "bundle", None, tmp_path / "bundle")
    for given_tag in (e_tag, f'"{e_tag}"'):
        fetch(bench, zipped(TREE), "zip", revision={"ETag": given_tag})
    with pytest.raises(AgentError, match=f"Expected deployment artifact bundle etag 0123 but was actually {e_tag}"):
        fetch(bench, zipped(TREE), "zip", revision={"ETag": "0123"})


def test_the_version_of_the_revision_is_fetched(bench: Bench) -> None:
    bench.shelf.put("bundle", zipped({"newest": ""}))
    bench.shelf.put("bundle", zipped({"first": ""}), "v1")
    bench.executor.execute("DownloadBundle", bench.spec(revision={"Version": "v1"}))
    assert [path.name for path in bench.archive().iterdir()] == ["first"]


def test_a_bundle_that_cannot_be_fetched_fails_with_the_stores_words(bench: Bench) -> None:
    with pytest.raises(ApiError, match="NoSuchKey: s3://releases/bundle has no version"):
        bench.executor.execute("DownloadBundle", bench.spec())


def test_a_full_disk_is_named(bench: Bench) -> None:
    bench.directory().mkdir(parents=True)
    (bench.directory() / "bundle.tar").symlink_to("/dev/full")
    with pytest.raises(AgentError, match=f"The disk is .or was. full: No space left on device.*{bench.root}"):
        fetch(bench, zipped(TREE), "zip")


@pytest.mark.parametrize("bundle_type", ["zip", "tgz"])
def test_a_bomb_is_refused_before_anything_of_it_is_written(bench: Bench, bundle_type: str) -> None:
    with pytest.raises(AgentError, match=r"The disk is .* full: the files take more than the"):
        fetch(bench, bomb(bundle_type), bundle_type)
    assert list(bench.archive().iterdir()) == []


def bomb(bundle_type: str) -> bytes:
    """A few hundred bytes that tell of twelve gigabytes and more."""
    out, huge = io.BytesIO(), 10 << 40
    if bundle_type == "zip":
        whole = bytearray(zipped({"appspec.yml": appspec(), **{f"zeros{n}": "0" for n in range(3)}}))
        for number in range(3):
            place = whole.rindex(f"zeros{number}".encode()) - 46 + 24  # the size in the central directory
            whole[place : place + 4] = (0xFFFF_FFFE).to_bytes(4, "little")
        return bytes(whole)
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        member = tarfile.TarInfo("zeros")
        member.size = huge
        archive.addfile(member)
    return out.getvalue()


def test_empty_files_fill_a_disk_too(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = shutil.disk_usage(bench.root)._replace(free=2 * 100 * 4096)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: disk)
    fetch(bench, zipped({f"f{n}": "" for n in range(100)}), "zip")
    with pytest.raises(AgentError, match=r"The disk is .* full"):
        fetch(bench, zipped({f"f{n}": "" for n in range(101)}), "zip")


def test_an_install_that_multiplies_a_file_is_refused_before_anything_is_copied(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = "".join(f"  - {{source: big, destination: /srv/{n}}}\n" for n in range(50))
    spec = bench.download({"appspec.yml": appspec(f"files:\n{files}"), "big": "0" * 1_000_000})
    disk = shutil.disk_usage(bench.root)._replace(free=2 * 40_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: disk)
    with pytest.raises(AgentError, match=r"The disk is .* full"):
        bench.executor.execute("Install", spec)
    assert not (bench.root / "srv").exists()


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_tars_header_that_fills_the_memory_is_refused(bench: Bench, kind: bytes) -> None:
    header = tarfile.TarInfo("header")
    header.type, header.size = kind, 2 << 20
    member = tarfile.TarInfo("appspec.yml").tobuf()
    with pytest.raises(AgentError, match="a header of 2,097,152 bytes"):
        fetch(bench, gzip.compress(header.tobuf() + b"a" * (2 << 20) + member + bytes(1024)), "tgz")


def test_a_links_target_that_fills_the_memory_is_refused(bench: Bench) -> None:
    with pytest.raises(AgentError, match="the target of a symbolic link is too long"):
        fetch(bench, zipped({"link": ("0" * 5000, stat.S_IFLNK | 0o777)}), "zip")


def test_a_zip_of_overlapping_members_is_refused(bench: Bench) -> None:
    whole = bytearray(zipped({"appspec.yml": appspec(), "other": "x" * 100}))
    # Both entries of the central directory point at the first member.
    place = whole.rindex(b"other") - 46 + 42
    whole[place : place + 4] = (0).to_bytes(4, "little")
    with pytest.raises(AgentError, match="cannot be unpacked"):
        fetch(bench, bytes(whole), "zip")


def test_the_same_deployment_downloaded_again_leaves_nothing_of_the_first_attempt(bench: Bench) -> None:
    bench.download({"appspec.yml": "", "old": ""})
    bench.download({"appspec.yml": "", "new": ""})
    assert {path.name for path in bench.archive().iterdir()} == {"appspec.yml", "new"}


def kept(bench: Bench) -> list[str]:
    return sorted(path.name for path in bench.directory().parent.iterdir())


def download_aged(bench: Bench, number: int) -> None:
    bench.download(TREE, f"d-{number}")
    os.utime(bench.directory(f"d-{number}"), (number, number))


def test_five_revisions_are_kept_the_oldest_go(bench: Bench) -> None:
    for number in range(1, 9):
        download_aged(bench, number)
        assert kept(bench) == [f"d-{n}" for n in range(max(1, number - 4), number + 1)]


def test_the_last_installed_revision_is_never_removed(bench: Bench) -> None:
    bench.install(TREE, "d-1")
    os.utime(bench.directory("d-1"), (1, 1))
    for number in range(2, 9):
        download_aged(bench, number)
    assert kept(bench) == ["d-1", "d-5", "d-6", "d-7", "d-8"]


NAMES = st.lists(st.sampled_from(["..", ".", "", "a", "b", "c"]), min_size=1, max_size=6).map("/".join)


@settings(max_examples=60, deadline=None)
@given(names=st.lists(NAMES, min_size=1, max_size=6, unique=True), kind=st.sampled_from(["zip", "tar"]))
def test_no_member_ever_lands_outside(tmp_path_factory: pytest.TempPathFactory, names: list[str], kind: str) -> None:
    top = tmp_path_factory.mktemp("unpacked")
    bundle, target = top / "bundle.tar", top / "deep/deeper/archive"
    tree = {name: "x" for name in names if not name.endswith("/")}
    bundle.write_bytes(zipped(tree) if kind == "zip" else tarred(tree))
    with contextlib.suppress(AgentError, OSError):  # a file where another member needs a directory
        unpack(bundle, kind, target)
    assert {path for path in top.rglob("*") if path.is_file()} - set(target.rglob("*")) == {bundle}
