"""One case or more of each rule of the lint: what is changed in a good build, and where the finding must stand."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import strategies as st

from deliverkit.domain.linting import Hosts, LintPolicy
from deliverkit.domain.release import BundleFormat
from deliverkit.packaging.collect import collect
from deliverkit.packaging.finding import Finding
from deliverkit.packaging.lint import lint

GOOD = """version: 0.0
os: linux
files:
  - source: app
    destination: /opt/shop
hooks:
  AfterInstall:
    - location: scripts/run.sh
      timeout: 60
"""
PERMISSION = GOOD.replace("hooks:", "permissions:\n  - object: /opt/shop\n    mode: 755\nhooks:")
WINDOWS = GOOD.replace("linux", "windows").replace("/opt/shop", "c:\\shop").replace("run.sh", "run.ps1")
LAMBDA = """version: 0.0
Resources:
  - shop:
      Type: AWS::Lambda::Function
      Properties:
        Name: shop
        Alias: live
        CurrentVersion: 1
        TargetVersion: 2
Hooks:
  - BeforeAllowTraffic: check-shop
"""
ECS = """version: 0.0
Resources:
  - TargetService:
      Type: AWS::ECS::Service
      Properties:
        TaskDefinition: arn:aws:ecs:us-east-1:123456789012:task-definition/shop:7
        LoadBalancerInfo:
          ContainerName: web
          ContainerPort: 8080
        PlatformVersion: LATEST
        NetworkConfiguration:
          AwsvpcConfiguration:
            Subnets: [subnet-1234abcd, subnet-5678abcd]
            SecurityGroups: [sg-12345678]
            AssignPublicIp: ENABLED
        CapacityProviderStrategy:
          - {CapacityProvider: FARGATE_SPOT, Base: 1, Weight: 2}
          - {CapacityProvider: FARGATE, Base: 0, Weight: 1}
Hooks:
  - BeforeInstall: check-before
  - AfterInstall: arn:aws:lambda:us-east-1:123456789012:function:check-after
  - AfterAllowTestTraffic: check-test
  - BeforeAllowTraffic: check-before-traffic:live
  - AfterAllowTraffic: check-after-traffic
