"""Install: what is copied where, what the next Install takes away, and whose files are left alone."""

from __future__ import annotations

import getpass
import grp
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from agent_bench import GROUP, Bench, Tree, appspec, make_bench, shell
from hypothesis import given, settings
from hypothesis import strategies as st

from deliverkit.sandbox.agent.errors import AgentError
from deliverkit.sandbox.agent.host import MAX_REVISIONS
from deliverkit.sandbox.agent.removal import remove_tree

NOBODY = 65534
OTHER_GROUP = "99999999-2222-3333-4444-555555555555"
WHOLE = appspec("files:\n  - {source: app, destination: /opt/shop}\n")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return make_bench(tmp_path)


def with_files(*entries: str, more: str = "") -> str:
    return appspec("files:\n" + "".join(f"  - {entry}\n" for entry in entries) + more)


def installed(bench: Bench) -> dict[str, str]:
    """Every file of the instance but the agent's own, with its text."""
    return {
        str(path.relative_to(bench.root)): path.read_text()
        for path in bench.root.rglob("*")
        if path.is_file() and "codedeploy-agent" not in path.parts
    }


def directories(bench: Bench) -> set[str]:
    return {
        str(path.relative_to(bench.root))
        for path in bench.root.rglob("*")
        if path.is_dir() and not path.is_symlink() and "codedeploy-agent" not in path.parts
    }


def test_a_file_is_copied_into_a_directory_and_a_directory_is_merged(bench: Bench) -> None:
    (bench.root / "opt/shop").mkdir(parents=True)
    (bench.root / "opt/shop/own.txt").write_text("own")
    bench.install(
        {
            "appspec.yml": with_files(
                "{source: app, destination: /opt/shop}", "{source: etc/a.conf, destination: /etc/x}"
            ),
            "app/lib/code.py": "code",
            "app/run.sh": shell("exit 0"),
            "etc/a.conf": "conf",
        }
    )
    run = shell("exit 0")[0]
    assert installed(bench) == {
        "opt/shop/own.txt": "own",
        "opt/shop/lib/code.py": "code",
        "opt/shop/run.sh": run,
        "etc/x/a.conf": "conf",
    }
    assert stat.S_IMODE((bench.root / "opt/shop/run.sh").stat().st_mode) == 0o755


def test_the_whole_bundle_can_be_installed(bench: Bench) -> None:
    bench.install({"appspec.yml": with_files("{source: /, destination: /srv}"), "a/b": "x"})
    assert set(installed(bench)) == {"srv/appspec.yml", "srv/a/b"}


def test_links_are_made_again_and_never_followed(bench: Bench) -> None:
    spec = bench.download({"appspec.yml": WHOLE, "app/real/a": "x"})
    (bench.archive() / "app/current").symlink_to("real")
    (bench.archive() / "app/shop").symlink_to("/opt/shop/real")
    (bench.archive() / "app/sh").symlink_to("/bin/sh")
    (bench.archive() / "app/broken").symlink_to("nowhere")
    bench.executor.execute("Install", spec)
    shop = bench.root / "opt/shop"
    assert (shop / "current").readlink() == Path("real")
    assert (shop / "shop").readlink() == shop / "real"  # an absolute link means the instance's own file ...
    assert (shop / "sh").readlink() == Path("/bin/sh")  # ... unless only the machine has it
    assert (shop / "broken").is_symlink()
    bench.install({"appspec.yml": appspec()}, "d-2")
    assert not shop.exists()


def test_a_source_that_climbs_out_of_the_archive_is_followed_within_the_instance(bench: Bench, tmp_path: Path) -> None:
    (bench.root / "etc").mkdir()
    (bench.root / "etc/host.conf").write_text("the instance's")
    (tmp_path / "host.conf").write_text("the machine's")
    up = "../" * 20
    bench.install({"appspec.yml": with_files(f"{{source: {up}etc/host.conf, destination: /copy}}")})
    assert (bench.root / "copy/host.conf").read_text() == "the instance's"


def test_a_destination_that_climbs_ends_at_the_instances_root(bench: Bench, tmp_path: Path) -> None:
    bench.install({"appspec.yml": with_files("{source: a, destination: /opt/../../../srv}"), "a": "x"})
    assert installed(bench) == {"srv/a": "x"}


