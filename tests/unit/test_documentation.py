"""What the documents say is so."""

from __future__ import annotations

import re
from pathlib import Path

import botocore.session

import deliverkit
from deliverkit import _HOMES, __all__
from deliverkit.cli.main import COMMANDS, build_parser
from deliverkit.cli.reference import page
from deliverkit.errors import ExitCode

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readme_shows_both_commands_on_its_first_screen() -> None:
    screen = "\n".join(README.splitlines()[:24])
    assert "./scripts/demo" in screen
    assert "./scripts/test" in screen


def test_the_readme_example_is_fifteen_lines_of_public_names() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert len([line for line in example.splitlines() if line.strip()]) <= 15
    compile(example, "README.md", "exec")


def test_every_command_in_the_readme_parses() -> None:
    typed = re.findall(r"^ {4}(?:eval \"\$\()?deliverkit ([^#\n\")]*)", README, flags=re.MULTILINE)
    parser = build_parser()
    for line in typed:
        words = line.replace("ID", "production-1").split()
        if "--reason" in words:
            words = [*words[: words.index("--reason")], "--reason", "because"]
        assert words[0] in COMMANDS
        parser.parse_args(words)
    assert len(typed) >= 8


def test_every_relative_link_leads_somewhere() -> None:
    for document in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_the_rules_of_the_lint_are_as_many_as_is_said() -> None:
    page = (ROOT / "docs" / "reference" / "lint-rules.md").read_text(encoding="utf-8")
    count = len(set(re.findall(r"^\| `([a-z0-9-]+)`", page, flags=re.MULTILINE)))
    for document in ("README.md", "CHANGELOG.md"):
        assert re.findall(r"(\d+) rules", (ROOT / document).read_text(encoding="utf-8")) == [str(count)], document


def test_every_exit_code_is_documented() -> None:
    page = (ROOT / "docs" / "reference" / "exit-codes.md").read_text(encoding="utf-8")
    rows = {int(number): name for number, name in re.findall(r"^\| (\d+) \| (\w+) \|", page, flags=re.MULTILINE)}
    assert rows == {code.value: code.name for code in ExitCode}


def test_public_names_exist() -> None:
    assert set(__all__) == {*_HOMES, "__version__"}
    for name in __all__:
        assert getattr(deliverkit, name) is not None


def test_every_operation_and_exception_of_the_sandbox_is_shown_by_a_test_that_exists() -> None:
    page = (ROOT / "docs" / "reference" / "sandbox-operations.md").read_text(encoding="utf-8")
    for service in ("codedeploy", "codepipeline"):
        model = botocore.session.get_session().get_service_model(service)
        operations = [model.operation_model(name) for name in model.operation_names]
        errors = {shape.name for each in operations for shape in each.error_shapes}
        for name in (*model.operation_names, *errors):
            assert f"| `{name}` | " in page, f"scripts/operations.py has not met {name}"
    assert "no test" not in page
    for test, module in re.findall(r"\[`(test_\w+)[^`]*`\]\(\.\./\.\./tests/sandbox/(\w+)\.py\)", page):
        text = (ROOT / "tests" / "sandbox" / f"{module}.py").read_text(encoding="utf-8")
        assert f"def {test}(" in text, f"{module}.py has no {test}"


def test_the_reference_of_commands_is_made_from_the_parser() -> None:
    written = (ROOT / "docs" / "reference" / "commands.md").read_text(encoding="utf-8")
    assert written == page(), "python -m deliverkit.cli.reference > docs/reference/commands.md"
