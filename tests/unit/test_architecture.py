"""The house stands as docs/architecture.md draws it: this test walks the syntax trees and fails on any breach."""

from __future__ import annotations

import ast
import functools
import graphlib
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "deliverkit"
MODULES = sorted(PACKAGE.rglob("*.py"))

LAYERS = {
    # room: what it may import of the package, besides itself
    "errors": set(),
    "_version": set(),
    "domain": {"errors"},
    # For an annotation: its second page.
    "ports": {"attestation_ports", "domain", "errors"},
    "build_ports": {"domain", "errors"},
    "check_ports": {"domain", "errors"},
    # What third parties derive their checks from, and how those are found: public.
    "check_plugins": {"check_ports", "domain"},
    # What takes its time, for whoever may not wait.
    "background": set(),
    "attestation_ports": {"domain", "errors"},
    "worker_ports": {"domain", "errors"},
    "engine": {
        "background",
        "check_ports",
        "attestation_ports",
        "build_ports",
        "worker_ports",
        "ports",
        "domain",
        "errors",
    },
    "adapters": {
        "background",
        "check_ports",
        "attestation_ports",
        "build_ports",
        "worker_ports",
        "ports",
        "domain",
        "errors",
        "_version",
    },
    "yaml_tree": set(),
    "packaging": {"yaml_tree", "attestation_ports", "ports", "domain", "errors", "_version"},
    "trusting": {"packaging", "attestation_ports", "ports", "domain", "errors"},
    # `check_plugins` is imported inside functions: a plug-in reads its own settings.
    "config": {"check_plugins", "yaml_tree", "ports", "domain", "errors"},
    # For annotations: it names what `delivery` does, and `delivery` is made of it.
    "parts": {"delivery", "engine", "build_ports", "ports"},
    "delivery": {"parts", "engine", "build_ports", "ports", "domain", "errors"},
    # `packaging` is imported inside functions and for annotations: a release is made from a bundle.
    "releasing": {"delivery", "trusting", "packaging", "attestation_ports", "ports", "domain", "errors"},
    "sandbox": {"_version"},
    "sandboxing": {"sandbox", "errors"},
    # The part of `assembly` about what is stated of releases and asked of them.
    "release_assembly": {
        "shelving",
        "trusting",
        "releasing",
        "delivery",
        "adapters",
        "packaging",
        "config",
        "attestation_ports",
        "ports",
        "domain",
        "errors",
        "_version",
    },
    # The part of `assembly` about the bucket of the releases.
    "shelving": {"adapters", "config"},
    # The part of `assembly` about the ledger, its leases and the clock.
    "ledger_assembly": {"shelving", "sandboxing", "engine", "adapters", "config", "ports"},
    # The part of `assembly` about copies of releases and their removal.
    "catalogue_assembly": {"shelving", "engine", "adapters", "config", "ports", "domain", "errors"},
    # The part of `assembly` about packing a build.
    "recipe_assembly": {"releasing", "adapters", "packaging", "config", "errors"},
    # The part of `assembly` about what measures the checks of gates.
    "gate_assembly": {"check_plugins", "engine", "adapters", "check_ports", "build_ports", "ports", "domain", "errors"},
    "assembly": {
        "shelving",
        "gate_assembly",
        "recipe_assembly",
        "jenkins_assembly",
        "ledger_assembly",
        "catalogue_assembly",
        "release_assembly",
        "attestation_ports",
        "build_ports",
        "sandboxing",
        "releasing",
        "engine",
        "adapters",
        "packaging",
        "config",
        "ports",
        "domain",
        "errors",
    },
    # A pipeline's declaration brought to CodePipeline: one adapter, and comparison that is pure.
    "pipeline_assembly": {"adapters", "config", "domain", "errors"},
    # The part of `assembly` about the worker of CodePipeline's jobs, which has no configuration.
    "worker_assembly": {
        "jenkins_assembly",
        "ledger_assembly",
        "engine",
        "adapters",
        "packaging",
        "worker_ports",
        "build_ports",
        "ports",
        "domain",
        "errors",
    },
    # From addresses and variables to a Jenkins; it needs neither deliverkit.yml nor AWS.
    "jenkins_assembly": {"engine", "adapters", "config", "build_ports", "ports", "domain", "errors"},
    "app": {
        "check_plugins",
        "assembly",
        "recipe_assembly",
        "worker_assembly",
        "pipeline_assembly",
        "engine",
        "release_assembly",
        "sandboxing",
        "delivery",
        "adapters",
        "packaging",
        "config",
        "domain",
        "errors",
    },
    # A fault file's keys are the sandbox's own table of faults, read with the configuration's shapes.
    "rehearsing": {
        "app",
        "sandboxing",
        "sandbox",
        "config",
        "yaml_tree",
        "adapters",
        "delivery",
        "engine",
        "ports",
        "domain",
        "errors",
    },
    # What is told of promotions to those who were not there: pure, like the domain, and for people.
    "reporting": {"domain", "errors"},
    "cli": {
        "reporting",
        "app",
        "release_assembly",
        "worker_assembly",
        # For annotations.
        "pipeline_assembly",
        "jenkins_assembly",
        # For annotations.
        "build_ports",
        "rehearsing",
        "sandboxing",
        "delivery",
        "engine",
        "ports",
        "domain",
        "errors",
        "_version",
    },
    # Doubles assemble a whole delivery from the real rooms, so that tests exercise those and not copies.
    "testing": {
        "check_plugins",
        "delivery",
        "engine",
        "adapters",
        "attestation_ports",
        "build_ports",
        "check_ports",
        "ports",
        "domain",
        "errors",
    },
    "__main__": {"cli", "_version"},
    "__init__": {"app", "delivery", "engine", "ports", "domain", "errors", "_version"},
}

