"""A rehearsal's report as text for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from deliverkit.cli import render


def rehearsal_text(report: Any) -> str:
    """The verdict, then stages, faults, customers and targets."""
    document = report.document()
    verdict = document["verdict"].replace("_", " ")
    lines = [f"{verdict} (exit {document['exit_code']}) after {document['seconds']:.0f} s under {report.faults}"]
    lines += _untested(report)
    if document["trouble"]:
        lines.append(f"  {document['trouble']}")
    if document["afterwards"]:
        lines.append(f"  resumed in fair weather: {document['afterwards'].replace('_', ' ')}")
    lines += ["", "stages", _indented([_stage(each) for each in document["stages"]])]
    lines += [f"    {trouble}" for each in document["stages"] for trouble in each["troubles"]]
    lines += ["", "faults", *_faults(document["faults"]["struck"])]
    told = ", ".join(f"{count} of {service}" for service, count in sorted(document["retries"].items()))
    lines += ["", f"requests tried again: {told or 'none'}"]
    if document["customers"]:
        lines += ["", "customers", _indented([_customers(each) for each in document["customers"]])]
    lines += ["", "targets", _indented([_target(each) for each in document["targets"]])]
    return "\n".join(lines)


def _indented(rows: list[tuple[str, ...]]) -> str:
    return "\n".join(f"  {line}" for line in render.table(rows).splitlines()) if rows else "  none"


def _stage(stage: Any) -> tuple[str, ...]:
    return stage["stage"], stage["state"], f"{stage['seconds']:.1f} s", stage["reason"]


def _untested(report: Any) -> list[str]:
    kinds = [each.fault["kind"] for each in report.untested]
    if report.is_vain:
        return [f"  NOTHING WAS TESTED: the promotion met no fault ({', '.join(kinds)})"]
    return [f"  not tested: the promotion did not meet {', '.join(kinds)}"] if kinds else []


def _faults(faults: list[Any]) -> Iterator[str]:
    for fault in faults:
        strikes = "1 strike" if fault["strikes"] == 1 else f"{fault['strikes']} strikes"
        yield f"  {fault['kind']}: {strikes if fault['strikes'] else 'struck nobody'}"
        yield from render.table([_victim(each) for each in fault["victims"]], indent="    ").splitlines()


def _victim(victim: Any) -> tuple[str, ...]:
    whom = victim["what"]
    if victim["environment"]:
        whom = f"{victim['environment']} {victim['number']} of {victim['of']} ({whom})"
    first, last, times = victim["first_after_seconds"], victim["last_after_seconds"], victim["times"]
    when = f"at {first:.1f} s" if times == 1 else f"{times} times from {first:.1f} s to {last:.1f} s"
    told = "" if victim["is_tested"] else "nothing was deployed there meanwhile"
    return whom, victim["region"], f"{when} ({victim['first_at'][11:19]} UTC)", told


def _customers(service: Any) -> tuple[str, ...]:
    share = service["answered"] / service["requests"]
    gap = service["longest_gap_of_all_seconds"]
    outage = f"no target answered for {gap:.1f} s" if gap else "some target always answered"
    return service["environment"], f"{share:.1%} of {service['requests']} requests answered", outage


def _target(target: Any) -> tuple[str, ...]:
    word = {True: "right", False: "WRONG", None: "not asked"}[target["is_right"]]
    return target["environment"], target["target"], word, target["detail"]
