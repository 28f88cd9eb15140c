"""The declaration of deliverkit.yml: every key with its shape, meaning and default; all else follows it."""

from __future__ import annotations

from deliverkit.config import texts
from deliverkit.config.common_shapes import NAME, REGION, SOME_TIME, TEXT, TIME, URL
from deliverkit.config.gate_declaration import GATE
from deliverkit.config.release_declaration import PATH, RELEASE
from deliverkit.config.shapes import (
    Boolean,
    Choice,
    Field,
    Integer,
    ListOf,
    MapOf,
    Record,
    Text,
    Unavailable,
    WordOr,
)
from deliverkit.domain.duration import format_duration
from deliverkit.domain.environment import ApprovalPolicy, OnFailure, StrategyKind

_APPROVALS = ApprovalPolicy()

_REGIONS = ListOf(REGION, "a list of AWS regions such as [us-east-1]")
_GATES = ListOf(Text("the name of a gate"), "a list of names from `gates`")

PIPELINE = Record(
    "the pipeline: {name: ...}",
    (
        Field(
            "name",
            Text(
                "a pipeline's name",
                texts.matching(texts.PIPELINE, "a pipeline's name: letters, digits and . @ _ -, 100 at most"),
                texts.PIPELINE,
            ),
            "Name of the CodePipeline pipeline.",
            is_required=True,
        ),
        Field("file", PATH, "Its declaration."),
        Field(
            "secrets",
            ListOf(Text("a key of an action's configuration"), "a list of keys such as [Token]"),
            "Keys of custom actions' configuration that CodePipeline shows to nobody, once their type is registered.",
        ),
    ),
)

STRATEGY = WordOr(
    Choice(
        tuple(
            each.value for each in (StrategyKind.ALL_AT_ONCE, StrategyKind.HALF_AT_A_TIME, StrategyKind.ONE_AT_A_TIME)
        )
    ),
    Record(
        "a strategy",
        (
            Field(
                "rolling",
                Record(
                    "{min_healthy: 75%}",
                    (
                        Field(
                            "min_healthy",
                            Text(
                                "a share such as 75% or a number of hosts such as 2",
                                texts.min_healthy,
                                texts.MIN_HEALTHY,
                            ),
                            "What stays healthy: a share of the fleet, rounded up to hosts, or a number of hosts.",
                            is_required=True,
                        ),
                    ),
                ),
                "As many at a time as the minimum of healthy hosts allows.",
            ),
            Field(
                "config",
                Text("the name of a deployment configuration"),
                "An existing CodeDeploy deployment configuration.",
            ),
        ),
        choices=("rolling", "config"),
    ),
)

DEPLOY = Record(
    "how it is deployed: {codedeploy: {group: ...}}",
    (
        Field(
            "codedeploy",
            Record(
                "{group: ...}",
                (
                    Field("group", Text("a deployment group"), "CodeDeploy deployment group.", is_required=True),
                    Field(
                        "application",
                        Text("a CodeDeploy application"),
                        "CodeDeploy application.",
                        default="the value of `application`",
                    ),
                ),
            ),
            "What is deployed to.",
            is_required=True,
        ),
        Field("strategy", STRATEGY, "How the instances are taken in turn.", default=StrategyKind.ONE_AT_A_TIME.value),
    ),
)

APPROVALS = Record(
    "who has to agree: {needed: 1}",
    (
        Field("needed", Integer(1, 20), "How many different people.", default=str(_APPROVALS.needed)),
        Field(
            "from",
            ListOf(Text("a group or role"), "a list of IAM groups or roles"),
            "IAM groups or role names that approvers come from.",
            default="everybody",
        ),
        Field(
            "bridges",
            ListOf(Text("a group or role"), "a list of IAM groups or roles"),
            "IAM groups or role names that may record what another person decided, such as the role of Jenkins agents "
            "that pass on the answer to an `input`. Whoever they name counts as the person.",
            default="nobody",
        ),
        Field("not_requester", Boolean(), "Whoever asked for the promotion may not approve it.", default="true"),
        Field("expires", SOME_TIME, "How long the request stays open.", default=format_duration(_APPROVALS.expires)),
    ),
)

