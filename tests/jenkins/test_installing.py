"""Definitions on their way onto a controller, over HTTP: what is made, what is left alone, what is told."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from jenkins_controller import ALICE, TOKEN, Controller, Interference, Job, Person, running_controller
from jenkins_rest import page
from jenkins_xml import kept

from deliverkit.adapters.jenkins import JenkinsServer
from deliverkit.adapters.jenkins_connection import Connection, Credentials
from deliverkit.adapters.job_files import read_definitions
from deliverkit.domain.job_xml import parse
from deliverkit.engine.installing import Fate, Installer, Step
from deliverkit.errors import DeniedError, UnreachableError, UsageError

JOBS = Path(__file__).parents[2] / "jenkins/jobs"
FOLDER = "<com.cloudbees.hudson.plugins.folder.Folder>{}</com.cloudbees.hudson.plugins.folder.Folder>"
PIPELINE = "<flow-definition><description>{}</description></flow-definition>"


@pytest.fixture(scope="module")
def listening() -> Iterator[Controller]:
    with running_controller() as controller:
        controller.rewrites_xml = True
        yield controller


@pytest.fixture
def controller(listening: Controller) -> Controller:
    listening.jobs.clear()
    listening.seen.clear()
    listening.interfere()
    listening.people[ALICE] = Person(TOKEN)
    return listening


@pytest.fixture
def installer(controller: Controller) -> Installer:
    return Installer(JenkinsServer(Connection(controller.url, Credentials(ALICE, TOKEN))))


def write(root: Path, **files: str) -> Path:
    for name, content in files.items():
        path = root / f"{name.replace('__', '/')}.xml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return root


def install(installer: Installer, directory: Path) -> list[Step]:
    return list(installer.carry_out(installer.plan(read_definitions(directory))))


def fates(steps: Sequence[Step]) -> dict[str, Fate]:
    return {step.name: step.fate for step in steps}


def changes(controller: Controller) -> list[str]:
    return [each for each in controller.seen if each.startswith("POST")]


def test_ours_are_created_once_folders_first(controller: Controller, installer: Installer) -> None:
    first = install(installer, JOBS)
    assert fates(first) == {
        each.relative_to(JOBS).with_suffix("").as_posix(): Fate.CREATED for each in JOBS.rglob("*.xml")
    }
    assert [step.reason for step in first] == [""] * len(first)
    before = len(changes(controller))
    again = installer.plan(read_definitions(JOBS))
    assert set(fates(again).values()) == {Fate.UNCHANGED}
    assert set(fates(list(installer.carry_out(again))).values()) == {Fate.UNCHANGED}
    assert len(changes(controller)) == before


def test_what_the_server_wrote_defines_the_same_as_the_file(
    controller: Controller, installer: Installer, tmp_path: Path
) -> None:
    """File, server, file, another server: nothing to do at either of them."""
    install(installer, JOBS)
    for name, job in controller.jobs.items():
        write(tmp_path, **{name.replace("/", "__"): job.xml})
    assert set(fates(installer.plan(read_definitions(tmp_path))).values()) == {Fate.UNCHANGED}
    controller.jobs.clear()
    install(installer, tmp_path)
    assert set(fates(installer.plan(read_definitions(JOBS))).values()) == {Fate.UNCHANGED}


def test_planning_changes_nothing(controller: Controller, installer: Installer) -> None:
    steps = installer.plan(read_definitions(JOBS))
    assert {step.fate for step in steps} == {Fate.CREATE}
    assert all(step.difference[0] == "--- (nothing)" for step in steps)
    assert changes(controller) == []


def test_a_change_is_shown_and_made(controller: Controller, installer: Installer, tmp_path: Path) -> None:
    install(installer, write(tmp_path, shop=FOLDER.format(""), shop__smoke=PIPELINE.format("old")))
    write(tmp_path, shop__smoke=PIPELINE.format("new"))
    steps = installer.plan(read_definitions(tmp_path))
    assert fates(steps) == {"shop": Fate.UNCHANGED, "shop/smoke": Fate.CHANGE}
    assert "-  <description>old</description>" in steps[1].difference
    assert "+  <description>new</description>" in steps[1].difference
    assert [step.fate for step in installer.carry_out(steps)] == [Fate.UNCHANGED, Fate.CHANGED]
    assert "<description>new</description>" in controller.jobs["shop/smoke"].xml


def test_credentials_of_a_folder_are_neither_shown_nor_taken_away(
    controller: Controller, installer: Installer, tmp_path: Path
) -> None:
    """They are the one part of a definition that people enter, and that no file can state."""
    install(installer, write(tmp_path, shop=FOLDER.format("<description>old</description>")))
    entered = (
        "<com.cloudbees.hudson.plugins.folder.properties.FolderCredentialsProvider_-FolderCredentialsProperty>"
        '<domainCredentialsMap class="hudson.util.CopyOnWriteMap$Hash"><entry>'
        "<com.cloudbees.plugins.credentials.domains.Domain><specifications/></com.cloudbees.plugins.credentials.domains."
        "Domain><java.util.concurrent.CopyOnWriteArrayList><com.cloudbees.plugins.credentials.impl."
        "UsernamePasswordCredentialsImpl><id>deliverkit-jenkins</id><username>deliverkit</username><password>{AQAAABAAAAAg"
        "3yfjMz4b6Yc=}</password></com.cloudbees.plugins.credentials.impl.UsernamePasswordCredentialsImpl></java.util."
        "concurrent.CopyOnWriteArrayList></entry></domainCredentialsMap></com.cloudbees.hudson.plugins.folder.properties."
        "FolderCredentialsProvider_-FolderCredentialsProperty>"
    )
    controller.jobs["shop"].xml = kept(
        FOLDER.format(f"<description>old</description><properties>{entered}</properties>")
    )
    there = parse(controller.jobs["shop"].xml, "shop").child("properties")
    assert fates(installer.plan(read_definitions(tmp_path))) == {"shop": Fate.UNCHANGED}
    rights = "<properties><a.Matrix><permission>x</permission></a.Matrix></properties>"
    write(tmp_path, shop=FOLDER.format(f"<description>new</description>{rights}"))
    [step] = installer.plan(read_definitions(tmp_path))
    assert "redentials" not in "\n".join(step.difference)
    assert [(done.fate, done.reason) for done in installer.carry_out([step])] == [(Fate.CHANGED, "")]
    now = parse(controller.jobs["shop"].xml, "shop").child("properties")
    assert there
    assert now
    assert [each.name for each in now.children] == ["a.Matrix", there.children[0].name]
    assert now.children[1] == there.children[0]


def test_views_of_a_folder_and_notes_of_a_job_survive_a_change(
    controller: Controller, installer: Installer, tmp_path: Path
) -> None:
    view = "<hudson.model.ListView><name>mine</name></hudson.model.ListView>"
    mine = f'<folderViews class="x"><views>{view}</views></folderViews>'
    note = "<actions><hudson.plugins.Note><text>&#x1b;[1m</text></hudson.plugins.Note></actions>"
    install(installer, write(tmp_path, shop=FOLDER.format(""), smoke=PIPELINE.format("old")))
    controller.jobs["shop"].xml = FOLDER.format(mine)
    controller.jobs["smoke"].xml = f"<?xml version='1.1'?><flow-definition>{note}</flow-definition>"
    steps = install(
        installer, write(tmp_path, shop=FOLDER.format("<description>d</description>"), smoke=PIPELINE.format("new"))
    )
    assert fates(steps) == {"shop": Fate.CHANGED, "smoke": Fate.CHANGED}
    assert "<name>mine</name>" in controller.jobs["shop"].xml
    assert "<text>&#x1b;[1m</text>" in controller.jobs["smoke"].xml
    assert controller.jobs["smoke"].xml.startswith("<?xml version='1.1'")


def test_nothing_is_ever_removed(controller: Controller, installer: Installer, tmp_path: Path) -> None:
    controller.add_job("shop/by-hand")
    install(installer, write(tmp_path, shop=FOLDER.format("<description>d</description>")))
    assert "shop/by-hand" in controller.jobs


def test_one_that_is_refused_does_not_hide_the_others(
    controller: Controller, installer: Installer, tmp_path: Path
) -> None:
    write(tmp_path, a=PIPELINE.format("a"), b=PIPELINE.format("b"), c=PIPELINE.format("c"))
    controller.interfere(
        Interference(500, page("Oops!", "A problem occurred while processing the request")),
        concerns=lambda asked: "createItem?name=b" in asked,
    )
    steps = install(installer, tmp_path)
    assert fates(steps) == {"a": Fate.CREATED, "b": Fate.FAILED, "c": Fate.CREATED}
    assert steps[1].reason.startswith("Jenkins does not accept the definition of b (500)")
    assert "\n" not in steps[1].reason
    assert "<" not in steps[1].reason
    assert len(steps[1].reason) < 300


def test_what_lies_in_a_folder_that_was_refused_is_not_tried(
    controller: Controller, installer: Installer, tmp_path: Path
) -> None:
    write(tmp_path, shop=FOLDER.format(""), shop__a=PIPELINE.format("a"), shop__in=FOLDER.format(""))
    write(tmp_path, shop__in__b=PIPELINE.format("b"), z=PIPELINE.format("z"))
    controller.interfere(Interference(400, page("Error", "no")), concerns=lambda asked: "createItem?name=shop" in asked)
    steps = {step.name: step for step in install(installer, tmp_path)}
    assert {name for name, step in steps.items() if step.fate is Fate.CREATED} == {"z"}
    assert steps["shop/a"].reason == "not tried: its folder shop is not there"
    assert steps["shop/in/b"].reason == "not tried: its folder shop/in is not there"
    assert controller.jobs.keys() == {"z"}


def test_a_folder_where_a_job_should_be(controller: Controller, installer: Installer, tmp_path: Path) -> None:
    controller.add_job("shop")
    controller.add_folder("smoke")
    write(tmp_path, shop=FOLDER.format(""), shop__a=PIPELINE.format("a"), smoke=PIPELINE.format("s"))
    steps = {step.name: step for step in install(installer, tmp_path)}
    assert {step.fate for step in steps.values()} == {Fate.FAILED}
    assert steps["shop"].reason.startswith("on the server it is a pipeline job, and ")
    assert steps["smoke"].reason.startswith("on the server it is a folder, and ")
    assert "shop cannot be made" in steps["shop/a"].reason
    assert changes(controller) == []


def test_a_folder_that_is_defined_nowhere(controller: Controller, installer: Installer, tmp_path: Path) -> None:
    write(tmp_path, shop__a=PIPELINE.format("a"))
    [step] = install(installer, tmp_path)
    assert (step.fate, step.reason) == (
        Fate.FAILED,
        "there is no folder shop on the server; define it, in shop.xml",
    )
    controller.add_folder("shop")
    assert fates(install(installer, tmp_path)) == {"shop/a": Fate.CREATED}


def test_names_that_addresses_have_to_spell(controller: Controller, installer: Installer, tmp_path: Path) -> None:
    write(tmp_path, Käse=FOLDER.format(""), **{"Käse__发布 + 1": PIPELINE.format("ü &amp; &lt;b&gt;")})
    assert set(fates(install(installer, tmp_path)).values()) == {Fate.CREATED}
    assert controller.jobs.keys() == {"Käse", "Käse/发布 + 1"}
    assert set(fates(install(installer, tmp_path)).values()) == {Fate.UNCHANGED}


def test_somebody_else_changes_it_meanwhile(controller: Controller, installer: Installer, tmp_path: Path) -> None:
    write(tmp_path, gone=PIPELINE.format("g"), made=PIPELINE.format("m"), changed=PIPELINE.format("c"))
    for name in ("gone", "changed"):
        controller.jobs[name] = Job(xml=PIPELINE.format("before"))
    steps = installer.plan(read_definitions(tmp_path))
    del controller.jobs["gone"]
    controller.jobs["made"] = Job(xml=PIPELINE.format("by hand"))
    controller.jobs["changed"].xml = PIPELINE.format("by hand")
    done = {step.name: step for step in installer.carry_out(steps)}
    assert {step.fate for step in done.values()} == {Fate.FAILED}
    assert done["gone"].reason.startswith("it was removed from the server meanwhile")
    assert done["made"].reason.startswith("made exists already")
    assert "this user may not see it" in done["made"].reason
    assert done["changed"].reason.startswith("somebody changed it on the server meanwhile")
    assert "by hand" in controller.jobs["changed"].xml


def test_a_server_that_keeps_something_else_is_told_about(
    controller: Controller, installer: Installer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plugin of another version may drop what it does not know, or add what it wants to be stated."""
    import jenkins_xml  # noqa: PLC0415

    write(tmp_path, a="<flow-definition><quietPeriod>5</quietPeriod></flow-definition>")
    monkeypatch.setitem(jenkins_xml._LEFT_OUT, "flow-definition", "<resumeBlocked>true</resumeBlocked>")
    [step] = install(installer, tmp_path)
    assert step.fate is Fate.CREATED
    assert step.reason == (
        "the server keeps it differently: -  <resumeBlocked>true</resumeBlocked>; "
        f"until {tmp_path / 'a.xml'} says the same, each installation changes it again"
    )


