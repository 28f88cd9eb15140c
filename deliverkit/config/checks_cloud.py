"""What checks of targets, of AWS resources and of builds are told."""

from __future__ import annotations

from deliverkit.config import texts
from deliverkit.config.common_shapes import REGION, SOME_TIME, Json
from deliverkit.config.shapes import Boolean, Choice, Field, Integer, ListOf, MapOf, Record, Text
from deliverkit.domain.gate import Verdict

JOB_EVERY = "10m"
JOB_DEADLINE = "30m"
LAMBDA_EVERY = "1m"
LAMBDA_TIMEOUT = "60s"
HEALTHY = "100%"
TOLERATED = ("initial", "draining")
DAYS = 30
SEVERITIES = ("critical", "high", "medium", "low", "informational", "untriaged")
"""Amazon Inspector's; ECR's UNDEFINED is `untriaged`."""
_SELDOM = f"By default `every` is {JOB_EVERY} and `deadline` {JOB_DEADLINE}."

_REGION = Field("region", REGION, "Where it is.", default="the regions deployed to")
_SEVERITY = Text(
    "a severity",
    texts.matching(f"({'|'.join(SEVERITIES)})", f"one of {', '.join(SEVERITIES)}"),
    f"^({'|'.join(SEVERITIES)})$",
)
_STACK = Text("the name of a stack", texts.for_a_whole_leg)

TARGETS = Record("the health of the targets: {}", (), may_be_empty=True)

JENKINS_JOB = Record(
    "a Jenkins job: {job: ...}",
    (
        Field(
            "job",
            Text("the full name of a job, with its folders: shop/smoke", texts.job),
            "SUCCESS passes, UNSTABLE and FAILURE fail, ABORTED is inconclusive, NOT_BUILT is an error. The job must "
            "have the parameter DELIVERKIT_REQUEST, a text, by which its build is found again.",
            is_required=True,
        ),
        Field(
            "parameters",
            MapOf(
                Text("the name of a parameter", texts.matching(texts.VARIABLE, "a parameter's name"), texts.VARIABLE),
                Text("a value", texts.for_a_whole_leg),
                "parameters by name",
            ),
            "What the build is given; placeholders may be part of it.",
        ),
    ),
)

LOAD_BALANCER = Record(
    "the health of a load balancer's targets: {target_group: ...}",
    (
        Field(
            "target_group",
            Text("the name or ARN of a target group", texts.for_a_whole_leg),
            "Target group that is asked.",
            default="those of the deployment group",
            mistaken_for=("name", "group"),
        ),
        Field(
            "healthy",
            Text("a share such as 75% or a number such as 2", texts.enough, texts.MIN_HEALTHY),
            "How many targets must be healthy: a share of those that count, rounded up, or a number.",
            default=HEALTHY,
            mistaken_for=("min_healthy",),
        ),
        Field(
            "tolerate",
            ListOf(Choice(("initial", "draining", "unavailable")), "a list of states"),
            "States in which a target is not counted against: draining and unavailable ones are left out of the count, "
            "and while initial ones would decide, the answer is awaited.",
            default=f"[{', '.join(TOLERATED)}]",
        ),
        _REGION,
    ),
    may_be_empty=True,
)

LAMBDA = Record(
    "a Lambda function: {function: ...}",
    (
        Field(
            "function",
            Text("the name or ARN of a function", texts.for_a_whole_leg),
            'Invoked, and waited for. It answers `{"verdict": "passed"}`, `failed`, `inconclusive` or `error`, also as '
            "`status`, with a `reason`; one that raises an exception fails, one that cannot run is an error.",
            is_required=True,
        ),
        Field("qualifier", Text("a version or alias", texts.for_a_whole_leg), "Version or alias that is invoked."),
        Field(
            "payload",
            Json(),
            "What the function is given, in JSON's types; placeholders may be part of its texts.",
            default="all placeholders, such as {release: {version: ...}}",
            mistaken_for=("event",),
        ),
        Field(
            "passes_if",
            Text("a JMESPath expression such as errors == `0`", texts.jmespath_expression),
            "Condition on the answer, as a JMESPath expression that is true or false.",
            default="the answer's verdict",
        ),
        Field("timeout", SOME_TIME, "For the answer; after it, an error.", default=LAMBDA_TIMEOUT),
        _REGION,
    ),
)

DRIFT = Record(
    "the drift of stacks: {stack: ...}",
    (
        Field("stack", _STACK, "CloudFormation stack that must be what its template says."),
        Field("stacks", ListOf(_STACK, "a list of stacks"), "Several of them."),
        Field(
            "ignore",
            ListOf(Text("LOGICAL-ID, or LOGICAL-ID/PROPERTY/PATH"), "a list of logical ids and property paths"),
            "Drift that does not count: of a resource, or of a property and all below it; `*` stands for any text.",
        ),
        Field(
            "unchecked",
            Choice(tuple(each.value for each in (Verdict.INCONCLUSIVE, Verdict.PASSED, Verdict.FAILED))),
            "What it means that CloudFormation could not compare something.",
            default=Verdict.INCONCLUSIVE.value,
        ),
        _REGION,
    ),
    choices=("stack", "stacks"),
)