ENVIRONMENT = Record(
    "an environment: {deploy: ...}",
    (
        Field(
            "from",
            Text("the name of another environment"),
            "Promotion order: a release must have passed there before.",
            mistaken_for=("after", "needs", "predecessor"),
        ),
        Field("regions", _REGIONS, "Regions that are deployed to together.", default="the AWS region in use"),
        Field(
            "waves", ListOf(_REGIONS, "a list of lists of AWS regions"), "Regions in turn: one list after the other."
        ),
        Field("deploy", DEPLOY, "What is deployed to, and how.", is_required=True),
        Field(
            "endpoint",
            Text("an address such as http://${target.address}:8080", texts.endpoint),
            "Base address of the environment; with a target in it, of each instance.",
            default="http://${target.address}",
        ),
        Field(
            "serves",
            Record(
                "how an instance is asked what it serves: {url: ...}",
                (
                    Field("url", URL, "Asked once for each instance.", is_required=True),
                    Field(
                        "expect",
                        TEXT,
                        "What the answer must hold, as a word of its own.",
                        default="${release.version}",
                    ),
                ),
            ),
            "How an instance is asked which release it serves. Without it CodeDeploy's word has to do.",
        ),
        Field(
            "gates",
            Record(
                "gates by phase: {before: [...], during: [...], after: [...]}",
                (
                    Field("before", _GATES, "To pass before anything is deployed."),
                    Field("during", _GATES, "Must not fail while deployments run and bake."),
                    Field("after", _GATES, "To pass by the end of the bake time."),
                ),
            ),
            "Gates, by name.",
        ),
        Field("bake_time", TIME, "Watching health after the targets moved.", default="0s"),
        Field(
            "on_failure",
            Choice(tuple(each.value for each in OnFailure)),
            "What a failed gate or deployment leads to.",
            default=OnFailure.ROLLBACK.value,
        ),
        Field("approvals", APPROVALS, "Who has to agree before a release enters.", default="nobody"),
        Field(
            "window",
            Text("a window such as Mon-Thu 09:00-16:00 Europe/London", texts.window),
            "When deploying is allowed, in the time zone named: a list or range of days, over midnight too.",
            default="always",
        ),
        Field(
            "stage", Text("a stage of the pipeline"), "Stage of the pipeline.", default="found by its CodeDeploy action"
        ),
    ),
    exclusive=("regions", "waves"),
)

JENKINS = Record(
    "a Jenkins: {url: https://...}",
    (
        Field(
            "url",
            Text("an address such as https://jenkins.example.com/", texts.server),
            "The controller's address. User and API token come from JENKINS_USER_ID and JENKINS_API_TOKEN.",
            default="the variable JENKINS_URL",
        ),
    ),
)

GATES = Field("gates", MapOf(NAME, GATE, "gates by name"), "Gates by name; environments use them.")

SETTINGS = Record(
    "a mapping",
    (
        Field(
            "application",
            Text(
                "the application's name",
                texts.matching(
                    texts.APPLICATION, "an application's name: letters, digits and . _ + = , @ -, 100 at most"
                ),
                texts.APPLICATION,
            ),
            "Name of the application.",
            is_required=True,
        ),
        Field("release", RELEASE, "How a build becomes a release.", is_required=True),
        Field(
            "pipeline",
            PIPELINE,
            "The CodePipeline pipeline that carries releases.",
            default="promotions drive CodeDeploy directly",
        ),
        GATES,
        Field(
            "environments",
            MapOf(NAME, ENVIRONMENT, "environments by name"),
            "The places where releases go, by name.",
            is_required=True,
        ),
        Field(
            "ledger",
            Text("s3://BUCKET/PREFIX or sqlite:///PATH", texts.ledger, r"^(s3://|sqlite:///).+$"),
            "Where everything that happens is recorded. `sqlite:///PATH` (relative to this file; four slashes for an "
            "absolute path) is for one machine only.",
            default="`ledger` below `release.store`",
        ),
        Field("jenkins", JENKINS, "The Jenkins that gates and `deliverkit jenkins` talk to."),
        Field("notify", Unavailable("notifications"), "SNS topics that are told about promotions."),
    ),
)