VENDORS = {
    "boto3": ("adapters/aws/",),
    "botocore": ("adapters/aws/", "sandbox/"),
    "jenkins": ("adapters/jenkins.py",),
    "requests": ("adapters/jenkins",),
    "git": ("adapters/git.py",),
    "tenacity": ("adapters/retry.py",),
    "moto": ("sandbox/moto_", "sandbox/alarms/moto_alarms.py", "sandbox/server.py"),
    "pytest": ("testing/contracts/",),
    "securesystemslib": ("packaging/signing.py", "adapters/key_file.py"),
    "in_toto_attestation": ("packaging/provenance.py",),
    "google": ("packaging/provenance.py",),
    "cyclonedx": ("packaging/sbom.py",),
    "packageurl": ("packaging/sbom.py",),
    "cryptography": ("packaging/signing.py", "adapters/key_file.py", "sandbox/"),
    "sqlite3": ("adapters/sqlite_file.py", "adapters/ledger_sqlite.py", "adapters/locks_sqlite.py"),
}

MAY_TOUCH_THE_PROCESS = (
    "cli/",
    "__main__.py",
    "sandbox/",  # a server with a process of its own
    "adapters/drivers.py",  # tells drivers apart by process id
    "adapters/command.py",  # hands the caller's environment on to the command
)
MAY_TELL_THE_TIME = (
    "adapters/clock.py",
    "sandbox/",  # it has a clock of its own, and processes that take real time
)


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def room_of(name: str) -> str:
    return name.split("/", maxsplit=1)[0].removesuffix(".py")


@functools.cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.lineno, node.module


def imports_when_run(path: Path) -> Iterator[str]:
    """Without what only annotations need."""
    for node in tree_of(path).body:
        if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            for each in ast.walk(node):
                if isinstance(each, ast.ImportFrom) and each.module:
                    # `from package import module` names a room too.
                    yield from (f"{each.module}.{alias.name}" for alias in each.names)


