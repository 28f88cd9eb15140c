"""The controller as code: casc.yaml, plugins.txt and the job definitions fit each other and the repository.

What the plugins accept is checked against keys that their documentation names: one they do not know keeps a controller
from starting.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jenkins_xml import kept
from ruamel.yaml import YAML

from deliverkit._version import __version__
from deliverkit.adapters.job_files import read_definitions
from deliverkit.cli.main import build_parser
from deliverkit.domain.build import REQUEST
from deliverkit.domain.job_xml import Element, canonical

ROOT = Path(__file__).parents[2]
JENKINS = ROOT / "jenkins"
CASC = YAML(typ="safe").load((JENKINS / "casc.yaml").read_text(encoding="utf-8"))
JOBS = {each.name: each for each in read_definitions(JENKINS / "jobs")}
PLUGINS = {
    line.split(":")[0]
    for line in (JENKINS / "plugins.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
}
SCHEMA: dict[str, Any] = {
    "jenkins": {
        "systemMessage": str,
        "numExecutors": int,
        "mode": str,
        "securityRealm": {
            "ldap": {
                "configurations": [
                    {"server": str, "rootDN": str, "managerDN": str, "managerPasswordSecret": str},
                ]
            }
        },
        "authorizationStrategy": {"projectMatrix": {"entries": [{"group": {"name": str, "permissions": [str]}}]}},
        "nodes": [
            {
                "permanent": {
                    "name": str,
                    "nodeDescription": str,
                    "labelString": str,
                    "mode": str,
                    "numExecutors": int,
                    "remoteFS": str,
                    "retentionStrategy": str,
                    "launcher": {
                        "ssh": {
                            "host": str,
                            "port": int,
                            "credentialsId": str,
                            "sshHostKeyVerificationStrategy": {"manuallyProvidedKeyVerificationStrategy": {"key": str}},
                        }
                    },
                }
            }
        ],
    },
    "credentials": {
        "system": {
            "domainCredentials": [
                {
                    "credentials": [
                        {
                            "usernamePassword": {
                                "scope": str,
                                "id": str,
                                "description": str,
                                "username": str,
                                "password": str,
                            },
                            "basicSSHUserPrivateKey": {
                                "scope": str,
                                "id": str,
                                "description": str,
                                "username": str,
                                "privateKeySource": {"directEntry": {"privateKey": str}},
                            },
                        }
                    ]
                }
            ]
        }
    },
    "unclassified": {
        "location": {"url": str, "adminAddress": str},
        "globalLibraries": {
            "libraries": [
                {
                    "name": str,
                    "defaultVersion": str,
                    "implicit": bool,
                    "allowVersionOverride": bool,
                    "includeInChangesets": bool,
                    "retriever": {
                        "modernSCM": {"libraryPath": str, "scm": {"git": {"id": str, "remote": str}}},
                    },
                }
            ]
        },
    },
}
"""The attributes that are used, as the plugins document them (jenkinsci: configuration-as-code, matrix-auth 3.2, ldap,
ssh-slaves, credentials, pipeline-groovy-lib, git)."""


def unknown(value: Any, schema: Any, path: str = "") -> Iterator[str]:
    if isinstance(schema, dict):
        assert isinstance(value, dict), path
        for key, inside in value.items():
            if key in schema:
                yield from unknown(inside, schema[key], f"{path}/{key}")
            else:
                yield f"{path}/{key}"
    elif isinstance(schema, list):
        assert isinstance(value, list), path
        for number, each in enumerate(value):
            yield from unknown(each, schema[0], f"{path}/{number}")
    else:
        assert isinstance(value, schema), path


def texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inside in value.items():
            yield from texts(inside, f"{path}/{key}")
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from texts(each, f"{path}/{number}")
    elif isinstance(value, str):
        yield path, value


def elements(element: Element) -> Iterator[Element]:
    yield element
    for each in element.children:
        yield from elements(each)


def named(name: str, *elements_of: Element) -> list[str]:
    return [each.text for root in elements_of for each in elements(root) if each.name == name]


CREDENTIALS = {
    each["id"]: each
    for domain in CASC["credentials"]["system"]["domainCredentials"]
    for entry in domain["credentials"]
    for each in entry.values()
}
[LIBRARY] = CASC["unclassified"]["globalLibraries"]["libraries"]
GROUPS = {"release-managers", "developers"}


def test_every_attribute_is_one_that_the_plugins_document() -> None:
    assert list(unknown(CASC, SCHEMA)) == []
    assert list(unknown({"jenkins": {"mood": 1}}, SCHEMA)) == ["/jenkins/mood"]


def test_no_secret_is_in_it() -> None:
    secretive = re.compile(r"password|secret|privateKey$|token", re.IGNORECASE)
    values = [(path, text) for path, text in texts(CASC) if secretive.search(path.rsplit("/", 1)[1])]
    assert len(values) >= 3
    assert [path for path, text in values if not re.fullmatch(r"\$\{[A-Z_]+\}", text)] == []
    for path in (JENKINS / "casc.yaml", *(JENKINS / "jobs").rglob("*.xml")):
        content = path.read_text(encoding="utf-8")
        assert not re.search(r"\{AQA[A-Za-z0-9+/=]+\}|AKIA[A-Z0-9]{16}|BEGIN [A-Z ]*PRIVATE KEY", content), path


def test_every_variable_is_explained() -> None:
    variables = {name for _, text in texts(CASC) for name in re.findall(r"\$\{([^}:]+)", text)}
    readme = (JENKINS / "README.md").read_text(encoding="utf-8")
    assert {name for name in variables if f"`{name}`" not in readme} == set()


def test_the_library_is_the_one_of_this_release() -> None:
    assert LIBRARY["name"] == "deliverkit"
    assert LIBRARY["defaultVersion"] == f"v{__version__}"
    assert not LIBRARY["allowVersionOverride"]
    place = ROOT / LIBRARY["retriever"]["modernSCM"]["libraryPath"]
    assert place == JENKINS
    # Jenkins refuses a library with symbolic links in it (SCMBasedRetriever.rejectSpecialFiles).
    links = [path for name in ("vars", "src", "resources") for path in (place / name).rglob("*") if path.is_symlink()]
    assert links == []


def test_credentials_that_are_referred_to_exist() -> None:
    used = {each for each in named("credentialsId", *(job.root for job in JOBS.values())) if each}
    used |= {text for path, text in texts(CASC) if path.endswith("/credentialsId")}
    for path in JENKINS.rglob("*"):
        if path.name.startswith("Jenkinsfile") or path.suffix == ".groovy":
            script = path.read_text(encoding="utf-8")
            used |= set(re.findall(r"(?:credentialsId:|\bcredentials\()\s*'([^']+)'", script))
    assert used >= {"storefront-git", "deliverkit-agent"}
    assert used - CREDENTIALS.keys() == set()


def test_jobs_ask_for_the_labels_that_the_agents_have() -> None:
    labels = {node["permanent"]["labelString"] for node in CASC["jenkins"]["nodes"]}
    scripts = named("script", *(job.root for job in JOBS.values()))
    scripts += [path.read_text(encoding="utf-8") for path in JENKINS.glob("Jenkinsfile*")]
    asked = {label for script in scripts for label in re.findall(r"(?:label|node\()\s*'([^']+)'", script)}
    asked |= set(named("assignedNode", *(job.root for job in JOBS.values())))
    assert asked == labels == {"deliverkit", "build"}


def test_jobs_that_anybody_can_start_with_their_own_values_run_where_no_role_is() -> None:
    """A revision, an address: what stands in the definition itself never asks for the agent that delivers."""
    scripts = named("script", *(job.root for job in JOBS.values()))
    asked = {label for script in scripts for label in re.findall(r"(?:label|node\()\s*'([^']+)'", script)}
    assert asked | set(named("assignedNode", *(job.root for job in JOBS.values()))) == {"build"}


def test_jenkinsfiles_that_jobs_name_are_here() -> None:
    names = named("scriptPath", *(job.root for job in JOBS.values()))
    assert sorted(names) == ["Jenkinsfile", "Jenkinsfile.multibranch"]
    assert [name for name in names if not (JENKINS / name).is_file()] == []


def test_the_groups_are_the_ones_that_may_answer() -> None:
    rights = named("permission", JOBS["storefront"].root)
    assert {each.rsplit(":", 1)[1] for each in rights if each.startswith("GROUP:")} == GROUPS
    assert "GROUP:hudson.model.Item.Cancel:release-managers" in rights
    assert "submitter: 'release-managers'" in (JENKINS / "Jenkinsfile").read_text(encoding="utf-8")


def rights(name: str) -> dict[str, set[str]]:
    """The permissions of users and groups, by `USER:name` or `GROUP:name`."""
    found: dict[str, set[str]] = {}
    for each in named("permission", JOBS[name].root):
        kind, permission, who = each.split(":")
        found.setdefault(f"{kind}:{who}", set()).add(permission.removeprefix("hudson.model."))
    return found


def test_branches_lie_outside_the_folder_whose_credentials_deliveries_use() -> None:
    [branches] = [job for job in JOBS.values() if "WorkflowMultiBranchProject" in job.root.name]
    assert branches.folder == ""
    assert "deliverkit-jenkins" not in CREDENTIALS, "every build of every branch could ask for it"
    assert rights("storefront").keys() >= rights(branches.name).keys() - {"USER:deliverkit"}
    assert "USER:deliverkit" not in rights(branches.name)


def test_nobody_whose_token_builds_can_use_changes_jobs() -> None:
    changes = {"Item.Configure", "Item.Create"}
    for name in ("storefront", "storefront-branches"):
        assert {who for who, may in rights(name).items() if may & changes} == {"USER:deliverkit-install"}
        assert rights(name)["USER:deliverkit-install"] <= {*changes, "Item.Discover", "Item.Read"}
    assert rights("storefront")["USER:deliverkit"] >= {"Item.Build", "Item.Cancel", "Item.Read"}
    names = {each.get("username") for each in CREDENTIALS.values()}
    assert names & {"deliverkit", "deliverkit-install"} == set()
    readme = (JENKINS / "README.md").read_text(encoding="utf-8")
    assert "`deliverkit-install`" in readme


def test_what_the_definitions_need_is_among_the_plugins() -> None:
    needed = {
        "cloudbees-folder": "com.cloudbees.hudson.plugins.folder.",
        "matrix-auth": "org.jenkinsci.plugins.matrixauth.",
        "git": "hudson.plugins.git.",
        "branch-api": "jenkins.branch.",
        "workflow-multibranch": "org.jenkinsci.plugins.workflow.multibranch.",
        "workflow-aggregator": "org.jenkinsci.plugins.workflow.cps.",
    }
    content = "".join(job.xml for job in JOBS.values())
    assert {plugin for plugin, package in needed.items() if package in content} - PLUGINS == set()
    assert needed.keys() - PLUGINS == set()


def plain(xml: str) -> list[str]:
    """The lines of a definition without comments."""
    return re.sub(r"\n *<!--.*?-->", "", xml, flags=re.DOTALL).splitlines()


def made_by_jenkins(xml: str) -> str:
    """Without what people arrange on the server, and versions of plugins, of which a file speaks not."""
    without = re.sub(r' plugin="[^"]*"', "", xml)
    if "<com.cloudbees.hudson.plugins.folder.Folder>" not in without:
        return without
    return re.sub(r"\n  <folderViews.*\n  <icon [^\n]*", "", without, flags=re.DOTALL)


@pytest.mark.parametrize("name", JOBS)
def test_definitions_are_written_as_jenkins_writes_them(name: str) -> None:
    job = JOBS[name]
    assert job.xml.startswith("<?xml version='1.1' encoding='UTF-8'?>\n")
    assert "plugin=" not in job.xml, "a version that is installed nowhere"
    assert plain(job.xml) == plain(made_by_jenkins(kept(job.xml)))
    assert canonical(job.root).child("description") is not None


@pytest.mark.parametrize("name", [name for name, job in JOBS.items() if job.kind in {"pipeline job", "freestyle job"}])
def test_a_job_that_has_never_run_takes_our_requests(name: str) -> None:
    parameters = JOBS[name].root.child("properties")
    assert parameters is not None
    assert REQUEST in named("name", parameters)


def test_what_a_job_sets_is_what_its_jenkinsfile_sets() -> None:
    """The first build would otherwise change the job, and the next installation change it back."""
    options = (JENKINS / "Jenkinsfile").read_text(encoding="utf-8")
    delivery = canonical(JOBS["storefront/delivery"].root)
    assert ("disableConcurrentBuilds()" in options) == ("DisableConcurrentBuildsJobProperty" in str(delivery))
    [kept] = re.findall(r"numToKeepStr: '(\d+)'", options)
    assert named("numToKeep", delivery) == [kept]


def test_commands_in_the_readme_can_be_typed() -> None:
    lines = (JENKINS / "README.md").read_text(encoding="utf-8").splitlines()
    commands = [line.strip() for line in lines if line.startswith("    deliverkit ") and line.count("'") % 2 == 0]
    assert len(commands) >= 5
    for command in commands:
        words = shlex.split(command, comments=True)
        assert build_parser().parse_args(words[1:]).run, command


def test_scripts_inside_jobs_are_sandboxed() -> None:
    for job in JOBS.values():
        for definition in (each for each in elements(job.root) if each.name == "definition"):
            assert "CpsScmFlowDefinition" in str(definition.attributes) or named("sandbox", definition) == ["true"]
