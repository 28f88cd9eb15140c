"""A rehearsal's report as text for people."""

from __future__ import annotations

from typing import Any

from deliverkit.cli import render


def rehearsal_text(report: Any) -> str:
    """The verdict, then stages, faults, customers and targets."""
    document = report.document()
    verdict = document["verdict"].replace("_", " ")
    lines = [f"{verdict} (exit {document['exit_code']}) after {document['seconds']:.0f} s under {report.faults}"]
    if document["trouble"]:
        lines.append(f"  {document['trouble']}")
    if document["afterwards"]:
        lines.append(f"  resumed in fair weather: {document['afterwards'].replace('_', ' ')}")
    lines += ["", "stages", _indented([_stage(each) for each in document["stages"]])]
    lines += [f"    {trouble}" for each in document["stages"] for trouble in each["troubles"]]
    lines += ["", "faults", _indented([_fault(each) for each in document["faults"]["struck"]])]
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


def _fault(fault: Any) -> tuple[str, ...]:
    return fault["kind"], f"{fault['strikes']} strikes"


def _customers(service: Any) -> tuple[str, ...]:
    share = service["answered"] / service["requests"]
    gap = service["longest_gap_of_all_seconds"]
    outage = f"no target answered for {gap:.1f} s" if gap else "some target always answered"
    return service["environment"], f"{share:.1%} of {service['requests']} requests answered", outage


def _target(target: Any) -> tuple[str, ...]:
    word = {True: "right", False: "WRONG", None: "not asked"}[target["is_right"]]
    return target["environment"], target["target"], word, target["detail"]