def names_in(path: Path) -> Iterator[tuple[int, str]]:
    """Every `name` and `name.attribute`."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Name):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield node.lineno, f"{node.value.id}.{node.attr}"


def functions_of(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    assert function.end_lineno is not None
    return function.end_lineno - function.lineno + 1


def test_imports_point_down() -> None:
    assert [
        f"{name_of(path)}:{line} imports {imported}"
        for path in MODULES
        for line, imported in imports_of(path)
        if imported.startswith("deliverkit.") and not may_import(room_of(name_of(path)), imported.split(".")[1])
    ] == []


def may_import(room: str, other: str) -> bool:
    return other == room or other in LAYERS[room]


def test_rooms_of_the_sandbox_import_each_other_in_no_circle() -> None:
    rooms: dict[str, set[str]] = {}
    for path in MODULES:
        if room_of(name_of(path)) == "sandbox":
            inside = name_of(path).removeprefix("sandbox/")
            others = {each.split(".")[2] for each in imports_when_run(path) if each.startswith("deliverkit.sandbox.")}
            rooms.setdefault(room_of(inside), set()).update(others - {room_of(inside)})
    assert "kernel" in rooms["codedeploy"]
    assert rooms["kernel"] == set()
    tuple(graphlib.TopologicalSorter(rooms).static_order())  # raises CycleError, with the circle


def test_vendors_stay_behind_their_adapter() -> None:
    assert [
        f"{name_of(path)}:{line} imports {imported}"
        for path in MODULES
        for line, imported in imports_of(path)
        if not name_of(path).startswith(VENDORS.get(imported.split(".")[0], ""))
    ] == []


def test_the_process_is_touched_only_at_its_edge() -> None:
    edges = {"print", "sys.exit", "os.environ", "os.getenv"}
    assert places_of(edges, but_in=MAY_TOUCH_THE_PROCESS) == []


def test_time_comes_from_the_clock() -> None:
    told = {"datetime.now", "datetime.utcnow", "date.today", "time.time", "time.monotonic", "time.sleep"}
    assert places_of(told, but_in=MAY_TELL_THE_TIME) == []


def places_of(names: set[str], but_in: tuple[str, ...]) -> list[str]:
    return [
        f"{name_of(path)}:{line} {name}"
        for path in MODULES
        if not name_of(path).startswith(but_in)
        for line, name in names_in(path)
        if name in names
    ]


def test_modules_stay_short() -> None:
    lengths = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert {name: lines for name, lines in lengths.items() if lines > 400} == {}


def test_functions_stay_short() -> None:
    assert [
        f"{name_of(path)}:{function.lineno} {function.name} has {length(function)} lines"
        for path in MODULES
        for function in functions_of(path)
        if length(function) > 50
    ] == []


def test_functions_read_like_a_runbook() -> None:
    lengths = sorted(length(function) for path in MODULES for function in functions_of(path))
    assert statistics.median(lengths) <= 10
    assert lengths[len(lengths) * 9 // 10] <= 30


def test_the_picture_shows_every_room() -> None:
    picture = re.findall(r"[a-z_]+", (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8"))
    rooms = {path.parent.name for path in (*PACKAGE.glob("*/__init__.py"), *PACKAGE.glob("sandbox/*/__init__.py"))}
    assert rooms - set(picture) == set()
    assert LAYERS.keys() == {room_of(name_of(path)) for path in MODULES}


def test_the_jenkins_folder_does_not_shadow_python_jenkins() -> None:
    assert not (ROOT / "jenkins" / "__init__.py").exists()


def test_the_project_speaks_of_itself_alone() -> None:
    words = ("/work" + "/", "helper" + "-", "pypi" + ".org", "files.python" + "hosted", "registry.npm" + "js")
    for folder in ("deliverkit", "docs", "examples", "jenkins", "pipelines", "scripts", "tests"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in {".py", ".md", ".yml", ".json", ".sh", ""} and path.is_file():
                text = path.read_text(encoding="utf-8", errors="replace")
                assert not [word for word in words if word in text], path