"""
SCRIPT = "#!/bin/sh\ntrue\n"


@dataclass(frozen=True)
class Case:
    """A build that breaks a rule.

    Attributes:
        rule: Its id.
        before: What is replaced in the appspec.
        after: What stands there instead.
        line: Where the finding must stand.
        appspec: The appspec that is changed.
        tree: More files of the build, by path.
        policy: What the lint is told.
        format: The archive.
        file: Where the finding must stand.
    """

    rule: str
    before: str
    after: str
    line: int
    appspec: str = GOOD
    tree: dict[str, str] = field(default_factory=dict)
    policy: LintPolicy = field(default_factory=LintPolicy)
    format: BundleFormat = BundleFormat.ZIP
    file: str = "appspec.yml"

    @property
    def text(self) -> str:
        """The appspec."""
        assert self.before in self.appspec
        return self.appspec.replace(self.before, self.after, 1)

    def build(self, root: Path) -> Path:
        """Make the build."""
        return tree_at(root, self.text, self.tree)

    def findings(self, root: Path) -> list[Finding]:
        """Make the build and lint it."""
        tree = self.build(root)
        return list(lint(collect(tree), shown_at=tree, policy=self.policy, format=self.format))


def tree_at(root: Path, appspec: str | None, more: dict[str, str] | None = None) -> Path:
    files = {"app/main.py": "print()\n", "app/lib/x.py": "x = 1\n", "app/run.sh": "x\n", "scripts/run.ps1": "exit 0\n"}
    for name, text in {**files, "scripts/run.sh": SCRIPT, **(more or {})}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755 if name.startswith("scripts/") else 0o644)
    if appspec is not None:
        (root / "appspec.yml").write_text(appspec, encoding="utf-8")
    return root


def findings(tree: Path, policy: LintPolicy | None = None) -> list[Finding]:
    return list(lint(collect(tree), shown_at=tree, policy=policy))


def server(rule: str, before: str, after: str, line: int) -> Case:
    return Case(rule, before, after, line)


def permitted(rule: str, entry: str, line: int) -> Case:
    """`entry` in the place of the mode of a good permission, which stands in line 8."""
    return Case(rule, "    mode: 755\n", f"    {entry}\n", line, appspec=PERMISSION)


def on_object(rule: str, text: str, line: int) -> Case:
    """`text` in the place of the object of that permission, which stands in line 7."""
    return Case(rule, "object: /opt/shop", f"object: {text}", line, appspec=PERMISSION)


def scripted(rule: str, entry: str) -> Case:
    """`entry` behind the timeout of the only script, which stands in line 9."""
    return server(rule, "timeout: 60", f"timeout: 60\n      {entry}", 10)


def script(rule: str, text: str, line: int) -> Case:
    return Case(rule, "os", "os", line, tree={"scripts/run.sh": text}, file="scripts/run.sh")


def hosts(rule: str, before: str, after: str, line: int, appspec: str = GOOD, **declared: object) -> Case:
    return Case(rule, before, after, line, appspec=appspec, policy=LintPolicy(Hosts(**declared)))  # type: ignore[arg-type]


def on_windows(rule: str, before: str, after: str, line: int) -> Case:
    return Case(rule, before, after, line, appspec=WINDOWS)


def on_lambda(rule: str, before: str, after: str, line: int) -> Case:
    return Case(rule, before, after, line, appspec=LAMBDA)


def on_ecs(rule: str, before: str, after: str, line: int) -> Case:
    return Case(rule, before, after, line, appspec=ECS)


def windows(rule: str, line: int, tree: dict[str, str], file: str) -> Case:
    return Case(rule, "os", "os", line, appspec=WINDOWS, tree=tree, file=file)


_HOOK = "    - location: scripts/run.sh\n      timeout: 60\n"

DOCUMENT = [
    server("version", "version: 0.0", "version: 1.0", 1),
    server("version", "version: 0.0", "version: '0.0'", 1),
    server("version", "version: 0.0\n", "", 1),
    server("version-form", "version: 0.0", "version: 0", 1),
    server("version-form", "version: 0.0", "version: 0.00", 1),
    server("os", "os: linux", "os: solaris", 2),
    server("os", "os: linux", "os: Linux", 2),
    server("os", "os: linux\n", "", 1),
    hosts("os-fleet", "os: linux", "os: linux", 2, os="windows"),
    server("key-unknown", "destination: /opt/shop", "destination: /opt/shop\n    destnation: /x", 6),
    server("key-unknown", "files:", "file: 1\nfiles:", 3),
    server("key-unknown", "os: linux", "os: linux\n<<: 5", 3),
    server("yaml-syntax", "os: linux", "os: [linux", 3),
    server("yaml-syntax", "os: linux", "os: linux\x01", 2),
    server("yaml-syntax", "os: linux", "os: &a [*a]", 2),
    server("yaml-syntax", "  - source", "\t- source", 4),
    server("key-unknown", "os: linux", "os: linux\n? [a]\n: b", 3),
    server("appspec-shape", "files:\n  - source: app\n    destination: /opt/shop\n", "files: none\n", 3),
    server("appspec-shape", _HOOK, "", 7),
    server("appspec-shape", "timeout: 60", "timeout: [60]", 9),
    server("yaml-duplicate-key", "os: linux", "os: linux\nos: linux", 3),
    server("yaml-alias", "source: app\n    destination: /opt/shop", "source: &a app\n    destination: *a", 4),
    server("yaml-retyped", "source: app", "source: 1.10", 4),
    server("yaml-retyped", "source: app", "source: 010", 4),
    server("yaml-retyped", "source: app", "source: yes", 4),
    scripted("yaml-retyped", "runas: off"),
    server("yaml-retyped", "scripts/run.sh", "2026-01-02", 8),
    server("nothing-to-do", GOOD[GOOD.index("files") :], "", 1),
]

HOOKS = [
    server("hook-unknown", "AfterInstall:", "AfterInstal:", 7),
    server("hook-unknown", "AfterInstall:", "AfterAllowTestTraffic:", 7),
    server("hook-not-scriptable", "AfterInstall:", "Install:", 7),
    server("hook-not-scriptable", "AfterInstall:", "DownloadBundle:", 7),
    server("hook-empty", f"AfterInstall:\n{_HOOK}", "AfterInstall: []\n", 7),
    server("hook-order", _HOOK, f"{_HOOK}  BeforeInstall:\n{_HOOK}", 10),
    server("application-stop", "AfterInstall:", "ApplicationStop:", 7),
    server("block-traffic", "AfterInstall:", "AfterBlockTraffic:", 7),
    hosts("hook-never-runs", "AfterInstall:", "BeforeAllowTraffic:", 7, has_load_balancer=False),
    hosts("hook-never-runs", "AfterInstall:", "ApplicationStop:", 7, style="blue-green"),
    server("location-required", "- location: scripts/run.sh\n      timeout: 60", "- timeout: 60", 8),
    server("location-arguments", "scripts/run.sh", "scripts/run.sh --now", 8),
    server("location-arguments", "scripts/run.sh", "scripts/run.sh;reboot", 8),
    server("location-arguments", "scripts/run.sh", "scripts/run$NAME.sh", 8),
    server("location-absolute", "scripts/run.sh", "/scripts/run.sh", 8),
    server("location-escapes", "scripts/run.sh", "../scripts/run.sh", 8),
    server("script-missing", "scripts/run.sh", "scripts/walk.sh", 8),
    server("script-missing", "scripts/run.sh", "Scripts/Run.sh", 8),
    server("script-missing", "scripts/run.sh", "scripts", 8),
    server("timeout", "timeout: 60", "timeout: 5m", 9),
    server("timeout", "timeout: 60", "timeout: 0", 9),
    server("timeout", "timeout: 60", "timeout: 1:30", 9),
    server("timeout-total", "timeout: 60", "timeout: 3000\n    - location: scripts/run.sh\n      timeout: 3000", 7),
    server("timeout-missing", "\n      timeout: 60", "", 8),
    scripted("sudo", "sudo: true"),
    scripted("sudo", "sudo: yes"),
    scripted("sudo-text", "sudo: 'false'"),
    scripted("sudo-text", "sudo: 0"),
    server("sudo-runas", "timeout: 60", "timeout: 60\n      runas: deploy\n      sudo: true", 11),
    scripted("runas-name", "runas: deploy users"),
    scripted("runas-nologin", "runas: nobody"),
    on_windows("runas-windows", "timeout: 60", "timeout: 60\n      runas: deploy", 10),
]

FILES = [
    server("file-incomplete", "- source: app\n    destination: /opt/shop", "- source: app", 4),
    server("source-escapes", "source: app", "source: ../../../etc/passwd", 4),
    server("source-missing", "source: app", "source: nothing", 4),
    server("source-missing", "source: app", "source: app/*.py", 4),
    server("destination-relative", "destination: /opt/shop", "destination: opt/shop", 5),
    server("destination-relative", "destination: /opt/shop", "destination: c:\\shop", 5),
    server("destination-duplicate", "/opt/shop", "/opt/shop\n  - source: app\n    destination: /opt/shop", 7),
    server(
        "destination-is-file", "app\n    destination: /opt/shop", "app/main.py\n    destination: /opt/shop/main.py", 5
    ),
    server("destination-is-file", "app\n    destination: /opt/shop", "app/main.py\n    destination: /opt/server.py", 5),
    server("path-variable", "destination: /opt/shop", "destination: /opt/${NAME}", 5),
    server("path-variable", "destination: /opt/shop", "destination: ~/shop", 5),
    server("file-exists-behavior", "os: linux", "os: linux\nfile_exists_behavior: overwrite", 3),
    server("file-exists-shared", "destination: /opt/shop", "destination: /etc", 5),
    on_windows("destination-duplicate", "c:\\shop", "c:\\shop\n  - source: app\n    destination: C:\\Shop", 7),
]

PERMISSIONS = [
    server("object-required", "hooks:", "permissions:\n  - mode: 755\nhooks:", 7),
    permitted("mode", "mode: 98765", 8),
    permitted("mode", "mode: rwx", 8),
    permitted("mode-octal", "mode: 0644", 8),
    permitted("permission-type", "type: [folder]", 8),
    permitted("permission-type", "type: file", 8),
    on_windows("permission-os", "hooks:", "permissions:\n  - object: c:\\x\n    mode: 755\nhooks:", 7),
    permitted("permission-list", "except: x.py", 8),
    permitted("permission-list", "acls: u:deploy:rw", 8),
    permitted("permission-list", "pattern: 1", 8),
    permitted("owner", "owner: deploy:deploy", 8),
    permitted("owner", "group: 1000", 8),
    permitted("owner", "owner: no", 8),
    permitted("acl", "acls: ['u::rw']", 8),
    permitted("acl", "acls: ['rw']", 8),
    permitted("acl", "acls: ['u:deploy:rwz']", 8),
    permitted("acl", "acls: ['mask:deploy:rw']", 8),
    permitted("acl", "acls: ['d:d:deploy:rw']", 8),
    permitted("acl-default", "acls: ['d:u:deploy:rw']", 8),
    permitted("context", "context: {range: s0}", 8),
    permitted("context", "context: httpd_t", 8),
    permitted("context", "context: {type: httpd_t, range: s2-s1}", 8),
    permitted("context-user", "context: {type: httpd_t, user: unconfined_u}", 8),
    permitted("permission-duplicate", "mode: 755\n  - object: /opt\n    mode: 700", 9),
    permitted("permission-unused", "pattern: lib/*", 7),
    on_object("permission-unused", "/srv/shop", 7),
    permitted("permission-except", "except: [lib/x.py]", 8),
    on_object("permission-pattern", "/opt/shop/main.py\n    pattern: '*.py'", 8),
    on_object("permission-pattern", "/opt/shop/main.py\n    except: [main.py]", 8),
]

SCRIPTS = [
    script("script-no-shebang", "true\n", 1),
    script("script-bom", "\ufeff#!/bin/sh\ntrue\n", 1),
    script("script-crlf", "#!/bin/sh\r\ntrue\r\n", 1),
    script("script-background", "#!/bin/sh\nserver &\n", 2),
    script("script-background", "#!/bin/sh\nnohup server > log &\n", 2),
    script("script-directory", "#!/bin/sh\ntrue\n./start\n", 3),
    script("script-directory", "#!/bin/bash\n. scripts/run.sh\n", 2),
    script("script-directory", "#!/bin/sh\ncd scripts\n", 2),
    script("script-stdin", "#!/bin/sh\napt-get install nginx\n", 2),
    script("script-stdin", "#!/bin/bash\nread -p 'sure? ' answer\n", 2),
    script("script-variable", "#!/bin/sh\necho $BUNDLE_COMMIT\n", 2),
    on_windows("script-windows", "run.ps1", "run.sh", 8),
]

HOSTS = [
    hosts("disk", "os", "os", 1, free_disk=100),
    windows("windows-name", 1, {"app/a:b": ""}, "app/a:b"),
    windows("windows-name", 1, {"app/nul.txt": ""}, "app/nul.txt"),
    windows("windows-name", 1, {"app/dot.": ""}, "app/dot."),
    windows("windows-case", 1, {"app/MAIN.py": ""}, "app/main.py"),
    windows("windows-length", 1, {"app/" + "x" * 200: ""}, "app/" + "x" * 200),
    Case("windows-format", "os", "os", 1, appspec=WINDOWS, format=BundleFormat.TGZ),
]

ALLOWANCES = [
    server("allow-unknown", "timeout: 60", "timeout: 60  # deliverkit: allow sudoo it is fine", 9),
    scripted("allow-reason", "sudo: true  # deliverkit: allow sudo"),
    server("allow-refused", "os: linux", "os: linx  # deliverkit: allow os we like it", 2),
    server("allow-unused", "timeout: 60", "timeout: 60  # deliverkit: allow sudo it was here", 9),
]


_NETWORK = "            Subnets: [subnet-1234abcd, subnet-5678abcd]\n"

RESOURCES = [
    on_lambda("version", "version: 0.0", "version: 0", 1),
    on_lambda("resource", "AWS::Lambda::Function", "AWS::Lambda::Funktion", 4),
    on_lambda("resource", "        Alias: live\n", "", 6),
    on_lambda("resource", "  - shop:", "  - other: {}\n    shop:", 1),
    on_lambda("key-unknown", "Alias: live", "Alias: live\n        Version: 3", 8),
    on_lambda("key-unknown", "version: 0.0", "version: 0.0\nos: linux", 2),
    on_lambda("yaml-duplicate-key", "Name: shop", "Name: shop\n        name: shop", 7),
    on_lambda("lambda-name", "Name: shop", "Name: shop:live", 6),
    on_lambda("lambda-alias", "Alias: live", "Alias: 3", 7),
    on_lambda("lambda-version", "TargetVersion: 2", "TargetVersion: $LATEST", 9),
    on_lambda("lambda-same-version", "TargetVersion: 2", "TargetVersion: 1", 9),
    on_lambda("hook-unknown", "BeforeAllowTraffic", "BeforeInstall", 11),
    on_lambda("hook-not-scriptable", "BeforeAllowTraffic", "AllowTraffic", 11),
    on_lambda("hook-duplicate", "check-shop", "check-shop\n  - BeforeAllowTraffic: other", 12),
    on_lambda("hook-function", "check-shop", "check shop", 11),
    on_lambda("appspec-shape", "check-shop", "[check-shop]", 11),
    on_ecs("resource", "          ContainerName: web\n", "", 8),
    on_ecs("resource", "        TaskDefinition: arn:aws:ecs:us-east-1:123456789012:task-definition/shop:7\n", "", 6),
    on_ecs("task-definition", "task-definition/shop:7", "service/shop", 6),
    on_ecs("task-definition-short", "arn:aws:ecs:us-east-1:123456789012:task-definition/shop:7", "shop:7", 6),
    on_ecs("container-port", "8080", "'8080'", 9),
    on_ecs("container-port", "8080", "0", 9),
    on_ecs("platform-version", "LATEST", "newest", 10),
    on_ecs("network-configuration", _NETWORK, "", 13),
    on_ecs("network-configuration", "AssignPublicIp: ENABLED", "AssignPublicIp: true", 15),
    on_ecs("network-configuration", "[sg-12345678]", "[]", 14),
    on_ecs("capacity-provider", "Base: 0", "Base: 2", 17),
    on_ecs("capacity-provider", "Weight: 2", "Weight: 1001", 17),
    on_ecs("capacity-provider", "CapacityProvider: FARGATE,", "", 18),
    on_ecs("key-unknown", "ContainerPort: 8080", "ContainerPort: 8080\n          HostPort: 80", 10),
    on_ecs("hook-not-scriptable", "BeforeInstall", "TestTraffic", 20),
]

CASES = [*DOCUMENT, *HOOKS, *FILES, *PERMISSIONS, *SCRIPTS, *HOSTS, *ALLOWANCES, *RESOURCES]

# Words that the lint and the agent read, put together at random.
_KEYS = (
    "version os files hooks permissions source destination object mode owner acls context type except pattern location"
    " timeout runas sudo AfterInstall ApplicationStop Resources Type Properties Name Alias CurrentVersion TargetVersion"
    " TaskDefinition LoadBalancerInfo ContainerPort NetworkConfiguration AwsvpcConfiguration Subnets"
    " CapacityProviderStrategy Base Weight Hooks BeforeAllowTraffic shop file_exists_behavior range"
)
KEYS = st.sampled_from(_KEYS.split())
_WORDS = (
    "0.0 linux windows app /opt/shop scripts/run.sh ../x ~ yes 0644 '' 5m AWS::Lambda::Function AWS::ECS::Service 1 :x"
    " ** *.py d:u:a:rw s0:c1.c0 file 0x_ 0b, . .. +. 1:2 &a *a <<"
)
WORDS = st.sampled_from(_WORDS.split())
VALUES = st.recursive(
    WORDS | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=25,
)
