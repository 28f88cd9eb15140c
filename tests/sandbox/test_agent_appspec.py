"""What the host agent accepts in an appspec file, and what it says to the rest."""

from __future__ import annotations

import pytest
from agent_bench import appspec
from hypothesis import given
from hypothesis import strategies as st

from deliverkit.sandbox.agent.appspec import FileMapping, Script, parse_appspec
from deliverkit.sandbox.agent.errors import AppSpecError


def scripts(entry: str) -> tuple[Script, ...]:
    return parse_appspec(appspec(f"hooks:\n  AfterInstall:\n    - {entry}\n")).hooks["AfterInstall"]


def test_everything_an_appspec_may_say() -> None:
    parsed = parse_appspec(
        appspec(
            "files:\n  - {source: /, destination: /opt/shop}\n  - source: a.txt\n    destination: /etc\n"
            "file_exists_behavior: RETAIN\n"
            "permissions:\n"
            "  - {object: /opt/shop, pattern: '*.sh', except: [x.sh], type: [file], mode: 755, owner: root}\n"
            "hooks:\n  AfterInstall:\n"
            "    - {location: scripts/a.sh, timeout: 7, runas: deploy, sudo: true}\n    - location: scripts/b.sh\n"
        )
    )
    assert parsed.files == (FileMapping("/", "/opt/shop"), FileMapping("a.txt", "/etc"))
    assert parsed.file_exists_behavior == "RETAIN"
    [permission] = parsed.permissions
    assert (permission.mode, permission.owner, permission.types) == ("755", "root", ("file",))
    assert parsed.hooks == {
        "AfterInstall": (Script("scripts/a.sh", 7, "deploy", sudo=True), Script("scripts/b.sh", 3600, None, sudo=False))
    }


@pytest.mark.parametrize("version", ["0.0", "0", "0.00"])
def test_version_zero_in_every_spelling_of_the_number(version: str) -> None:
    assert parse_appspec(f"version: {version}\nos: linux\n").files == ()


@pytest.mark.parametrize("version", ["'0.0'", "1.0", "false", "", "0.1", "none"])
def test_any_other_version_is_refused(version: str) -> None:
    with pytest.raises(AppSpecError, match="invalid version value"):
        parse_appspec(f"version: {version}\nos: linux\n")


@pytest.mark.parametrize("name", ["windows", "Linux", "", "macos"])
def test_another_operating_system_is_refused(name: str) -> None:
    with pytest.raises(AppSpecError, match=r"unsupported operating system \("):
        parse_appspec(f"version: 0.0\nos: {name}\n")


def test_an_empty_file_is_refused() -> None:
    for text in ("", "# nothing\n", "---\n"):
        with pytest.raises(AppSpecError, match="is empty"):
            parse_appspec(text)


def test_broken_yaml_is_refused_with_its_place() -> None:
    with pytest.raises(AppSpecError, match=r"not valid YAML[\s\S]*line 2"):
        parse_appspec("version: 0.0\nos: [linux\n")


def test_unknown_keys_and_hooks_are_read_over() -> None:
    parsed = parse_appspec(appspec("colour: red\nhooks:\n  AfterInstal:\n    - location: a.sh\n"))
    assert parsed.hooks == {"AfterInstal": (Script("a.sh"),)}


@pytest.mark.parametrize(
    ("written", "seconds"), [("5m", 5), ("'30'", 30), ("2.9", 2), ("90 minutes", 90), ("86400", 86400)]
)
def test_a_timeout_is_the_integer_at_its_beginning(written: str, seconds: int) -> None:
    assert scripts(f"{{location: a.sh, timeout: {written}}}")[0].timeout == seconds


@pytest.mark.parametrize("written", ["0", "-1", "abc", "0.5", "m5", "''"])
def test_a_timeout_that_is_no_positive_integer_is_refused(written: str) -> None:
    with pytest.raises(AppSpecError, match="invalid timeout value"):
        scripts(f"{{location: a.sh, timeout: {written}}}")


@given(st.integers(min_value=1, max_value=10**9), st.text("smh .xyz", max_size=5))
def test_what_follows_the_digits_never_changes_a_timeout(seconds: int, rest: str) -> None:
    assert scripts(f"{{location: a.sh, timeout: '{seconds}{rest}'}}")[0].timeout == seconds


@pytest.mark.parametrize("entry", ["{timeout: 5}", "{location: }", "{location: '  '}"])
def test_a_script_needs_a_location(entry: str) -> None:
    with pytest.raises(AppSpecError, match="a script with no location value"):
        scripts(entry)