_IMAGE = Record(
    "an image in ECR: {repository: ..., tag: ...}",
    (
        Field(
            "repository", Text("the name of a repository", texts.for_a_whole_leg), "ECR repository.", is_required=True
        ),
        Field("tag", Text("a tag", texts.for_a_whole_leg), "Tag of the image."),
        Field("digest", Text("sha256:...", texts.for_a_whole_leg), "Digest of the image."),
    ),
    choices=("tag", "digest"),
)

_EXCEPTION = Record(
    "an exception: {id: CVE-..., reason: ...}",
    (
        Field("id", Text("the id of a vulnerability, such as CVE-2026-1234"), "Vulnerability.", is_required=True),
        Field("reason", Text("why it is tolerated"), "Why it is tolerated.", is_required=True),
        Field(
            "until",
            Text("a date such as 2026-12-31", texts.day, texts.DATE),
            "Last day on which the exception holds; then it does not count any more.",
            default="for ever",
            mistaken_for=("expires", "expiry"),
        ),
    ),
)

VULNERABILITIES = Record(
    "vulnerability findings: {limits: {critical: 0, high: 0}}",
    (
        Field(
            "limits",
            MapOf(_SEVERITY, Integer(0, 100_000), "limits by severity, such as {critical: 0}"),
            "How many vulnerabilities of each severity are tolerated; a severity that is not named is not limited.",
            default="{critical: 0, high: 0}; others are medium, low, informational and untriaged",
        ),
        Field("image", _IMAGE, "Image whose scan in ECR is asked, basic or enhanced."),
        Field(
            "function",
            Text("the name of a function", texts.for_a_whole_leg),
            "Lambda function whose findings Amazon Inspector is asked for.",
        ),
        Field(
            "ignore",
            ListOf(_EXCEPTION, "a list of exceptions"),
            "Vulnerabilities that are tolerated, each with a reason.",
        ),
        Field("fixable_only", Boolean(), "Count only those for which there is a fix.", default="false"),
        _REGION,
    ),
    exclusive=("image", "function"),
    may_be_empty=True,
)

SIGNATURE = Record("the signature and provenance of the release: {}", (), may_be_empty=True)

CERTIFICATE = Record(
    "a certificate: {domain: ...}",
    (
        Field(
            "arn", Text("the ARN of a certificate", texts.for_a_whole_leg), "Certificate of AWS Certificate Manager."
        ),
        Field(
            "domain",
            Text("a domain such as shop.example.com", texts.for_a_whole_leg),
            "Domain whose certificates in AWS Certificate Manager are looked at: those in use, or the newest.",
        ),
        Field(
            "address",
            Text("HOST, HOST:PORT or https://...", texts.with_placeholders),
            "Address whose certificate is looked at, in a TLS handshake with verified chain and host name: once, or "
            "once for each instance when it names a target.",
        ),
        Field(
            "host",
            Text("a host name", texts.for_a_whole_leg),
            "Host name that is asked for and verified at `address`.",
            default="the address's own",
        ),
        Field(
            "ca",
            Text("a path, relative to this file"),
            "PEM file of the authorities that alone are trusted at `address`.",
            default="those of the system",
        ),
        Field("days", Integer(0, 3650), "Days that must be left.", default=str(DAYS)),
        Field("in_use", Boolean(), "Whether something must use a certificate of ACM.", default="true"),
        _REGION,
    ),
    choices=("arn", "domain", "address"),
)

FIELDS = (
    Field("targets", TARGETS, "Asks EC2 and CodeDeploy for the health of the targets."),
    Field(
        "jenkins",
        JENKINS_JOB,
        "Runs a Jenkins job; a build is one measurement. "
        f"By default `every` is {JOB_EVERY} and `deadline` {JOB_DEADLINE}.",
    ),
    Field("load_balancer", LOAD_BALANCER, "Asks the load balancer for the health of its targets."),
    Field("lambda", LAMBDA, f"Invokes a Lambda function. By default `every` is {LAMBDA_EVERY}."),
    Field("drift", DRIFT, f"Detects drift of CloudFormation stacks. {_SELDOM}"),
    Field("vulnerabilities", VULNERABILITIES, f"Reads what Amazon Inspector, or a scan of ECR, has found. {_SELDOM}"),
    Field("signature", SIGNATURE, f"Verifies the release, as `deliverkit release verify` does. {_SELDOM}"),
    Field("certificate", CERTIFICATE, f"Looks at how long a certificate is good. {_SELDOM}"),
)
"""The kinds, as keys of a check."""
DEFAULTS: dict[str, dict[str, object]] = {
    "lambda": {"timeout": LAMBDA_TIMEOUT},
    "load_balancer": {"healthy": HEALTHY, "tolerate": TOLERATED},
    "drift": {"unchecked": Verdict.INCONCLUSIVE.value},
    "vulnerabilities": {"limits": {"critical": 0, "high": 0}},
    "certificate": {"days": DAYS, "in_use": True},
}
"""Settings that hold where the file does not give them, by kind; times as they are written."""
_RARELY = {"every": JOB_EVERY, "deadline": JOB_DEADLINE}
LIMITS: dict[str, dict[str, str]] = {
    "jenkins": _RARELY,
    "lambda": {"every": LAMBDA_EVERY},
    **dict.fromkeys(("drift", "vulnerabilities", "signature", "certificate"), _RARELY),
}
"""Limits of the policy that hold where the file does not give them, by kind."""