def test_nothing_is_written_through_a_link_that_leads_out(bench: Bench, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    trap.mkdir()
    (bench.root / "srv").symlink_to(trap)
    with pytest.raises(AgentError, match="/srv/shop leads out of the instance"):
        bench.install({"appspec.yml": with_files("{source: app, destination: /srv/shop}"), "app/a": "x"})
    with pytest.raises(AgentError, match="/srv/a leads out of the instance"):
        bench.install({"appspec.yml": with_files("{source: a, destination: /srv}"), "a": "x"}, "d-2")
    assert list(trap.iterdir()) == []


def test_a_source_that_is_not_there_fails(bench: Bench) -> None:
    with pytest.raises(
        AgentError, match=r"No such file or directory - /opt/codedeploy-agent/.*/deployment-archive/app"
    ):
        bench.install({"appspec.yml": WHOLE})


@pytest.mark.parametrize("entry", [("a\\0b", "/srv"), ("a", "/srv\\0/b")])
def test_a_name_that_no_file_can_have_fails_this_deployment_alone(bench: Bench, entry: tuple[str, str]) -> None:
    source, destination = entry
    files = f'files:\n  - source: "{source}"\n    destination: "{destination}"\n'
    with pytest.raises(AgentError, match="null byte"):
        bench.install({"appspec.yml": appspec(files), "a": "1"}, "d-1")
    bench.install({"appspec.yml": appspec(), "a": "1"}, "d-2")


def test_two_sources_for_one_destination_fail_before_anything_is_copied(bench: Bench) -> None:
    spec = with_files("{source: x/a, destination: /srv}", "{source: y/a, destination: /srv}")
    with pytest.raises(AgentError, match=r"two source files named .*/y/a and .*/x/a for the same destination"):
        bench.install({"appspec.yml": spec, "x/a": "", "y/a": ""})
    assert installed(bench) == {}


@pytest.mark.parametrize(("first", "second"), [("file", "directory"), ("directory", "file")])
def test_a_file_and_a_directory_for_one_destination_fail(bench: Bench, first: str, second: str) -> None:
    entries = {"file": "{source: one/name, destination: /srv}", "directory": "{source: two, destination: /srv}"}
    with pytest.raises(AgentError, match=r"\(/srv/name\)"):
        bench.install(
            {"appspec.yml": with_files(entries[first], entries[second]), "one/name": "", "two/name/below": ""}
        )


# --- files that are already there -----------------------------------------------------------------------------------


def foreign(bench: Bench) -> Path:
    path = bench.root / "opt/shop/a"
    path.parent.mkdir(parents=True)
    path.write_text("foreign")
    return path


def override(behavior: str) -> dict[str, object]:
    return {"AgentActionOverrides": {"AgentOverrides": {"FileExistsBehavior": behavior}}}


def test_by_default_a_foreign_file_fails_the_deployment_before_anything_is_copied(bench: Bench) -> None:
    path = foreign(bench)
    with pytest.raises(AgentError, match="a specified file already exists at this location: /opt/shop/a"):
        bench.install({"appspec.yml": WHOLE, "app/a": "new", "app/0": "new"})
    assert installed(bench) == {"opt/shop/a": "foreign"}
    assert path.read_text() == "foreign"


@pytest.mark.parametrize(("behavior", "text"), [("OVERWRITE", "new"), ("RETAIN", "foreign")])
def test_overwrite_and_retain(bench: Bench, behavior: str, text: str) -> None:
    path = foreign(bench)
    bench.install({"appspec.yml": WHOLE, "app/a": "new", "app/b": "b"}, **override(behavior))
    assert path.read_text() == text
    assert (path.parent / "b").read_text() == "b"
    bench.install({"appspec.yml": appspec()}, "d-2")
    assert path.exists() is (behavior == "RETAIN")  # what was overwritten is the deployment's now


@pytest.mark.parametrize(
    ("own", "option", "text"), [("OVERWRITE", "DISALLOW", "new"), ("RETAIN", "OVERWRITE", "foreign")]
)
def test_the_appspec_beats_the_deployments_option(bench: Bench, own: str, option: str, text: str) -> None:
    path = foreign(bench)
    bench.install({"appspec.yml": WHOLE + f"file_exists_behavior: {own}\n", "app/a": "new"}, **override(option))
    assert path.read_text() == text


def test_what_the_previous_deployment_of_the_group_wrote_is_no_foreign_file(bench: Bench) -> None:
    for number in (1, 2, 3):
        bench.install({"appspec.yml": WHOLE, "app/a": str(number)}, f"d-{number}")
        assert installed(bench) == {"opt/shop/a": str(number)}


def test_what_another_group_wrote_is_foreign(bench: Bench) -> None:
    bench.install({"appspec.yml": WHOLE, "app/a": "theirs"}, DeploymentGroupId=OTHER_GROUP)
    with pytest.raises(AgentError, match="already exists"):
        bench.install({"appspec.yml": WHOLE, "app/a": "ours"}, "d-2")
    assert installed(bench) == {"opt/shop/a": "theirs"}


# --- the clean-up list ----------------------------------------------------------------------------------------------


def test_the_lists_of_an_install(bench: Bench) -> None:
    bench.install({"appspec.yml": WHOLE, "app/d/a": "x"})
    instructions = bench.root / "opt/codedeploy-agent/deployment-root/deployment-instructions"
    cleanup = (instructions / f"{GROUP}-cleanup").read_text().splitlines()
    assert cleanup == ["/opt/shop", "/opt/shop/d", "/opt/shop/d/a"]
    listed = json.loads((instructions / f"{GROUP}-install.json").read_text())["instructions"]
    assert [(item["type"], item.get("destination") or item.get("directory")) for item in listed] == [
        ("mkdir", "/opt/shop"),
        ("mkdir", "/opt/shop/d"),
        ("copy", "/opt/shop/d/a"),
    ]
    assert (instructions / f"{GROUP}_last_successful_install").read_text().endswith("/d-1")


def test_a_directory_with_somebody_elses_file_stays(bench: Bench) -> None:
    bench.install({"appspec.yml": WHOLE, "app/d/a": "x", "app/e/a": "x"})
    (bench.root / "opt/shop/d/log.txt").write_text("written by the application")
    bench.install({"appspec.yml": appspec()}, "d-2")
    assert installed(bench) == {"opt/shop/d/log.txt": "written by the application"}
    assert "opt/shop/e" not in directories(bench)


@pytest.fixture
def unprivileged() -> Iterator[Bench]:
    """A host whose agent is not root, as on a developer's machine."""
    with tempfile.TemporaryDirectory() as place:
        # Once as root: modules that are loaded on the way may lie where another user cannot read.
        make_bench(Path(place) / "root").install({"appspec.yml": WHOLE, "app/a": "1"})
        if os.geteuid() == 0:
            os.chown(place, NOBODY, NOBODY)
            os.seteuid(NOBODY)
        try:
            yield make_bench(Path(place) / "nobody")
        finally:
            os.seteuid(os.getuid())


def test_read_only_directories_are_no_obstacle_for_an_agent_that_is_not_root(unprivileged: Bench) -> None:
    permissions = "permissions:\n  - {object: /opt/shop, mode: 555}\n"
    release = {"top/": ("", 0o555), "top/appspec.yml": WHOLE + permissions, "top/app/": ("", 0o555), "top/app/a": "1"}
    for number in range(MAX_REVISIONS + 2):
        unprivileged.install(release, f"d-{number}")
    assert installed(unprivileged) == {"opt/shop/a": "1"}
    assert not unprivileged.directory("d-0").exists()
    remove_tree(unprivileged.root)
    assert not unprivileged.root.exists()


def test_a_file_in_the_place_of_a_directory_that_was_written_is_no_obstacle(bench: Bench) -> None:
    bench.install({"appspec.yml": WHOLE, "app/lib/a": "1"}, "d-1")
    shutil.rmtree(bench.root / "opt/shop/lib")
    (bench.root / "opt/shop/lib").write_text("mine")
    bench.install({"appspec.yml": appspec()}, "d-2")
    assert installed(bench) == {}


def test_an_install_that_broke_off_is_cleaned_up_by_the_next(bench: Bench) -> None:
    bad = with_files("{source: app, destination: /opt/shop}", "{source: missing, destination: /srv}")
    with pytest.raises(AgentError):
        bench.install({"appspec.yml": bad, "app/a": "x"})
    assert installed(bench) == {"opt/shop/a": "x"}
    bench.install({"appspec.yml": WHOLE, "app/b": "y"}, "d-2")
    assert installed(bench) == {"opt/shop/b": "y"}


def test_a_path_that_was_cut_off_by_a_crash_is_not_removed(bench: Bench) -> None:
    bench.install({"appspec.yml": WHOLE, "app/a": "x"})
    keep = bench.root / "precious"
    keep.write_text("kept")
    listing = bench.host.layout.cleanup_list(GROUP)
    listing.write_text(listing.read_text() + "/precious")  # "/precious-cache/item" was being written
    bench.install({"appspec.yml": appspec()}, "d-2")
    assert installed(bench) == {"precious": "kept"}


def test_a_clean_up_never_leaves_the_instance(bench: Bench, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a").write_text("machine's")
    bench.install({"appspec.yml": WHOLE, "app/a": "x"})
    shutil.rmtree(bench.root / "opt/shop")
    (bench.root / "opt/shop").symlink_to(outside)
    bench.install({"appspec.yml": appspec()}, "d-2")
    assert (outside / "a").read_text() == "machine's"


SEGMENTS = st.sampled_from(["a", "b", "c", "dir", "x.sh"])
PATHS = st.lists(SEGMENTS, min_size=1, max_size=3).map("/".join)
TREES = st.sets(PATHS, max_size=6).filter(
    lambda paths: not any(other.startswith(f"{path}/") for path in paths for other in paths)
)


@settings(max_examples=60, deadline=None)
@given(foreign=TREES, first=TREES, second=TREES)
def test_the_next_install_removes_exactly_what_the_last_one_wrote(
    tmp_path_factory: pytest.TempPathFactory, foreign: set[str], first: set[str], second: set[str]
) -> None:
    bench = make_bench(tmp_path_factory.mktemp("host"))
    shop = bench.root / "opt/shop"
    for name in foreign:
        (shop / name).parent.mkdir(parents=True, exist_ok=True)
        (shop / name).write_text("foreign")
    before, before_directories = installed(bench), directories(bench)

    def attempt(names: set[str], deployment_id: str) -> dict[str, str]:
        tree: dict[str, str | tuple[str, int]] = {"appspec.yml": WHOLE, "app/": ("", 0o755)}
        tree |= {f"app/{name}": deployment_id for name in names}
        try:
            bench.install(tree, deployment_id, **override("RETAIN"))
        except AgentError:  # a directory of one stands where the other has a file
            return {}
        occupied = before_directories | set(before)
        return {path: deployment_id for name in names if (path := f"opt/shop/{name}") not in occupied}

    written = attempt(first, "d-1")
    if written:
        assert installed(bench) == {**written, **before}
    written = attempt(second, "d-2")
    if written:
        assert installed(bench) == {**written, **before}
    bench.install({"appspec.yml": appspec()}, "d-3")
    assert installed(bench) == before
    assert directories(bench) - {"opt"} == before_directories - {"opt"}


# --- permissions ----------------------------------------------------------------------------------------------------

TREE_TO_PROTECT: Tree = {"app/a.txt": "a", "app/b.sh": "b", "app/d/c.txt": "c"}


def modes(bench: Bench) -> dict[str, str]:
    shop = bench.root / "opt/shop"
    return {str(path.relative_to(shop)): f"{stat.S_IMODE(path.stat().st_mode):o}" for path in shop.rglob("*")}


def protect(bench: Bench, *entries: str) -> dict[str, str]:
    listed = "permissions:\n" + "".join(f"  - {entry}\n" for entry in entries)
    bench.install({"appspec.yml": WHOLE + listed, **TREE_TO_PROTECT})
    return modes(bench)


@pytest.mark.parametrize(
    ("entry", "changed"),
    [
        ("{object: /opt/shop, mode: '600', type: [file]}", {"a.txt", "b.sh", "d/c.txt"}),
        ("{object: /opt/shop, mode: '600', pattern: '*.txt', type: [file]}", {"a.txt"}),
        ("{object: /opt/shop, mode: '600', except: ['*.sh'], type: [file]}", {"a.txt", "d/c.txt"}),
        ("{object: /opt/shop/b.sh, mode: '600'}", {"b.sh"}),
        ("{object: /opt/shop/d/, mode: '600', type: [file]}", {"d/c.txt"}),
        ("{object: /opt, mode: '600', pattern: '*.txt'}", set()),
        ("{object: /nowhere, mode: '600'}", set()),
        ("{object: /opt/shop/a.txt, mode: '600', type: [directory]}", set()),
    ],
)
def test_which_files_a_mode_reaches(bench: Bench, entry: str, changed: set[str]) -> None:
    result = protect(bench, entry)
    assert {name for name, mode in result.items() if mode == "600"} == changed


def test_a_directorys_mode(bench: Bench) -> None:
    result = protect(bench, "{object: /opt/shop, mode: '1750', type: [directory]}")
    assert result["d"] == "1750"
    assert stat.S_IMODE((bench.root / "opt/shop").stat().st_mode) != 0o1750  # not the object itself


def test_permissions_leave_foreign_files_alone(bench: Bench) -> None:
    (bench.root / "opt/shop").mkdir(parents=True)
    own = bench.root / "opt/shop/own.txt"
    own.write_text("")
    own.chmod(0o644)
    assert protect(bench, "{object: /opt/shop, mode: '600', type: [file]}")["own.txt"] == "644"


def test_two_permissions_for_one_object_fail(bench: Bench) -> None:
    with pytest.raises(AgentError, match=r"permissions setting for \(/opt/shop/a.txt\) is specified more than once"):
        protect(bench, "{object: /opt/shop/a.txt, mode: '600'}", "{object: /opt/shop, mode: '644', type: [file]}")


def test_a_pattern_for_a_single_file_fails(bench: Bench) -> None:
    with pytest.raises(AgentError, match="invalid pattern"):
        protect(bench, "{object: /opt/shop/a.txt, pattern: '*.txt', mode: '600'}")


def test_the_own_user_and_group_can_always_be_set(bench: Bench) -> None:
    group = grp.getgrgid(os.getegid()).gr_name
    protect(bench, f"{{object: /opt/shop, owner: {getpass.getuser()}, group: {group}}}")
    found = (bench.root / "opt/shop/a.txt").stat()
    assert (found.st_uid, found.st_gid) == (os.geteuid(), os.getegid())


@pytest.mark.parametrize("kind", ["owner", "group"])
def test_an_owner_that_does_not_exist_fails(bench: Bench, kind: str) -> None:
    what = "user" if kind == "owner" else "group"
    with pytest.raises(AgentError, match=f"can't find {what} for nobody-has-this-name"):
        protect(bench, f"{{object: /opt/shop, {kind}: nobody-has-this-name}}")


def test_a_file_is_given_to_another_user_as_far_as_the_agents_user_may(bench: Bench) -> None:
    give: Callable[[], object] = lambda: protect(bench, "{object: /opt/shop/a.txt, owner: daemon}")  # noqa: E731
    if os.geteuid() == 0:
        give()
        assert (bench.root / "opt/shop/a.txt").owner() == "daemon"
    else:
        with pytest.raises(AgentError, match=r"Operation not permitted - /opt/shop/a.txt cannot be given to daemon"):
            give()


def test_a_default_acl_for_a_file_fails(bench: Bench) -> None:
    with pytest.raises(AgentError, match="the -d parameter has been specified"):
        protect(bench, "{object: /opt/shop/a.txt, acls: ['d:u:daemon:rw']}")


def test_an_acl_that_cannot_be_set_fails_with_its_command(bench: Bench) -> None:
    with pytest.raises(AgentError, match=r"problem with the acls permission settings.*setfacl .*nonsense"):
        protect(bench, "{object: /opt/shop/a.txt, acls: ['nonsense']}")


@pytest.mark.parametrize(
    ("context", "message"), [("{role: x, type: y}", "roles are not supported"), ("{type: no such type}", "chcon")]
)
def test_a_context_that_cannot_be_set_fails(bench: Bench, context: str, message: str) -> None:
    with pytest.raises(AgentError, match=message):
        protect(bench, f"{{object: /opt/shop/a.txt, context: {context}}}")


# --- the appspec of an Install --------------------------------------------------------------------------------------


def test_unknown_events_fail_only_when_the_service_lists_the_possible_ones(bench: Bench) -> None:
    tree = {"appspec.yml": appspec("hooks:\n  AfterInstal:\n    - location: a.sh\n")}
    bench.install(tree)
    with pytest.raises(AgentError, match=r'contains unknown lifecycle events: \["AfterInstal"\]'):
        bench.install(tree, "d-2", AllPossibleLifecycleEvents=["AfterInstall", "Install"])


def test_install_knows_the_other_spelling_of_the_appspecs_name_and_the_hooks_do_not(bench: Bench) -> None:
    spec = bench.install({"appspec.yaml": WHOLE, "app/a": "x"})
    assert installed(bench) == {"opt/shop/a": "x"}
    with pytest.raises(AgentError, match=r'did not find an AppSpec file .* path "appspec.yml"'):
        bench.executor.is_noop("AfterInstall", spec)


def test_an_appspec_under_another_name(bench: Bench) -> None:
    bench.install({"deploy/blue.yml": WHOLE, "app/a": "x"}, AppSpecFilename="deploy/blue.yml")
    assert installed(bench) == {"opt/shop/a": "x"}


def test_a_bundle_without_appspec_fails(bench: Bench) -> None:
    with pytest.raises(AgentError, match="did not find an AppSpec file"):
        bench.install({"app/a": "x"})