def test_a_user_who_may_not(controller: Controller, installer: Installer, tmp_path: Path) -> None:
    controller.people[ALICE] = Person(TOKEN, may=frozenset({"read"}))
    write(tmp_path, **{name: PIPELINE.format(name) for name in "abcd"})
    steps = install(installer, tmp_path)
    assert {step.fate for step in steps} == {Fate.FAILED}
    assert all(isinstance(step.error, DeniedError) for step in steps)
    assert "permission Create" in steps[3].reason, "each was tried: a denial tells nothing about the next one"


def test_a_server_that_is_gone_before(controller: Controller, installer: Installer, tmp_path: Path) -> None:
    write(tmp_path, a=PIPELINE.format("a"))
    controller.interfere(*[Interference(503, page("Starting", "wait"))] * 20)
    with pytest.raises(UnreachableError):
        installer.plan(read_definitions(tmp_path))


def test_a_server_that_goes_in_between(controller: Controller, installer: Installer, tmp_path: Path) -> None:
    write(tmp_path, **{name: PIPELINE.format(name) for name in "abcdef"})
    steps = installer.plan(read_definitions(tmp_path))
    done = []
    for step in installer.carry_out(steps):
        done.append(step)
        controller.interfere(*[Interference(503, page("Starting", "wait"))] * 99)
    assert [step.fate for step in done] == [Fate.CREATED, *[Fate.FAILED] * 5]
    assert [step.reason for step in done[3:]] == ["not tried: the server does not answer"] * 3
    controller.interfere()
    assert list(fates(install(installer, tmp_path)).values()).count(Fate.UNCHANGED) == 1


