"""What the strictest of Jenkins' readers accepts of JUnit XML, as one table.

After junit-10.xsd of Jenkins' xunit plugin (src/main/resources/org/jenkinsci/plugins/xunit/types/model/xsd), which is
what `xunit` validates with before it reads; Jenkins' own junit plugin (hudson.tasks.junit.SuiteResult) asks for less.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree as ET

TIME = re.compile(r"(([0-9]{0,3},)*[0-9]{3}|[0-9]{0,3})*(\.[0-9]*)?")
"""SUREFIRE_TIME: no sign and no exponent."""
EXPLAINED = {"type", "message"}
ELEMENTS: dict[str, tuple[set[str], set[str], set[str]]] = {
    # element: required attributes, other attributes, children
    "testsuites": (set(), {"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors"},
        {"group", "time", "skipped", "timestamp", "hostname", "id", "package", "file", "log", "url"},
        {"testsuite", "properties", "testcase", "system-out", "system-err"},
    ),
    "properties": (set(), set(), {"property"}),
    "property": ({"name", "value"}, set(), set()),
    "testcase": ({"name"}, {"time", "classname", "group"}, {"skipped", "error", "failure", "system-out", "system-err"}),
    "failure": (set(), EXPLAINED, set()),
    "error": (set(), EXPLAINED, set()),
    "skipped": (set(), EXPLAINED, set()),
    "system-out": (set(), set(), set()),
    "system-err": (set(), set(), set()),
}


def faults(element: ET.Element) -> Iterator[str]:
    """What the schema has against an element and all that is in it."""
    if element.tag not in ELEMENTS:
        yield f"{element.tag} is unknown"
        return
    required, other, children = ELEMENTS[element.tag]
    given = set(element.attrib)
    yield from (f"{element.tag} has no {each}" for each in sorted(required - given))
    yield from (f"{element.tag} may not have {each}" for each in sorted(given - required - other))
    if element.tag != "testcase" and not TIME.fullmatch(element.get("time", "")):
        yield f"{element.tag} takes {element.get('time')!r}"
    for child in element:
        if child.tag not in children:
            yield f"{child.tag} may not be in {element.tag}"
        yield from faults(child)
