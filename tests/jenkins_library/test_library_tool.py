"""Where the library's deliverkit comes from on an agent that has none: one installation, whoever asks at once."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from bench import ROOT

RESOURCES = ROOT / "jenkins" / "resources" / "deliverkit"
VERSION = "0.1.0"


def wheel(folder: Path) -> None:
    """A package of that name and version whose command says what it was asked."""
    module = 'import sys\n\n\ndef main():\n    print("installed", *sys.argv[1:])\n'
    info = f"deliverkit-{VERSION}.dist-info"
    files = {
        "stand_in.py": module,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: deliverkit\nVersion: {VERSION}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\ndeliverkit = stand_in:main\n",
    }
    rows = []
    for name, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        rows.append(f"{name},sha256={digest},{len(text.encode())}")
    files[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,\n"])
    folder.mkdir()
    with zipfile.ZipFile(folder / f"deliverkit-{VERSION}-py3-none-any.whl", "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of an agent with a python3 and no deliverkit; pip knows one folder and no network."""
    place = tmp_path_factory.mktemp("agent")
    wheel(place / "wheels")
    commands = place / "bin"
    commands.mkdir()
    base = Path(sys.base_prefix) / "bin" / "python3"
    (commands / "python3").write_text(f'#!/bin/sh\nexec {base} "$@"\n')
    (commands / "python3").chmod(0o755)
    path = f"{commands}{os.pathsep}/usr/bin{os.pathsep}/bin"
    pip = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(place / "wheels")}
    return {"HOME": str(place / "home"), "WORKSPACE_TMP": str(place / "ws@tmp"), "PATH": path, **pip}


def script(*words: str, version: str = VERSION) -> str:
    """What vars/deliverkit.groovy puts together."""
    install, command = ((RESOURCES / name).read_text(encoding="utf-8") for name in ("install.py", "command.sh"))
    head = f"#!/bin/sh\nset -eu\ntool=''\nversion='{version}'\nanswer=''\nstale=''\n"
    body = f"install() {{\n    python3 - \"$@\" <<'END_OF_PROGRAM'\n{install}\nEND_OF_PROGRAM\n}}\n{command}"
    return f"{head}{body}\ndeliver {' '.join(words)}\n"


def begin(agent: dict[str, str], place: Path, *, version: str = VERSION, **environ: str) -> subprocess.Popen[str]:
    file = place / f"step-{len(list(place.glob('step-*')))}"
    file.write_text(script("status", version=version), encoding="utf-8")
    file.chmod(0o755)
    return subprocess.Popen(
        [file], env=agent | environ, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def quick_venv(place: Path, *, works: bool) -> str:
    """A PYTHONPATH with a `venv` that takes no time: making a real one takes seconds."""
    made = "os.makedirs(sys.argv[1] + '/bin'); os.symlink(sys.executable, sys.argv[1] + '/bin/python')"
    (place / "modules").mkdir()
    (place / "modules" / "venv.py").write_text(f"import os, sys\n{made if works else 'sys.exit(1)'}\n")
    return str(place / "modules")


def test_builds_that_begin_at_once_share_one_installation(agent: dict[str, str], tmp_path: Path) -> None:
    tools = Path(agent["HOME"]) / ".cache" / "deliverkit" / "tools"
    steps = [begin(agent, tmp_path) for _ in range(2)]
    for step in steps:
        out, err = step.communicate(timeout=120)
        assert (step.returncode, out) == (0, "installed status\n"), err
    [made] = [each for each in tools.iterdir() if ".new." in each.name]
    [link] = [each for each in tools.iterdir() if each.is_symlink()]
    assert link.resolve() == made
    assert link.name.startswith(f"{VERSION}-cpython-3"), "one for each version of both"
    # It is there now: nothing is installed, and what a killed build left behind is nobody's hindrance.
    out, err = begin(agent, tmp_path, PIP_FIND_LINKS="/nowhere").communicate(timeout=60)
    assert out == "installed status\n", err
    assert "installing" not in err


def test_an_agent_that_cannot_install_says_why(agent: dict[str, str], tmp_path: Path) -> None:
    step = begin(agent, tmp_path, version="9.9.9", PYTHONPATH=quick_venv(tmp_path, works=True))
    _, err = step.communicate(timeout=60)
    assert step.returncode == 8
    assert "pip could not install deliverkit 9.9.9" in err
    home = Path(agent["HOME"]) / ".cache" / "deliverkit" / "tools"
    assert not [each for each in home.iterdir() if each.name.startswith("9.9.9") and each.is_symlink()]
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "sh").symlink_to("/bin/sh")
    step = begin(agent, tmp_path, PATH=str(bare))
    _, err = step.communicate(timeout=60)
    assert step.returncode == 2
    assert f"neither deliverkit {VERSION} nor a python3" in err


def test_where_the_home_directory_cannot_be_written_the_workspace_has_room(
    agent: dict[str, str], tmp_path: Path
) -> None:
    step = begin(agent, tmp_path, HOME="/proc/nowhere", WORKSPACE_TMP="", version="9.9.9")
    _, err = step.communicate(timeout=60)
    assert (step.returncode, "DELIVERKIT_TOOLS=/path names one" in err) == (2, True)
    room = tmp_path / "ws@tmp"
    modules = quick_venv(tmp_path, works=False)
    step = begin(agent, tmp_path, HOME="/proc/nowhere", WORKSPACE_TMP=str(room), PYTHONPATH=modules)
    _, err = step.communicate(timeout=60)
    assert (step.returncode, "does this agent lack python3-venv?" in err) == (2, True)
    assert f"into {room}/deliverkit-tools/" in err


@pytest.mark.parametrize("name", ["command.sh"])
def test_shell_resources_parse(name: str) -> None:
    assert subprocess.run(["sh", "-n", RESOURCES / name], check=False).returncode == 0
