"""What a command is told, and what of its output is told to others."""

from __future__ import annotations

from pathlib import Path

import pytest

from deliverkit.adapters.command_surroundings import environment, tail
from deliverkit.domain.worker_job import Artifact, WorkerJob
from deliverkit.errors import UsageError


def job_with(
    configuration: dict[str, str] | None = None, *, inputs: tuple[str, ...] = (), outputs: tuple[str, ...] = ()
) -> WorkerJob:
    taken, left = (tuple(Artifact(name, "bucket", name) for name in names) for names in (inputs, outputs))
    public = frozenset({"Goal"})
    return WorkerJob("id", "shop", "Build", "Build", "e", "a", configuration or {}, taken, left, public=public)


def test_names_become_variables_that_a_shell_can_name() -> None:
    told = environment(job_with({"my.key": "1"}, inputs=("my-app",), outputs=("my-app",)), Path("/room"))
    assert told["DELIVERKIT_CONFIG_MY_KEY"] == "1"
    assert told["DELIVERKIT_INPUT_MY_APP"] == "/room/inputs/my-app"
    assert told["DELIVERKIT_OUTPUT_MY_APP"] == "/room/outputs/my-app"


@pytest.mark.parametrize(
    ("job", "told"),
    [
        (job_with({"my-key": "1", "MY_KEY": "2"}), r"my-key and MY_KEY .* both \$DELIVERKIT_CONFIG_MY_KEY"),
        (job_with(inputs=("my-app", "my_app")), r"my-app and my_app .* both \$DELIVERKIT_INPUT_MY_APP"),
        (job_with(outputs=("App", "app")), r"App and app .* both \$DELIVERKIT_OUTPUT_APP"),
    ],
)
def test_names_that_become_one_variable_are_refused(job: WorkerJob, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        environment(job, Path("/room"))


def tail_of(text: str, directory: Path, **configuration: str) -> str:
    (directory / "log").write_text(text)
    return tail(directory / "log", hide=job_with(configuration).masked)


def test_values_that_may_be_secret_are_masked_wherever_they_stand(tmp_path: Path) -> None:
    configuration = {"Token": "abcd+(", "Longer": "abcd+(e", "Goal": "fast", "Flag": "yes", "Empty": ""}
    text = "xabcd+(y abcd+(e fast yes"
    assert tail_of(text, tmp_path, **configuration) == ": x${Token}y ${Longer} fast yes"
    key = "-----BEGIN KEY-----\n  qwertz\n-----END KEY-----\n"
    assert tail_of(f"a\n{key}b: qwertz", tmp_path, Key=key) == ": a\n${Key}\nb: ${Key}"
    assert tail_of("nothing to hide", tmp_path) == ": nothing to hide"


def test_no_half_of_a_secret_is_told_where_the_tail_begins(tmp_path: Path) -> None:
    for size in range(1975, 2005):
        shown = tail_of(f"secret-of-many-letters{'.' * size}", tmp_path, Token="secret-of-many-letters")
        assert "letters" not in shown
    for size in range(15975, 16005):
        shown = tail_of(f"secret-of-many-letters{' ' * size}\nend", tmp_path, Token="secret-of-many-letters")
        assert "letters" not in shown
