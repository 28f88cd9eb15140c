"""What the recorder answers in a delivery, what people answer, and what deliverkit is then asked."""

from __future__ import annotations

from typing import Any

from bench import ROOT, Case

PLAN, BUNDLE = "sha256:aa", "sha256:bb"
APPROVE = {"DECISION": "approve", "REASON": "--notes read; $(touch owned) 'x'", "RECORDED_BY": "", "APPROVER": "mary"}
VIA = "--via=jenkins-shop-7"


def state(number: int | None, answer: str | None = None, **others: Any) -> dict[str, Any]:
    """What `status` says of a promotion; `number` of the question that is open."""
    question = None if number is None else {"gate": "production/1", "number": number, "answer": answer}
    release = {"version": "1.2", "digest": BUNDLE}
    return {"promotion": "p-1", "plan_digest": PLAN, "release": release, "exit_code": 5, "question": question} | others


def leg(stage: str, needed: int = 0) -> dict[str, Any]:
    return {
        "environment": stage.lower(),
        "stage": {"stage": stage},
        "approvals": {"needed": needed} if needed else None,
    }


ASKED = (5, state(17))
OFFERED = (2, "")
PASSED = (0, state(None))
DECIDED = (0, state(17, "approved"))
APPROVAL = "deliverkitApproval(submitter: 'release-managers', stage: 'Deploy-Production')"
LEGS = {"legs": [leg("Deploy-Dev"), leg("Deploy-Production", 1), leg("Deploy-Production", 1)]}


def approval(*replies: tuple[int, Any], answers: list[Any], script: str = APPROVAL) -> Case:
    return Case(script + "\necho 'went on'", list(replies), answers, {"DELIVERKIT_PROMOTION": "p-1"})


def answered(**changes: str) -> dict[str, Any]:
    return {"answer": APPROVE | changes}


def jenkinsfile(name: str) -> str:
    return (ROOT / "jenkins" / name).read_text(encoding="utf-8").replace("./build.sh", "echo building")


BEGUN = [(0, {"version": "1.2"}), (0, LEGS), (0, {"promotion": "p-1"}), (0, {})]
MINIMAL = (ROOT / "jenkins/Jenkinsfile.minimal").read_text(encoding="utf-8")
BUILDABLE = MINIMAL.replace("""'./build.sh "1.0.$BUILD_NUMBER"'""", """'echo "built 1.0.$BUILD_NUMBER"'""")
ALL_THE_WAY = [*BEGUN[:1], BEGUN[2], (0, {}), (0, {}), ASKED, OFFERED, (0, {}), DECIDED, (0, {})]
PLAIN = [(0, ""), (0, "p-1"), (0, state(None)), (0, ""), (0, ""), (5, ""), (0, state(17)), OFFERED]


def decision(verb: str = "approve", *, person: str = "mary", reason: str = APPROVE["REASON"]) -> list[str]:
    bound = ["--gate", "production/1", "--question", "17", "--plan", PLAN]
    return [verb, "p-1", *bound, f"--reason={reason}", f"--on-behalf-of={person}", VIA]


WAIT = ["wait", "p-1", "--stage", "Deploy-Production"]
REACH = [*WAIT, "--timeout", "4h"]
OFFER = ["jenkins", "input", "offer", "p-1", "--question", "17", "--input", "Gate-production-1-17"]
STATUS = ["status", "p-1"]