def test_an_answer_that_is_lost(controller: Controller, installer: Installer, tmp_path: Path) -> None:
    """Whether it was made is found out by looking, at the next installation: nothing is made twice."""
    write(tmp_path, a=PIPELINE.format("a"))
    controller.lost_answers = 1
    [step] = install(installer, tmp_path)
    assert (step.fate, controller.jobs.keys()) == (Fate.FAILED, {"a"})
    assert isinstance(step.error, UnreachableError)
    assert fates(install(installer, tmp_path)) == {"a": Fate.UNCHANGED}


# --- files -----------------------------------------------------------------------------------------


def refusal(directory: Path) -> str:
    with pytest.raises(UsageError) as refused:
        read_definitions(directory)
    return refused.value.message


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    write(tmp_path, good=PIPELINE.format("x"), bad="<flow-definition>", **{"what?": "<p/>"}, Smoke="<p/>", smoke="<p/>")
    write(tmp_path, good__inside=PIPELINE.format("x"))
    (tmp_path / "binary.xml").write_bytes(b"<p>\xff</p>")
    (tmp_path / "large.xml").write_bytes(b" " * (5 * 1024 * 1024))
    (tmp_path / "dir.xml").mkdir()
    (tmp_path / "linked.xml").symlink_to("/etc/hostname")
    (tmp_path / "elsewhere").symlink_to("/etc")
    told = refusal(tmp_path)
    for part in (
        f"{tmp_path}/bad.xml:1: not XML: no element found",
        f"{tmp_path}/binary.xml is not UTF-8: byte 4",
        f"{tmp_path}/large.xml is larger than",
        f"{tmp_path}/what?.xml: a name must not have '?'",
        f"{tmp_path}/linked.xml is a symbolic link",
        f"{tmp_path}/elsewhere is a symbolic link",
        f"{tmp_path}/Smoke.xml and {tmp_path}/smoke.xml define the same job",
        f"{tmp_path}/good/inside.xml lies in good, which {tmp_path}/good.xml defines as a pipeline job, not a folder",
    ):
        assert part in told, told
    assert told.startswith("8 faults in the definitions, and nothing was asked of the server:\n")


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    write(tmp_path, a=PIPELINE.format("a"))
    (tmp_path / "README.md").write_text("# jobs\n")
    (tmp_path / ".b.xml").write_text("no")
    shutil.copytree(JOBS, tmp_path / ".git")
    assert [each.name for each in read_definitions(tmp_path)] == ["a"]


def test_a_wrong_directory_is_noticed(tmp_path: Path) -> None:
    deep = tmp_path / "node_modules"
    deep.mkdir()
    for number in range(10_001):
        (deep / f"{number}.js").touch()
    assert "holds more than 10,000 files and folders; is it the right one?" in refusal(tmp_path)


@pytest.mark.parametrize("place", ["nowhere", "a.xml", "empty"])
def test_a_place_without_definitions(tmp_path: Path, place: str) -> None:
    write(tmp_path, a=PIPELINE.format("a"))
    (tmp_path / "empty").mkdir()
    assert refusal(tmp_path / place).startswith(str(tmp_path / place))