def test_a_hook_without_scripts_is_refused_when_empty_and_a_noop_when_it_is_an_empty_list() -> None:
    with pytest.raises(AppSpecError, match=r"hook AfterInstall .* lists no scripts"):
        parse_appspec(appspec("hooks:\n  AfterInstall:\n"))
    assert parse_appspec(appspec("hooks:\n  AfterInstall: []\n")).hooks["AfterInstall"] == ()


@pytest.mark.parametrize(("entry", "missing"), [("{source: a}", "destination"), ("{destination: /a}", "source")])
def test_a_file_needs_source_and_destination(entry: str, missing: str) -> None:
    with pytest.raises(AppSpecError, match=f"a file with no {missing} value"):
        parse_appspec(appspec(f"files:\n  - {entry}\n"))


@pytest.mark.parametrize("section", ["files", "permissions"])
def test_a_section_that_is_no_list_of_mappings_is_refused(section: str) -> None:
    for value in ("yes", "[a, b]", "{a: b}"):
        with pytest.raises(AppSpecError, match=f"the {section} section .* is not a list of mappings"):
            parse_appspec(appspec(f"{section}: {value}\n"))


@pytest.mark.parametrize("value", ["overwrite", "Retain", "KEEP", "1", "[RETAIN]"])
def test_file_exists_behavior_knows_three_words_in_upper_case(value: str) -> None:
    with pytest.raises(AppSpecError, match="file_exists_behavior"):
        parse_appspec(appspec(f"file_exists_behavior: {value}\n"))


@pytest.mark.parametrize(
    ("written", "mode"),
    [("644", "644"), ("'0644'", "0644"), ("4755", "4755"), ("7", "007"), ("''", "000"), ("0644", "420")],
)
def test_a_mode_is_up_to_four_octal_digits(written: str, mode: str) -> None:
    # The last one is YAML 1.1, as the agent reads it: an unquoted 0644 is the number 420, and that is taken for octal.
    [permission] = parse_appspec(appspec(f"permissions:\n  - {{object: /a, mode: {written}}}\n")).permissions
    assert permission.mode == mode


@pytest.mark.parametrize("written", ["888", "'00644'", "rwx", "'0o644'", "-1"])
def test_any_other_mode_is_refused(written: str) -> None:
    with pytest.raises(AppSpecError, match="octal digits"):
        parse_appspec(appspec(f"permissions:\n  - {{object: /a, mode: {written}}}\n"))


def test_a_permission_needs_an_object_and_known_types() -> None:
    with pytest.raises(AppSpecError, match="has no object value"):
        parse_appspec(appspec("permissions:\n  - {mode: 644}\n"))
    with pytest.raises(AppSpecError, match=r"not supported for permissions \(link\)"):
        parse_appspec(appspec("permissions:\n  - {object: /a, type: [link]}\n"))


@pytest.mark.parametrize("entry", ["except: x.py", "acls: 'u:deploy:rw'", "except: 5"])
def test_what_the_agent_goes_through_must_be_a_list(entry: str) -> None:
    with pytest.raises(AppSpecError, match="undefined method `each'"):
        parse_appspec(appspec(f"permissions:\n  - {{object: /a, {entry}}}\n"))


@pytest.mark.parametrize(
    ("pattern", "exceptions", "path", "is_covered"),
    [
        ("**", "[]", "/opt/shop/a/b/c", True),
        ("**", "[]", "/opt/shop", False),
        ("**", "[]", "/opt/shopping", False),
        ("*.sh", "[]", "/opt/shop/run.sh", True),
        ("*.sh", "[]", "/opt/shop/bin/run.sh", False),
        ("*.sh", "[]", "/opt/shop/runxsh", False),
        ("**", "['*.md']", "/opt/shop/README.md", False),
        ("**", "['*.md']", "/opt/shop/docs/README.md", True),
        ("a*b*c", "[]", "/opt/shop/axxbc", True),
    ],
)
def test_which_paths_a_permission_is_about(pattern: str, exceptions: str, path: str, is_covered: bool) -> None:
    entry = f"{{object: /opt/shop/, pattern: '{pattern}', except: {exceptions}}}"
    [permission] = parse_appspec(appspec(f"permissions:\n  - {entry}\n")).permissions
    assert permission.covers(path) is is_covered


def test_of_two_equal_keys_the_last_one_counts() -> None:
    assert parse_appspec("version: 1.0\nversion: 0.0\nos: linux\n").hooks == {}
